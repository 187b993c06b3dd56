"""
A committee that knows what it does not know
============================================

Networks from different seeds agree where there are rows, and go their own ways where there are none.
Their mean predicts better than most of them, and their spread says where not to trust it.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore
from nncore import schedules

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-4, -1.5, 60), rng.uniform(1.5, 4, 60)])[:, None]
y = np.sin(x) + 0.1 * rng.normal(size=x.shape)

# %%
# Eight networks side by side, from large starting weights, which leave them free to differ.

results = nncore.fit_many(
    [{"seed": seed} for seed in range(8)], x, y, sizes=[1, 50, 50, 1], activation="tanh",
    initializer="normal", output_activation="linear", optimizer="adam", l2=0.05, epochs=300,
    learning_rate=schedules.Cosine(0.005, epochs=300),
)  # fmt: skip
committee = nncore.Ensemble(results)

# %%
# The gap in the middle, and what lies outside, is where the band is wide.

line = np.linspace(-6, 6, 300)[:, None]
mean = committee.feedforward(line)[:, 0]
spread = committee.spread(line)[:, 0]
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for result in results:
    ax.plot(line, result.network.feedforward(line), color="#8fa7b8", linewidth=0.7)
ax.fill_between(line[:, 0], mean - 2 * spread, mean + 2 * spread, alpha=0.2)
ax.plot(line, mean)
ax.plot(x, y, ".", color="#e0823d")
ax.set(ylim=(-4, 4))
plt.show()
for place in (-2.5, 0.0, 2.5, 6.0):
    print(f"at {place:4}: {committee.spread([[place]])[0, 0]:.3f}")
