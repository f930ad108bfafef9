"""The data of a run, from its configuration: which, and who holds what."""

from __future__ import annotations

import logging

from experiments.config import Config
from frl import data
from frl.data import DataSet, Partition, Reading, sources
from frl.errors import InputError

log = logging.getLogger("frl.data")

_said: set[str] = set()


def load_data(config: Config) -> DataSet:
    """Load the data set of a configuration, and say once what it is taken for."""
    found = data.load(config.data.name, config.data.path, reading_of(config))
    if found.fingerprint not in _said:
        _said.add(found.fingerprint)
        lines = [line.removeprefix("data: ") for line in found.schema.lines()]
        if log.level == logging.NOTSET and (config.data.path or config.data.name not in sources()):
            log.setLevel(logging.INFO)
        log.info("%s", lines[0])
        for line in lines[1:]:
            log.log(logging.WARNING if found.schema.odd else logging.INFO, "%s", line)
    return found


def reading_of(config: Config) -> Reading:
    """Return how the data of a configuration are read."""
    keys = config.data
    return Reading(
        label=keys.label,
        inputs=keys.inputs,
        group=keys.column,
        test=keys.test,
        validation=keys.validation,
        resize=keys.resize,
        convert=keys.convert,
        missing=keys.missing,
        categories=keys.categories,
        text=keys.text,
        length=keys.length,
        stride=keys.stride,
    )


def check_own(config: Config, dataset: DataSet) -> None:
    """Refuse keys that say where and how data are read, where a script gave the data.

    Keys with which the data set itself was read may stay.

    Raises
    ------
    InputError
        With the key.
    """
    reading = reading_of(config).record()
    asked = {"path": config.data.path} if config.data.path else {}
    asked |= {key: value for key, value in reading.items() if key != "group"}
    for key, value in asked.items():
        if dataset.schema.reading.get(key) != value:
            raise InputError(
                f"data.{key}: got {value!r}; the data are given (data=...) and not read, "
                "so takes none"
            )


def load_partition(config: Config, dataset: DataSet) -> Partition:
    """Divide the training examples as a configuration says."""
    return data.partition(
        dataset,
        config.data.partition,
        clients=config.clients,
        seed=config.seed,
        alpha=config.data.alpha,
        shards=config.data.shards,
        column=config.data.column,
        samples=config.data.samples,
    )
