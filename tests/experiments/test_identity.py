"""The identity of a run: edits of its record, other data, and places where no run may lie."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import api
from experiments.analysis.export import export
from experiments.config import from_flat, read
from experiments.records import RunDirectory, find_runs, load
from experiments.rounds.loop import execute
from experiments.sweep.grid import read_grid
from experiments.sweep.kept import kept
from frl.errors import InputError, StoppedError
from tests.experiments.mutations import unsealed

SMALL = ["rounds=3", "clients=4", "clients_per_round=2", "train.epochs=1", "model.name=mlp"]
SMALL += ["data.partition=virtual", "data.samples=16"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    directory = RunDirectory(tmp_path_factory.mktemp("identity") / "run")
    execute(read(None, SMALL), directory)
    return directory


@pytest.fixture
def copy(finished: RunDirectory, tmp_path: Path) -> RunDirectory:
    shutil.copytree(finished.path, tmp_path / "copy")
    return RunDirectory(tmp_path / "copy")


@pytest.fixture
def stopped(copy: RunDirectory) -> RunDirectory:
    (copy.path / "result.json").unlink()
    sorted((copy.path / "checkpoint").iterdir())[-1].unlink()
    return copy


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def resume(directory: RunDirectory) -> dict[str, Any]:
    return execute(directory.config(), directory, resume=True)


def test_other_weights_of_the_same_shapes_are_refused(tmp_path: Path) -> None:
    """What a run exports is what another begins with; under the same path it must stay that."""
    weights = tmp_path / "weights.safetensors"
    trained = RunDirectory(tmp_path / "trained")
    execute(read(None, [*SMALL, "strategy.name=fedavg"]), trained)
    export(trained.path, weights)
    begun = RunDirectory(tmp_path / "begun")
    execute(read(None, [*SMALL, f"model.weights={weights}"]), begun)
    (begun.path / "result.json").unlink()
    kept = weights.read_bytes()

    weights.write_bytes(kept[:-4] + b"\0\0\0\0")
    with pytest.raises(InputError, match=r"^model.weights: .* is not the file that the run began"):
        resume(begun)
    weights.write_bytes(kept)
    assert resume(begun)["rounds"] == 3


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lr = 0.4", "lr = 0.3", "train.lr was 0.4 and is 0.3"),
        ('"mlp"', '"conv2"', "model.name was 'mlp' and is 'conv2'"),
        ("seed = 0", "seed = 9", "seed was 0 and is 9"),
        ('device = "cpu"', 'device = "cuda"', "engine.device was 'cpu' and is 'cuda'"),
    ],
)
def test_an_edited_configuration_is_named(
    stopped: RunDirectory, finished: RunDirectory, old: str, new: str, told: str
) -> None:
    replace(stopped.path / "config.toml", old, new)
    before = {p: p.read_bytes() for p in stopped.path.rglob("*") if p.is_file()}

    for act in (resume, lambda d: load(d.path), lambda d: d.extend(9), lambda d: d.config()):
        with pytest.raises(InputError, match=f"config.toml was changed since .*: {told}$"):
            act(stopped)  # type: ignore[no-untyped-call]

    assert {p: p.read_bytes() for p in before} == before, "nothing is touched"


def test_what_may_change_does(stopped: RunDirectory, finished: RunDirectory) -> None:
    replace(stopped.path / "config.toml", "max_failures = 100", "max_failures = 50")

    assert resume(stopped)["digest"] == (finished.result() or {})["digest"]


def test_another_number_of_rounds_is_said(
    stopped: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    replace(stopped.path / "config.toml", "rounds = 3", "rounds = 4")

    assert resume(stopped)["rounds"] == 4
    assert f"{stopped.path}: of 3 rounds when it began, of 4 now" in caplog.messages


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("rounds.jsonl", ('"accuracy": ', '"accuracy": 0.5, "was": '), "line 1 is not as the run"),
        ("rounds.jsonl", ("\n", "\n\n"), "line 2 is not the row"),
        ("result.json", ('"accuracy": ', '"accuracy": 0.5, "was": '), "result.json was changed"),
        ("result.json", ('"rounds": 3', '"rounds": 2'), "result.json was changed"),
        ("identity.json", ('"seed": 0', '"seed": 1'), "identity.json was changed"),
        ("config.toml", ("rounds = 3", "rounds = 2"), "of 3 rounds, the configuration of 2"),
    ],
)
def test_other_edits_are_found(
    copy: RunDirectory, file: str, change: tuple[str, str], told: str
) -> None:
    replace(copy.path / file, *change)

    for look in (copy.result, lambda: load(copy.path)):
        with pytest.raises(InputError, match=told):
            look()


def test_rows_of_another_run_are_found_on_resume(stopped: RunDirectory, tmp_path: Path) -> None:
    other = RunDirectory(tmp_path / "other")
    execute(read(None, [*SMALL, "seed=1"]), other)
    shutil.copy(other.path / "rounds.jsonl", stopped.path / "rounds.jsonl")

    with pytest.raises(InputError, match="its rows up to round 2 are of another run"):
        resume(stopped)

    shutil.copytree(other.path / "checkpoint", stopped.path / "checkpoint", dirs_exist_ok=True)
    with pytest.raises(InputError, match=r"checkpoint is of another run than identity.json"):
        resume(stopped)


def test_a_row_that_was_cut_off_is_left_out_and_said(
    stopped: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    path = stopped.path / "rounds.jsonl"
    whole = load(stopped.path)
    path.write_bytes(path.read_bytes()[:-9])

    assert len(load(stopped.path)) == len(whole) - 1
    assert caplog.messages == [f"{path}: its last line is cut off and left out"]


def test_missing_parts_are_found(copy: RunDirectory) -> None:
    shutil.move(copy.path / "identity.json", copy.path / "aside")
    with pytest.raises(InputError, match=r"copy lacks its identity.json"):
        load(copy.path)
    shutil.move(copy.path / "aside", copy.path / "identity.json")
    shutil.rmtree(copy.path / "checkpoint")
    (copy.path / "result.json").unlink()
    with pytest.raises(InputError, match=r"checkpoint is missing; without .*rounds.jsonl too"):
        resume(copy)
    (copy.path / "config.toml").unlink()
    with pytest.raises(InputError, match=r"copy lacks its config.toml"):
        find_runs(copy.path.parent)


def test_a_checkpoint_folder_that_cannot_be_listed(stopped: RunDirectory) -> None:
    shutil.rmtree(stopped.path / "checkpoint")
    (stopped.path / "checkpoint").write_text("")
    before = (stopped.path / "rounds.jsonl").read_bytes()

    with pytest.raises(InputError, match=r"checkpoint cannot be read: Not a directory"):
        resume(stopped)

    assert (stopped.path / "rounds.jsonl").read_bytes() == before


def test_a_stray_file_among_checkpoints_is_passed_over(
    stopped: RunDirectory, finished: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    (stopped.path / "checkpoint" / "round-zzz.safetensors").write_bytes(b"")

    assert resume(stopped)["digest"] == (finished.result() or {})["digest"]
    assert "round-zzz.safetensors is no checkpoint of a run; passed over" in caplog.text


def test_a_record_older_than_seals_is_carried_on(
    stopped: RunDirectory, finished: RunDirectory
) -> None:
    unsealed(stopped.path)

    assert resume(stopped)["digest"] == (finished.result() or {})["digest"]
    assert stopped.result() is not None
    assert len(load(stopped.path)) == 3


def test_a_model_that_became_another_is_refused(stopped: RunDirectory) -> None:
    unsealed(stopped.path)
    replace(stopped.path / "config.toml", '"mlp"', '"conv2"')

    with pytest.raises(InputError, match=r"does not fit model.name 'conv2': layer"):
        resume(stopped)


def own(change: Callable[[Any], None] = lambda labels: None) -> Any:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((60, 5)).astype(np.float32)
    labels = np.arange(60) % 3
    change(labels)
    return (inputs, labels), (inputs[:9], np.arange(9) % 3)


def test_other_data_are_refused(tmp_path: Path) -> None:
    settings = ["rounds=2", "clients=3", "clients_per_round=2", "model.name=mlp"]
    out = tmp_path / "run"
    api.run([*settings, "data.partition=iid"], data=own(), out=out)
    directory = RunDirectory(out)
    from experiments.setup import Setup
    from frl.data import dataset_of

    def swap(labels: Any) -> None:
        labels[0], labels[1] = labels[1], labels[0]

    settings = directory.extend(3)
    other = Setup(settings, data=dataset_of(*own(swap)))
    with pytest.raises(InputError, match="the data are not those of the run: their fingerprint"):
        execute(other, directory, resume=True)
    same = Setup(settings, data=dataset_of(*own()))
    assert execute(same, directory, resume=True)["rounds"] == 3


def table(folder: Path, shift: int = 0) -> Path:
    folder.mkdir()
    rows = [f"{n % 7},{n % 5},{(n + shift) % 3}" for n in range(60)]
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_text("a,b,label\n" + "\n".join(rows) + "\n")
    return folder


def test_a_sweep_keeps_no_result_of_other_data(tmp_path: Path) -> None:
    data = table(tmp_path / "data")
    grid = tmp_path / "grid.toml"
    keys = ["rounds=1", "clients=3", "clients_per_round=2", "model.name=mlp", "data.partition=iid"]
    grid.write_text(f"set = {json.dumps([*keys, f'data.path={data}'])}\n[runs]\nonly = []\n")
    (point,) = read_grid(grid, tmp_path / "runs")
    execute(point.config, point.directory)
    assert kept(point) == point.directory.result() is not None

    shutil.rmtree(data)
    table(data, shift=1)
    kept.__globals__["_fingerprint"].cache_clear()
    with pytest.raises(InputError, match="the data are not those of the run"):
        kept(point)


def test_folders_of_data_are_recorded_as_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    settings = ["rounds=1", "clients=3", "clients_per_round=2", "model.name=mlp"]
    execute(read(None, [*settings, "data.name=mine"]), RunDirectory(tmp_path / "a"))
    execute(read(None, [*settings, "data.path=mine"]), RunDirectory(tmp_path / "b"))
    monkeypatch.chdir("/")

    assert RunDirectory(tmp_path / "a").config().data.name == str(tmp_path / "mine")
    assert RunDirectory(tmp_path / "b").config().data.path == str(tmp_path / "mine")
    RunDirectory(tmp_path / "a").extend(2)
    assert resume(RunDirectory(tmp_path / "a"))["rounds"] == 2


def test_no_run_lies_among_others_or_in_one(copy: RunDirectory, tmp_path: Path) -> None:
    config = read(None, SMALL)

    with pytest.raises(InputError, match=r"holds other runs, such as .*copy; choose another --out"):
        execute(config, RunDirectory(tmp_path))
    with pytest.raises(InputError, match=r"lies in the run .*copy; choose another --out"):
        execute(config, RunDirectory(copy.path / "checkpoint"))
    grid = tmp_path / "grid.toml"
    grid.write_text("[runs]\nonly = []\n")
    for out in (copy.path, copy.path / "inner"):
        with pytest.raises(InputError, match=r"holds a run|lies in the run"):
            read_grid(grid, out)


def test_a_folder_swapped_under_a_run_stops_it(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")

    def swap(row: Any) -> None:
        if row.round == 1:
            directory.path.rename(tmp_path / "aside")
            shutil.copytree(tmp_path / "aside", directory.path)

    with pytest.raises(StoppedError, match="was moved or replaced while the run wrote there"):
        execute(read(None, SMALL), directory, watch=swap)

    assert len(RunDirectory(tmp_path / "run").rows()) == 1


def test_a_writer_leaves_the_files_of_runs_below_it_alone(tmp_path: Path) -> None:
    above, below = RunDirectory(tmp_path), RunDirectory(tmp_path / "below")
    below.path.mkdir()
    with below.locked():
        (below.path / ".unfinished-x").write_text("")
        (tmp_path / ".unfinished-y").write_text("")
        with above.locked():
            assert (below.path / ".unfinished-x").exists()
            assert not (tmp_path / ".unfinished-y").exists()


def test_runs_are_seeds_of_one_another_only_on_the_same_data(tmp_path: Path) -> None:
    from experiments.report.metrics import measure
    from tests.experiments.recorded import recorded, together

    here = recorded("a", [0.9], seed=0, data__path="/here")
    there = recorded("b", [0.8], seed=0, data__path="/there")
    changed = here.assign(run="c", **{"data.fingerprint": "1"})
    before = here.assign(**{"data.fingerprint": "2"})

    assert measure(together(here, there))["setting"].tolist() == ["/here", "/there"]
    assert measure(together(before, changed))["setting"].tolist() == ["data 2", "data 1"]


def test_the_result_says_who_made_it(finished: RunDirectory) -> None:
    import torch

    made_by = (finished.result() or {})["made_by"]

    assert made_by["versions"]["torch"] == torch.__version__
    assert set(made_by["versions"]) == {"python", "frl", "torch", "numpy", "flwr", "ray"}
    assert made_by["instruction_set"] == torch.backends.cpu.get_cpu_capability()
    assert made_by["processor"]
    assert from_flat({}).engine.portable is made_by["portable"] is False
