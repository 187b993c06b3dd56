"""nncore's program of the race: python ours.py TASK FOLDER SETTINGS"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import nncore
from nncore.augment import Affine
from nncore.callbacks import LearningRateScheduler
from nncore.data import Scaled
from nncore.datasets import load_idx
from nncore.schedules import OneCycle

MNIST = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")

task, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
options = {
    "epochs": settings["epochs"],
    "batch_size": settings["batch"],
    "optimizer": settings["optimizer"],
    "augment": Affine(10, scaling=0.1, shift=1) if settings.get("distorted") else None,
}
if task == "mnist":
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    x, y, x_test, y_test = (load_idx(folder / f"{name}-ubyte.gz") for name in MNIST)
    x, x_test = (Scaled(images.reshape(-1, 784), 1 / 255) for images in (x, x_test))
    output, cost = "softmax", "log_likelihood"
else:
    x, y, x_test, y_test = (np.load(folder / f"{n}.npy") for n in ("x", "y", "x_test", "y_test"))
    output, cost = "linear", "quadratic"
net = nncore.Network(
    [x.shape[1], *settings["hidden"], 10 if task == "mnist" else 1],
    activation="relu",
    output_activation=output,
    cost=cost,
    seed=settings["seed"],
)
steps = settings["epochs"] * -(-len(y) // settings["batch"])
rate = OneCycle(settings["rate"], steps, rise=settings.get("rise", 0.05))
net.fit(x, y, callbacks=[LearningRateScheduler(rate, batch_stride=20)], progress=False, **options)
if task == "mnist":
    score = net.evaluate(x_test, y_test).accuracy
else:
    error = net.feedforward(x_test)[:, 0] - y_test
    score = 1 - float(np.square(error).mean() / y_test.var())
print(f"score {score:.6f}", flush=True)
