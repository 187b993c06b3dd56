"""
Reading a network's mistakes
============================

One number says how often it is wrong. The confusion matrix says about what, and the pictures say
whether anyone would be right.
"""

from matplotlib import pyplot as plt

import nncore
from nncore import metrics, plot

data = nncore.datasets.load_digits(n_train=4_000, n_validation=0, n_test=2_000, seed=1)
net = nncore.Network(
    [784, 30, 10], activation="relu", output_activation="softmax", cost="log_likelihood", seed=1
)
net.fit(*data.train, 8, optimizer="adam", learning_rate=0.002)
x, y = data.test
print(f"{net.evaluate(x, y).accuracy:.3f}")

# %%
# Rows are what it is, columns what it was taken for.

figure, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
plot.ConfusionMatrixDisplay.from_estimator(net, x, y, ax=ax, cmap="Blues", colorbar=False)
plt.show()

# %%
# The pairs that are confused most often, from the same numbers.

counts = metrics.confusion_matrix(y, net.feedforward(x))
pairs = sorted(((counts[i, j], i, j) for i in range(10) for j in range(10) if i != j), reverse=True)
for count, is_, said in pairs[:3]:
    print(f"{count} times a {is_} was taken for a {said}")

# %%
# And the mistakes themselves, the surest first.

plot.MisreadDisplay.from_estimator(net, x, y)
plt.show()
