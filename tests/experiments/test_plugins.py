"""Parts of somebody else's package, on every engine and with everything that can be wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.test_flower import flower  # noqa: F401
from tests.outside import ENTRY_POINTS, install

ROOT = Path(__file__).parents[2]
QUICK = ["rounds=2", "clients=6", "clients_per_round=4", "train.epochs=1"]
PARTS = [
    "plugins=outside_parts",
    "model.name=outside_parts.nets:Net",
    "attack.name=outside_flip(layers=1)",
    "attack.fraction=0.5",
    "strategy.rule=outside_median",
]


def frl(
    folder: Path, *arguments: str, where: Path | None = None
) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT), *([str(where)] if where else [])]
    return subprocess.run(
        [sys.executable, "-m", "experiments.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def options(*pairs: str) -> list[str]:
    return [word for pair in (*QUICK, *pairs) for word in ("-o", pair)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"), entry_points=ENTRY_POINTS)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, site: Path) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    done = frl(folder, "run", *options(*PARTS), "--out", "first", "--json", where=site)
    assert done.returncode == 0, done.stderr
    return folder / "first", json.loads(done.stdout)


def test_the_attack_from_outside_acts(
    tmp_path: Path, site: Path, reference: tuple[Path, dict[str, Any]]
) -> None:
    clean = [pair for pair in PARTS if not pair.startswith("attack")]
    done = frl(tmp_path, "run", *options(*clean), "--json", where=site)

    assert json.loads(done.stdout)["digest"] != reference[1]["digest"]


def test_a_sweep_uses_them_in_its_jobs(
    tmp_path: Path, site: Path, reference: tuple[Path, dict[str, Any]]
) -> None:
    lines = ", ".join(json.dumps(pair) for pair in (*QUICK, *PARTS))
    (tmp_path / "grid.toml").write_text(f"[runs]\nonly = [{lines}]\n")

    done = frl(tmp_path, "sweep", "grid.toml", "--out", "all", "--json", where=site)

    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "all" / "only" / "seed-0" / "result.json").read_text())
    assert result["digest"] == reference[1]["digest"]


@pytest.mark.ray
def test_ray_actors_use_them(
    tmp_path: Path, site: Path, reference: tuple[Path, dict[str, Any]]
) -> None:
    engine = ("engine.name=ray", "engine.workers=2")
    done = frl(tmp_path, "run", *options(*PARTS, *engine), "--json", where=site)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == reference[1]["digest"]


@pytest.mark.flower
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to clean up")
def test_flower_workers_use_them(
    tmp_path: Path,
    site: Path,
    reference: tuple[Path, dict[str, Any]],
    flower: dict[str, str],  # noqa: F811
) -> None:
    keys = " ".join(
        f"{key}={value if value.replace('.', '').isdigit() else json.dumps(value)}"
        for key, _, value in (pair.partition("=") for pair in (*QUICK, *PARTS))
    )
    federation = ["--federation-config", "num-supernodes=6 client-resources-num-cpus=1"]
    command = ["flwr", "run", str(ROOT), "--stream", *federation, "-c", keys]
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command,
        env={**flower, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=600,
        cwd=tmp_path,
    )

    results = list((tmp_path / "runs").glob("*/result.json"))
    assert len(results) == 1, done.stdout + done.stderr
    assert json.loads(results[0].read_text())["digest"] == reference[1]["digest"]


def test_the_record_goes_on_certifies_exports_and_draws(
    tmp_path: Path, site: Path, reference: tuple[Path, dict[str, Any]]
) -> None:
    run = str(reference[0])
    for arguments in (
        ["resume", run, "--rounds", "3"],
        ["plot", run, "--kind", "shards", "-o", "shards.png"],
        ["export", run, "-o", "model.safetensors"],
        ["certify", run, "--malicious", "1", "--no-attack", "--with", "strategy.rule=sum"],
    ):
        done = frl(tmp_path, *arguments, where=site)
        assert done.returncode == 0, (arguments, done.stderr)


def test_an_entry_point_is_listed_and_runs(tmp_path: Path, site: Path) -> None:
    listed = frl(tmp_path, "list", "rules", "--json", where=site)
    assert {"outside_median": "median of p_i[e]"}.items() <= {
        entry["name"]: entry["formula"] for entry in json.loads(listed.stdout)
    }.items()

    done = frl(tmp_path, "run", *options("model.name=outside_net"), "--json", where=site)
    assert done.returncode == 0, done.stderr


BROKEN = {
    "raises": "raise RuntimeError('no luck\\ntoday')",
    "twice": "import attacks\nfor _ in range(2):\n    attacks.register('mine')(type('A', (), {}))",
    "clash": "import attacks\nattacks.register('alie')(type('A', (), {}))",
    "leaves": "raise SystemExit(3)",
    "stands": "",
}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("plugins=nowhere", "plugins: 'nowhere': cannot import 'nowhere' on "),
        ("plugins=raises", "importing 'raises' raises on "),
        ("plugins=leaves", "importing 'leaves' raises on "),
        ("plugins=twice", "attack 'mine' is registered twice: by "),
        ("plugins=clash", "attack 'alie' is registered twice: by attacks.alie and by "),
        ("plugins=[1]", "plugins: got [1]; takes a list of names of modules"),
        ("plugins=a b", "plugins: got ['a b']; takes a list of names of modules"),
        ("model.name=nowhere:Net", "model 'nowhere:Net': cannot import 'nowhere' on "),
        ("model.name=stands:Net", "model 'stands:Net': unknown name in stands 'Net'"),
        ("model.name=stands:", "model 'stands:': takes package.module:Name"),
        ("model.name=outside_parts.nets:NUMBER", "is a int; takes a class or a function"),
        ("model.name=outside_parts.nets:table", "makes a dict; takes a torch.nn.Module"),
        ("model.name=outside_parts.nets:Weightless", "has no weights that can be ranked"),
        ("attack.name=outside_parts.nets:Net(x=1)", "unknown parameter of attack "),
        ("strategy.rule=nowhere:Rule(f=1)", "rule 'nowhere:Rule': cannot import 'nowhere' on "),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    tmp_path: Path, site: Path, override: str, message: str
) -> None:
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)

    done = frl(tmp_path, "run", *options(override), "--out", "run", where=site)

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("override", ["plugins=outside_parts", "model.name=outside_net"])
def test_a_package_for_another_version_is_refused(tmp_path: Path, override: str) -> None:
    site = install(
        tmp_path / "site", entry_points=ENTRY_POINTS, requires="federated-rank-learning>=99"
    )

    done = frl(tmp_path, "run", *options(override), "--out", "run", where=site)

    assert done.returncode == 2
    assert "needs federated-rank-learning >=99; this is " in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_name_that_two_packages_offer_is_refused(tmp_path: Path) -> None:
    site = install(
        tmp_path / "site", entry_points="[frl.models]\nlenet = outside_parts.nets:shaped\n"
    )

    done = frl(tmp_path, "run", *options("model.name=lenet"), "--out", "run", where=site)

    assert done.returncode == 2
    assert "model 'lenet' is registered twice: by frl.models.lenet and by outside-parts 1.5" in (
        done.stderr
    )
