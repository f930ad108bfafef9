"""Models taken home: as accurate as the run said, whatever the form, and safe to read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load, save
from safetensors.torch import load_file
from torch import nn
from typer.testing import CliRunner

import frl
from experiments.analysis.export import export
from experiments.cli import app
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl import data, models
from frl.errors import InputError
from frl.model_file import describe_model
from frl.models import DataShape
from tests.experiments.conftest import Result
from tests.experiments.test_run import SMALL

EDGES = {"conv1": 288, "conv2": 18_432, "fc1": 32_768, "fc2": 1_280}


@pytest.fixture(scope="module")
def by_weights(tmp_path_factory: pytest.TempPathFactory) -> Result:
    directory = RunDirectory(tmp_path_factory.mktemp("runs") / "fedavg")
    return directory, execute(read(None, [*SMALL, "strategy.name=fedavg"]), directory)


def accuracy(path: Path, module: nn.Module) -> float:
    """Measure with nothing but what the file says: no part of the run is used."""
    about, digits = describe_model(path), data.load("digits")
    spread = (1, -1, 1, 1)
    mean, std = (torch.tensor(values).view(spread) for values in (about.mean, about.std))
    inputs = torch.from_numpy(np.array(digits.test.inputs)).float().sub(mean).div(std)
    with torch.inference_mode():
        found = module(inputs).argmax(dim=1).numpy()
    return float((found == digits.test.labels).mean())


def test_an_export_of_an_earlier_round_than_the_last_is_said(
    tmp_path: Path, undisturbed: Result, caplog: pytest.LogCaptureFixture
) -> None:
    run = shutil.copytree(undisturbed[0].path, tmp_path / "run")
    last, before = sorted((run / "checkpoint").iterdir())[::-1]
    last.unlink()

    done = export(run, tmp_path / "model.safetensors")

    assert f"{done.about.round:08d}" in before.name
    assert f"the checkpoint of the last round is gone; that of round {done.about.round} is" in (
        caplog.text
    )


@pytest.mark.parametrize("form", ["weights", "mask"])
def test_a_ranked_model_is_as_accurate_as_its_run(
    tmp_path: Path, undisturbed: Result, form: str
) -> None:
    run, result = undisturbed
    path = tmp_path / "model.safetensors"

    done = export(run.path, path, form)
    module = frl.load_model(path)

    assert accuracy(path, module) == pytest.approx(result["accuracy"], abs=1e-9)
    assert done.about == describe_model(path)
    assert (done.about.accuracy, done.about.digest) == (result["accuracy"], result["digest"])
    assert done.bytes == path.stat().st_size
    assert [type(layer) for layer in module.modules()][1:] == [
        type(layer) for layer in models.make("conv2", DataShape((1, 8, 8), 10))
    ]
    assert not module.training
    for name, n in EDGES.items():
        assert int((module.state_dict()[f"{name}.weight"] != 0).sum()) == n - n // 2


def test_a_mask_takes_one_bit_an_edge_and_gives_the_same_weights(
    tmp_path: Path, undisturbed: Result
) -> None:
    whole, small = tmp_path / "whole", tmp_path / "small"

    export(undisturbed[0].path, whole)
    export(undisturbed[0].path, small, "mask")

    expected, found = (frl.load_model(path).state_dict() for path in (whole, small))
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert sum(array.nbytes for array in load(small.read_bytes()).values()) == 52_768 // 8
    assert small.stat().st_size < 52_768 // 8 + 1_200


def test_weights_are_a_plain_state_dict(tmp_path: Path, by_weights: Result) -> None:
    run, result = by_weights
    path = tmp_path / "model.safetensors"
    export(run.path, path)
    module = models.make("conv2", DataShape((1, 8, 8), 10))

    module.load_state_dict(load_file(path))

    assert accuracy(path, module) == pytest.approx(result["accuracy"], abs=1e-9)
    assert accuracy(path, frl.load_model(path)) == pytest.approx(result["accuracy"], abs=1e-9)
    checkpoint = run.checkpoint()
    assert checkpoint is not None
    for name, state in checkpoint.state.items():
        np.testing.assert_array_equal(module.state_dict()[f"{name}.weight"].reshape(-1), state)


def test_trained_weights_have_no_mask(tmp_path: Path, by_weights: Result) -> None:
    with pytest.raises(InputError, match=r"--format mask: takes a run of strategy.name 'frl'"):
        export(by_weights[0].path, tmp_path / "model", "mask")


def test_masks_by_absolute_score(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    result = execute(read(None, [*SMALL, "strategy.mask_by=abs", "strategy.keep=0.3"]), directory)

    export(directory.path, tmp_path / "model", "mask")

    module = frl.load_model(tmp_path / "model")
    assert accuracy(tmp_path / "model", module) == pytest.approx(result["accuracy"], abs=1e-9)


def test_onnx_answers_as_torch_does(tmp_path: Path, undisturbed: Result) -> None:
    run, _ = undisturbed
    export(run.path, tmp_path / "model.safetensors")
    export(run.path, tmp_path / "model.onnx")
    inputs = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)

    proto = onnx.load(tmp_path / "model.onnx")
    (found,) = ReferenceEvaluator(proto).run(None, {"inputs": inputs})

    onnx.checker.check_model(proto, full_check=True)
    with torch.inference_mode():
        expected = frl.load_model(tmp_path / "model.safetensors")(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    told = {entry.key: entry.value for entry in proto.metadata_props}
    assert told["digest"] == undisturbed[1]["digest"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, undisturbed: Result) -> bytes:
    path = tmp_path_factory.mktemp("models") / "model"
    export(undisturbed[0].path, path, "mask")
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_damage_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, small: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(small)) | st.integers(0, 1500))
    junk = data.draw(st.binary(min_size=1, max_size=60))
    path = tmp_path_factory.mktemp("damaged") / "model"
    changed = small[:place] + data.draw(st.sampled_from([junk, b""]))
    if data.draw(st.booleans()):
        changed += small[place + len(junk) :]
    path.write_bytes(changed)
    if changed == small:
        return

    with pytest.raises(InputError) as refused:
        frl.load_model(path)

    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"example": [1, 100_000, 100_000]}, "do not fit the model it names: fc1.weight"),
        ({"example": [10**30, 8, 8]}, "describes no model"),
        ({"example": [2**31, 2**31, 2**31]}, ""),
        ({"model": "mlp", "example": [2**31] * 9}, ""),
        ({"model": "conv9"}, "unknown model 'conv9'"),
        ({"example": [64]}, "takes images"),
        ({"classes": 11}, "do not fit the model it names: fc2.weight"),
        ({"form": "weights"}, "do not fit the model it names: conv1.weight"),
        ({"form": "pickle"}, "describes no model"),
        ({"seed": -1}, "describes no model"),
        ({"format": "frl-model-2"}, "its format is not 'frl-model-1'"),
        ({"more": 1}, ""),
    ],
)
def test_a_file_that_lies_with_a_right_checksum(
    tmp_path: Path, small: bytes, change: dict[str, Any], complaint: str
) -> None:
    """It is refused before memory is taken for what it claims to be."""
    from frl.model_file import _checksum

    tensors, length = load(small), int.from_bytes(small[:8], "little")
    about = json.loads(json.loads(small[8 : 8 + length])["__metadata__"]["about"]) | change
    described = json.dumps(about)
    metadata = {"about": described, "sha256": _checksum(described, tensors)}
    (tmp_path / "model").write_bytes(save(tensors, metadata=metadata))

    with pytest.raises(InputError) as refused:
        frl.load_model(tmp_path / "model")

    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_command(tmp_path: Path, undisturbed: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    run, output = str(undisturbed[0].path), str(tmp_path / "model.safetensors")
    accuracy = f"{100 * undisturbed[1]['accuracy']:.2f}"

    done = CliRunner().invoke(app, ["export", run, "-o", output, "--format", "mask"])

    assert done.exit_code == 0
    size = Path(output).stat().st_size
    assert done.stdout == f"{output}: mask, {size:,} bytes, round 3, accuracy {accuracy}%\n"
    for arguments, complaint in (
        ([run, "-o", output, "--format", "masks"], "unknown format 'masks'; did you mean 'mask'"),
        ([run, "-o", str(tmp_path / "no" / "model")], "No such file or directory"),
        ([str(tmp_path), "-o", output], "is no run directory"),
    ):
        refused = CliRunner().invoke(app, ["export", *arguments])
        assert isinstance(refused.exception, InputError)
        assert complaint in str(refused.exception)
