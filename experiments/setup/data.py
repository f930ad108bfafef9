"""The data of a run, from its configuration: which, and who holds what."""

from __future__ import annotations

from experiments.config import Config
from frl import data
from frl.data import DataSet, Partition


def load_data(config: Config) -> DataSet:
    """Load the data set of a configuration."""
    return data.load(config.data.name, config.data.path)


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
