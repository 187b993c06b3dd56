"""What `Network.fit` trains, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from nncore import _core, schedules
from nncore.training.blocked import BlockedData
from nncore.training.loop import TrainingTask
from nncore.training.measured import MeasuredBlocks, MeasuredData
from nncore.training.progress import ShowProgress
from nncore.training.run import Run


class FitTask(TrainingTask):
    """What `Network.fit` trains: each epoch in one call, measured by the metrics asked for."""

    def __init__(
        self,
        run: Run,
        training: MeasuredData | BlockedData,
        validation: MeasuredData | MeasuredBlocks | None,
        trainer: _core.Trainer,
        schedule: schedules.Schedule,
        batch_size: int,
        options: Mapping[str, Any],
        show_progress: ShowProgress,
    ) -> None:
        super().__init__(run)
        self.training, self.validation = training, validation
        self.trainer, self.schedule = trainer, schedule
        self.batch_size = batch_size
        run.batches = -(-self.rows() // self.batch_size)
        self.options, self.show_progress = options, show_progress

    def rows(self) -> int:
        return len(self.training)

    def learning_rate(self) -> float:
        return self.schedule(self.run.epoch)

    def batches_done(self) -> int:
        if (position := self.trainer.position) is None:
            return 0
        epoch, rows, batch_size, done, *_ = position
        same = (epoch, rows, batch_size) == (self.run.epoch, self.rows(), self.batch_size)
        return done if same else 0

    def should_stop(self) -> bool:
        stop: _core.StopFlag | None = self.options["stop"]
        return stop is not None and stop.is_set()

    def train_epoch(self) -> float:
        if isinstance(self.training, BlockedData):
            stands_at = self.batches_done() * self.batch_size
            windows = self.training.windows(
                self.run.net, self.batch_size, stands_at, bool(self.options["shuffle"])
            )
            with closing(windows) as parts:
                return self.epoch_of_parts(self.trainer, parts, **self.options)
        return self.epoch_in_core(self.trainer, self.training.data, **self.options)

    def measure(self) -> dict[str, Any]:
        logs = self.training.measure(self.run.net)
        if self.validation is not None:
            logs |= self.validation.validate(self.run.net)
        return logs

    def report(self) -> None:
        self.show_progress(self.run.logs)
