"""The script of the README: own module, own data, any engine, under an attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import attacks
import frl
import strategies
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup.data import load_data, load_partition
from frl import models
from frl.data import Split
from frl.exchange.messages import read_arrays
from tests.own import Net, held_out, pairs

SCRIPT = """\
import attacks, frl, strategies
app = frl.client_app(Net, shards, epochs=1)
with frl.{grid} as grid:
    grid = attacks.hide(grid, {attack!r}, fraction=0.25, seed=0)
    server = strategies.RuleStrategy(clients=len(shards), clients_per_round=10, seed=0)
    first = server.initial(Net)
    result = server.start(grid, first, num_rounds=3, evaluate_fn=frl.evaluate_on(Net, test))
frl.save(result, path)
"""
ENGINES = {
    "inprocess": "InProcessGrid(app, clients=len(shards))",
    "ray": "RayGrid(app, clients=len(shards), workers=2)",
}


def run_script(engine: str, attack: str, path: Path) -> Any:
    """Execute the script as its user types it, and return its names."""
    text = SCRIPT.format(grid=ENGINES[engine], attack=attack)
    assert text.count("\n") <= 12
    names = {"Net": Net, "shards": pairs(), "test": held_out(), "path": path}
    exec(compile(text, "script.py", "exec"), names)
    return names


def state_digest(result: Any) -> str:
    return frl.digest(read_arrays(result.arrays))


@pytest.mark.parametrize("attack", ["half_swap", "label_flip", "own_reversal"])
def test_the_script_trains_under_attack_and_saves_what_it_measured(
    attack: str, tmp_path: Path
) -> None:
    names = run_script("inprocess", attack, tmp_path / "model.safetensors")

    result, (inputs, labels) = names["result"], held_out()
    accuracy = [result.evaluate_metrics_serverapp[round]["accuracy"] for round in range(4)]
    assert accuracy[3] > accuracy[0] + 0.1
    assert [m["rejected"] for m in result.train_metrics_clientapp.values()] == [0, 0, 0]
    assert len(names["grid"].malicious) > 0
    plain = Net()
    plain.load_state_dict(load_file(tmp_path / "model.safetensors"))
    ours = frl.load_model(tmp_path / "model.safetensors", Net)
    for module in (plain, ours):
        found = module(torch.from_numpy(inputs)).argmax(dim=1).numpy()
        assert (found == labels).mean() == pytest.approx(accuracy[3], abs=1e-9)


@pytest.mark.ray
@pytest.mark.parametrize("attack", ["half_swap", "label_flip"])
def test_the_script_gives_the_same_state_on_ray(attack: str, tmp_path: Path) -> None:
    here, there = (
        state_digest(run_script(engine, attack, tmp_path / engine)["result"]) for engine in ENGINES
    )

    assert here == there


FRL = ["strategy.rule=sum"]
WEIGHTS = ["strategy.name=fedavg", "strategy.rule=multi_krum", "strategy.f=2"]
CASES = {
    "clean": FRL,
    "change vote": ["attack.name=boundary", "attack.fraction=0.3"],
    "crafted": [*FRL, "attack.name=boundary", "attack.fraction=0.3"],
    "all collude": [*FRL, "attack.name=promotion", "attack.fraction=0.3", "attack.colluders=all"],
    "on updates": [*FRL, "attack.name=rank_noise", "attack.fraction=0.3"],
    "on data": [*FRL, "attack.name=label_flip", "attack.fraction=0.3"],
    "steps": [*FRL, "train.steps=3", "train.clip=0.5", "train.micro_batch=3"],
    "coats": [*FRL, "strategy.coats=3", "attack.name=boundary", "attack.fraction=0.3"],
    "by size": [*FRL, "strategy.mask_by=abs", "attack.name=boundary", "attack.fraction=0.3"],
    "weights": [*WEIGHTS, "attack.name=ipm", "attack.fraction=0.3"],
    "boosted": [*WEIGHTS, "attack.name=model_replacement(data='semantic')", "attack.fraction=0.3"],
}


@pytest.mark.parametrize("case", CASES)
def test_a_script_is_the_run_that_a_configuration_is(case: str, tmp_path: Path) -> None:
    config = read(
        None, ["rounds=2", "clients=10", "clients_per_round=8", "train.epochs=1", *CASES[case]]
    )
    recorded = execute(config, RunDirectory(tmp_path / "run"))["digest"]

    data = load_data(config)
    partition = load_partition(config, data)

    def shard(client: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = partition.of(client)
        return data.tensors(Split(data.train.inputs[rows], data.train.labels[rows]))

    def model() -> torch.nn.Module:
        return models.make("conv2", data.shape)

    strategy = config.strategy
    app = frl.client_app(
        model,
        shard,
        clients=10,
        method=strategy.name,
        mask_by=strategy.mask_by,
        coats=strategy.coats,
        binarised=strategy.binarised,
        epochs=config.train.epochs,
        steps=config.train.steps,
        clip=config.train.clip,
        micro_batch=config.train.micro_batch,
    )
    if strategy.rule == "sum":
        server: Any = strategies.FRL(clients=10, clients_per_round=8, seed=0)
    else:
        assumed = {"f": strategy.f} if strategy.f else {}
        rule: Any = strategies.rules.make(strategy.rule, **assumed)
        server = strategies.RuleStrategy(clients=10, clients_per_round=8, rule=rule)
    with frl.InProcessGrid(app, clients=10) as grid:
        if config.attack.name != "none":
            attack = attacks.make(config.attack.name, **config.attack.parameters())
            grid = attacks.hide(grid, attack, fraction=0.3, colluders=config.attack.colluders)
        result = server.start(grid, server.initial(model), num_rounds=2)

    assert state_digest(result) == recorded


@pytest.mark.parametrize(
    ("app", "evaluation", "message"),
    [
        ({"keep": 0.3}, {"keep": 0.5}, r"evaluate_on: keep=0.5; the run has keep=0.3"),
        ({"mask_by": "abs"}, {"mask_by": "score"}, r"evaluate_on: mask_by='score'; the run has"),
        ({"coats": 3}, {"coats": 2}, r"evaluate_on: coats=2; the run has coats=3"),
        ({}, {"seed": 1}, r"evaluate_on: seed=1; the run has seed=0"),
        ({"method": "fedavg"}, {}, r"method: clients train by 'fedavg' and send weights"),
        ({"clients": 9}, {}, r"clients: the strategy has 12, there are 9 shards"),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_anything_is_sent(
    app: dict[str, Any], evaluation: dict[str, Any], message: str
) -> None:
    count = app.pop("clients", 12)
    clients = frl.client_app(Net, pairs(count), **app)
    server = strategies.FRL(clients=12, clients_per_round=4, seed=0)
    grid = frl.InProcessGrid(clients, clients=count)
    grid._answer = None  # type: ignore[method-assign,assignment]

    with pytest.raises(frl.InputError, match=message):
        server.start(
            grid,
            server.initial(Net),
            num_rounds=1,
            evaluate_fn=frl.evaluate_on(Net, held_out(), **evaluation),
        )


def test_a_state_of_another_network_is_refused() -> None:
    def other() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(64, 10, bias=False))

    server = strategies.FRL(clients=12, clients_per_round=4, seed=0)
    grid = frl.InProcessGrid(frl.client_app(Net, pairs()), clients=12)

    with pytest.raises(frl.InputError, match=r"initial_arrays: has layers \{'0': 640\}"):
        server.start(grid, server.initial(other), num_rounds=1)
    with pytest.raises(frl.InputError, match=r"evaluate_on: the state has layers"):
        frl.evaluate_on(Net, held_out(), seed=0, keep=0.5, mask_by="score")(
            0, server.initial(other)
        )


def test_an_evaluation_alone_says_what_it_must_be_told() -> None:
    server = strategies.FRL(clients=12, clients_per_round=4, seed=3)
    state = server.initial(Net)

    with pytest.raises(frl.InputError, match=r"evaluate_on: takes seed=, keep=, mask_by="):
        frl.evaluate_on(Net, held_out())(0, state)
    told = frl.evaluate_on(Net, held_out(), seed=3, keep=0.5, mask_by="score")(0, state)
    wrong = frl.evaluate_on(Net, held_out(), seed=4, keep=0.5, mask_by="score")(0, state)

    assert told["loss"] != wrong["loss"]


def test_only_a_result_that_knows_its_network_is_saved(tmp_path: Path) -> None:
    from flwr.serverapp.strategy import Result

    with pytest.raises(frl.InputError, match="does not say what network it is of"):
        frl.save(Result(), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_mask_file_holds_the_same_network_in_a_bit_an_edge(tmp_path: Path) -> None:
    result = run_script("inprocess", "half_swap", tmp_path / "weights")["result"]
    frl.save(result, tmp_path / "mask", form="mask")

    whole, small = (frl.load_model(tmp_path / name, Net) for name in ("weights", "mask"))

    for name, values in whole.state_dict().items():
        np.testing.assert_array_equal(values.numpy(), small.state_dict()[name].numpy())
    assert (tmp_path / "mask").stat().st_size < (tmp_path / "weights").stat().st_size / 4
    with pytest.raises(frl.InputError, match=r"is of the network tests.own:Net; takes load_model"):
        frl.load_model(tmp_path / "mask")
