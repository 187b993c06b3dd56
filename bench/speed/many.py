#!/usr/bin/env python3
"""Many networks at once: `fit_many` on several cores against one, and beside ensembles of others.

First 64 networks of the book's shape: the rate on all cores over that on one. Then `--members`
networks of tabular's, beside PyTorch's (torch.func.vmap over stacked parameters, fused Adam; plain
and compiled) and JAX's (jit of scan of vmap). Peers take turns, each in a process of its own. Ours
is timed with all that fit_many does, theirs without compilation and set-up, and all their members
train on the same mini-batches, which spares them work ("jax-own": each on its own).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import nncore
from workloads import Array, load_digits, make_tabular

SIZES, BATCH, RATE = (32, 64, 64, 1), 256, 1e-3
Timed = Callable[[], tuple[float, float]]
"""Trains some epochs; gives the seconds of one of all members, and their mean cost."""


def ours(members: int, rows: int, epochs: int) -> Timed:
    x, y = make_tabular(rows)
    common: dict[str, Any] = {
        "sizes": SIZES, "activation": "relu", "output_activation": "linear", "optimizer": "adam",
        "learning_rate": RATE, "batch_size": BATCH, "epochs": epochs,
    }  # fmt: skip

    def run() -> tuple[float, float]:
        started = perf_counter()
        results = nncore.fit_many([{"seed": s} for s in range(members)], x, y, **common)
        seconds = (perf_counter() - started) / epochs
        return seconds, float(np.mean([result.history["cost"][-1] for result in results]))

    return run


def starting_parameters(members: int) -> list[tuple[Array, Array]]:
    """He's: weights (members, inputs, units), biases (members, units)."""
    rng = np.random.default_rng(1)
    return [
        (
            (rng.standard_normal((members, a, b)) * np.sqrt(2 / a)).astype(np.float32),
            np.zeros((members, b), np.float32),
        )
        for a, b in pairwise(SIZES)
    ]


def jax_vmap(members: int, rows: int, epochs: int, shared: bool) -> Timed:
    import jax
    import jax.numpy as jnp
    from jax import lax

    x, y = map(jnp.asarray, make_tabular(rows))
    params = [(jnp.asarray(w), jnp.asarray(b)) for w, b in starting_parameters(members)]
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = params, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(members)

    def cost(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return 0.5 * jnp.mean(jnp.sum(jnp.square(x @ w + b - y), axis=1))

    def step(state: Any, rows: Any) -> tuple[Any, Any]:
        params, m, v, t = state
        value, g = jax.value_and_grad(cost)(params, x[rows], y[rows])
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        scale, correction = RATE / (1 - 0.9**t), 1 / (1 - 0.999**t)
        params = jax.tree.map(
            lambda p, m, v: p - scale * m / (jnp.sqrt(v * correction) + 1e-8), params, m, v
        )
        return (params, m, v, t), value

    def epoch(state: Any, order: Any) -> Any:
        return lax.scan(jax.vmap(step, in_axes=(0, None if shared else 0)), state, order)

    train = jax.jit(epoch, donate_argnums=0)
    rng = np.random.default_rng(0)

    def order() -> Array:
        whole = rows // BATCH * BATCH
        if shared:
            return rng.permutation(rows)[:whole].reshape(-1, BATCH).astype(np.int32)
        each = [rng.permutation(rows)[:whole].reshape(-1, BATCH) for _ in range(members)]
        return np.stack(each, axis=1).astype(np.int32)

    def run() -> tuple[float, float]:
        nonlocal state
        orders = [order() for _ in range(epochs)]
        started = perf_counter()
        for each in orders:
            state, costs = jax.block_until_ready(train(state, each))
        return (perf_counter() - started) / epochs, float(costs.mean())

    return run


def torch_vmap(members: int, rows: int, epochs: int, threads: int, compiled: bool) -> Timed:
    import torch

    torch.set_num_threads(threads)
    x, y = map(torch.from_numpy, make_tabular(rows))
    params = [
        torch.from_numpy(each).requires_grad_()
        for pair in starting_parameters(members)
        for each in pair
    ]
    optimizer = torch.optim.Adam(params, RATE, fused=True)

    def cost(params: Sequence[Any], x: Any, y: Any) -> Any:
        *hidden, (w, b) = zip(params[::2], params[1::2], strict=True)
        for hidden_w, hidden_b in hidden:
            x = torch.relu(x @ hidden_w + hidden_b)
        return 0.5 * (x @ w + b - y).square().sum(dim=1).mean()

    def costs(params: Sequence[Any], x: Any, y: Any) -> Any:
        return torch.func.vmap(cost, in_dims=(0, None, None))(params, x, y)

    forward = torch.compile(costs, fullgraph=True) if compiled else costs

    def run() -> tuple[float, float]:
        started = perf_counter()
        for _ in range(epochs):
            for chosen in torch.randperm(rows)[: rows // BATCH * BATCH].split(BATCH):
                found = forward(params, x[chosen], y[chosen])
                optimizer.zero_grad()
                found.sum().backward()
                optimizer.step()
        return (perf_counter() - started) / epochs, float(found.detach().mean())

    return run


def make(name: str, members: int, rows: int, epochs: int, threads: int) -> Timed:
    if name == "nncore":
        return ours(members, rows, epochs)
    if name.startswith("jax"):
        return jax_vmap(members, rows, epochs, shared=name == "jax")
    return torch_vmap(members, rows, epochs, threads, compiled=name == "torch-compile")


def serve(connection: Any, name: str, *arguments: int) -> None:
    """A peer in a process of its own: a measurement for whatever comes in, until that is None."""
    try:
        run = make(name, *arguments)
        run()  # what is compiled once
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}".partition("\n")[0])
        return
    connection.send(None)
    while connection.recv() is not None:
        connection.send(run())


def beside_others(options: argparse.Namespace, members: int) -> None:
    context = multiprocessing.get_context("spawn")
    peers = {}
    for name in options.peers:
        here, there = context.Pipe()
        arguments = (there, name, members, options.rows, options.epochs, options.threads)
        process = context.Process(target=serve, args=arguments, daemon=True)
        process.start()
        fault = here.recv()
        if fault is None:
            peers[name] = here
        else:
            print(f"left out: {name}: {fault}")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for _ in range(options.rounds):
        for name, connection in peers.items():
            connection.send(True)
            found[name].append(connection.recv())
    for connection in peers.values():
        connection.send(None)
    shape = "-".join(map(str, SIZES))
    print(f"{members} networks {shape}, Adam, batch {BATCH}, {options.rows:,} rows")
    seconds = {name: median(time for time, _ in each) for name, each in found.items()}
    for name, each in found.items():
        ratio = seconds[name] / seconds["nncore"] if "nncore" in seconds else float("nan")
        print(f"  {name:14} {seconds[name] * 1e3:8.1f} ms an epoch, {ratio:5.2f} times nncore's; "
              f"cost {each[-1][1]:.4f}")  # fmt: skip


def over_one_core(options: argparse.Namespace) -> None:
    train, _ = load_digits()
    rows = min(len(train.x), options.book_rows)
    x, y = np.ascontiguousarray(train.x[:rows]), train.y[:rows]
    specs = [{"seed": seed} for seed in range(options.networks)]

    def rate(threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            started = perf_counter()
            nncore.fit_many(
                specs, x, y, executor=pool, sizes=[784, 30, 10], epochs=options.book_epochs
            )
            return len(specs) / (perf_counter() - started)

    rate(options.threads)
    ratios = []
    for turn in range(options.rounds):
        threads = (1, options.threads) if turn % 2 else (options.threads, 1)
        rates = {n: rate(n) for n in threads}
        ratios.append(rates[options.threads] / rates[1])
    print(f"{len(specs)} networks 784-30-10, batch 10, {rows:,} rows")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"  {options.threads} threads over 1: {median(ratios):.2f} ({spread})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", type=int, default=64, help="of the book's; 0 leaves them out")
    parser.add_argument("--book-rows", type=int, default=50_000)
    parser.add_argument("--book-epochs", type=int, default=1)
    parser.add_argument("--members", type=int, nargs="*", default=[16, 64])
    parser.add_argument("--rows", type=int, default=20_480)
    parser.add_argument("--epochs", type=int, default=3, help="of the others' shape, in a round")
    parser.add_argument(
        "--peers", nargs="+", default=["nncore", "jax", "jax-own", "torch", "torch-compile"]
    )
    options = parser.parse_args()
    if options.networks:
        over_one_core(options)
    for members in options.members:
        beside_others(options, members)


if __name__ == "__main__":
    main()
