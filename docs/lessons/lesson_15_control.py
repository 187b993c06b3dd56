"""
A controller that learns by trying
==================================

A cart shall come to rest at the origin. A small network says how hard to push; it is trained on the
slope of what an episode cost, which a model of the cart gives by the chain rule, step by step
backwards. :meth:`nncore.Trainer.step_gradient` takes such slopes.
"""

import numpy as np
from matplotlib import pyplot as plt

import nncore

DT, STEPS = 0.1, 40
net = nncore.Network([2, 16, 1], activation="tanh", output_activation="linear", seed=1)
trainer = nncore.Trainer(net, "adam", learning_rate=0.01)


def episode(state):
    """States (steps + 1, n, 2) of place and speed, and pushes (steps, n, 1)."""
    states, pushes = [state], []
    for _ in range(STEPS):
        push = net.feedforward(states[-1])
        place, speed = states[-1].T
        speed = speed + DT * push[:, 0]
        states.append(np.stack([place + DT * speed, speed], axis=1))
        pushes.append(push)
    return np.array(states), np.array(pushes)


def slopes(states, pushes):
    """Of the cost (place^2 + speed^2 / 10 + push^2 / 100, summed) by every push."""
    found = np.empty_like(pushes)
    by_place = by_speed = 0.0
    for step in reversed(range(STEPS)):
        place, speed = states[step + 1].T
        by_place = by_place + 2 * place
        by_speed = by_speed + 0.2 * speed + DT * by_place
        found[step, :, 0] = DT * by_speed + 0.02 * pushes[step, :, 0]
    return found


# %%
# A hundred episodes from random starts, all steps of sixteen carts as one mini-batch. What a push does
# to later pushes is left out, which is what keeps this short.

rng = np.random.default_rng(0)
costs = []
for _ in range(100):
    states, pushes = episode(rng.uniform(-2, 2, (16, 2)))
    costs.append((states[1:, :, 0] ** 2).sum() / 16)
    g = slopes(states, pushes)
    trainer.step_gradient(states[:-1].reshape(-1, 2), g.reshape(-1, 1) / g.size)
print(f"first episodes cost {np.mean(costs[:5]):.0f}, the last {np.mean(costs[-5:]):.0f}")

# %%
# Five carts, from where nothing was tried in particular.

states, _ = episode(np.array([[2.0, 0], [-2, 0], [0, 2], [1, -2], [-1.5, 1]]))
figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.2), layout="constrained")
left.plot(costs)
left.set(xlabel="episode", ylabel="cost")
right.plot(np.arange(STEPS + 1) * DT, states[:, :, 0])
right.set(xlabel="seconds", ylabel="place")
plt.show()
print(f"farthest from the origin after 4 s: {np.abs(states[-1, :, 0]).max():.2f}")
