"""The settings of the FRL paper's experiments: what they say, and that they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import Config, flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup import Setup
from frl import models
from frl.models import DataShape
from frl.training.parameters import ranked

FOLDER = Path(__file__).parents[2] / "experiments" / "paper"
SHARES = (0, 10, 20)
METHODS = (
    *("frl", "frl_abs", "sfrl", "fedavg", "trimmed_mean", "multi_krum"),
    *("norm_bounding", "sign_sgd", "topk", "sparsefed"),
)
NAMES = [f"{d}_{m}_{s}" for d in ("cifar10", "mnist") for m in METHODS for s in SHARES]
SHAPES = {"mnist": DataShape((1, 28, 28), 10), "cifar10": DataShape((3, 32, 32), 10)}
EDGES = {"mnist": 1_625_632, "cifar10": 5_275_840}

# Of the authors' 24 configurations: model, epochs, learning rate, its decay; method and its rule.
TRAINING = {
    ("cifar10", "frl"): ("conv8", 5, 0.4, 0.999, "frl", "sum"),
    ("mnist", "frl"): ("lenet", 2, 0.4, 0.999, "frl", "sum"),
    ("cifar10", "fedavg"): ("conv8", 5, 0.02, 0.9995, "fedavg", "mean"),
    ("mnist", "fedavg"): ("lenet", 2, 0.01, 0.999, "fedavg", "mean"),
    ("cifar10", "trimmed_mean"): ("conv8", 5, 0.02, 0.9995, "fedavg", "trimmed_mean"),
    ("mnist", "trimmed_mean"): ("lenet", 2, 0.01, 0.999, "fedavg", "trimmed_mean"),
    ("cifar10", "multi_krum"): ("conv8", 5, 0.02, 0.9995, "fedavg", "multi_krum"),
    ("mnist", "multi_krum"): ("lenet", 2, 0.01, 0.999, "fedavg", "multi_krum"),
}
COMMON = {
    "seed": 0,
    "rounds": 2000,
    "clients": 1000,
    "clients_per_round": 25,
    "data.partition": "dirichlet",
    "data.alpha": 1.0,
    "train.batch_size": 8,
    "train.momentum": 0.9,
    "train.weight_decay": 1e-4,
    "strategy.keep": 0.5,
    "strategy.server_lr": 1.0,
    "strategy.weighting": "uniform",
    "attack.sampling": "uniform",
}


def setting(name: str, profile: str = "", overrides: tuple[str, ...] = ()) -> Config:
    return read(FOLDER / f"{name}.toml", overrides, profile)


def test_every_setting_is_there_and_no_other() -> None:
    shared = {"setting", "mnist", "cifar10"}

    assert {path.stem for path in FOLDER.glob("*.toml")} == shared | set(NAMES)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("data", "method"), TRAINING)
def test_the_authors_settings(data: str, method: str, share: int) -> None:
    flat = flatten(setting(f"{data}_{method}_{share}"))

    keys = ("model.name", "train.epochs", "train.lr", "train.lr_decay")
    assert tuple(flat[key] for key in keys) == TRAINING[data, method][:4]
    assert (flat["strategy.name"], flat["strategy.rule"]) == TRAINING[data, method][4:]
    assert {key: flat[key] for key in COMMON} == COMMON
    assert flat["attack.fraction"] == share / 100
    assert (flat["attack.name"] == "none") == (share == 0)


@pytest.mark.parametrize("profile", ["", "quick"])
@pytest.mark.parametrize("name", NAMES)
def test_a_setting_builds_its_attack_and_strategy(name: str, profile: str) -> None:
    setup = Setup(setting(name, profile))

    setup.check()
    assert (setup.attack is None) == name.endswith("_0")
    assert setup.population.members is not None
    assert len(setup.population.members) == 10 * int(name.rsplit("_", 1)[1])


@pytest.mark.parametrize("data", SHAPES)
def test_a_setting_builds_the_network_of_the_paper(data: str) -> None:
    module = models.make(setting(f"{data}_frl_0").model.name, SHAPES[data])

    assert sum(spec.tensor.numel() for spec in ranked(module)) == EDGES[data]


def test_quick_changes_the_size_alone() -> None:
    for name in NAMES:
        full, quick = flatten(setting(name)), flatten(setting(name, "quick"))
        changed = {key for key in full if full[key] != quick[key]}
        assert changed <= {"rounds", "clients_per_round", "eval_every", "train.epochs"}
        assert all(quick[key] < full[key] for key in changed)


@pytest.mark.parametrize("method", METHODS)
def test_a_quick_round(method: str, tmp_path: Path) -> None:
    """On digits instead of MNIST."""
    digits = ("data.name=digits", "model.name=conv2", "clients=60")
    small = ("rounds=1", "train.epochs=1", "engine.name=inprocess", *digits)
    directory = RunDirectory(tmp_path / "run")

    result = execute(setting(f"mnist_{method}_20", "quick", small), directory)

    assert result["admitted"] == 12
    assert directory.rows()[0]["malicious"], "a client of the round is malicious"


@pytest.mark.data
def test_a_quick_round_of_mnist(data_root: Path, tmp_path: Path) -> None:
    small = ("rounds=1", "clients_per_round=3", "train.epochs=1", "engine.name=inprocess")
    local = f"data.path={data_root / 'mnist'}"

    config = setting("mnist_frl_20", "quick", (*small, local))
    assert execute(config, RunDirectory(tmp_path / "run"))["admitted"] == 3
