"""JavaScript: the same core, in WebAssembly, trains to the same bits and reads the same files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nncore
from nncore.training.settings import default_rate

WEB = Path(__file__).parents[2] / "web"
HERE = Path(__file__).parent

needed = "" if shutil.which("node") else "there is no node"
if not (WEB / "nncore.wasm").is_file():
    needed = "there is no web/nncore.wasm: web/build makes it"
if needed and not os.environ.get("NNCORE_REQUIRE_WEB"):
    pytest.skip(needed, allow_module_level=True)


def run(*command: Any, **options: Any) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def javascript(text: str, *arguments: Any) -> str:
    """Runs a module in which `nncore` is an instance, and `given` are the arguments."""
    start = (
        f"import {{ instantiate }} from {json.dumps((WEB / 'nncore.js').as_uri())};\n"
        "import { readFileSync, writeFileSync } from 'node:fs';\n"
        "const given = process.argv.slice(1); const nncore = await instantiate();\n"
    )
    return run("node", "--input-type=module", "-e", start + text, *arguments)


def test_its_own_tests() -> None:
    run(WEB / "test")


def test_training_has_the_bits_of_the_baseline_kernels() -> None:
    plainest = dict(os.environ, NNCORE_ISA="baseline")
    cases = run(sys.executable, HERE / "web_cases.py", env=plainest)
    assert len(json.loads(cases)) > 60
    assert json.loads(run("node", WEB / "tests" / "same_bits.mjs", input=cases)) == []


def test_models_travel_both_ways(tmp_path: Path) -> None:
    here, there = tmp_path / "here.safetensors", tmp_path / "there.safetensors"
    net = nncore.Network([3, 5, 2], activation="gelu", seed=3)
    net.save(here)
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    outputs = javascript(
        """
        const net = nncore.Network.load(readFileSync(given[0]));
        writeFileSync(given[1], net.save());
        const x = Float64Array.from(JSON.parse(given[2]));
        console.log(JSON.stringify([...net.predict(x)]));
        """,
        here, there, json.dumps(x.ravel().tolist()),
    )  # fmt: skip
    assert there.read_bytes() == here.read_bytes()
    expected = nncore.Network.load(there).feedforward(x)
    assert np.allclose(np.reshape(json.loads(outputs), (4, 2)), expected, rtol=1e-6)


def test_a_model_of_float64_is_refused(tmp_path: Path) -> None:
    nncore.Network([3, 5, 2], dtype="float64").save(tmp_path / "wide.safetensors")
    said = javascript(
        """
        try { nncore.Network.load(readFileSync(given[0])); } catch (error) {
          console.log(error.message);
        }
        """,
        tmp_path / "wide.safetensors",
    )
    assert "its parameters are float64, which this build of nncore has not" in said


def test_a_run_goes_on_in_python_where_javascript_left_it(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    weights = javascript(
        """
        const net = new nncore.Network([2, 4, 1], { cost: "cross_entropy", seed: 5 });
        const options = { optimizer: "adam", learningRate: 0.125, batchSize: 2, epochs: 3 };
        const x = [[0, 0], [0, 1], [1, 0], [1, 1]], y = [0, 1, 1, 0];
        net.fit(x, y, options);
        writeFileSync(given[0], net.snapshot());
        net.fit(x, y, options);
        console.log(JSON.stringify([...net.weights(0)]));
        """,
        path,
    )
    net = nncore.Network.resume(path)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    options: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.125, "batch_size": 2}
    net.fit(x, [0, 1, 1, 0], epochs=3, progress=False, **options)
    assert np.allclose(net.weights[0].ravel(), json.loads(weights), rtol=1e-5)
    # And back.
    net.save_checkpoint(path)
    epoch = javascript("console.log(nncore.Network.load(readFileSync(given[0])).epoch)", path)
    assert int(epoch) == 6


def test_the_usual_learning_rates_are_python_s() -> None:
    for name in nncore._core.OPTIMIZERS:
        rule = nncore.optimizers.resolve(name)
        for cost in ("quadratic", "cross_entropy"):
            rate = javascript(
                """
                const net = new nncore.Network([1, 1], { cost: given[0] });
                const { learningRate } = net.fit([[0]], [0], { optimizer: given[1], epochs: 1 });
                console.log(learningRate[0]);
                """,
                cost, name,
            )  # fmt: skip
            assert float(rate) == default_rate(nncore.Network([1, 1], cost=cost), rule)
