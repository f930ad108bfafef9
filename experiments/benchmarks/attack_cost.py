"""The cost of an adversary in a round: its own arithmetic over the local training of 25 clients."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import numpy as np
import torch

import attacks
from attacks.base import CraftView, Knowledge, Setting, TamperView, Update, crafts, tampers
from experiments.benchmarks.row import Row, cpu_seconds
from frl import models
from frl.models import DataShape
from frl.one_thread import one_thread
from frl.task import Task
from frl.training.ranks import RankTrainer, Shard, fit
from frl.training.settings import TrainSettings

_SEARCHES = ("adaptive", "dyn_opt", "accuracy_control")
"""They query the rule or measure accuracy, so they cost what the rule or the evaluation costs."""
_CLIENTS, _COLLUDERS, _EXAMPLES, _REPEATS = 25, 5, 60, 3
NAMES = ("attack-overhead",)


def measure(name: str) -> Row:
    """Measure every attack that crafts or tampers, on LeNet, one thread, processor time."""
    shape = DataShape((1, 28, 28), 10)
    module = models.make("lenet", shape)
    trainer = RankTrainer(module, TrainSettings(), seed=0, keep=0.5, mask_by="score")
    shard = Shard(torch.randn(_EXAMPLES, 1, 28, 28), torch.randint(0, 10, (_EXAMPLES,)))
    with one_thread():
        own = [trainer.train(trainer.initial, shard, Task(1, c, 0))[0] for c in range(_COLLUDERS)]
        one_client = median(
            cpu_seconds(lambda: fit(trainer.module, shard, trainer.settings, Task(1, 0, 0)))
            for _ in range(_REPEATS)
        )
        shares = {
            attack: _cost(attack, trainer, own) / (_CLIENTS * one_client)
            for attack in attacks.list()
            if attack not in _SEARCHES
        }
    worst = max(shares, key=lambda attack: shares[attack])
    return Row(
        name,
        f"arithmetic of the costliest attack, {_COLLUDERS} colluders / local training of "
        f"{_CLIENTS} clients, LeNet (searches left out)",
        shares[worst],
        0.10,
        "lower",
        {"costliest": worst, **dict(sorted(shares.items(), key=lambda item: -item[1])[:6])},
    )


def _cost(name: str, trainer: RankTrainer, rankings: list[Update]) -> float:
    attack = attacks.make(name)
    setting = Setting(
        seed=0, round=1, clients_per_round=_CLIENTS, classes=10, sorted_scores=trainer.sorted_scores
    )
    updates, previous = rankings, trainer.initial
    if attack.space == "weights":
        updates = [
            {layer: values.astype(np.float32) / values.size for layer, values in update.items()}
            for update in rankings
        ]
        previous = updates[0]
    rng = np.random.default_rng(0)
    seconds = 0.0
    if tampers(attack):
        view = TamperView(setting, 0, previous)
        seconds += _COLLUDERS * _timed(lambda: attack.tamper(updates[0], view, rng))
    if crafts(attack):
        benign = updates * 4 if Knowledge.BENIGN in attack.needs() else None
        view_of_all = CraftView(setting, previous, updates, _CLIENTS, benign=benign)
        seconds += _timed(lambda: attack.craft(view_of_all, _COLLUDERS, rng))
    return seconds


def _timed(work: Callable[[], object]) -> float:
    return min(cpu_seconds(work) for _ in range(_REPEATS))
