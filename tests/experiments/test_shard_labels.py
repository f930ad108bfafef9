"""Labels of shards: counted as by hand, recorded by a run, and shown on its page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.records.identity import Identity
from experiments.report.view.app import view_app
from experiments.report.view.reading.index import Index
from experiments.report.view.reading.recorded_shards import recorded_shards
from experiments.rounds.resuming import identity_of
from experiments.setup import Setup
from experiments.setup.shard_labels import MOST_CLIENTS, shard_labels
from frl.data import dataset_of, partition
from tests.experiments.viewed import get, write_run

MANY = {"clients": 300, "data.partition": "virtual", "data.samples": 5}


@pytest.mark.parametrize("keys", [{"clients": 7}, {"clients": 7, "data.alpha": 0.05}, MANY])
def test_a_run_records_what_its_clients_hold(tmp_path: Path, keys: dict[str, Any]) -> None:
    setup = Setup(from_flat({"clients_per_round": 2, **keys}))
    with RunDirectory(tmp_path / "run").create(setup.config, identity_of(setup)):
        pass
    found = recorded_shards(tmp_path / "run")

    assert found is not None
    assert len(found.shards) == min(keys["clients"], MOST_CLIENTS)
    for shard in found.shards:
        held = setup.data.train.labels[setup.partition.of(shard.client)].tolist()
        assert shard.counts == [held.count(label) for label in range(10)]
        assert (shard.examples, shard.labels) == (len(held), len(set(held)))
    assert found.shards == sorted(found.shards, key=lambda s: (s.main, s.examples, s.client))


def test_the_labels_have_their_names_and_a_record_stays_small() -> None:
    inputs, labels = np.zeros((3000, 2), np.float32), np.arange(3000)
    data = dataset_of((inputs, labels), (inputs[:2], labels[:2]))

    found = shard_labels(data, partition(data, "iid", clients=50, seed=0))

    assert len(found.clients) == 6
    assert found.counts.shape == (6, 3000)
    assert found.names == data.labels


def test_nodes_of_other_machines_are_not_spoken_for() -> None:
    assert "shards" in identity_of(Setup(from_flat({}))).about
    assert "shards" not in identity_of(Setup(from_flat({}), deployed=True)).about


def page_of(folder: Path, shards: Any) -> str:
    directory = write_run(folder / "run", [0.5], rounds=2)
    identity = Identity(directory.identity().config, "", {"shards": shards})  # type: ignore[union-attr]
    (directory.path / "identity.json").write_text(identity.text())
    app = view_app(Index([folder]))
    (place,) = re.findall(r'href="(/run/\w+)"', get(app, "/").text)
    return unescape(get(app, place).text)


def test_the_page_shows_them(tmp_path: Path) -> None:
    names = ["cat", "<b>dog</b>"]
    page = page_of(tmp_path, {"labels": names, "counts": {"4": "1 3", "0": "6 2"}})

    assert "2 clients hold 4 to 8 examples each; on average a client holds 2.0 of 2 labels" in page
    assert page.index("client 0: 8 examples") < page.index("client 4: 4 examples")
    assert 'opacity="1.00"' in page
    assert "the strongest is 75 %" in page
    assert "<bdi><b>dog</b></bdi>" in page


@pytest.mark.parametrize(
    "shards",
    [
        None,
        [],
        {},
        {"labels": [], "counts": {}},
        {"labels": [], "counts": {"0": "1 2", "1": "1"}},
        {"labels": [], "counts": {"0": "1 -2"}},
        {"labels": [], "counts": {"0": [1, 2]}},
        {"labels": [], "counts": {"<b>": "1 2"}},
        {"labels": [], "counts": {"0": "9" * 5000}},
        {"labels": [], "counts": {str(client): "1" for client in range(201)}},
    ],
)
def test_what_is_no_record_of_shards_is_not_shown(tmp_path: Path, shards: Any) -> None:
    assert "The record holds no labels of shards" in page_of(tmp_path, shards)


def test_a_client_that_holds_nothing_is_shown(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"labels": [], "counts": {"0": "0 0", "1": "0 0"}})

    assert "2 clients hold 0 to 0 examples each" in page
