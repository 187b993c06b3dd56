r"""
Why the quadratic cost starts slowly
====================================

Chapter 3 of the book begins with one sigmoid neuron that should learn to turn 1 into 0. It starts
at a weight and a bias of 2, so it says 0.98: wholly wrong, and saturated. With the quadratic cost its
gradient has the factor :math:`\sigma'(z)`, which is small there, so it learns slowly just when it is
most wrong. The cross-entropy has no such factor.
"""

# %%
# The same neuron for both costs, at the rate 0.15 of the book's first picture.

import numpy as np
from matplotlib import pyplot as plt

import nncore

x, y = np.ones((1, 1)), np.zeros((1, 1))
start = ([np.full((1, 1), 2.0)], [np.full(1, 2.0)])
outputs = {}
for cost in ("quadratic", "cross_entropy"):
    neuron = nncore.Network([1, 1], cost=cost, initializer=start, dtype="float64")
    said = []
    for _ in range(300):
        said.append(float(neuron.feedforward(x)[0, 0]))
        neuron.update_mini_batch(x, y, 0.15)
    outputs[cost] = said
    print(
        f"{cost:14} says {said[0]:.2f} at first, {said[100]:.2f} after 100 steps, {said[-1]:.2f} at the end"
    )

# %%
# The quadratic cost loses a hundred epochs before it moves.

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for cost, said in outputs.items():
    ax.plot(said, label=cost.replace("_", "-"))
ax.set(xlabel="epoch", ylabel="output", ylim=(0, 1))
ax.legend()
plt.show()

# %%
# The slopes at the start say it, too. For the quadratic cost :math:`\partial C / \partial w = (a - y)
# \sigma'(z) x`, for the cross-entropy :math:`(a - y) x`.

for cost in ("quadratic", "cross_entropy"):
    neuron = nncore.Network([1, 1], cost=cost, initializer=start, dtype="float64")
    slope_of_weight, slope_of_bias = neuron.backprop(x, y)
    print(f"{cost:14} {slope_of_weight[0][0, 0]:.4f}")
