"""`nncore train` on users' own data."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import DataError, Network, _core, costs
from nncore.callbacks import Callback
from nncore.cli.arguments import augmentation_of
from nncore.cli.job import Job, check_targets, describe, fill, report_resumed, starting_network
from nncore.cli.output import printable, say, share
from nncore.data.image_folder import (
    ImagePreparation,
    choose_form,
    find_pictures,
    read_pictures,
)
from nncore.data.preparation import (
    NumberColumn,
    NumberTarget,
    TablePreparation,
    explain,
    find_columns,
    find_target,
)
from nncore.data.table import Table
from nncore.training.run import Run

from .data import KEY, listed, outputs_per_target, preparation_of, read_whole_table, warn

_FULL_EPOCHS = 30
_FEW_ROWS = 1000
"""With fewer of them there are more epochs, and mini-batches are smaller."""


class BestEpoch(Callback):
    """Remembers the parameters of the epoch that did best on the validation rows.

    That is the one of the highest accuracy, and among those, or without classes, of the lowest
    cost.
    """

    def __init__(self) -> None:
        self.epoch: int | None = None
        self._best = (-math.inf, -math.inf)
        self._parameters: list[NDArray[Any]] = []

    def on_epoch_end(self, run: Run) -> None:
        logs = run.logs
        found = (logs.get("validation_accuracy", 0.0), -logs["validation_cost"])
        if self.epoch is None or found > self._best:
            self._best, self.epoch = found, run.epoch
            self._parameters = [np.array(p) for p in (*run.net.weights, *run.net.biases)]

    def put_back(self, net: Network) -> None:
        """Gives the network the best epoch's parameters."""
        for parameter, best in zip([*net.weights, *net.biases], self._parameters, strict=True):
            parameter[...] = best

    def state(self) -> dict[str, Any]:
        parameters = {f"parameters.{i}": p for i, p in enumerate(self._parameters)}
        return {"accuracy": self._best[0], "cost": -self._best[1], "epoch": self.epoch} | parameters

    def restore(self, run: Run, state: Mapping[str, Any]) -> None:
        self._best, self.epoch = (state["accuracy"], -state["cost"]), state["epoch"]
        if self.epoch is not None:
            names = (f"parameters.{i}" for i in range(2 * (len(run.net.sizes) - 1)))
            self._parameters = [state[name] for name in names]


class UserJob(Job):
    """A table or a folder of images, and a network that suits it."""

    def __init__(self, options: argparse.Namespace, changes: list[str]) -> None:
        if options.layers is not None:
            raise ValueError(
                "--layers is for digits; inputs and outputs of your own data follow from it: "
                "give the layers between them as --hidden"
            )
        if augmentation_of(getattr(options, "augment", None)):
            raise ValueError(
                "--augment is for digits; your own images are distorted by Network.fit(augment=...)"
            )
        fill(options, validation=0.2, seed=0)
        self.preparation: TablePreparation | ImagePreparation
        if os.path.isdir(os.path.expanduser(options.data)):
            self._read_pictures(options)
        else:
            self._read_table(options)
        few = len(self.y) < _FEW_ROWS
        epochs = min(10 * _FULL_EPOCHS, _FULL_EPOCHS * _FEW_ROWS // len(self.y))
        fill(
            options,
            batch_size=10 if few else 32,
            epochs=max(_FULL_EPOCHS, epochs),
            optimizer="adam",
            l2=0.0,
            dropout=0.0,
        )
        super().__init__(options, starting_network(options, lambda: self._new_network(options)))
        self._set_preparation()
        check_targets(options, self.net)
        describe(self.net)
        report_resumed(options, self.net, changes)
        self.best = BestEpoch() if self.validation else None
        self.callbacks = [self.best] if self.best else []

    @property
    def _regression(self) -> bool:
        return isinstance(self._target, NumberTarget)

    @property
    def _target(self) -> Any:
        return getattr(self.preparation, "target", None)

    def _new_network(self, options: argparse.Namespace) -> Network:
        cost = options.cost or ("quadratic" if self._regression else "log_likelihood")
        if options.quantiles is not None and not self._regression:
            raise ValueError("--quantiles is for numbers; the target is classes")
        if options.quantiles is not None and options.cost is None:
            cost = "pinball"
        if options.quantiles is not None and cost != "pinball":
            raise ValueError(f"--quantiles goes with --cost pinball; found --cost {cost}")
        output = options.output_activation
        if self._regression:
            if "linear" not in _core.output_activations(cost) or output not in (None, "linear"):
                raise ValueError(
                    f"a regression needs linear outputs; --cost {cost}"
                    + (f" --output-activation {output}" if output else "")
                    + " has others; expected --cost quadratic, mean_absolute, huber, pinball or "
                    "gaussian"
                )
            output = "linear"
        elif cost in ("pinball", "gaussian"):
            raise ValueError(f"--cost {cost} is for numbers; the target is classes")
        taus = options.quantiles or [0.5]
        hidden = [64, 32] if options.hidden is None else options.hidden
        return Network(
            [
                self.preparation.width,
                *hidden,
                self.preparation.outputs * outputs_per_target(cost, taus),
            ],
            activation=options.activation or "relu",
            output_activation=output or _core.output_activations(cost)[0],
            cost=costs.Pinball(taus, non_crossing=len(taus) > 1) if cost == "pinball" else cost,
            initializer=options.initializer or "auto",
            dtype=options.dtype or "float32",
            seed=options.seed,
        )

    def _set_preparation(self) -> None:
        """Keeps in the network what the data need; a checkpoint's must be the same."""
        content = self.preparation.to_json()
        if KEY in self.net.metadata:
            before = preparation_of(self.net, self.options.checkpoint)
            if before is None or before.to_json() != content:
                raise ValueError(
                    f"{self.options.checkpoint}: expected a checkpoint of these data and options; "
                    "it was trained on others"
                )
        elif self.net.epoch:
            raise ValueError(f"{self.options.checkpoint}: a checkpoint of other data")
        self.net.metadata[KEY] = json.dumps(content)
        if not self._regression:
            holder: Any = self._target or self.preparation
            self.net.classes = np.array(holder.classes)

    def _hold_out(self, y: NDArray[Any], options: argparse.Namespace) -> tuple[Any, Any]:
        """Numbers of the rows to train on, and of those to validate on, both as they lie.

        Of each class, or of all rows, the same fraction is held out.
        """
        rows, rng = len(y), np.random.default_rng(options.seed)
        order = rng.permutation(rows)
        labels = y[order] if y.dtype.kind == "i" else np.zeros(rows, np.int64)
        counts = np.bincount(labels)
        by_class = np.argsort(labels, kind="stable")
        place = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
        held = np.zeros(rows, bool)
        held[order[by_class]] = place < np.repeat((counts * options.validation).astype(int), counts)
        if options.validation and not held.any():
            held[order[0]] = True
        if held.all():
            raise DataError(f"{self.source}: expected more rows, found {rows}")
        return np.flatnonzero(~held), np.flatnonzero(held)

    def _read_table(self, options: argparse.Namespace) -> None:
        self.source = options.data
        if options.image_size:
            raise ValueError("--image-size is for a folder of images")
        name = options.target
        npz = options.data.lower().endswith(".npz")
        if name is None and npz:
            name = "y"
        table = read_whole_table(options, options.data, name)
        if name is None:
            raise ValueError(
                f"which column of {options.data} is to be predicted? give --target and one of "
                f"{listed(list(table.columns))}"
            )
        for column in (name, *options.drop, *options.categorical):
            table[column]  # must be there
        without = {name, *options.drop}
        if table[name].are_missing().all():
            raise DataError(f"{options.data}, column {name!r}: expected targets, found nothing")
        target, bad_targets = find_target(table, name, options.task)
        _, _, bad = find_columns(table, without=without, categorical=options.categorical)
        bad = sorted([*bad_targets, *bad])
        if bad:
            table = self._without_bad_rows(table, bad, options)
            target, _ = find_target(table, name, options.task or target.task)
        if target.task == "classification" and target.outputs < 2:
            raise DataError(
                f"{options.data}, column {name!r}: expected two classes or more, found "
                f"{target.outputs}"
            )
        train, held_out = self._hold_out(target.encoded(table[name]), options)
        # Scales and categories are those of the rows that are trained on.
        seen = table.taken(train)
        columns, left_out, _ = find_columns(seen, without=without, categorical=options.categorical)
        if not columns:
            why = "; ".join(f"{column!r} is left out: {why}" for column, why in left_out.items())
            seen_rows = f" in the {len(seen)} rows to train on" if left_out else ""
            raise DataError(
                f"{options.data}: no column is left to predict {name!r} from{seen_rows}"
                + (f" ({why})" if why else "")
            )
        if isinstance(target, NumberTarget):
            target = find_target(seen, name, "regression")[0]
        preparation = TablePreparation(target, columns, left_out)
        self.preparation = preparation
        self._encode(preparation, table, train, held_out)
        self._describe_table(preparation, table, len(train), len(held_out))

    def _without_bad_rows(self, table: Table, bad: list[Any], options: argparse.Namespace) -> Table:
        message = explain(table, bad)
        if not options.skip_bad_rows:
            hint = "--skip-bad-rows leaves such rows out"
            if bad[0].column != options.target and bad[0].expected == "a number":
                hint += f", --categorical {bad[0].column} takes the column for categories"
            raise DataError(f"{message}; {hint}")
        keep = np.ones(len(table), bool)
        keep[[cell.row for cell in bad]] = False
        if not keep.any():
            raise DataError(f"{message}; no row is left")
        warn(f"{(~keep).sum():,} bad rows left out; {message}")
        return table.taken(keep)

    def _encode(
        self, preparation: TablePreparation, table: Table, train: Any, held_out: Any
    ) -> None:
        x, _ = preparation.inputs(table)
        y = preparation.target.encoded(table[preparation.target.name])
        self._split(x, y, train, held_out)

    def _split(self, x: NDArray[Any], y: NDArray[Any], train: Any, held_out: Any) -> None:
        self.x, self.y = x[train], y[train]
        self.validation = (x[held_out], y[held_out]) if len(held_out) else None
        self.validation_rows = None if self._regression else len(held_out)

    def _describe_table(
        self, preparation: TablePreparation, table: Table, train: int, held_out: int
    ) -> None:
        say(f"data      {printable(self.source)}, {len(table):,} rows")
        say(f"          {train:,} to train on, {held_out:,} held out for validation")
        target = preparation.target
        if isinstance(target, NumberTarget):
            what = f"a number, {target.mean:.4g} +- {target.scale:.4g}"
        else:
            what = f"{target.outputs} classes: {listed(target.classes)}"
        say(f"target    {printable(target.name)}: {what}")
        numbers = [c.name for c in preparation.columns if isinstance(c, NumberColumn)]
        others = [
            f"{c.name} ({len(c.values) + c.other})"
            for c in preparation.columns
            if not isinstance(c, NumberColumn)
        ]
        gaps = [c.name for c in preparation.columns if c.missing]
        for heading, names in (
            ("numbers", numbers), ("kinds in", others), ("gaps in", gaps)
        ):  # fmt: skip
            if names:
                say(f"{heading:<9} {listed(names)}")
        reasons: dict[str, list[str]] = {}
        for name, why in preparation.left_out.items():
            reasons.setdefault(why, []).append(name)
        for why, names in reasons.items():
            say(f"left out  {listed(names)}: {why}")

    def _read_pictures(self, options: argparse.Namespace) -> None:
        self.source = os.path.expanduser(options.data)
        for name in ("target", "task", "categorical", "drop"):
            if getattr(options, name):
                raise ValueError(f"--{name} is for tables; {options.data} is a folder of images")
        pictures = find_pictures(self.source)
        form = choose_form(pictures, options.image_size)
        self.preparation = form
        pixels = read_pictures(form, pictures.paths)
        train, held_out = self._hold_out(pictures.labels, options)
        form.learn_scale(pixels[train])
        self._split(form.scaled(pixels), pictures.labels, train, held_out)
        say(f"data      {printable(options.data)}, {len(pixels):,} images")
        say(f"          {len(train):,} to train on, {len(held_out):,} held out for validation")
        say(f"classes   {len(form.classes)}: {listed(form.classes)}")
        kind = "grey" if form.channels == 1 else "red, green and blue"
        say(f"pixels    {form.height} x {form.columns}, {kind}")
        if pictures.ignored:
            say(f"left out  {pictures.ignored:,} files that are no images by their names")

    def finish(self) -> None:
        content = self.preparation.to_json()
        if self.best is not None and self.best.epoch is not None:
            self.best.put_back(self.net)
            content["result"] = self._measured(self.best.epoch)
        self.net.metadata[KEY] = json.dumps(content)

    def _measured(self, best_epoch: int) -> dict[str, Any]:
        """How good the best epoch is on the validation rows."""
        assert self.validation is not None
        x, y = self.validation
        result: dict[str, Any] = {"epoch": best_epoch + 1, "rows": len(y)}
        if self._regression:
            result |= errors_of(self._target, self.net, x, y)
        else:
            result["right"] = int((self.net.predict(x) == y).sum())
        return result

    def summarise(self) -> None:
        result = json.loads(self.net.metadata[KEY]).get("result")
        say(result_text(result) if result else "kept      the last epoch, none being measured")


def errors_of(
    target: NumberTarget, net: Network, x: NDArray[Any], y: NDArray[Any]
) -> dict[str, float]:
    """The mean absolute error in the target's own unit, and the coefficient of determination."""
    error = target.answers(net, net.feedforward(x))[target.name] - target.decoded(y)
    spread = float(np.square((y - y.mean()) * target.scale).sum())
    measured = {"mean_absolute_error": float(np.abs(error).mean())}
    if spread > 0:
        measured["r2"] = 1 - float(np.square(error).sum()) / spread
    return measured


def result_text(result: dict[str, Any]) -> str:
    """A line about the epoch that was kept."""
    text = f"best      epoch {result['epoch']}, which is kept: "
    if "right" in result:
        return text + share(result["right"], result["rows"], "validation rows")
    text += f"mean absolute error {result['mean_absolute_error']:.6g}"
    if "r2" in result:
        text += f", R2 {result['r2']:.4f}"
    return text + f" on {result['rows']:,} validation rows"
