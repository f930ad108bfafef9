"""What a SuperNode's node config does, in runs that look like deployments."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from PIL import Image

from attacks.adversary.orders import RECORD, REFUSED, ordered_attack
from experiments.client_app import app
from experiments.config import Config, flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.server_app import choose_directory
from experiments.setup import Setup
from experiments.setup.node import NOT_ALLOWED, client_of, require_permission
from frl import data
from frl.discretion import DATA, OTHER, SETUP
from frl.errors import InputError, RefusedError, StoppedError
from frl.exchange.messages import arrays_record, train_content
from frl.grids import InProcessGrid
from frl.grids.internals import identify_process
from frl.grids.local import FIRST_NODE
from frl.task import Task
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
    data_spec = data.data_spec_of(setup.data)
    held = [data.load_own(str(folder), data_spec) for folder in folders]
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

    own = data.load_own(str(folder), data.data_spec_of(data.load("digits")))

    assert own.train.labels.tolist() == [3, 3, 7, 7]
    assert own.classes == 10


def test_numbers_are_codes_where_classes_have_names(tmp_path: Path) -> None:
    columns = {"image": [Image.fromarray(np.zeros((8, 8), np.uint8))] * 3, "label": [2, 0, 2]}
    made = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    (tmp_path / "own").mkdir()
    made.to_parquet(tmp_path / "own" / "some.parquet")
    data_spec = data.data_spec_of(data.load("digits"))._replace(labels=("cat", "dog", "owl"))

    assert data.load_own(str(tmp_path / "own"), data_spec).train.labels.tolist() == [2, 0, 2]


def misfits(folder: Path) -> dict[str, tuple[dict[str, Any], str]]:
    """Node configs that do not fit, and what the server is told of each."""
    for side, label in ((9, "3"), (8, "secret")):
        (folder / f"{side}" / label).mkdir(parents=True)
        Image.fromarray(np.zeros((side, side), np.uint8)).save(folder / f"{side}" / label / "0.png")
    (folder / "empty").mkdir()
    (folder / "text").mkdir()
    (folder / "text" / "secret.csv").write_text("secret,label\nx,1\n")
    return {
        "shape": ({"data.path": str(folder / "9")}, DATA),
        "labels": ({"data.path": str(folder / "8")}, DATA),
        "missing": ({"data.path": str(folder / "secret")}, DATA),
        "empty": ({"data.path": str(folder / "empty")}, DATA),
        "text": ({"data.path": str(folder / "text")}, DATA),
        "typo": ({"data-path": str(folder / "8")}, SETUP),
        "copy": ({"data.copy": str(folder / "secret"), "partition-id": 1}, SETUP),
        "attack": ({"partition-id": 1, "attack": "reversal"}, SETUP),
        "orders": ({"partition-id": 1, "attack-orders": "secret"}, SETUP),
    }


@pytest.mark.parametrize(
    "case", ["shape", "labels", "missing", "empty", "text", "typo", "copy", "attack", "orders"]
)
def test_a_node_that_does_not_fit_is_rejected_in_fixed_words_and_the_others_go_on(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    node, reason = misfits(tmp_path)[case]

    rows, result = start(tmp_path / "run", {1: node})

    assert [row["admitted"] for row in rows] == [2, 2]
    assert [client for row in rows for client, *_ in row["rejections"]] == [1, 1]
    assert rows[0]["rejections"][0][1:] == ["error", reason]
    assert "the server is told no more than" in caplog.text
    assert result["accuracy"] > 0.3


def test_an_unforeseen_error_does_not_tell_of_own_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("patient 0042")

    monkeypatch.setattr("experiments.setup.resident.Resident.answer", fail)
    folder = shard_folders(tmp_path)[1]

    with pytest.raises(StoppedError, match="no reply was admitted"):
        start(tmp_path / "run", {1: {"data.path": str(folder)}}, "engine.max_failures=0")

    rows = RunDirectory(tmp_path / "run").rows()
    told = {client: detail for client, _, detail in rows[0]["rejections"]}
    assert told[1] == OTHER
    assert "patient 0042" in told[0]
    assert "patient 0042" in caplog.text


def copy_of_data(folder: Path) -> Path:
    """Write the digits as somebody keeps a data set: Parquet files of both splits."""
    folder.mkdir()
    dataset = Setup(read(None, KEYS)).data
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        made = datasets.Dataset.from_dict(
            {"image": [Image.fromarray(x[0]) for x in split.inputs], "label": split.labels}
        ).cast_column("image", datasets.Image())
        made.to_parquet(folder / f"{name}-00000-of-00001.parquet")
    return folder


def test_a_copy_elsewhere_makes_the_same_run(tmp_path: Path) -> None:
    folder = copy_of_data(tmp_path / "here")

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


def asked(run_config: dict[str, Any], node: dict[str, Any]) -> Message:
    """A train message to a node as a server sends it, and the node's answer."""
    identify_process()
    state = arrays_record({"w": np.arange(3, dtype=np.int32)})
    content = train_content(state, Task(1, 0, 0))
    flat = {**flatten(read(None, KEYS)), **run_config}
    return app(
        Message(content, FIRST_NODE, MessageType.TRAIN),
        Context(1, FIRST_NODE, node, RecordDict(), flat),
    )


@pytest.mark.parametrize("key", ["data.path", "data.name"])
@pytest.mark.parametrize("folder", ["there", "nowhere"])
def test_a_server_cannot_make_a_node_read_a_folder_of_its_own(
    tmp_path: Path, key: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there" / "SECRET-1").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "there" / "SECRET-1" / "0.png")
    looked: list[Any] = []
    for name in ("load", "load_own"):
        monkeypatch.setattr(data, name, lambda *given: looked.append(given))

    reply = asked({key: str(tmp_path / folder)}, {"partition-id": 0})

    assert reply.error.reason == NOT_ALLOWED
    assert not looked


@pytest.mark.parametrize(
    ("name", "node", "allowed"),
    [
        ("digits", {}, True),
        ("ylecun/mnist", {}, True),
        ("somebody/faces", {}, False),
        ("somebody/faces", {"data.name": "somebody/faces"}, True),
        ("somebody/faces", {"data.name": "somebody/else"}, False),
        ("somebody/faces", {"data.copy": "/srv/faces"}, True),
        ("../faces", {}, False),
        ("", {}, False),
    ],
)
def test_a_node_loads_what_the_project_or_its_own_config_names(
    name: str, node: dict[str, Any], allowed: bool
) -> None:
    with nullcontext() if allowed else pytest.raises(RefusedError, match="are refused"):
        require_permission({"data.name": name}, {"partition-id": 0, **node})


def test_a_node_obeys_orders_to_attack_only_if_its_own_config_allows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ["attack.name=label_flip", "attack.fraction=0.4"]
    every = [{"partition-id": client} for client in range(3)]
    _, simulation = start(tmp_path / "simulation", {}, *keys)
    allowing = {client: {**node, "attack-orders": True} for client, node in enumerate(every)}
    _, drill = start(tmp_path / "drill", allowing, *keys)
    rows, refused = start(tmp_path / "refused", dict(enumerate(every)), *keys)

    assert drill["digest"] == simulation["digest"]
    assert refused["rejected"] == {"error": 2}
    for row in rows:
        assert row["rejections"] == [[client, "error", REFUSED] for client in row["malicious"]]
    assert caplog.text.count("NO ATTACK TAKES PLACE") == 1


def test_orders_in_the_message_of_a_server_are_refused_unopened() -> None:
    order = ConfigRecord({"attack": "nowhere:Attack", "params": "{", "clients-per-round": 1})
    identify_process()
    content = RecordDict({RECORD: order})
    message = Message(content, FIRST_NODE, MessageType.TRAIN)

    with pytest.raises(RefusedError, match="attack orders are refused"):
        ordered_attack(message, Context(1, FIRST_NODE, {"partition-id": 0}, RecordDict(), {}))


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        ({}, "takes partition-id, or data.path"),
        ({"partition-id": -1}, "partition-id: got -1"),
        ({"partition-id": "one"}, "partition-id: got 'one'"),
        ({"data.path": ""}, "data.path: got ''; takes a folder"),
        ({"data.pth": "x"}, "did you mean 'data.path'"),
        ({"data.path": "x", "data.copy": "y"}, "not both"),
        ({"partition-id": 0, "data.name": 3}, "data.name: got 3; takes the id of a data set"),
        ({"partition-id": 0, "attack-order": True}, "did you mean 'attack-orders'"),
        ({"partition-id": 0, "attack-orders": 1}, "attack-orders: got 1; takes true or false"),
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
    with RunDirectory(tmp_path / "below").create(config):
        pass
    (tmp_path / "below" / "runs").mkdir()
    for outside in ("../flower-1", "..", ".", str(tmp_path / "flower-1"), "runs/../flower-1"):
        with pytest.raises(InputError, match="no run"):
            choose_directory(tmp_path / "below" / "runs", outside, "flower-2", config)
    with pytest.raises(InputError, match=r"flower-1 is a run with seed=0; takes the same"):
        choose_directory(tmp_path, "flower-1", "", read(None, [*KEYS, "seed=1"]))


def test_a_query_names_the_client_and_an_own_folder_may_be_any() -> None:
    assert client_of({"partition-id": 2, "num-partitions": 3}) == 2
    assert client_of({"data.path": "x"}) == -1
