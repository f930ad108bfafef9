"""Own data as shards: every kind gives the same arrays, and what is wrong is one line."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import frl
from frl.app.shard_reader import read_shard
from frl.app.shards import read_shards
from tests.own import Net, pairs

X = np.arange(24, dtype=np.float32).reshape(6, 4)
Y = np.array([0, 2, 1, 1, 0, 2])


class Examples(Dataset[Any]):
    """A map-style data set of whatever it is given."""

    def __init__(self, examples: list[Any]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, number: int) -> Any:
        return self.examples[number]


class Ends(Examples):
    """Says it is longer than it is."""

    def __len__(self) -> int:
        return len(self.examples) + 2


class Random(Examples):
    """Adds noise, as random transforms do."""

    def __getitem__(self, number: int) -> Any:
        inputs, label = self.examples[number]
        return inputs + torch.rand(4), label


class Stream(IterableDataset[Any]):
    """Has no length."""

    def __iter__(self) -> Any:
        return iter(zip(X, Y, strict=True))


def hugging_face(**columns: Any) -> Any:
    import datasets

    return datasets.Dataset.from_dict(columns)


def examples(inputs: Any = X, labels: Any = Y) -> list[Any]:
    return [(torch.as_tensor(x), int(y)) for x, y in zip(inputs, labels, strict=True)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: (X, Y),
        lambda: (X.astype(np.float64), Y.astype(np.uint8)),
        lambda: [torch.from_numpy(X), torch.from_numpy(Y)],
        lambda: (torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)),
        lambda: TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
        lambda: Examples(examples()),
        lambda: Subset(Examples(examples([*X, *X], [*Y, *Y])), range(6, 12)),
        lambda: examples(),
        lambda: hugging_face(pixels=X.tolist(), label=Y.tolist()),
        lambda: hugging_face(pixels=X.tolist(), label=Y.tolist()).with_format("torch"),
    ],
)
def test_every_kind_of_shard_is_the_same_arrays(make: Any) -> None:
    found = read_shard("shard 0", make())

    np.testing.assert_array_equal(found.inputs, X)
    np.testing.assert_array_equal(found.labels, Y)
    assert (found.inputs.dtype, found.labels.dtype) == (np.float32, np.int64)


def test_pictures_are_channels_first_and_stay_bytes() -> None:
    import datasets
    from PIL import Image

    grey = np.arange(60, dtype=np.uint8).reshape(2, 5, 6)
    colour = np.arange(180, dtype=np.uint8).reshape(2, 5, 6, 3)
    kinds = datasets.Features(
        {"image": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b"])}
    )
    table = {"image": [Image.fromarray(each) for each in colour], "kind": [1, 0]}

    plain = read_shard("s", [(Image.fromarray(each), 1) for each in grey])
    held = read_shard("s", datasets.Dataset.from_dict(table, features=kinds))

    np.testing.assert_array_equal(plain.inputs, grey[:, None])
    np.testing.assert_array_equal(held.inputs, colour.transpose(0, 3, 1, 2))
    assert held.inputs.dtype == np.uint8
    np.testing.assert_array_equal(held.labels, [1, 0])


BAD: dict[str, tuple[Any, str]] = {
    "no labels": (X, "got a ndarray without labels"),
    "no labels in examples": (list(X), "example 0 is a ndarray without a label"),
    "dict": ({"x": X, "y": Y}, "got a dict without labels"),
    "triple": ((X, Y, Y), "got a tuple of 3"),
    "empty": ((X[:0], Y[:0]), "has no examples"),
    "empty dataset": (Examples([]), "has no examples"),
    "fewer labels": ((X, Y[:5]), r"labels have shape \(5,\); takes \(6,\)"),
    "one-hot": ((X, np.eye(3)[Y].astype(int)), r"labels have shape \(6, 3\)"),
    "float labels": ((X, Y.astype(float)), "labels are of type float64; takes integers"),
    "bool labels": ((X, Y > 0), "labels are of type bool"),
    "text labels": ((X, np.array(list("abcabc"))), "labels are of type <U1"),
    "negative": ((X, Y - 1), "there is a label -1"),
    "text": ((X.astype(str), Y), "inputs are of type"),
    "not finite": ((X / X[0, 0] if X[0, 0] else X + np.nan, Y), "not all finite"),
    "overflow": ((X.astype(np.float64) + 1e300, Y), "not all finite float32"),
    "flat": ((Y, Y), r"inputs have shape \(6,\)"),
    "ragged pair": (([[1, 2], [1]], [0, 1]), "inhomogeneous"),
    "ragged": (
        Examples([(torch.zeros(4), 0), (torch.zeros(3), 0)]),
        r"example 1 has shape \(3,\), example 0 \(4,\)",
    ),
    "ends": (Ends(examples()), "ended after 6 of 8 examples: IndexError"),
    "random": (Random(examples()), "example 0 is another one each time"),
    "stream": (Stream(), "got a Stream; takes"),
    "generator": ((pair for pair in examples()), "got a generator; takes"),
    "loader": (DataLoader(Examples(examples())), "got a DataLoader; takes its dataset"),
    "two inputs": (hugging_face(a=[1.0], b=[2.0], label=[0]), "columns a, b, label"),
    "no label column": (hugging_face(a=[1.0], b=[2]), "columns a, b is the input and which"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_shard_is_refused_in_a_line(case: str) -> None:
    shard, message = BAD[case]

    with pytest.raises(frl.InputError, match=message) as caught:
        frl.client_app(Net, [(X, Y), shard][::-1])

    assert str(caught.value).startswith("shard 0: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shards", "options", "message"),
    [
        ([], {}, "shards: got none"),
        ((each for each in pairs()), {}, "shards: got a generator; takes a sequence"),
        (iter(pairs()), {}, "shards: got a list_iterator"),
        (Ends(pairs(3)), {}, "shards: ended after 3 of 5: IndexError"),
        (pairs(3), {"clients": 4}, "clients: got 4; there are 3 shards"),
        (lambda client: pairs()[client], {}, "a callable of shards takes their number"),
        (lambda client: 1 / 0, {"clients": 3}, "shard 0: cannot be loaded: ZeroDivisionError"),
        (
            lambda client: (np.random.random((4, 64)), Y[:4]),  # noqa: NPY002
            {"clients": 3},
            "other examples each time",
        ),
        ([pairs()[0], (X, Y)], {}, r"shard 1: examples are float32 of shape \(4,\); those of"),
        (
            [pairs()[0], (np.zeros((3, 64), np.uint8), Y[:3])],
            {},
            "shard 1: examples are uint8 of shape",
        ),
        ([(np.zeros((3, 5)), Y[:3])], {}, r"Net: does not take examples of shape \(5,\): Runtime"),
        ([(np.zeros((1, 64)), [10])], {}, "there is a label 10; the model has 10 outputs"),
    ],
)
def test_shards_that_do_not_go_together_are_refused(
    shards: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(frl.InputError, match=message):
        frl.client_app(Net, shards, **options)


class Needs(torch.nn.Linear):
    pass


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (torch.nn.Flatten, {}, "Flatten: module Flatten has no weights that can be ranked"),
        (Needs, {}, "Needs: cannot be made without arguments: TypeError"),
        (Net(), {}, "model: got a Net; takes a class"),
        (dict, {}, "dict: makes a dict; takes a torch module"),
        (Net, {"method": "frll"}, "unknown method 'frll'; did you mean 'frl'"),
        (Net, {"mask_by": "size"}, "unknown mask_by 'size'"),
        (Net, {"keep": 0.0}, "keep: got 0.0"),
        (Net, {"epochs": 0}, "epochs: got 0"),
        (Net, {"batch_size": 2.5}, "batch_size: got 2.5"),
        (Net, {"lr": float("nan")}, "lr: got nan"),
        (Net, {"augmentation": "flip"}, "unknown augmentation 'flip'"),
        (Net, {"augmentation": "crop-flip"}, "takes images"),
    ],
)
def test_a_network_or_setting_that_cannot_train_is_refused(
    model: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(frl.InputError, match=message) as caught:
        frl.client_app(model, pairs(2), **options)

    assert "\n" not in str(caught.value)


def test_a_callable_loads_a_shard_when_it_is_asked_and_keeps_a_few() -> None:
    loaded: list[int] = []

    def load(client: int) -> Any:
        loaded.append(client)
        return X + client, Y

    shards = read_shards(load, 1000)
    loaded.clear()
    for client in (7, 8, 7, 8, 999):
        np.testing.assert_array_equal(shards.of(client).inputs, X + client)
    for client in range(100, 120):
        shards.of(client)
    shards.of(7)

    assert loaded == [7, 8, 999, *range(100, 120), 7]


def test_a_loaded_shard_that_differs_costs_its_client_alone() -> None:
    def load(client: int) -> Any:
        inputs, labels = pairs()[client]
        return (inputs[:, :60], labels) if client == 2 else (inputs, labels)

    import strategies

    app = frl.client_app(Net, load, clients=12, epochs=1)
    server = strategies.FRL(clients=12, clients_per_round=12)
    server.start(frl.InProcessGrid(app, 12), server.initial(Net), num_rounds=1)

    assert server.report is not None
    ((client, reason, detail),) = server.report.rejected
    assert (client, reason) == (2, "error")
    assert "shard 2: examples are float32 of shape (60,); those of shard 0" in detail


def test_an_app_is_sent_without_what_it_keeps() -> None:
    app = frl.client_app(Net, pairs(), keep=0.3)
    before = len(pickle.dumps(app))
    app.worker(5)

    other = pickle.loads(pickle.dumps(app))

    assert len(pickle.dumps(app)) == before
    assert (other.clients, other.classes, other.network) == (12, 10, app.network)


def test_a_cohort_on_one_worker_gives_the_same_updates() -> None:
    import strategies

    digests = set()
    for cohort in (1, 4):
        app = frl.client_app(Net, pairs(), epochs=1)
        server = strategies.FRL(clients=12, clients_per_round=8)
        grid = frl.InProcessGrid(app, 12, cohort=cohort)
        result = server.start(grid, server.initial(Net), num_rounds=2)
        digests.add(frl.digest({n: a.numpy() for n, a in result.arrays.items()}))

    assert len(digests) == 1
