"""
A mean and its error
====================

With the cost ``gaussian`` a network has two outputs for each target: the mean, and the logarithm of
the variance. It learns where the samples are noisy.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, (800, 1))
noise = 0.05 + 0.3 / (1 + np.exp(-2 * x))
y = np.sin(2 * x) + noise * rng.normal(size=x.shape)

net = nncore.Network([1, 40, 2], activation="tanh", cost="gaussian", seed=1)
net.fit(x, y, 100, batch_size=40, optimizer="adam", learning_rate=0.01)

# %%
# The band is two standard deviations wide to both sides. It should hold 95 samples of a hundred.

line = np.linspace(-3, 3, 300)[:, None]
mean, log_variance = net.feedforward(line).T
deviation = np.exp(log_variance / 2)
figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.plot(x, y, ".", color="#8fa7b8", markersize=3)
ax.plot(line, mean, color="#2a6f97")
ax.fill_between(line[:, 0], mean - 2 * deviation, mean + 2 * deviation, color="#2a6f97", alpha=0.2)
plt.show()

means, log_variances = net.feedforward(x).T
inside = np.abs(y[:, 0] - means) < 2 * np.exp(log_variances / 2)
print(f"{inside.mean():.3f}")
