"""Arbitrary configurations and files: an ``InputError`` or a sound answer, never anything else."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments.config import Config, flatten, from_flat, read
from experiments.records import RunDirectory
from experiments.records.checkpoints import Checkpoint, last_checkpoint, save_checkpoint
from frl.data.store import Store
from frl.errors import InputError
from frl.exchange.messages import arrays_record
from frl.grids import InProcessGrid
from strategies import FRL
from tests.frl.clients import app

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3)
)
keys = st.sampled_from([*flatten(Config()), "train", "data", "engine"]) | st.text(max_size=8)
bounded = settings(max_examples=60, deadline=None)


@bounded
@given(st.dictionaries(keys, values, max_size=4))
def test_any_configuration(flat: dict[str, Any]) -> None:
    try:
        config = from_flat(flat)
    except InputError:
        return
    assert from_flat(flatten(config)) == config


@bounded
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(b"[train]\n[train.deep]")
def test_any_configuration_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(content)
        with suppress(InputError):
            assert isinstance(read(path), Config)


@bounded
@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_any_checkpoint(junk: bytes, place: int, whole: bool) -> None:
    """What is read is what was written, or nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkpoint"
        state = {"layer": np.arange(20, dtype=np.int32)}
        save_checkpoint(folder, Checkpoint(1, state, {"seconds": 1.0}, {}))
        (path,) = folder.iterdir()
        good = path.read_bytes()
        path.write_bytes(junk if whole else good[:place] + junk + good[place + len(junk) :])
        try:
            found = last_checkpoint(folder)
        except InputError:
            return
        assert found is not None
        np.testing.assert_array_equal(found.state["layer"], state["layer"], strict=True)
        assert (found.round, found.progress) == (1, {"seconds": 1.0})


@bounded
@given(
    st.sampled_from(["rounds.jsonl", "result.json", "config.toml"]),
    st.binary(max_size=80) | st.just(b"[1]\n"),
)
def test_any_run_directory(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        directory = RunDirectory(Path(folder))
        for look in (directory.rows, directory.result, directory.config, directory.checkpoint):
            with suppress(InputError):
                look()


@bounded
@given(st.sampled_from(["values.npy", "manifest.json"]), st.binary(max_size=300))
def test_any_cache(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "entry")
        store.write({"values": np.arange(10)}, {"about": "test"})
        (store.folder / name).write_bytes(content)

        arrays, _ = store.get(lambda: ({"values": np.arange(10)}, {"about": "test"}))

        np.testing.assert_array_equal(arrays["values"], np.arange(10))


arrays = st.builds(
    Array,
    st.sampled_from(["int32", "float32", "object", ""]),
    st.lists(st.integers(-1, 50), max_size=2).map(tuple),
    st.sampled_from(["numpy.ndarray", "pickle"]),
    st.binary(max_size=120),
)
records = st.one_of(
    st.dictionaries(st.sampled_from(["fc", "other"]), arrays, max_size=2).map(ArrayRecord),
    st.sampled_from([{}, {"num-examples": -1}, {"num-examples": 5.5}]).map(MetricRecord),
    st.just(ConfigRecord({"x": b"y"})),
)
contents = st.dictionaries(st.sampled_from(["arrays", "metrics", "config"]), records, max_size=3)


@bounded
@given(st.lists(contents, min_size=1, max_size=4))
def test_any_reply(replies: list[dict[str, Any]]) -> None:
    strategy = FRL(clients=4, clients_per_round=4)
    grid = InProcessGrid(app, 4)
    state = {"fc": np.arange(50, dtype=np.int32)}
    asked = strategy.configure_train(1, arrays_record(state), ConfigRecord(), grid)
    for number, message in enumerate(asked):
        message.metadata.__dict__["_message_id"] = f"m{number}"
    answers = [
        Message(RecordDict(content), reply_to=message)
        for content, message in zip(replies, asked, strict=False)
    ]

    moved, _ = strategy.aggregate_train(1, iter(answers))

    assert moved is None
    assert strategy.report is not None
    assert len(strategy.report.rejected) == 4
    assert all(row.reason for row in strategy.report.rejected)
