"""
Why does it not learn?
======================

Three networks that learn nothing, each for a reason of its own, and what
:meth:`nncore.Network.diagnose` says of them.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore

rng = np.random.default_rng(0)
x = rng.normal(size=(600, 3))
y = (x[:, 0] + x[:, 1] > 0).astype(int)

# %%
# A column in another unit: income in euros beside age in standard deviations.

large = x * [1, 1, 8_000]
net = nncore.Network([3, 8, 1], cost="cross_entropy", seed=1)
print(net.diagnose(large, y, columns=["age", "height", "income"]).kinds())

# %%
# A rate that is far too high.

net = nncore.Network([3, 8, 1], activation="relu", cost="cross_entropy", seed=1)
print(net.diagnose(x, y, learning_rate=300.0).kinds())

# %%
# Units that were never different: all weights zero.

net = nncore.Network([3, 8, 1], initializer="zeros", cost="cross_entropy", seed=1)
print(net.diagnose(x, y, learning_rate=0.3).kinds())

# %%
# The first one, and what scaling its column does.

histories = {}
for name, rows in (("as it is", large), ("scaled", large / large.std(axis=0))):
    net = nncore.Network([3, 8, 1], cost="cross_entropy", seed=1)
    histories[name] = net.fit(rows, y, 30, learning_rate=0.3)
    print(f"{name:9} {net.evaluate(rows, y).accuracy:.2f}")
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, history in histories.items():
    ax.plot(history["cost"], label=name)
ax.set(xlabel="epoch", ylabel="cost")
ax.legend()
plt.show()
