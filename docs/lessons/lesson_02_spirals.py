"""
Two spirals
===========

Two classes wound around each other: the usual test of whether a network can bend its border. Two
hidden layers of tanh do it; the picture shows the output at every point of the plane.
"""

# %%
# The rows: 200 points on each arm, with a little noise.

import numpy as np
from matplotlib import pyplot as plt

import nncore
from nncore import plot, schedules

rng = np.random.default_rng(0)
angle = np.sqrt(rng.random(400)) * 3 * np.pi
y = np.arange(400) % 2
x = (angle * np.stack([np.cos(angle + np.pi * y), np.sin(angle + np.pi * y)])).T
x = (x + rng.normal(scale=0.25, size=x.shape)) / 5

# %%
# Adam with a rate that falls along a cosine. The cost is the cross-entropy of one sigmoid output.

net = nncore.Network([2, 32, 32, 1], activation="tanh", cost="cross_entropy", seed=1)
net.fit(
    x, y, 300, batch_size=20, optimizer="adam", learning_rate=schedules.Cosine(0.03, epochs=300)
)
print(net.evaluate(x, y).accuracy)

plot.DecisionPlaneDisplay.from_estimator(net, x, y)
plt.show()

# %%
# How it came there, epoch by epoch:

plot.HistoryDisplay.from_estimator(net, "cost")
plt.show()
