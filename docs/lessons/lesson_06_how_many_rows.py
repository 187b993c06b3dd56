"""
How many rows does it take?
===========================

More rows help more than most settings do. The curve tells whether another thousand would pay, before
anyone collects them.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore

data = nncore.datasets.load_digits(n_train=6_000, n_validation=0, n_test=1_000, seed=1)

# %%
# Each network makes as many updates, whatever it has to learn from, as in the book's chapter 3. Three
# seeds each, trained side by side on the same array: ``rows`` says which of them a network sees.

sizes = [100, 200, 500, 1_000, 2_000, 6_000]
specs = [
    {"rows": np.arange(size), "epochs": 60_000 // size, "seed": seed, "l2": size / 2_000}
    for size in sizes
    for seed in (1, 2, 3)
]
results = nncore.fit_many(
    specs, *data.train, sizes=[784, 30, 10], cost="cross_entropy", learning_rate=0.5
)
accuracy = np.array([r.network.evaluate(*data.test).accuracy for r in results]).reshape(-1, 3)
for size, row in zip(sizes, accuracy):
    print(f"{size:5} rows: {row.mean():.3f} +- {row.std():.3f}")

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.semilogx(sizes, np.median(accuracy, axis=1), "o-")
ax.fill_between(sizes, accuracy.min(axis=1), accuracy.max(axis=1), alpha=0.2)
ax.set(xlabel="training rows", ylabel="accuracy on new rows")
plt.show()
