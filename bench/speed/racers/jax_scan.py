"""JAX's program of the race: python jax_scan.py TASK FOLDER SETTINGS

A whole epoch in one jitted call, a scan over the mini-batches; bytes become floats within, and the
rate falls linearly from step to step.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import race_data
from jax import lax, nn

task, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
classes = task == "mnist"
arrays = race_data.mnist(folder) if classes else race_data.table(folder)
x, y, x_test, y_test = map(jnp.asarray, arrays)
rng = np.random.default_rng(settings["seed"])
sizes = [x.shape[1], *settings["hidden"], 10 if classes else 1]
params = [
    (
        jnp.asarray(rng.normal(0, (2 / m) ** 0.5, (m, n)).astype(np.float32)),
        jnp.zeros(n, jnp.float32),
    )
    for m, n in pairwise(sizes)
]
batch, epochs, rate = settings["batch"], settings["epochs"], settings["rate"]
whole = len(x) // batch
steps = epochs * whole
adam = settings["optimizer"] == "adam"


def outputs(params: Any, rows: Any) -> Any:
    a = rows.astype(jnp.float32) * (1 / 255) if classes else rows
    for w, b in params[:-1]:
        a = nn.relu(a @ w + b)
    w, b = params[-1]
    return a @ w + b


def cost(params: Any, rows: Any, targets: Any) -> Any:
    z = outputs(params, rows)
    if not classes:
        return jnp.square(z[:, 0] - targets).mean()
    return -jnp.take_along_axis(nn.log_softmax(z), targets[:, None].astype(jnp.int32), 1).mean()


def update(state: Any, rows: Any) -> tuple[Any, None]:
    params, m, v, t = state
    g = jax.grad(cost)(params, x[rows], y[rows])
    now = rate * (1 - t / steps)
    t = t + 1
    if adam:
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        scale, correction = now / (1 - 0.9**t), 1 / (1 - 0.999**t)
        params = jax.tree.map(
            lambda p, m, v: p - scale * m / (jnp.sqrt(v * correction) + 1e-8), params, m, v
        )
    else:
        m = jax.tree.map(lambda m, g: settings.get("momentum", 0.0) * m + g, m, g)
        params = jax.tree.map(lambda p, m: p - now * m, params, m)
    return (params, m, v, t), None


@jax.jit
def epoch(state: Any, order: Any) -> Any:
    return lax.scan(update, state, order)[0]


zeros = jax.tree.map(jnp.zeros_like, params)
state: Any = (params, zeros, zeros, jnp.zeros((), jnp.float32))
for _ in range(epochs):
    order = rng.permutation(len(x))[: whole * batch].astype(np.int32).reshape(whole, batch)
    state = epoch(state, order)
z = np.asarray(jax.jit(outputs)(state[0], x_test))
if classes:
    race_data.say(float((z.argmax(axis=1) == np.asarray(y_test)).mean()))
else:
    race_data.say(race_data.r2(z[:, 0], np.asarray(y_test)))
