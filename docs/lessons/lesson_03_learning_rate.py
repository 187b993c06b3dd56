"""
Too slow, right, too fast
=========================

The learning rate is the first number to look at, and factors of three are fine enough. Too small, the
cost crawls; too large, it jumps about or grows.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore
from nncore import plot

data = nncore.datasets.load_digits(n_train=2_000, n_validation=500, n_test=500, seed=1)

# %%
# One line a rate, all from the same starting weights and in the same order of rows, since the seed is
# the same.

histories = {}
for rate in (0.01, 0.1, 1.0, 10.0):
    net = nncore.Network([784, 30, 10], cost="cross_entropy", seed=1)
    histories[f"rate {rate}"] = net.fit(*data.train, 15, learning_rate=rate)
    print(f"{rate:5} {net.evaluate(*data.test).accuracy:.2f}")

ax = plot.HistoryDisplay.from_histories(histories, "cost").ax_
ax.set_yscale("log")
plt.show()

# %%
# The same as a sweep: the accuracy after five epochs against the rate.

rates = 10.0 ** np.arange(-2.5, 1.6, 0.5)
specs = [{"learning_rate": float(rate)} for rate in rates]
results = nncore.fit_many(
    specs, *data.train, sizes=[784, 30, 10], cost="cross_entropy", seed=1, epochs=5
)
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.semilogx(rates, [r.network.evaluate(*data.test).accuracy for r in results], "o-")
ax.set(xlabel="learning rate", ylabel="accuracy after 5 epochs", ylim=(0, 1))
plt.show()
