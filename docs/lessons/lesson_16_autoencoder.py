"""
Digits through a narrow place
=============================

A network that should give back its input, through a layer of two units, has to find two numbers that say
most of a digit. No label is used; the colours come afterwards.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore
from nncore import schedules

data = nncore.datasets.load_digits(n_train=2_500, n_validation=0, n_test=500, seed=1)
x = data.train.x

net = nncore.Network(
    [784, 100, 2, 100, 784], activation=["relu", "linear", "relu"], cost="cross_entropy", seed=1
)
net.fit(x, x, 25, batch_size=20, optimizer="adam", learning_rate=schedules.Cosine(0.003, epochs=25))
error = np.sqrt(((net.feedforward(data.test.x) - data.test.x) ** 2).mean())
blank = np.sqrt(((x.mean(axis=0) - data.test.x) ** 2).mean())
print(f"error {error:.3f}; of the mean digit {blank:.3f}")

# %%
# The two numbers of each test digit.

codes = net.hidden_activations(data.test.x)[1]
figure, ax = plt.subplots(figsize=(5.4, 4.4), layout="constrained")
shown = ax.scatter(*codes.T, c=data.test.y, cmap="tab10", s=10)
figure.colorbar(shown, label="digit")
ax.set(xlabel="first unit", ylabel="second unit")
plt.show()

# %%
# Above digits, below what came back.

figure, axes = plt.subplots(2, 8, figsize=(8, 2.2), layout="constrained")
for column in range(8):
    row = data.test.x[column : column + 1]
    axes[0, column].imshow(row.reshape(28, 28), cmap="Blues")
    axes[1, column].imshow(net.feedforward(row).reshape(28, 28), cmap="Blues")
for ax in axes.flat:
    ax.axis("off")
plt.show()
