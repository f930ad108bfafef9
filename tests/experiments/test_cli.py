"""The command line as a user meets it: a process, its output and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.commands.catalogue import catalogue
from experiments.config import flatten, from_flat, read
from experiments.config.run_name import folder_name, title

QUICK = ["rounds=2", "clients=8", "clients_per_round=3", "train.epochs=1"]
TESTS = Path(__file__).parents[1]


def frl(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.cli", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )


def overrides(*pairs: str) -> list[str]:
    return [part for pair in (*QUICK, *pairs) for part in ("-o", pair)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    folder = tmp_path_factory.mktemp("cli")
    done = frl("run", *overrides(), "--out", "first", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, done.stderr


def test_a_run_prints_lines_and_a_table(finished: tuple[Path, str, str]) -> None:
    folder, out, err = finished

    assert err.splitlines()[0] == "digits · conv2 · frl"
    assert err.splitlines()[1].startswith("round 1/2  accuracy ")
    assert len(err.splitlines()) == 3
    assert "\x1b" not in out + err
    assert "accuracy" in out
    assert "picture  first/curve.png" in out
    assert (folder / "first" / "curve.png").stat().st_size > 5_000
    assert max(map(len, out.splitlines())) <= 80


def test_json_is_all_there_is_on_standard_output(tmp_path: Path) -> None:
    done = frl("run", *overrides(), "--json", cwd=tmp_path)

    result = json.loads(done.stdout)
    assert result["rounds"] == 2
    assert done.stderr == ""
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["digits-frl-1"]


def test_plot(finished: tuple[Path, str, str], tmp_path: Path) -> None:
    folder, _, _ = finished

    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        picture = tmp_path / f"picture{suffix}"
        done = frl("plot", "first", "-o", str(picture), cwd=folder)
        assert done.returncode == 0, done.stderr
        assert picture.read_bytes().startswith(magic)


def test_resuming_a_finished_run_shows_its_result(finished: tuple[Path, str, str]) -> None:
    folder, out, _ = finished

    assert frl("resume", "first", cwd=folder).stdout == out


@pytest.mark.parametrize(
    "kind", ["", "models", "codings", "datasets", "partitions", "engines", "rules", "keys"]
)
def test_list(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [kind] if kind else []

    monkeypatch.setenv("COLUMNS", "80")
    printed = []
    for options in (["--json"], []):
        monkeypatch.setattr(sys, "argv", ["frl", "list", *arguments, *options])
        with pytest.raises(SystemExit):
            main()
        printed.append(capsys.readouterr().out)
    as_json, as_table = json.loads(printed[0]), printed[1]

    assert as_json
    for entry in as_json:
        assert (entry if kind == "" else entry["name"]) in as_table
    assert max(map(len, as_table.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "-o", "round=3"], "unknown configuration key 'round'; did you mean 'rounds'"),
        (["run", "-o", "rounds=none"], "rounds: got 'none'; takes a valid integer"),
        (["run", "nothing.toml"], "no configuration file 'nothing.toml'"),
        (["run", "-o", "data.name=mnits"], "unknown data set 'mnits'; did you mean 'mnist'"),
        (["run", "-o", "data.path=/nowhere"], "data.path: no folder '/nowhere'"),
        (["run", "-o", "model.name=conv8"], "model 'conv8' takes images"),
        (["run", "-o", "clients=5000"], "clients: 5000 clients is more than the 1437"),
        (["run", "--out", "/proc/nothing"], "--out /proc/nothing"),
        (["run", "--rounds", "3"], "No such option"),
        (["ruin"], "No such command 'ruin'"),
        (["resume", "nothing"], "nothing is no run directory"),
        (["plot", "nothing", "-o", "x.png"], "no runs in nothing"),
        (["list", "rule"], "unknown list 'rule'; did you mean 'rules'"),
        (["bench", "--only", "setp"], "unknown benchmark 'setp'"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["frl", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_written_over(finished: tuple[Path, str, str]) -> None:
    folder, _, _ = finished

    done = frl("run", *overrides(), "--out", "first", cwd=folder)

    assert done.returncode == 2
    assert "first holds a run already; resume it (frl resume first)" in done.stderr


def test_plot_refuses_other_formats(finished: tuple[Path, str, str]) -> None:
    folder, _, _ = finished

    done = frl("plot", "first", "-o", "picture.gif", cwd=folder)

    assert done.returncode == 2
    assert "takes a file name ending in .png, .pdf, .svg" in done.stderr


@pytest.mark.parametrize(
    ("engine", "sign"),
    [
        ("inprocess", signal.SIGINT),
        ("inprocess", signal.SIGTERM),
        pytest.param("ray", signal.SIGTERM, marks=pytest.mark.ray),
        pytest.param("ray", signal.SIGINT, marks=pytest.mark.ray),
    ],
)
def test_an_interrupted_run_says_how_to_resume(
    engine: str, sign: signal.Signals, tmp_path: Path, finished: tuple[Path, str, str]
) -> None:
    options = overrides("rounds=500", f"engine.name={engine}", "engine.workers=1")
    command = [sys.executable, "-m", "experiments.cli", "run", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [*command, "--out", "long"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
    )
    rows = tmp_path / "long" / "rounds.jsonl"
    deadline = time.monotonic() + 600
    while not (rows.exists() and len(rows.read_text().splitlines()) >= 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    os.killpg(process.pid, sign)
    _, err = process.communicate(timeout=240)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("frl: interrupted after round ")
    assert err.splitlines()[-1].endswith("resume with: frl resume long")
    assert frl("plot", "long", "-o", "so-far.png", cwd=tmp_path).returncode == 0


def test_help_is_quick_and_names_every_command(tmp_path: Path) -> None:
    done = frl("--help", cwd=tmp_path)

    assert done.returncode == 0
    for command in ("run", "resume", "plot", "list", "bench"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        ("run", "[CONFIG]  TOML file, or a name of frl list configs; default: digits."),
        ("sweep", "GRID  TOML file of the runs, or a name of frl list configs.  [required]"),
        ("resume", "DIRECTORY  Run directory.  [required]"),
    ],
)
def test_help_of_a_command_fits_and_is_not_marked_up(
    command: str, argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["frl", command, "--help"])

    with pytest.raises(SystemExit):
        main()

    shown = capsys.readouterr().out
    assert argument in shown
    assert "\\" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def called(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int | str | None, str, str]:
    """Call the command line in this process."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["frl", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = called(["--version"], monkeypatch, capsys)

    assert (status, out, err) == (0, f"frl {version('federated-rank-learning')}\n", "")


def test_what_a_network_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["show", "model", "resnet8", "--shape", "3x32x32"]
    status, out, _ = called(arguments, monkeypatch, capsys)
    shown = called([*arguments, "--json"], monkeypatch, capsys)

    assert status == 0
    assert "77,360 edges are ranked; 0 values stay fixed" in out
    assert "statistics of each batch" in out
    assert max(map(len, out.splitlines())) <= 80
    described = json.loads(shown[1])
    assert described["layers"][0]["shape"] == [16, 3, 3, 3]
    assert sum(layer["edges"] for layer in described["layers"]) == described["ranked"] == 77360


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope"], "unknown model 'nope' (takes: char_lstm, char_transformer, conv2, conv8, "),
        (["mlp", "--shape", "3x0"], "--shape: got '3x0'; takes sizes joined by x, as 3x32x32"),
        (["lenet", "--shape", "10"], "lenet"),
    ],
)
def test_a_network_that_cannot_be_shown(
    arguments: list[str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, err = called(["show", "model", *arguments], monkeypatch, capsys)

    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert line in err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
        (["run", "--lr", "3"], "No such option --lr; takes -o train.lr=…"),
        (["run", "--outt", "3"], "No such option '--outt'. Did you mean '--out'?"),
        (["run", "-o", "lr=3"], "unknown configuration key 'lr'; did you mean 'train.lr'?"),
        (["run", "-o", "nix=3"], "unknown configuration key 'nix'; takes what frl list keys shows"),
        (
            ["run", "-o", "model.nix=3"],
            "unknown configuration key 'model.nix'; takes model.name, model.weights",
        ),
    ],
)
def test_a_mistyped_word(
    arguments: list[str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert called(arguments, monkeypatch, capsys) == (2, "", f"frl: {line}\n")


def test_keys_say_what_they_take() -> None:
    takes = {entry["name"]: entry["takes"] for entry in catalogue("keys")}

    assert takes["strategy.weighting"] == "uniform | examples"
    assert takes["train.momentum"] == "in [0, 1)"
    assert takes["strategy.oracle_f"] == "true | false"
    assert takes["clients"] == ">= 1"
    assert takes["model.name"] == ""


def test_a_run_is_named_after_what_is_tried() -> None:
    keys = {"strategy.rule": "krum_position(f=1)", "attack.name": "boundary"}

    clean, attacked = from_flat({}), from_flat({**keys, "attack.fraction": 0.25})

    assert folder_name(read(None, ["data.path=/lab/scans"])) == "scans-frl"
    assert folder_name(read(None, ["data.name=mnist", "data.path=/lab/scans"])) == "mnist-frl"
    assert (folder_name(clean), title(clean)) == ("digits-frl", "digits · conv2 · frl")
    assert folder_name(attacked) == "digits-frl-krum_position-boundary-25"
    assert title(attacked) == "digits · conv2 · frl krum_position · boundary 25 %"


def test_what_init_writes_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attack is carried out; the rule is the sum, and so gives its digest."""
    monkeypatch.chdir(tmp_path)
    for arguments in ([], ["--attack", "spun_attack"], ["--rule", "spun_rule"]):
        status, out, err = called(["init", *arguments], monkeypatch, capsys)
        assert (status, err) == (0, "")
        assert "next     frl run " in out

    parts = ["plugins=spun_attack,spun_rule", "strategy.rule=spun_rule"]
    attack = ["attack.name=spun_attack", "attack.fraction=0.25"]
    results = [
        json.loads(frl("run", "run.toml", *overrides(*keys), "--json", cwd=tmp_path).stdout)
        for keys in (["strategy.rule=sum"], parts, [*parts, *attack])
    ]

    suites = ["strategies/test_rules_conformance.py", "attacks/test_conformance.py"]
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-qpspun_rule", "-pspun_attack", "-kspun", *suites],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{TESTS.parent}"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert tested.returncode == 0, tested.stdout
    assert flatten(read(Path("run.toml"))) == flatten(read(None))
    plain, summed, attacked = (result["digest"] for result in results)
    assert plain == summed != attacked


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["there.toml"], "there.toml exists already; it is left as it is"),
        (["--attack", "3x"], "init: got '3x'; takes a name that Python can import"),
        (["--rule", "class"], "init: got 'class'; takes a name that Python can import"),
        (
            ["--attack", "numpy"],
            "init: got 'numpy'; takes a name that no attack, rule or module has",
        ),
        (["--rule", "krum"], "init: got 'krum'; takes a name that no attack, rule or module has"),
        (["a.toml", "--rule", "b"], "init: takes one of FILE, --attack NAME and --rule NAME"),
        (["nowhere/a.toml"], "nowhere/a.toml: No such file or directory"),
    ],
)
def test_what_init_refuses(
    arguments: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.toml").touch()

    assert called(["init", *arguments], monkeypatch, capsys) == (2, "", f"frl: {line}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["there.toml"]
