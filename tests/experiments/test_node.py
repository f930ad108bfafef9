"""What a SuperNode's node config does, in runs that look like deployments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from flwr.app import Context, Message
from PIL import Image

from experiments.client_app import app
from experiments.config import Config, flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.server_app import choose_directory
from experiments.setup import Setup
from experiments.setup.node import client_of
from frl import data
from frl.errors import InputError
from frl.grids import InProcessGrid
from frl.grids.local import FIRST_NODE
from tests.experiments.test_coding import elsewhere

KEYS = ["rounds=2", "clients=3", "clients_per_round=3", "train.epochs=1"]


class Nodes(InProcessGrid):
    """An engine whose clients have node configs of their own."""

    def __init__(self, config: Config, nodes: dict[int, dict[str, Any]]) -> None:
        super().__init__(app, config.clients, flatten(config))
        self.nodes = nodes

    def _context(self, message: Message) -> Context:
        context = super()._context(message)
        client = message.metadata.dst_node_id - FIRST_NODE
        return Context(
            run_id=context.run_id,
            node_id=context.node_id,
            node_config=self.nodes.get(client, context.node_config),
            state=context.state,
            run_config=context.run_config,
        )


def start(
    folder: Path, nodes: dict[int, dict[str, Any]], *overrides: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    config = read(None, [*KEYS, *overrides])
    directory = RunDirectory(folder)
    with Nodes(config, nodes) as grid:
        result = execute(config, directory, grid=elsewhere(grid))
    return directory.rows(), result


def shard_folders(folder: Path, *overrides: str) -> list[Path]:
    """Write each client's part of the digits as a folder of images for each class."""
    config = read(None, [*KEYS, *overrides])
    setup = Setup(config)
    dataset, partition = setup.data, setup.partition
    folders = []
    for client in range(config.clients):
        folders.append(folder / f"client-{client}")
        for row in partition.of(client):
            place = folders[-1] / str(dataset.train.labels[row])
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(dataset.train.inputs[row][0]).save(place / f"{row:05d}.png")
    return folders


def test_own_folders_of_the_shards_make_the_same_run(tmp_path: Path) -> None:
    """Examples are in another order there, so the shards are put into that order here, too."""
    folders = shard_folders(tmp_path)
    setup = Setup(read(None, KEYS))
    terms = data.terms_of(setup.data)
    held = [data.load_own(str(folder), terms) for folder in folders]
    dataset, partition = setup.data, setup.partition

    for client, own in enumerate(held):
        rows = partition.of(client)
        labels = dataset.train.labels[rows]
        order = np.argsort(labels, kind="stable")
        assert np.array_equal(own.train.inputs, dataset.train.inputs[rows][order])
        assert np.array_equal(own.train.labels, labels[order])
        assert (own.mean, own.std) == (dataset.mean, dataset.std)
    rows, result = start(
        tmp_path / "run", {c: {"data.path": str(folder)} for c, folder in enumerate(folders)}
    )
    assert result["rejected"] == {}
    assert result["accuracy"] > 0.5


def test_a_folder_without_some_classes_keeps_their_codes(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    for label in (3, 7):
        (folder / str(label)).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((8, 8), label, dtype=np.uint8)).save(
                folder / str(label) / f"{number}.png"
            )

    own = data.load_own(str(folder), data.terms_of(data.load("digits")))

    assert own.train.labels.tolist() == [3, 3, 7, 7]
    assert own.classes == 10


def test_numbers_are_codes_where_classes_have_names(tmp_path: Path) -> None:
    columns = {"image": [Image.fromarray(np.zeros((8, 8), np.uint8))] * 3, "label": [2, 0, 2]}
    made = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    (tmp_path / "own").mkdir()
    made.to_parquet(tmp_path / "own" / "some.parquet")
    terms = data.terms_of(data.load("digits"))._replace(labels=("cat", "dog", "owl"))

    assert data.load_own(str(tmp_path / "own"), terms).train.labels.tolist() == [2, 0, 2]


def misfits(folder: Path) -> dict[str, tuple[dict[str, Any], str]]:
    for side, label in ((9, "3"), (8, "secret")):
        (folder / f"{side}" / label).mkdir(parents=True)
        Image.fromarray(np.zeros((side, side), np.uint8)).save(folder / f"{side}" / label / "0.png")
    (folder / "empty").mkdir()
    (folder / "text").mkdir()
    (folder / "text" / "secret.csv").write_text("secret,label\nx,1\n")
    unreadable = "the folder cannot be read as a data set"
    return {
        "shape": ({"data.path": str(folder / "9")}, "examples have shape (1, 9, 9); the run takes"),
        "labels": ({"data.path": str(folder / "8")}, "1 of its labels are no classes of the run"),
        "missing": ({"data.path": str(folder / "secret")}, unreadable),
        "empty": ({"data.path": str(folder / "empty")}, unreadable),
        "text": ({"data.path": str(folder / "text")}, unreadable),
        "typo": ({"data-path": str(folder / "8")}, "unknown node config key 'data-path'"),
        "copy": ({"data.copy": str(folder / "secret"), "partition-id": 1}, "data.path: no folder"),
        "attack": ({"partition-id": 1, "attack": "reversal"}, "needs colluders"),
    }


@pytest.mark.parametrize(
    "case", ["shape", "labels", "missing", "empty", "text", "typo", "copy", "attack"]
)
def test_a_node_that_does_not_fit_is_rejected_and_the_others_go_on(
    tmp_path: Path, case: str
) -> None:
    node, reason = misfits(tmp_path)[case]

    rows, result = start(tmp_path / "run", {1: node})

    assert [row["admitted"] for row in rows] == [2, 2]
    assert [client for row in rows for client, *_ in row["rejections"]] == [1, 1]
    assert rows[0]["rejections"][0][1] == "error"
    assert reason in rows[0]["rejections"][0][2]
    assert case == "copy" or "secret" not in str(rows)
    assert result["accuracy"] > 0.3


def test_an_unforeseen_error_does_not_tell_of_own_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("patient 0042")

    monkeypatch.setattr("experiments.setup.resident.Resident.answer", fail)
    folder = shard_folders(tmp_path)[1]

    rows, _ = start(tmp_path / "run", {1: {"data.path": str(folder)}}, "engine.max_failures=0")

    told = {client: detail for client, _, detail in rows[0]["rejections"]}
    assert told[1] == "ValueError; the log of the node says more"
    assert "patient 0042" in told[0]
    assert "patient 0042" in caplog.text


def test_a_copy_elsewhere_makes_the_same_run(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    config = read(None, KEYS)
    dataset = Setup(config).data
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        made = datasets.Dataset.from_dict(
            {"image": [Image.fromarray(x[0]) for x in split.inputs], "label": split.labels}
        ).cast_column("image", datasets.Image())
        made.to_parquet(folder / f"{name}-00000-of-00001.parquet")

    _, plain = start(tmp_path / "plain", {})
    _, copied = start(tmp_path / "run", {1: {"partition-id": 1, "data.copy": str(folder)}})

    assert copied["digest"] == plain["digest"]


@pytest.mark.parametrize("attack", ["own_reversal", "label_flip"])
def test_an_attack_by_node_config_changes_the_run(tmp_path: Path, attack: str) -> None:
    _, clean = start(tmp_path / "clean", {})
    rows, result = start(tmp_path / "run", {1: {"partition-id": 1, "attack": attack}})

    assert result["rejected"] == {}
    assert [row["malicious"] for row in rows] == [[], []], "the server does not know"
    assert result["digest"] != clean["digest"]


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        ({}, "takes partition-id, or data.path"),
        ({"partition-id": -1}, "partition-id: got -1"),
        ({"partition-id": "one"}, "partition-id: got 'one'"),
        ({"data.path": ""}, "data.path: got ''; takes a folder"),
        ({"data.pth": "x"}, "did you mean 'data.path'"),
        ({"data.path": "x", "data.copy": "y"}, "not both"),
    ],
)
def test_bad_node_configs_are_refused(node: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        client_of(node)


def test_a_run_is_resumed_by_its_name(tmp_path: Path) -> None:
    config = read(None, KEYS)
    with RunDirectory(tmp_path / "flower-1").create(config):
        pass

    assert choose_directory(tmp_path, "", "flower-2", config)[1] is False
    directory, begun = choose_directory(tmp_path, "flower-1", "flower-2", config)
    assert begun
    assert directory.path == tmp_path / "flower-1"
    patient = read(None, [*KEYS, "engine.timeout=5"])
    assert choose_directory(tmp_path, "flower-1", "flower-2", patient)[1]
    with pytest.raises(InputError, match=r"no run 'flower-3' in .*; there are flower-1$"):
        choose_directory(tmp_path, "flower-3", "flower-2", config)
    with pytest.raises(InputError, match="no run"):
        choose_directory(tmp_path / "x", "../flower-1", "flower-2", config)
    with pytest.raises(InputError, match=r"flower-1 is a run with seed=0; takes the same"):
        choose_directory(tmp_path, "flower-1", "", read(None, [*KEYS, "seed=1"]))


def test_a_query_names_the_client_and_an_own_folder_may_be_any() -> None:
    assert client_of({"partition-id": 2, "num-partitions": 3}) == 2
    assert client_of({"data.path": "x"}) == -1
