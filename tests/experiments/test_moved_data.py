"""Data that moved are known by their fingerprint; a model is exported without them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import frl
from experiments.analysis.export import export
from experiments.cli import app
from experiments.config import read
from experiments.records import RunDirectory, load
from experiments.records.checkpoints import checkpoint_of
from experiments.report.plots.base import Options, Runs
from experiments.report.plots.shards import Shards
from experiments.rounds.loop import execute
from experiments.server_app import choose_directory
from frl import data
from frl.errors import InputError
from frl.exchange.messages import digest
from frl.model_file import describe_model
from tests.frl.data.inputs import write_table

KEYS = ["clients=3", "clients_per_round=2", "train.epochs=1", "model.name=mlp"]
KEYS += ["data.partition=iid"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Two rounds on a table at ``here``."""
    directory = RunDirectory(tmp_path / "run")
    here = write_table(tmp_path / "here")
    execute(read(None, ["rounds=2", *KEYS, f"data.path={here}"]), directory)
    return directory


def resume(*arguments: str) -> None:
    app(["resume", *arguments, "--json"], standalone_mode=False)


def test_a_run_goes_on_where_its_data_moved(
    run: RunDirectory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = tmp_path / "there"
    config = read(None, ["rounds=3", *KEYS, f"data.path={tmp_path / 'here'}"])
    whole = RunDirectory(tmp_path / "whole")
    execute(config, whole)
    (tmp_path / "here").rename(there)
    caplog.set_level(logging.WARNING)

    resume(str(run.path), "--rounds", "3", "--data", str(there))
    said = [line for line in caplog.messages if "read from" in line]
    resume(str(run.path), "--rounds", "4")

    assert said == [f"the data of {run.path} are read from {there} now, and are the same"]
    assert [line for line in caplog.messages if "read from" in line] == said
    assert run.config().data.path == str(there)
    states = [checkpoint_of(at.path / "checkpoint", 3).state for at in (run, whole)]
    assert digest(states[0]) == digest(states[1])
    assert set(load(run.path)["data.path"]) == {str(tmp_path / "here")}, "it is still that run"


def test_other_data_in_the_new_place_are_refused_and_nothing_is_written(
    run: RunDirectory, tmp_path: Path
) -> None:
    run.extend(3)
    write_table(tmp_path / "there", lambda table, split: table.assign(u=table["u"] + 1))
    before = (run.path / "config.toml").read_bytes()

    with pytest.raises(InputError, match="the data are not those of the run: their fingerprint"):
        resume(str(run.path), "--data", str(tmp_path / "there"))

    assert (run.path / "config.toml").read_bytes() == before
    assert len(run.rows()) == 2


def test_under_flower_a_moved_folder_is_the_same_run(run: RunDirectory, tmp_path: Path) -> None:
    asked = ["rounds=2", *KEYS, f"data.path={tmp_path / 'there'}"]

    found = choose_directory(tmp_path, "run", "new", read(None, asked))

    assert (found[0].path, found[1]) == (run.path, True)
    with pytest.raises(InputError, match=r"is a run with data\.missing='refuse'"):
        choose_directory(tmp_path, "run", "new", read(None, [*asked, "data.missing=drop"]))


@pytest.mark.parametrize("form", ["weights", "mask"])
def test_a_model_is_exported_without_its_data(run: RunDirectory, tmp_path: Path, form: str) -> None:
    found = data.load(str(tmp_path / "here"))
    for name in ("here", "cache"):
        shutil.rmtree(tmp_path / name)

    done = export(run.path, tmp_path / "model", form)

    assert done.about == describe_model(tmp_path / "model")
    assert (tuple(done.about.example), done.about.classes) == found.shape[:2]
    assert (tuple(done.about.mean), tuple(done.about.std)) == (found.mean, found.std)
    values = (np.array(found.test.inputs) - found.mean) / found.std
    logits = frl.load_model(tmp_path / "model")(torch.tensor(values, dtype=torch.float32))
    right = float((logits.argmax(dim=1).numpy() == found.test.labels).mean())
    assert done.about.accuracy == pytest.approx(right, abs=1e-9)


def test_shards_of_other_data_are_not_drawn(run: RunDirectory, tmp_path: Path) -> None:
    assert Shards().draw(Runs(run.path), Options()) is not None
    shutil.rmtree(tmp_path / "here")
    write_table(tmp_path / "here", lambda table, split: table.iloc[::-1])

    with pytest.raises(InputError, match="the data are not those of the run"):
        Shards().draw(Runs(run.path), Options())
