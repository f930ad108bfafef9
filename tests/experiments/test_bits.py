"""Whole runs by drawn bits and by signs: coded, resumed, attacked, defended, refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from experiments.analysis.export import export
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row
from experiments.setup import Setup
from frl import client_app, models
from frl.errors import InputError

SMALL = ["rounds=3", "clients=10", "clients_per_round=6", "train.epochs=1", "eval_every=3"]
ATTACKED = ["attack.fraction=0.4", "attack.sampling=fixed_count"]
METHODS = {
    "fedpm": ["strategy.name=fedpm"],
    "fedpm, kept prior, known noise": [
        "strategy.name=fedpm",
        "strategy.prior_rounds=2",
        "strategy.shared_noise=true",
    ],
    "fedpm, samples": [
        "strategy.name=fedpm",
        "strategy.sample_bits=2",
        "strategy.block_kl=1",
    ],
    "sign_sgd": ["strategy.name=sign_sgd"],
    "fedmrn": ["strategy.name=fedmrn"],
}


KLMS = METHODS["fedpm, samples"]


class Stop(Exception):
    pass


def start(folder: Path, *overrides: str, **more: Any) -> dict[str, Any]:
    return execute(read(None, [*SMALL, *overrides]), RunDirectory(folder), **more)


@pytest.mark.parametrize("method", METHODS)
def test_codings_and_a_stop_change_nothing(method: str, tmp_path: Path) -> None:
    plain = start(tmp_path / "plain", *METHODS[method], "strategy.coding=off")

    def stop(row: Row) -> None:
        if row.round == 2:
            raise Stop

    coded = [*METHODS[method], "strategy.coding=always", "strategy.down_history=2"]
    with pytest.raises(Stop):
        start(tmp_path / "coded", *coded, watch=stop)
    resumed = start(tmp_path / "coded", *coded, resume=True)

    assert plain["digest"] == resumed["digest"]
    assert plain["rejected"] == resumed["rejected"] == {}
    edges = sum(a.size for a in RunDirectory(tmp_path / "plain").checkpoint().state.values())
    assert resumed["bytes_up"] < 18 * edges / (40 if "samples" in method else 7)


CASES = {
    "complement": ["strategy.name=fedpm", "attack.name=sign_flip", "attack.strength=100"],
    "against the change": ["strategy.name=fedpm", "attack.name=ipm", "attack.epsilon=100"],
    "colluders that hide": ["strategy.name=fedpm", "attack.name=min_max"],
    "samples, complement": [*KLMS, "attack.name=sign_flip", "attack.strength=100"],
    "samples, no numbers": [*KLMS, "attack.name=infinite"],
    "labels": ["strategy.name=fedpm", "attack.name=label_flip"],
    "the rule asked": ["strategy.name=fedpm", "attack.name=dyn_opt"],
    "no numbers": ["strategy.name=fedpm", "attack.name=infinite"],
    "other parts of the noise": ["strategy.name=fedmrn", "attack.name=sign_flip"],
    "noise, together": ["strategy.name=fedmrn", "attack.name=ipm", "attack.epsilon=100"],
    "noise, no numbers": ["strategy.name=fedmrn", "attack.name=infinite"],
    "signs": ["strategy.name=sign_sgd", "attack.name=sign_flip"],
    "signs, together": ["strategy.name=sign_sgd", "attack.name=ipm"],
}


@pytest.mark.parametrize("case", CASES)
def test_attacks_on_weights_reach_the_bits(case: str, tmp_path: Path) -> None:
    plain = start(tmp_path / "plain", *ATTACKED, *CASES[case], "strategy.coding=off")
    coded = start(tmp_path / "coded", *ATTACKED, *CASES[case], "strategy.coding=always")
    honest = start(tmp_path / "honest", *(k for k in CASES[case] if k.startswith("strategy")))

    assert plain["rejected"] == coded["rejected"] == {}
    assert plain["digest"] == coded["digest"] != honest["digest"]


@pytest.mark.parametrize(
    "rule",
    [
        "trimmed_mean",
        "median",
        "krum",
        "multi_krum",
        "geometric_median",
        "norm_bounding",
        "fltrust",
    ],
)
def test_rules_on_weights_estimate_a_share_of_ones(rule: str, tmp_path: Path) -> None:
    result = start(tmp_path, "strategy.name=fedpm", f"strategy.rule={rule}", "strategy.f=1")

    state = RunDirectory(tmp_path).checkpoint().state
    values = np.concatenate(list(state.values()))
    assert result["rejected"] == {}
    assert values.min() >= 0
    assert values.max() <= 1
    assert 0.2 < values.mean() < 0.8


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["strategy.name=fedpm", "strategy.rule=sign_sgd"], "'sign_sgd' does not work with"),
        (["strategy.name=fedpm", "strategy.rule=topk"], "'topk' does not work with"),
        (["strategy.name=fedpm", "strategy.rule=sum"], "takes one on weights: "),
        (["strategy.name=fedpm", "strategy.upload_top=0.5"], "strategy.upload_top: takes 1 for"),
        (["strategy.name=fedpm", "strategy.ballot_bits=2"], "strategy.ballot_bits: takes 0"),
        (["strategy.name=fedpm", "strategy.coding=signs"], "strategy.coding: got 'signs'"),
        (["strategy.name=fedpm", "attack.name=half_swap", "attack.fraction=.2"], "attack on ranks"),
        (["strategy.name=fedmrn", "strategy.rule=sign_sgd"], "'sign_sgd' does not work with"),
        (["strategy.name=fedmrn", "strategy.upload_top=0.5"], "strategy.upload_top: takes 1 for"),
        (["strategy.name=fedmrn", "strategy.shared_noise=true"], "strategy.shared_noise: got"),
        (["strategy.name=sign_sgd", "strategy.rule=mean"], "clients send signs, which only a vote"),
        (["strategy.name=sign_sgd", "strategy.prior_rounds=2"], "strategy.prior_rounds: got 2"),
        ([*KLMS, "strategy.shared_noise=true"], "strategy.shared_noise: takes false where"),
        (["strategy.name=fedpm", "strategy.block_kl=2"], "strategy.block_kl: takes 0 where"),
        (["strategy.name=fedmrn", "strategy.sample_bits=2"], "strategy.sample_bits: got 2; takes"),
        (["strategy.shared_noise=true"], "strategy.shared_noise: got True; takes False, or"),
    ],
)
def test_what_cannot_work_is_refused_by_name(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Setup(read(None, [*SMALL, *overrides])).check()

    assert message in str(caught.value)


def test_a_script_has_no_server_for_them() -> None:
    shards = [(np.zeros((4, 3), np.float32), np.zeros(4, np.int64))]
    with pytest.raises(InputError, match="'fedpm' sends what only the apps of a configuration"):
        client_app(partial(nn.Linear, 3, 2), shards, method="fedpm")


def test_an_exported_model_is_the_sample_that_was_measured(tmp_path: Path) -> None:
    result = start(tmp_path / "run", "strategy.name=fedpm")
    export(tmp_path / "run", tmp_path / "model.safetensors")

    setup = Setup(read(None, [*SMALL, "strategy.name=fedpm"]))
    weights = load_file(tmp_path / "model.safetensors")
    inputs, labels = setup.data.tensors(setup.data.test, "cpu")
    module = models.make("conv2", setup.data.shape)
    module.load_state_dict(weights)
    with torch.inference_mode():
        right = (module.eval()(inputs).argmax(dim=1) == labels).float().mean()
    assert float(right) == pytest.approx(result["accuracy"])


def test_the_majority_moves_each_weight_by_one_step(tmp_path: Path) -> None:
    """Brute force: the vote of what each client would send, ties staying where they are."""
    setup = Setup(read(None, [*SMALL, "rounds=1", "strategy.name=sign_sgd"]))
    start(tmp_path, "rounds=1", "strategy.name=sign_sgd")
    state = RunDirectory(tmp_path).checkpoint().state
    row = next(iter(RunDirectory(tmp_path).rows()))

    votes = {name: np.zeros(a.size) for name, a in state.items()}
    for client in row["admitted_clients"] if "admitted_clients" in row else row["sampled"]:
        update = sent_by(setup, client)
        votes = {name: votes[name] + update[name] for name in votes}
    for name, moved in state.items():
        np.testing.assert_array_equal(moved, 2.0**-9 * np.sign(votes[name]))


def sent_by(setup: Setup, client: int) -> dict[str, np.ndarray]:
    from frl.data import Split
    from frl.task import Task
    from frl.training.ranks import Shard
    from frl.wire import Base

    rows = setup.partition.of(client)
    split = Split(setup.data.train.inputs[rows], setup.data.train.labels[rows])
    task = Task(1, client, setup.config.seed)
    initial = setup.trainer.initial
    update, _ = setup.trainer.train(initial, Shard(*setup.data.tensors(split)), task)
    return setup.channel.sent(update, Base(1, initial), task)
