"""The wheel: what is in it, and that it works beside folders named like its packages."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("frl", "strategies", "attacks", "experiments")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs."""
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def python(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_wheel_holds_the_packages_and_their_configurations_alone(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == set(PACKAGES)
    inside = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert "experiments/configs/mnist_lenet.toml" in inside
    assert "frl/py.typed" in inside
    kinds = {Path(name).suffix for name in inside if ".dist-info" not in name}
    assert kinds == {".py", ".toml", ".typed"}
    folders = {Path(name).parts[1] for name in inside if name.startswith("experiments/")}
    assert not {"notebooks", "results", "paper"} & folders


def test_a_configuration_is_found_by_name_wherever_it_is_installed(
    installed: Path, tmp_path: Path
) -> None:
    listed = python(installed, tmp_path, "-m", "experiments.cli", "list", "configs")
    assert listed.returncode == 0, listed.stderr
    assert "mnist_lenet" in listed.stdout


def test_a_folder_of_the_users_with_the_name_of_a_package_is_named_in_one_line(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "__init__.py").write_text("")

    done = python(installed, tmp_path, "-c", "import frl")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("takes another name, or another place")
    assert str(tmp_path / "attacks") in done.stderr.splitlines()[-1]


def test_folders_without_modules_are_not_in_the_way(installed: Path, tmp_path: Path) -> None:
    for name in PACKAGES:
        (tmp_path / name).mkdir()

    done = python(installed, tmp_path, "-c", "import frl, attacks; print(attacks.list()[0])")

    assert (done.returncode, done.stdout.strip()) == (0, "accuracy_control"), done.stderr
