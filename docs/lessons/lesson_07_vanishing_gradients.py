"""
Gradients that vanish on their way down
=======================================

Chapter 5 of the book: each layer multiplies the error by its weights and by the slope of its
activation. A sigmoid's slope is at most a quarter, so the first layers of a deep network learn
slowest. A rectifier's slope is one or nothing.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore
from nncore import plot

data = nncore.datasets.load_digits(n_train=1_000, n_validation=500, n_test=500, seed=1)

# %%
# Four hidden layers of 30 units. The bars are the norms of the gradients that a first step takes.

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained", sharey=True)
for activation, ax in zip(("sigmoid", "relu"), axes):
    net = nncore.Network(
        [784, 30, 30, 30, 30, 10], activation=activation, cost="cross_entropy", seed=1
    )
    plot.GradientFlowDisplay.from_estimator(net, *data.train, ax=ax)
    ax.set_title(activation)
    slopes, _ = net.backprop(*data.train)
    norms = [float(np.linalg.norm(slope)) for slope in slopes]
    print(f"{activation:8} first layer over last: {norms[0] / norms[-1]:.4f}")
plt.show()

# %%
# What that means for training: the same steps, and what they reached.

for activation in ("sigmoid", "relu"):
    net = nncore.Network(
        [784, 30, 30, 30, 30, 10], activation=activation, cost="cross_entropy", seed=1
    )
    net.fit(*data.train, 15, learning_rate=0.1)
    print(f"{activation:8} {net.evaluate(*data.validation).accuracy:.2f}")
