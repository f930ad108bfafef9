"""The runs of all groups of clients, and the majority of their models on the test examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from experiments.config import Config, flatten
from experiments.config.run_name import title
from experiments.records import RunDirectory, meaningless
from experiments.records.checkpoints import Checkpoint
from experiments.records.identity import differences
from experiments.rounds.resuming import refuse_other_model
from experiments.setup import Setup
from frl.errors import InputError
from strategies.certificates import group_vote


class GroupedRuns(NamedTuple):
    """What the models of all groups, and their majority, make of the test examples.

    Attributes
    ----------
    config : Config
        Of group 0.
    alone : list of float
        Accuracy of each group's model.
    certified : float64 array
        Entry M: the accuracy that M malicious clients leave the majority at least; entry 0 is its
        accuracy.
    malicious : list of int
        Malicious clients of each group in these runs.
    """

    config: Config
    alone: list[float]
    certified: NDArray[np.float64]
    malicious: list[int]

    @property
    def name(self) -> str:
        """The runs in one line."""
        config = self.config
        return f"{title(config)}, {config.clients} clients in {config.groups} groups"


def vote_of_groups(paths: Sequence[Path]) -> GroupedRuns:
    """Load the models of all groups of clients and take their vote.

    Parameters
    ----------
    paths : sequence of Path
        Run directories, in any order.

    Raises
    ------
    InputError
        Unless they are ended runs of all groups of one federation, each once.
    """
    runs = {path: RunDirectory(path) for path in paths}
    configs = {path: directory.config() for path, directory in runs.items()}
    ordered = _ordered(configs)
    setup = Setup(configs[ordered[0]])
    truth = np.asarray(setup.data.test.labels)
    predictions, malicious = [], []
    for path in ordered:
        runs[path].refuse_other_data(setup.data.fingerprint)
        checkpoint = _ended(runs[path], configs[path])
        model = setup.config.model.name
        refuse_other_model(model, setup.trainer.initial, runs[path], checkpoint)
        predictions.append(setup.evaluator.predictions(checkpoint.state))
        malicious.append(Setup(configs[path]).malicious)
    votes = np.stack(predictions)
    return GroupedRuns(
        config=configs[ordered[0]],
        alone=(votes == truth).mean(axis=1).tolist(),
        certified=group_vote(votes, setup.data.classes).certified(truth),
        malicious=malicious,
    )


def _ordered(configs: dict[Path, Config]) -> list[Path]:
    """Put the runs in the order of their groups; refuse what is not one federation in groups."""
    first, config = next(iter(configs.items()))
    if config.groups == 1:
        raise InputError(f"{first} is no run of a group of clients: its groups = 1")
    by_group: dict[int, Path] = {}
    for path, other in configs.items():
        if same := by_group.get(other.group):
            raise InputError(f"{path} and {same} are runs of the same group {other.group}")
        by_group[other.group] = path
        alike = other.model_copy(update={"group": config.group})
        changed = differences(flatten(config), flatten(alike))
        if other.rounds != config.rounds:
            changed.append(f"rounds was {config.rounds} and is {other.rounds}")
        if changed:
            raise InputError(f"{path} is of another federation than {first}: {changed[0]}")
    if missing := sorted(set(range(config.groups)) - by_group.keys()):
        raise InputError(
            f"--groups: got {len(by_group)}; takes a run of each of {config.groups} groups, "
            f"lacks {', '.join(map(str, missing))}"
        )
    return [by_group[group] for group in range(config.groups)]


def _ended(directory: RunDirectory, config: Config) -> Checkpoint:
    if why := meaningless(directory):
        raise InputError(f"{directory.path} means nothing: {why}")
    checkpoint = directory.checkpoint()
    if checkpoint is None or checkpoint.round < config.rounds:
        raise InputError(f"{directory.path} has not ended: frl resume {directory.path}")
    return checkpoint


def report(found: GroupedRuns) -> dict[str, Any]:
    """Return what ``frl certify --groups --json`` prints."""
    return {
        "groups": found.config.groups,
        "accuracy": float(found.certified[0]),
        "certified": found.certified.tolist(),
        "accuracy_of_groups": found.alone,
        "malicious_in_groups": found.malicious,
    }


def print_groups(found: GroupedRuns) -> None:
    """Print a table over M."""
    console = Console()
    alone = [100 * accuracy for accuracy in found.alone]
    console.print(found.name)
    console.print(
        f"accuracy of one group's model: {min(alone):.1f} to {max(alone):.1f} %, "
        f"mean {sum(alone) / len(alone):.1f} %"
    )
    if any(found.malicious):
        console.print(
            f"{sum(found.malicious)} malicious clients took part, in "
            f"{np.count_nonzero(found.malicious)} groups; M counts further ones"
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("malicious clients M", justify="right")
    table.add_column("certified accuracy %", justify="right")
    for number, share in enumerate(found.certified):
        table.add_row(str(number), f"{100 * share:.1f}")
    console.print(table)
    console.print("M = 0 is the accuracy of the majority")
