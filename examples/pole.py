#!/usr/bin/env python3
"""Learns to balance a pole on a cart, in about a second, by the policy gradient (Williams, 1992).

Each episode is one step of a Trainer: its rows are the states met, its labels the actions taken,
and the weights say how much better or worse than usual what followed was. They have both signs.
"""

from __future__ import annotations

import math
import random
import sys

import numpy as np

import nncore


class Pole:
    """A pole on a cart that is pushed left or right (Barto, Sutton and Anderson, 1983).

    The state is the cart's place and speed, and the pole's angle and its speed. It falls beyond 12
    degrees, or 2.4 metres from the middle.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.state = [0.0] * 4

    def start(self) -> list[float]:
        self.state = [self.rng.uniform(-0.05, 0.05) for _ in range(4)]
        return self.state

    def push(self, right: bool) -> tuple[list[float], bool]:
        """The state a fiftieth of a second later, and whether the pole still stands."""
        place, speed, angle, turning = self.state
        cos, sin = math.cos(angle), math.sin(angle)
        pushed = ((10.0 if right else -10.0) + 0.05 * turning**2 * sin) / 1.1
        turn = (9.8 * sin - cos * pushed) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        self.state = [
            place + 0.02 * speed,
            speed + 0.02 * (pushed - 0.05 * turn * cos / 1.1),
            angle + 0.02 * turning,
            turning + 0.02 * turn,
        ]
        return self.state, abs(self.state[0]) < 2.4 and abs(self.state[2]) < math.radians(12)


def episode(policy: nncore.Network, pole: Pole, most: int) -> tuple[list[list[float]], list[int]]:
    """The states met and the actions drawn, until the pole falls or `most` of them are done."""
    state = pole.start()
    states, actions = [], []
    for _ in range(most):
        right = pole.rng.random() < policy.feedforward(np.array(state, np.float32))[1]
        states.append(state)
        actions.append(int(right))
        state, stands = pole.push(right)
        if not stands:
            break
    return states, actions


def learn(seed: int = 1, episodes: int = 400, most: int = 200) -> list[int]:
    """Trains a policy; returns how long it has balanced in each episode."""
    pole = Pole(random.Random(seed))
    policy = nncore.Network(
        [4, 64, 2], activation="tanh", output_activation="softmax", cost="log_likelihood", seed=seed
    )
    trainer = nncore.Trainer(policy, "adam", 0.01)
    usual = 0.0  # what follows a state, by and large
    lengths: list[int] = []
    while len(lengths) < episodes:
        states, actions = episode(policy, pole, most)
        lengths.append(len(actions))
        # What follows a push: the time left, of which later parts count less.
        returns = (1 - 0.98 ** np.arange(len(actions), 0, -1)) / 0.02
        usual += 0.05 * (returns.mean() - usual) if usual else returns.mean()
        advantage = (returns - usual) / (returns.std() + 1.0)
        trainer.step(np.array(states), actions, advantage, mean_over_rows=True)
        if min(lengths[-5:]) == most and len(lengths) >= 5:
            break
    return lengths


def main() -> None:
    lengths = learn(*map(int, sys.argv[1:2]))
    for first in range(0, len(lengths), 25):
        part = lengths[first : first + 25]
        print(
            f"episodes {first:3} to {first + len(part) - 1:3}: {sum(part) / len(part):6.1f} pushes"
        )


if __name__ == "__main__":
    main()
