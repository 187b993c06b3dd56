"""
One hidden layer can draw any curve
===================================

Chapter 4 of the book shows why: a hidden sigmoid with a large weight is a step, two steps are a
bump, and bumps side by side are any curve. Here the steps are set by hand; nothing is trained.
"""

# %%
# A step at s is a unit with a weight w and a bias of -w s. Two of them, with the output weights h and
# -h, make a bump of height h.

import numpy as np
from matplotlib import pyplot as plt

import nncore


def wanted(x):
    return 0.2 + 0.4 * x**2 + 0.3 * x * np.sin(15 * x) + 0.05 * np.cos(50 * x)


def network_of_bumps(count, steepness=2_000.0):
    edges = np.linspace(0, 1, count + 1)
    heights = wanted((edges[:-1] + edges[1:]) / 2)
    steps = np.concatenate([edges[:-1], edges[1:]])
    weights = [np.full((2 * count, 1), steepness), np.concatenate([heights, -heights])[None]]
    biases = [-steepness * steps, np.zeros(1)]
    return nncore.Network(
        [1, 2 * count, 1],
        output_activation="linear",
        initializer=(weights, biases),
        dtype="float64",
    )


# %%
# The book's function, with five bumps and with forty.

x = np.linspace(0, 1, 1_000)[:, None]
figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.2), layout="constrained", sharey=True)
for count, ax in zip((5, 40), axes):
    net = network_of_bumps(count)
    ax.plot(x, wanted(x), color="#8fa7b8", label="wanted")
    ax.plot(x, net.feedforward(x), color="#e0823d", label=f"{2 * count} hidden units")
    ax.legend()
    print(f"{count:3} bumps: mean error {np.abs(net.feedforward(x) - wanted(x)).mean():.3f}")
plt.show()
