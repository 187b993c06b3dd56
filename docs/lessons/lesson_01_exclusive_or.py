"""
Exclusive or, and why one layer is not enough
=============================================

Two inputs, and an output that is 1 where exactly one of them is. No line separates the two classes,
so a network without a hidden layer cannot learn it. Four hidden units can: each draws a line, and
the output combines them.
"""

# %%
# The four rows, the whole data set:

import numpy as np
from matplotlib import pyplot as plt

import nncore
from nncore import plot

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 0])

# %%
# One network without a hidden layer, one with. Both train for 300 epochs on all four rows at once.

shallow = nncore.Network([2, 1], cost="cross_entropy", seed=1)
deep = nncore.Network([2, 4, 1], activation="tanh", cost="cross_entropy", seed=1)
for net in (shallow, deep):
    net.fit(x, y, 300, batch_size=4, learning_rate=2.0)
    print(net.sizes, net.feedforward(x).ravel().round(2))

# %%
# What each says of every point of the plane. The first one's answer is a slope, and wrong wherever
# it decides; the second one's is a band.

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for net, ax, title in zip((shallow, deep), axes, ("no hidden layer", "four hidden units")):
    plot.DecisionPlaneDisplay.from_estimator(net, x, y, ax=ax)
    ax.set_title(title)
plt.show()
