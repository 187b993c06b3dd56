"""
Teaching what does not matter
=============================

A digit that is shifted by two pixels is the same digit; a dense network does not know. Distorting
every image anew in every epoch teaches it. The rows themselves stay as they are.
"""

from matplotlib import pyplot as plt

import nncore
from nncore.augment import Affine, Elastic, sheet

data = nncore.datasets.load_digits(n_train=1_000, n_validation=0, n_test=1_000, seed=1)
distortions = Elastic(30, sigma=6) + Affine(rotation=12, scaling=0.1, shift=2)

# %%
# What the network will see of six digits in six epochs:

figure, ax = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
ax.imshow(sheet(distortions, data.train.x[:6], epochs=6), cmap="Blues")
ax.axis("off")
plt.show()

# %%
# Both networks then read the test digits, as they are and shifted.

nets = {}
for name, augment in (("plain", None), ("distorted", distortions)):
    net = nncore.Network(
        [784, 60, 10], activation="relu", output_activation="softmax", cost="log_likelihood", seed=1
    )
    net.fit(*data.train, 40, 20, 0.002, optimizer="adam", augment=augment)
    nets[name] = net

x, y = data.test
for shift in (0, 1, 2, 3):
    moved = x.reshape(-1, 28, 28).copy()
    moved[:, :, shift:] = x.reshape(-1, 28, 28)[:, :, : 28 - shift]
    moved[:, :, :shift] = 0
    found = [net.evaluate(moved.reshape(-1, 784), y).accuracy for net in nets.values()]
    print(f"shifted by {shift}: plain {found[0]:.3f}, distorted {found[1]:.3f}")
