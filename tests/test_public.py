"""The public surface: names that a script finds, and what importing them costs."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "ray", "flwr", "datasets", "sklearn", "matplotlib")


def python(code: str, *options: str, path: Path = ROOT, at: Path = ROOT) -> tuple[int, str, str]:
    """Run code in a new Python that finds a folder's packages."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        cwd=at,
        env=environment,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize("name", ["frl", "strategies", "attacks", "experiments"])
def test_every_public_name_is_there_and_no_other_is_promised(name: str) -> None:
    package = import_module(name)

    for exported in package.__all__:
        assert getattr(package, exported) is not None
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        package.no_such_name  # noqa: B018


def test_importing_the_packages_does_not_import_what_is_slow() -> None:
    code = (
        "import sys, attacks, experiments, frl, strategies\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    assert python(code) == (0, "[]", "")


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder of a user's with packages of our names."""
    for name in ("attacks", "experiments"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("mine = True\n")
    return tmp_path


@pytest.mark.parametrize("imports", ["import attacks, frl", "import frl, attacks", "import frl"])
def test_a_package_in_the_way_is_named_in_a_line(imports: str, stranger: Path) -> None:
    status, _, error = python(imports, at=stranger)

    assert status == 1
    assert error.splitlines()[-1] == (
        "frl.registry.own_packages.ShadowedError: "
        f"{stranger.resolve() / 'attacks'} is in the way of the "
        "package 'attacks' of federated-rank-learning; takes another name, or another place"
    )


def test_a_module_in_the_way_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "strategies.py").write_text("")

    status, _, error = python("import frl", at=tmp_path)

    assert status == 1
    assert f"{tmp_path.resolve() / 'strategies.py'} is in the way" in error


def test_folders_that_hide_nothing_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("mine = True\n")

    code = "import frl, attacks, experiments; print(attacks.make('reversal'), experiments.mine)"

    assert python(code, at=tmp_path) == (0, "Reversal() True", "")


def test_ray_is_not_started_where_workers_would_find_a_strangers_package(stranger: Path) -> None:
    code = (
        "import os, sys; sys.path[:] = [folder for folder in sys.path if folder]\n"
        f"os.chdir({str(stranger)!r})\n"
        "import frl\nfrom tests.frl.clients import app\n"
        "try: frl.RayGrid(app, 4)\nexcept frl.InputError as error: print(error)"
    )

    status, out, error = python(code)

    assert status == 0, error
    assert out.startswith(f"{stranger.resolve() / 'attacks'} is in the way of the package")
