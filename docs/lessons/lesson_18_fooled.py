"""
An image that fools a network
=============================

:meth:`nncore.Network.input_gradient` is the slope of a row's cost by its inputs: the change of the
image that hurts most. A small step along its signs turns a digit that is read rightly into one that is
not, and to the eye it is the same digit.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore

data = nncore.datasets.load_digits(n_train=4_000, n_validation=500, n_test=500, seed=1)
net = nncore.Network(
    [784, 60, 10], activation="relu", output_activation="softmax", cost="log_likelihood", seed=1
)
net.fit(*data.train, 8, optimizer="adam", learning_rate=0.002)

# %%
# The step of Goodfellow, Shlens and Szegedy (2015): :math:`x' = x + \epsilon\, \mathrm{sign}
# (\partial C / \partial x)`.

x, y = data.test.x, data.test.y
signs = np.sign(net.input_gradient(x, y))
for epsilon in (0.0, 0.05, 0.1, 0.2):
    fooled = np.clip(x + epsilon * signs, 0, 1)
    print(f"{epsilon:4} {net.evaluate(fooled, y).accuracy:.3f}")

# %%
# Five of them, before and after a step of 0.1.

changed = np.clip(x + 0.1 * signs, 0, 1).astype(x.dtype)
before, after = net.predict(x), net.predict(changed)
shown = np.flatnonzero((before == y) & (after != y))[:5]
figure, axes = plt.subplots(2, 5, figsize=(8, 3.6), layout="constrained")
for column, row in enumerate(shown):
    for line, (image, said) in enumerate(((x[row], before[row]), (changed[row], after[row]))):
        axes[line, column].imshow(image.reshape(28, 28), cmap="Blues")
        axes[line, column].set_title(f"read as {said}")
        axes[line, column].axis("off")
plt.show()
