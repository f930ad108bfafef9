from __future__ import annotations

import tracemalloc
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from frl import data
from frl.data.partitions import KINDS
from frl.data.store import Store
from frl.errors import InputError


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    return data.load("digits")


def image_folder(folder: Path, rows: int = 12) -> Path:
    folder.mkdir()
    for split in ("train", "test"):
        columns = {
            "image": [Image.fromarray(np.full((4, 6), i, dtype=np.uint8)) for i in range(rows)],
            "label": [i % 3 for i in range(rows)],
            "writer": [f"w{i // 4}" for i in range(rows)],
        }
        made = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
        made.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return folder


def table_folder(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        frame = pd.DataFrame(rng.standard_normal((20, 3)), columns=["a", "b", "c"])
        frame["class"] = ["yes", "no"] * 10
        frame.to_csv(folder / f"{split}.csv", index=False)
    return folder


def test_digits_need_no_network_and_keep_every_fifth_for_testing(digits: data.DataSet) -> None:
    assert digits.shape == data.dataset.DataShape((1, 8, 8), 10)
    assert len(digits.train.labels) + len(digits.test.labels) == 1797
    assert len(digits.test.labels) == 360
    inputs, _ = digits.tensors(digits.train)
    assert abs(float(inputs.mean())) < 1e-4
    assert abs(float(inputs.std()) - 1) < 1e-3


def test_a_table_becomes_standardised_features(tmp_path: Path) -> None:
    found = data.load(str(table_folder(tmp_path / "cells")))

    assert found.shape.example == (3,)
    assert found.classes == 2
    inputs, labels = found.tensors(found.train)
    np.testing.assert_allclose(inputs.mean(dim=0), 0, atol=1e-6)
    assert labels.tolist() == [1, 0] * 10


def test_arrays_are_mapped_not_loaded(tmp_path: Path) -> None:
    found = data.load(str(image_folder(tmp_path / "pictures")))

    assert isinstance(found.train.inputs, np.memmap)
    assert found.train.inputs.shape == (12, 1, 4, 6)
    assert found.train.inputs[5].max() == 5
    assert found.columns["writer"].tolist() == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("damage", ["truncate", "remove", "garble"])
def test_a_damaged_cache_is_detected_and_rebuilt(tmp_path: Path, damage: str) -> None:
    arrays = {"values": np.arange(1000)}
    built = []

    def build() -> tuple[dict[str, np.ndarray], dict[str, int]]:
        built.append(True)
        return arrays, {"answer": 42}

    store = Store(tmp_path / "cached")
    store.get(build)
    store.get(build)
    assert len(built) == 1
    victim = tmp_path / "cached" / "values.npy"
    if damage == "truncate":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif damage == "remove":
        victim.unlink()
    else:
        (tmp_path / "cached" / "manifest.json").write_text("{")

    found, about = store.get(build)

    assert len(built) == 2
    np.testing.assert_array_equal(found["values"], arrays["values"])
    assert about == {"answer": 42}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cached"]


def test_writing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "cached")

    with pytest.raises(ValueError, match="pickle"):
        store.write({"values": np.array([object()])}, {})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"natural", "virtual"}))
def test_partitions_cover_and_do_not_overlap(digits: data.DataSet, kind: str) -> None:
    made = data.partition(digits, kind, clients=37, seed=3, alpha=0.3)

    assert made.clients == 37
    rows = np.concatenate([made.of(client) for client in range(37)])
    assert len(np.unique(rows)) == len(rows)
    left_out = len(digits.train.labels) - len(rows)
    assert 0 <= left_out < (37 * 2 if kind == "shard" else 1)
    again = data.partition(digits, kind, clients=37, seed=3, alpha=0.3)
    other = data.partition(digits, kind, clients=37, seed=4, alpha=0.3)
    np.testing.assert_array_equal(made.rows, again.rows)
    assert not np.array_equal(made.rows, other.rows)


def test_iid_is_even_and_small_alpha_is_not(digits: data.DataSet) -> None:
    iid = data.partition(digits, "iid", clients=50, seed=0)
    skewed = data.partition(digits, "dirichlet", clients=50, seed=0, alpha=0.05)

    assert isinstance(iid, data.StoredPartition)
    assert isinstance(skewed, data.StoredPartition)
    assert np.ptp(iid.sizes) <= 1
    assert (skewed.sizes == 0).any(), "a client may hold nothing"


def test_shards_hold_few_labels(digits: data.DataSet) -> None:
    made = data.partition(digits, "shard", clients=50, seed=0, shards=2)

    labels = [np.unique(digits.train.labels[made.of(client)]).size for client in range(50)]
    assert np.mean(labels) < 4


def test_virtual_clients_draw_for_themselves_and_cost_nothing(digits: data.DataSet) -> None:
    tracemalloc.start()
    made = data.partition(digits, "virtual", clients=10**9, seed=1, samples=40)
    rows = [made.of(client) for client in range(10**9 - 200, 10**9)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert made.clients == 10**9
    assert peak < 1_000_000
    assert all(len(np.unique(drawn)) == 40 and (np.diff(drawn) > 0).all() for drawn in rows)
    assert len({drawn.tobytes() for drawn in rows}) == 200
    assert 0 <= np.min(rows) <= np.max(rows) < len(digits.train.labels)
    np.testing.assert_array_equal(made.of(10**9 - 1), rows[-1])
    other = data.partition(digits, "virtual", clients=10**9, seed=2, samples=40)
    assert not np.array_equal(other.of(10**9 - 1), rows[-1])
    counts = np.bincount(np.concatenate([made.of(c) for c in range(2000)]))
    expected = 2000 * 40 / len(digits.train.labels)
    assert abs(counts.mean() - expected) < 1
    assert counts.std() < 1.2 * expected**0.5, "every example is equally likely"


def test_natural_gives_each_value_a_client(tmp_path: Path) -> None:
    pictures = data.load(str(image_folder(tmp_path / "pictures")))

    made = data.partition(pictures, "natural", clients=3, seed=0, column="writer")

    assert [made.of(c).tolist() for c in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "iidd"}, "unknown partition 'iidd'; did you mean 'iid'"),
        ({"kind": "iid", "clients": 2000}, "2000 clients is more than the 1437"),
        ({"kind": "virtual", "samples": 1438}, "data.samples: got 1438; takes at most the 1437"),
        ({"kind": "shard", "clients": 800}, "800 clients x 2 shards is more than"),
        ({"kind": "natural", "column": "writer"}, "unknown data.column of data set 'digits'"),
    ],
)
def test_what_cannot_be_divided(digits: data.DataSet, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.partition(digits, **{"clients": 5, "seed": 0, **options})


def test_a_natural_partition_says_how_many_clients_it_takes(tmp_path: Path) -> None:
    pictures = data.load(str(image_folder(tmp_path / "pictures")))

    with pytest.raises(InputError, match="takes clients = 3"):
        data.partition(pictures, "natural", clients=4, seed=0, column="writer")


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("mnits", "", "unknown data set 'mnits'; did you mean 'mnist'"),
        ("mnist", "/nowhere/at/all", "data.path: no folder '/nowhere/at/all'"),
    ],
)
def test_missing_data(name: str, path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.load(name, path)


def test_missing_columns(tmp_path: Path) -> None:
    for split in ("train", "test"):
        pd.DataFrame({"words": ["a", "b"]}).to_csv(tmp_path / f"{split}.csv", index=False)

    with pytest.raises(InputError, match="no label column in"):
        data.load(str(tmp_path))


def test_missing_split(tmp_path: Path) -> None:
    pd.DataFrame({"label": [0, 1], "x": [0.0, 1.0]}).to_csv(tmp_path / "train.csv", index=False)

    with pytest.raises(InputError, match="takes the splits train and test; found train"):
        data.load(str(tmp_path))


@pytest.mark.data
def test_real_mnist_by_writer(data_root: Path) -> None:
    mnist = data.load("mnist", str(data_root / "mnist"))

    assert mnist.shape == data.dataset.DataShape((1, 28, 28), 10)
    np.testing.assert_allclose([mnist.mean[0] / 255, mnist.std[0] / 255], [0.1307, 0.3081], 1e-3)
    assert np.bincount(mnist.train.labels)[:3].tolist() == [5923, 6742, 5958]
    writers = data.partition(mnist, "natural", clients=539, seed=0, column="writer_id")
    assert (writers.sizes.min(), writers.sizes.max()) == (19, 131)


@pytest.mark.data
def test_real_cifar_is_augmented(data_root: Path) -> None:
    cifar = data.load("cifar10", str(data_root / "cifar10"))

    assert cifar.shape == data.dataset.DataShape((3, 32, 32), 10)
    assert cifar.augmentation == "crop-flip"
    np.testing.assert_allclose(np.array(cifar.mean) / 255, [0.491, 0.482, 0.447], atol=1e-3)


def test_arrays_are_finite() -> None:
    inputs, labels = np.zeros((4, 3), np.float32), np.arange(4) % 2
    bad = inputs.copy()
    bad[2, 1] = np.nan

    assert data.dataset_of((inputs, labels), (inputs, labels)).classes == 2
    with pytest.raises(InputError, match=r"test has nan in column 1, row 2 of its array"):
        data.dataset_of((inputs, labels), (bad, labels))
