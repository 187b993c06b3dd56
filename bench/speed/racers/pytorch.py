"""PyTorch's program of the race: python pytorch.py TASK FOLDER SETTINGS

Autograd with the fused optimiser; bytes become floats a mini-batch at a time, and the rate falls
linearly from step to step.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import race_data
import torch
from torch import nn
from torch.nn import functional

task, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
torch.manual_seed(settings["seed"])
arrays = race_data.mnist(folder) if task == "mnist" else race_data.table(folder)
x, y, x_test, y_test = (torch.from_numpy(array.copy()) for array in arrays)
classes = task == "mnist"
if classes:
    y, y_test = y.long(), y_test.long()
sizes = [x.shape[1], *settings["hidden"], 10 if classes else 1]
layers: list[nn.Module] = []
for inputs, units in pairwise(sizes):
    layers += [nn.Linear(inputs, units), nn.ReLU()]
net = nn.Sequential(*layers[:-1])


def floats(rows: Any) -> Any:
    return rows.float().mul_(1 / 255) if classes else rows


def cost(z: Any, targets: Any) -> Any:
    if classes:
        return functional.cross_entropy(z, targets)
    return functional.mse_loss(z[:, 0], targets)


kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[settings["optimizer"]]
more = {"momentum": settings["momentum"]} if "momentum" in settings else {}
optimizer = kind(net.parameters(), lr=settings["rate"], fused=True, **more)
batch, epochs = settings["batch"], settings["epochs"]
steps = epochs * -(-len(x) // batch)
step = 0
for _ in range(epochs):
    for rows in torch.randperm(len(x)).split(batch):
        for group in optimizer.param_groups:
            group["lr"] = settings["rate"] * (1 - step / steps)
        loss = cost(net(floats(x[rows])), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
with torch.inference_mode():
    z = net(floats(x_test))
if classes:
    race_data.say((z.argmax(dim=1) == y_test).float().mean().item())
else:
    race_data.say(race_data.r2(z[:, 0].numpy(), y_test.numpy()))
