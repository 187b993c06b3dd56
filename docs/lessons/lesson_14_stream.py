"""
Learning from a stream that changes
===================================

Rows come one at a time, and what they follow turns over half-way. A :class:`nncore.Trainer` takes a row
as it comes; a network that was trained once goes wrong from there on.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore

rng = np.random.default_rng(0)
steps = 4_000
x = rng.normal(size=(steps, 3)).astype(np.float32)
slope = np.where(np.arange(steps)[:, None] < 2_000, [1.0, -1.0, 0.5], [-1.0, 0.5, 1.0])
y = np.tanh((x * slope).sum(axis=1))


def fresh():
    return nncore.Network([3, 16, 1], activation="tanh", output_activation="linear", seed=1)


# %%
# The one learns from each row after predicting it; the other from the first thousand, as often as it
# likes, and then no more.

online, once = fresh(), fresh()
trainer = nncore.Trainer(online, "adam", learning_rate=0.005)
once.fit(x[:1_000], y[:1_000], 30, optimizer="adam", learning_rate=0.005)
errors = np.empty((steps, 2))
for step in range(steps):
    row = x[step : step + 1]
    errors[step] = (
        abs(online.feedforward(row)[0, 0] - y[step]),
        abs(once.feedforward(row)[0, 0] - y[step]),
    )
    trainer.step(row, y[step : step + 1])

smooth = np.stack([np.convolve(e, np.ones(100) / 100, "valid") for e in errors.T], axis=1)
figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.plot(smooth, label=["learns from each row", "was trained once"])
ax.axvline(2_000, color="#8fa7b8", linewidth=0.8)
ax.set(xlabel="row", ylabel="error, mean of 100")
ax.legend()
plt.show()
for name, column in (("each row", 0), ("once", 1)):
    print(
        f"{name:9} before {errors[1500:2000, column].mean():.3f}, after {errors[3500:, column].mean():.3f}"
    )
