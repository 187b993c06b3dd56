"""scikit-learn's program of the race: python sklearn_mlp.py TASK FOLDER SETTINGS"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import race_data
from sklearn.neural_network import MLPClassifier, MLPRegressor

task, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
classes = task == "mnist"
x, y, x_test, y_test = race_data.mnist(folder) if classes else race_data.table(folder)
if classes:
    x, x_test = (np.multiply(part, np.float32(1 / 255)) for part in (x, x_test))
more = {"momentum": settings["momentum"]} if "momentum" in settings else {}
net = (MLPClassifier if classes else MLPRegressor)(
    settings["hidden"],
    solver=settings["optimizer"],
    alpha=0.0,
    batch_size=settings["batch"],
    learning_rate_init=settings["rate"],
    random_state=settings["seed"],
    **more,
)
epochs = settings["epochs"]
warnings.simplefilter("ignore")
if settings["falling"]:  # a call an epoch, the rate of each lower: the solver reads it anew
    for done in range(epochs):
        if done:
            net._optimizer.learning_rate_init = settings["rate"] * (1 - done / epochs)
        net.partial_fit(x, y, *([np.arange(10)] if classes and not done else []))
else:
    net.set_params(max_iter=epochs, n_iter_no_change=epochs).fit(x, y)
race_data.say(float(net.score(x_test, y_test)))
