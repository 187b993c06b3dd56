"""
Does 90 % mean 90 %?
====================

A probability is calibrated if, of all answers given with 90 %, nine in ten are right. Networks that
have learnt their rows by heart say 99 % too often. The reliability diagram shows it; label smoothing
and stopping early mend much of it.
"""

from matplotlib import pyplot as plt

import nncore
from nncore import callbacks, costs, plot

data = nncore.datasets.load_digits(n_train=1_500, n_validation=500, n_test=3_000, seed=1)

# %%
# The same network three times.


def trained(cost, **options):
    net = nncore.Network(
        [784, 60, 10], activation="relu", output_activation="softmax", cost=cost, seed=1
    )
    net.fit(*data.train, 40, optimizer="adam", validation_data=data.validation, **options)
    return net


stopping = callbacks.EarlyStopping("validation_cost", patience=2)
nets = {
    "40 epochs": trained("log_likelihood"),
    "stopped early": trained("log_likelihood", callbacks=[stopping]),
    "smoothed labels": trained(costs.LogLikelihood(label_smoothing=0.02)),
}

# %%
# On the diagonal it means what it says; below it, it is too sure of itself.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained", sharey=True)
for ax, (name, net) in zip(axes, nets.items()):
    plot.ReliabilityDisplay.from_estimator(net, *data.test, ax=ax)
    ax.set_title(name)
    sure = net.feedforward(data.test.x).max(axis=1)
    right = net.predict(data.test.x) == data.test.y
    print(f"{name:16} says {sure.mean():.3f}, is right {right.mean():.3f}")
plt.show()
