from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from frl import models
from frl.errors import InputError
from frl.models import DataShape
from frl.training.parameters import ranked

MNIST, CIFAR, DIGITS = (
    DataShape((1, 28, 28), 10),
    DataShape((3, 32, 32), 10),
    DataShape((1, 8, 8), 10),
)
SHAPES = {
    "lenet": MNIST,
    "conv8": CIFAR,
    "conv2": DIGITS,
    "vgg11": CIFAR,
    "mlp": DataShape((30,), 2),
    "char_lstm": DataShape((80,), 65),
    "char_transformer": DataShape((80,), 65),
    "text_attention": DataShape((30,), 2),
}
OF_INTEGERS = ("char_lstm", "char_transformer", "text_attention")


def edges(name: str, shape: DataShape) -> list[int]:
    return [p.numel() for p in models.make(name, shape).parameters()]


def test_lenet_has_the_edges_of_the_paper() -> None:
    assert edges("lenet", MNIST) == [288, 18_432, 1_605_632, 1_280]


def test_conv8_has_the_edges_of_the_paper() -> None:
    found = edges("conv8", CIFAR)
    assert sum(found) == 5_275_840
    assert found[:8] == [1728, 36864, 73728, 147456, 294912, 589824, 1179648, 2359296]
    assert found[8:] == [524288, 65536, 2560]


@pytest.mark.parametrize("name", models.list())
def test_every_model_ranks_and_classifies(name: str) -> None:
    shape = SHAPES.get(name, MNIST)

    module = models.make(name, shape)

    assert sum(spec.tensor.numel() for spec in ranked(module)) == sum(
        p.numel() for p in module.parameters()
    )
    kind = torch.int64 if name in OF_INTEGERS else torch.float32
    for count in (1, 2):
        inputs = torch.zeros(count, *shape.example, dtype=kind)
        assert module(inputs).shape == (count, shape.classes)


def test_edges_that_the_docstrings_promise() -> None:
    promised = {
        "resnet8": (CIFAR, 77_360),
        "resnet18": (CIFAR, 11_164_352),
        "vgg11": (CIFAR, 9_222_848),
        "vit": (CIFAR, 138_880),
        "char_lstm": (SHAPES["char_lstm"], 92_320),
        "char_transformer": (SHAPES["char_transformer"], 78_976),
        "text_attention": (SHAPES["text_attention"], 295_040),
    }
    for name, (shape, count) in promised.items():
        assert sum(edges(name, shape)) == count, name
        assert f"{count:,}" in " ".join((models.get(name).__doc__ or "").split()), name


@pytest.mark.parametrize("name", ["char_lstm", "char_transformer", "text_attention"])
def test_models_of_integers_refuse_images(name: str) -> None:
    with pytest.raises(InputError, match=r"takes rows of integers .* shape \(1, 8, 8\)"):
        models.make(name, DIGITS)


def test_words_beyond_the_table_are_taken_modulo_and_padding_counts_for_nothing() -> None:
    module = models.make("text_attention", DataShape((4,), 2)).eval()
    plain = torch.tensor([[5, 9, 1, 0]])

    assert torch.equal(module(plain), module(plain + 4095 * (plain > 0)))
    assert not torch.equal(module(plain), module(torch.tensor([[5, 9, 2, 0]])))
    assert torch.isfinite(module(torch.zeros(1, 4, dtype=torch.int64))).all()


def test_a_causal_place_does_not_see_what_comes_later() -> None:
    module = models.make("char_transformer", DataShape((6,), 9))
    models.signed_constant(module, 0)
    block = module.blocks[0]
    before = torch.randn(1, 6, 64)
    after = before.clone()
    after[:, 4:] += 1

    assert torch.equal(block(before)[:, :4], block(after)[:, :4])
    assert not torch.equal(block(before)[:, 4:], block(after)[:, 4:])


@pytest.mark.parametrize("name", ["lenet", "conv8", "conv2", "resnet18", "vgg11", "vit"])
def test_image_models_refuse_tables(name: str) -> None:
    with pytest.raises(InputError, match=r"takes images .* shape \(30,\)"):
        models.make(name, DataShape((30,), 2))


def test_weights_are_plus_and_minus_one_constant() -> None:
    module = models.make("conv2", DIGITS)

    models.signed_constant(module, 3)

    for spec in ranked(module):
        weight = spec.tensor.detach()
        fan_in = weight[0].numel()
        assert torch.equal(weight.abs(), torch.full_like(weight, np.float32((2 / fan_in) ** 0.5)))
        assert 0.3 < float((weight > 0).float().mean()) < 0.7


def test_the_same_bits_on_every_machine() -> None:
    """The hash was computed once; it must never change, or old runs cannot be repeated."""
    module = models.make("conv2", DIGITS)
    models.signed_constant(module, 0)
    sha = hashlib.sha256()
    for spec in ranked(module):
        sha.update(spec.tensor.detach().numpy().tobytes())
    for scores in models.initial_scores(module, 0).values():
        sha.update(scores.tobytes())

    assert sha.hexdigest() == "90b53105056520c6bc5a699bfee40f0c33e50152dbbf2dcfac640c914924481b"


def test_seeds_differ() -> None:
    a, b = (models.make("conv2", DIGITS) for _ in range(2))
    models.signed_constant(a, 0)
    models.signed_constant(b, 1)

    assert not torch.equal(a.fc1.weight, b.fc1.weight)
    assert not np.array_equal(
        models.initial_scores(a, 0)["fc1"], models.initial_scores(a, 1)["fc1"]
    )


def test_sorted_scores_are_strictly_increasing_and_hardly_moved() -> None:
    module = models.make("lenet", MNIST)
    initial = models.initial_scores(module, 0)

    for name, values in models.sorted_scores(initial).items():
        plain = np.sort(initial[name])
        assert (np.diff(values) > 0).all()
        np.testing.assert_allclose(values, plain, rtol=1e-5, atol=1e-8)
    assert (np.diff(np.sort(initial["fc1"])) == 0).any(), "the draw has no ties to push apart"


def test_kaiming_uniform_bounds() -> None:
    module = models.make("conv2", DIGITS)

    models.kaiming_uniform(module, 0)

    for spec in ranked(module):
        bound = spec.tensor[0].numel() ** -0.5
        assert 0.9 * bound < float(spec.tensor.detach().abs().max()) <= bound
