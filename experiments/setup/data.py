"""The data of a run, from its configuration: which, and who holds what."""

from __future__ import annotations

import hashlib

import numpy as np

from experiments.config import Config
from frl import data
from frl.data import DataSet, Partition


def load_data(config: Config) -> DataSet:
    """Load the data set of a configuration."""
    return data.load(config.data.name, config.data.path)


def data_fingerprint(dataset: DataSet) -> str:
    """Return a fingerprint of all that a run reads of its data."""
    content = hashlib.sha256(repr((dataset.classes, dataset.labels)).encode())
    parts = {"inputs": dataset.train.inputs, "labels": dataset.train.labels}
    tests = {"test inputs": dataset.test.inputs, "test labels": dataset.test.labels}
    for name, array in {**parts, **tests, **dataset.columns}.items():
        whole = np.ascontiguousarray(array)
        content.update(f"{name} {whole.shape} {whole.dtype}".encode())
        content.update(whole.data)
    return content.hexdigest()


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
