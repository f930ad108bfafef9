"""Run directories under damage, full disks, locks and kills between system calls."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.config import Config, read
from experiments.records import RunDirectory, atomic_files
from experiments.records.checkpoints import Checkpoint
from experiments.rounds.loop import execute
from frl.errors import InputError, StoppedError
from tests.experiments.test_run import SMALL, Stop, stable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, dict[str, Any]]:
    directory = RunDirectory(tmp_path_factory.mktemp("runs") / "reference")
    return directory, execute(read(None, SMALL), directory)


def unfinished_copy(run: RunDirectory, folder: Path) -> RunDirectory:
    shutil.copytree(run.path, folder)
    (folder / "result.json").unlink()
    return RunDirectory(folder)


def checkpoints(directory: RunDirectory) -> list[Path]:
    return sorted((directory.path / "checkpoint").iterdir())


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def change_the_round(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"round":"3"', b'"round":"2"'))


@pytest.mark.parametrize("damage", [flip_a_bit, cut, empty, change_the_round])
def test_the_checkpoint_before_a_damaged_one_is_used(
    tmp_path: Path,
    reference: tuple[RunDirectory, dict[str, Any]],
    damage: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopped = unfinished_copy(reference[0], tmp_path / "copy")
    before = checkpoints(stopped)[-1].read_bytes()
    damage(checkpoints(stopped)[-1])
    assert checkpoints(stopped)[-1].read_bytes() != before

    found = stopped.checkpoint()
    result = execute(stopped.config(), stopped, resume=True)

    assert found is not None
    assert found.round == 2
    assert "round-00000003.safetensors is damaged" in caplog.text
    assert result["digest"] == reference[1]["digest"]
    assert stable(stopped.rows()) == stable(reference[0].rows())
    assert len(checkpoints(stopped)) == 2


def test_only_damaged_checkpoints_are_an_error(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    stopped = unfinished_copy(reference[0], tmp_path / "copy")
    for path in checkpoints(stopped):
        flip_a_bit(path)

    with pytest.raises(InputError, match="is damaged: its checksum is wrong; without"):
        execute(stopped.config(), stopped, resume=True)

    assert len(stopped.rows()) == 3, "nothing is lost"


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    directory = RunDirectory(tmp_path / "young")
    with directory.create(read(None, SMALL)):
        pass

    result = execute(directory.config(), directory, resume=True)

    assert result["digest"] == reference[1]["digest"]


@pytest.mark.parametrize(
    "settings",
    [[], ["strategy.name=fedavg", "strategy.server_momentum=0.9"]],
    ids=["frl", "fedavg"],
)
def test_a_finished_run_goes_on_to_a_later_round(tmp_path: Path, settings: list[str]) -> None:
    long, extended = (RunDirectory(tmp_path / name) for name in ("long", "extended"))
    config = read(None, [*SMALL, *settings])
    expected = execute(config, long)
    execute(read(None, [*SMALL, *settings, "rounds=2"]), extended)

    longer = extended.extend(3)

    assert longer == extended.config() == config
    assert extended.result() is None
    result = execute(longer, extended, resume=True)
    assert result["digest"] == expected["digest"]
    assert len(extended.rows()) == 3
    assert stable(extended.rows())[-1] == stable(long.rows())[-1]


def test_a_run_cannot_end_before_the_round_it_is_in(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    directory = RunDirectory(tmp_path / "copy")
    shutil.copytree(reference[0].path, directory.path)

    with pytest.raises(InputError, match=r"--rounds: got 2; .*copy has finished round 3"):
        directory.extend(2)
    with directory.locked(), pytest.raises(InputError, match="another process"):
        RunDirectory(directory.path).extend(4)

    assert directory.extend(3) == reference[0].config()
    assert directory.result() == reference[1]


def test_checkpoints_every_few_rounds_lead_to_the_same_end(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    config = read(None, [*SMALL, "checkpoint_every=2"])
    directory = RunDirectory(tmp_path / "seldom")

    def stop(row: Any) -> None:
        if row.round == 1:
            assert not (directory.path / "checkpoint").exists()
        if row.round == 3:
            raise Stop

    with pytest.raises(Stop):
        execute(config, directory, watch=stop)
    assert [path.name for path in checkpoints(directory)] == [
        "round-00000002.safetensors",
        "round-00000003.safetensors",
    ]
    checkpoints(directory)[-1].unlink()
    result = execute(config, directory, resume=True)

    assert result["digest"] == reference[1]["digest"]
    assert stable(directory.rows()) == stable(reference[0].rows())


@pytest.mark.parametrize(
    ("line", "text"), [(1, b"\xff\xfe{"), (1, b"[]"), (0, b'{"round": 7}'), (1, b"[" * 100_000)]
)
def test_a_damaged_row_is_named(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]], line: int, text: bytes
) -> None:
    stopped = unfinished_copy(reference[0], tmp_path / "copy")
    rows = stopped.path / "rounds.jsonl"
    lines = rows.read_bytes().splitlines()
    lines[line] = text
    rows.write_bytes(b"\n".join(lines) + b"\n")
    before = rows.read_bytes()

    for act in (stopped.rows, lambda: execute(stopped.config(), stopped, resume=True)):
        with pytest.raises(InputError, match=f"rounds.jsonl is damaged: line {line + 1}"):
            act()

    assert rows.read_bytes() == before


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_run_on_a_directory_is_refused(tmp_path: Path, resume: bool) -> None:
    directory = RunDirectory(tmp_path / "run")
    seen = []

    def intrude(row: Any) -> None:
        with pytest.raises(InputError, match=r"is in use|holds a run already") as refused:
            execute(read(None, SMALL), RunDirectory(directory.path), resume=resume)
        seen.append(str(refused.value))

    result = execute(read(None, SMALL), directory, watch=intrude)

    assert len(seen) == 3
    assert ("in use" in seen[0]) == resume
    assert directory.result() == result
    with directory.locked():
        pass


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_stops_a_run_that_can_be_resumed(
    tmp_path: Path,
    reference: tuple[RunDirectory, dict[str, Any]],
    call: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = RunDirectory(tmp_path / "full")
    real = getattr(os, call)
    full = False

    def fail(*arguments: Any) -> Any:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    def fill(row: Any) -> None:
        nonlocal full
        full = row.round == 2

    monkeypatch.setattr(atomic_files.os, call, fail)
    with pytest.raises(StoppedError, match=r"cannot write .*: No space left on device"):
        execute(read(None, SMALL), directory, watch=fill)
    full = False
    result = execute(directory.config(), directory, resume=True)

    assert result["digest"] == reference[1]["digest"]
    assert stable(directory.rows()) == stable(reference[0].rows())


def namespaces() -> bool:
    """Whether this user may mount a file system in a namespace of their own."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
    )
    return tried.returncode == 0


@pytest.mark.skipif(not namespaces(), reason="needs leave to mount a small disk")
@pytest.mark.parametrize(("size", "rows"), [("100k", 1), ("600k", 2)])
def test_a_small_disk_stops_a_run_that_can_be_resumed(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]], size: str, rows: int
) -> None:
    """The first checkpoint does not fit, or the second; see :mod:`tests.experiments.full_disk`."""
    command = ["unshare", "-Urm", sys.executable, "-m", "tests.experiments.full_disk"]

    done = subprocess.run(
        [*command, str(tmp_path), size], capture_output=True, text=True, timeout=600, cwd=ROOT
    )

    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["status"] == [1, 0]
    assert not report["traceback"]
    assert report["said"] == [
        f"frl: cannot write {tmp_path}/run/checkpoint/round-{rows:08d}.safetensors: "
        f"No space left on device; resume with: frl resume {tmp_path}/run"
    ]
    assert report["rows_when_stopped"] == rows
    assert report["digest"] == reference[1]["digest"]
    assert report["rows"] == stable(reference[0].rows())


def test_what_a_disk_quota_stops_is_one_line(tmp_path: Path) -> None:
    """A limit on the size of files, like a quota: a checkpoint is over it, a row is not."""
    command = [sys.executable, "-m", "experiments.cli", "run", "--out", str(tmp_path / "run")]
    options = [part for pair in SMALL for part in ("-o", pair)]
    limited = "import resource as r, signal as s, sys, runpy; s.signal(s.SIGXFSZ, s.SIG_IGN); "
    limited += "r.setrlimit(r.RLIMIT_FSIZE, (60000, 60000)); sys.argv = sys.argv[1:]; "
    limited += "runpy.run_module('experiments.cli', run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-c", limited, "frl", *command[3:], *options],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
    )

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("frl: cannot write ")
    assert last.endswith(f"resume with: frl resume {tmp_path / 'run'}")
    assert RunDirectory(tmp_path / "run").checkpoint() is None
    assert [path.name for path in (tmp_path / "run" / "checkpoint").iterdir()] == []


def test_a_checkpoint_holds_arrays_of_every_kind_we_use(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    state = {"b": np.arange(3, dtype=np.int32), "a": np.zeros((2, 2), dtype=np.float32)}
    memory = {"attack/x/y": np.array(3, dtype=np.int64), "strategy/": np.ones(1)}

    directory.save(Checkpoint(4, state, {"seconds": 1.5, "rejected": {"late": 2}}, memory))
    found = directory.checkpoint()

    assert found is not None
    assert (found.round, found.progress) == (4, {"seconds": 1.5, "rejected": {"late": 2}})
    for arrays, expected in ((found.state, state), (found.memory, memory)):
        assert list(arrays) == list(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_a_result_that_is_damaged_is_named(tmp_path: Path) -> None:
    for content in (b"{", b"\xff", b"[]"):
        (tmp_path / "result.json").write_bytes(content)
        with pytest.raises(InputError, match=r"result.json is damaged"):
            RunDirectory(tmp_path).result()


def test_killed_between_any_two_system_calls_a_run_carries_on(tmp_path: Path) -> None:
    """See :mod:`tests.experiments.killed_anywhere`."""
    command = [sys.executable, "-m", "tests.experiments.killed_anywhere", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)

    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["kills"] > 30
    assert report["left_over"] == []


def test_defaults_are_written_whole(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "new")
    with directory.create(Config()):
        assert directory.config() == Config()
