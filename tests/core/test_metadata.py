"""`Network.metadata`: texts that programs keep in a model's file."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import nncore


def test_metadata_is_kept_in_models_checkpoints_and_copies(tmp_path: Path) -> None:
    net = nncore.Network([2, 1])
    assert net.metadata == {}
    net.metadata["animals"] = "kočka, pes"
    net.fit(np.eye(2), [0, 1], epochs=1, progress=False)
    net.save(tmp_path / "model")
    net.save_checkpoint(tmp_path / "run")
    found = {
        "model": nncore.Network.load(tmp_path / "model"),
        "checkpoint": nncore.Network.load(tmp_path / "run"),
        "resumed": nncore.Network.resume(tmp_path / "run"),
        "pickle": pickle.loads(pickle.dumps(net)),
        "copy": copy.copy(net),
    }
    for kind, other in found.items():
        assert other.metadata == {"animals": "kočka, pes"}, kind
        other.metadata["mine"] = "1"
    assert net.metadata == {"animals": "kočka, pes"}


@pytest.mark.parametrize("save", [nncore.Network.save, nncore.Network.save_checkpoint])
def test_metadata_that_no_file_can_hold_is_refused(save: object, tmp_path: Path) -> None:
    net = nncore.Network([2, 1])
    for metadata, error in (
        ({"nncore.cost": "mine"}, ValueError),
        ({"checkpoint": "mine"}, ValueError),
        ({"classes": "mine"}, ValueError),
        ({"rows": 3}, TypeError),
        ({3: "rows"}, TypeError),
        (["rows"], TypeError),
    ):
        net.metadata = metadata  # type: ignore[assignment]
        with pytest.raises(error, match="metadata"):
            save(net, tmp_path / "model")  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []
