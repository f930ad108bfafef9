"""The door for scripts: a run from Python, with parts of one's own, recorded like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from experiments import config as configuration
from experiments.config import Config
from experiments.records import CURVE, RunDirectory, load
from experiments.report.plotting import accuracy_curves
from experiments.rounds.loop import execute
from experiments.rounds.row import Watcher
from experiments.setup import Setup
from experiments.setup.trainer import MakeModel
from frl.data import DataSet, dataset_of
from frl.data.arrays import Pair
from frl.errors import InputError

Configured: TypeAlias = Config | Mapping[str, Any] | Sequence[str] | str | Path | None


def run(
    config: Configured = None,
    *,
    model: MakeModel | None = None,
    data: DataSet | tuple[Pair, Pair] | None = None,
    watch: Watcher | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Run an experiment and record it, as ``frl run`` does.

    On ``engine.name = "ray"`` the model and the data travel to the workers pickled, with the client
    app: a class or function that is defined in the script itself goes by value, one of a module by
    its name, so the workers must be able to import that module.

    Parameters
    ----------
    config : optional
        Path of a TOML file, dotted keys with values, a list of ``"key=value"``, or a
        :class:`Config`; what is not given has its default.
    model : callable, optional
        In place of ``model.name``: a module's class, or a function that makes a module, of no
        argument or of the :class:`frl.models.DataShape`.
    data : DataSet or pair of pairs, optional
        In place of ``data.name``: ``(train, test)``, each of examples and labels, see
        :func:`frl.data.dataset_of`. ``data.partition`` says who holds what.
    watch : callable, optional
        Told of each round, an :class:`experiments.rounds.row.Row`.
    out : path, optional
        Run directory; by default ``runs/NAME-N``.

    Returns
    -------
    dict
        The result, and the run directory as ``"directory"``.

    Raises
    ------
    InputError
        If it cannot be run; nothing is written then.
    StoppedError
        If it cannot go on.
    """
    own = data if data is None or isinstance(data, DataSet) else _paired(data)
    setup = Setup(_read(config), model=model, data=own)
    directory = RunDirectory.of(setup.recorded, None if out is None else Path(out))
    result = execute(setup, directory, watch=watch)
    accuracy_curves(load(directory.path), directory.path / CURVE)
    return {**result, "directory": str(directory.path)}


def _read(config: Configured) -> Config:
    if isinstance(config, Config):
        return config
    if isinstance(config, str | Path):
        return configuration.read(Path(config))
    if isinstance(config, Mapping):
        return configuration.from_flat(config)
    return configuration.read(None, config or ())


def _paired(data: tuple[Pair, Pair]) -> DataSet:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InputError(
            f"data: got {type(data).__name__}; takes a DataSet, or a pair (train, test) of pairs "
            "of examples and labels"
        )
    return dataset_of(*data)
