"""Runs from Python with a network and data of one's own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import experiments
from experiments.config import Config, from_flat, read
from experiments.records import RunDirectory
from experiments.rounds.row import Row
from experiments.setup import Setup
from frl import data, models
from frl.errors import InputError
from frl.models import DataShape
from tests.frl.data.inputs import write_table

SMALL = {"rounds": 2, "clients": 8, "clients_per_round": 4, "train.epochs": 1}


class Net(nn.Module):
    """Two layers for 8 features."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 32, bias=False)
        self.last = nn.Linear(32, 2, bias=False)

    def forward(self, inputs: Any) -> Any:
        return self.last(self.first(inputs).relu())


def own_data() -> tuple[Any, Any]:
    """One feature says the label."""
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(600, 8)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int32)
    return (inputs[:500], labels[:500]), (inputs[500:], labels[500:])


def conv2(shape: DataShape) -> nn.Module:
    """Make the network that a configuration has by default."""
    return models.make("conv2", shape)


def test_a_network_and_arrays_of_ones_own_are_trained_and_recorded(tmp_path: Path) -> None:
    seen: list[Row] = []

    result = experiments.run(
        {**SMALL, "rounds": 8}, model=Net, data=own_data(), watch=seen.append, out=tmp_path / "own"
    )

    directory = RunDirectory(tmp_path / "own")
    assert result["directory"] == str(directory.path)
    assert {k: v for k, v in result.items() if k != "directory"} == directory.result()
    assert [row.round for row in seen] == list(range(1, 9))
    assert result["accuracy"] > 0.8
    assert (directory.path / "curve.png").exists()
    checkpoint = directory.checkpoint()
    assert checkpoint is not None
    assert {name: a.size for name, a in checkpoint.state.items()} == {"first": 256, "last": 64}
    written = (directory.path / "config.toml").read_text()
    assert 'name = "tests.experiments.test_own_parts:Net"' in written
    assert 'name = "own"' in written


def test_the_parts_of_a_configuration_from_outside_make_the_same_run(tmp_path: Path) -> None:
    named = experiments.run({**SMALL, "rounds": 1}, out=tmp_path / "named")

    given = experiments.run(
        {**SMALL, "rounds": 1}, model=conv2, data=data.load("digits"), out=tmp_path / "given"
    )

    assert given["digest"] == named["digest"]


@pytest.mark.parametrize(
    "attack",
    [{}, {"attack.name": "label_flip", "attack.fraction": 0.5}],
    ids=["clean", "label flip"],
)
@pytest.mark.ray
def test_on_ray_parts_from_outside_make_the_same_run(tmp_path: Path, attack: dict) -> None:
    parts: Any = {"model": Net, "data": own_data()}
    keys = {**SMALL, **attack}
    here = experiments.run(keys, out=tmp_path / "here", **parts)

    ray = {"engine.name": "ray", "engine.workers": 2}
    there = experiments.run({**keys, **ray}, out=tmp_path / "there", **parts)

    assert there["digest"] == here["digest"]
    assert there["admitted"] == here["admitted"] == 8


@pytest.mark.parametrize("form", ["nothing", "keys", "pairs", "path", "text", "config"])
def test_every_form_of_a_configuration(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Config] = []

    def note(setup: Setup, directory: RunDirectory, **_: Any) -> dict[str, Any]:
        taken.append(setup.config)
        return {}

    monkeypatch.setattr("experiments.api.execute", note)
    monkeypatch.setattr("experiments.api.load", lambda path: path)
    monkeypatch.setattr("experiments.api.accuracy_curves", lambda rounds, path: None)
    (tmp_path / "file.toml").write_text("seed = 5\n")
    forms: dict[str, Any] = {
        "nothing": None,
        "keys": {"seed": 5},
        "pairs": ["seed=5"],
        "path": tmp_path / "file.toml",
        "text": str(tmp_path / "file.toml"),
        "config": read(None, ["seed=5"]),
    }

    experiments.run(forms[form])

    assert taken == [Config() if form == "nothing" else read(None, ["seed=5"])]


def two_needed(shape: DataShape, width: int) -> nn.Module:
    return nn.Linear(shape.example[0], width, bias=False)


(X, Y), TEST = own_data()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model": Net()}, "takes a module's class, or a function"),
        ({"model": two_needed}, "needs shape, width; takes no argument, or a DataShape alone"),
        ({"model": lambda: 3}, "makes a int; takes a torch module"),
        ({"data": 3}, "data: got int; takes a DataSet, or a pair"),
        ({"data": (X, Y)}, "data: train takes a pair of arrays"),
        ({"data": ((X, Y[:9]), TEST)}, r"labels of shape \(9,\); takes an integer for each of 500"),
        ({"data": ((X, Y / 2), TEST)}, "float64 labels"),
        ({"data": ((X, Y - 1), TEST)}, "holds the label -1; takes 0 or more"),
        ({"data": ((X[:, :5], Y), TEST)}, r"shapes \(5,\) and \(8,\)"),
        ({"data": ((X.astype(int), Y), TEST)}, "train holds int64 examples"),
        ({"data": ((X[:0], Y[:0]), TEST)}, "at least one"),
    ],
)
def test_bad_parts_are_refused_before_anything_is_written(
    parts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        experiments.run(SMALL, out=tmp_path / "run", **parts)

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


READING = {
    "label": "x",
    "inputs": "x",
    "test": "0.2",
    "validation": "0.2",
    "resize": "4",
    "convert": "L",
    "missing": "mean",
    "categories": "one_hot",
    "text": "characters",
    "path": "here",
}


@pytest.mark.parametrize("key", READING)
def test_keys_of_reading_are_refused_beside_data_of_ones_own(key: str, tmp_path: Path) -> None:
    asked = {**SMALL, f"data.{key}": READING[key]}

    with pytest.raises(InputError, match=rf"^data\.{key}: got .*; the data are given") as caught:
        experiments.run(asked, data=own_data(), out=tmp_path / "run")

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_keys_with_which_a_data_set_was_read_may_stay(tmp_path: Path) -> None:
    found = data.load(str(write_table(tmp_path / "t")), "", data.Reading(missing="drop"))
    keys = {**SMALL, "data.missing": "drop", "data.column": "u", "model.name": "mlp"}

    Setup(from_flat(keys), data=found).check_data()


def test_no_key_of_reading_is_forgotten() -> None:
    """A given data set obeys ``group``; ``length`` and ``stride`` take ``text`` beside them."""
    assert set(vars(data.Reading())) - set(READING) == {"group", "length", "stride"}


def test_a_part_is_made_once_and_a_copy_makes_its_own() -> None:
    setup = Setup(Config(), model=Net, data=data.dataset_of(*own_data()))
    other = copy.copy(setup)

    assert setup.channel is setup.channel
    assert setup.trainer.module is not other.trainer.module
    assert setup.data is other.data
