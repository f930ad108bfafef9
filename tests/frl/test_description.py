from __future__ import annotations

import pytest
import torch
from torch import nn

from frl import models
from frl.errors import InputError
from frl.models import DataShape
from frl.training.description import describe
from frl.training.parameters import Treatment
from tests.frl.zoo import EXAMPLES, ROWS, ZOO


@pytest.mark.parametrize("name", list(ZOO))
def test_every_value_of_a_module_is_described(name: str) -> None:
    factory, kind = ZOO[name]
    module = models.build(factory, 0, EXAMPLES[kind] if kind == ROWS else None)
    before = {n: values.clone() for n, values in module.state_dict().items()}

    found = describe(module)

    assert found.ranked + found.frozen == sum(p.numel() for p in module.parameters())
    assert found.ranked == sum(
        p.numel() for n, p in module.named_parameters() if p.squeeze().dim() > 1
    )
    assert found.batch_statistics == name.startswith(("batch_norm", "resnet", "vgg"))
    assert all(torch.equal(values, before[n]) for n, values in module.state_dict().items())
    assert module.state_dict().keys() == before.keys()


def test_running_statistics_are_no_buffers_and_a_remembered_centre_is() -> None:
    assert describe(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))).buffers == ()
    assert describe(ZOO["remembering"][0]()).buffers == ("centre", "scale")


def test_messages_of_lenet() -> None:
    """At 1,625,632 edges; each layer and each message adds a few bytes of header."""
    found = describe(models.make("lenet", DataShape((1, 28, 28), 10)))

    assert found.layers[2][:4] == ("fc1", "Linear", (128, 12544), 1_605_632)
    assert {layer.treatment for layer in found.layers} == {Treatment.RANKED}
    bits = {"weights, float32": 32, "ballot of 4 bits": 4, "ballot of 2 bits": 2}
    bits |= {"ballot of 1 bit": 1, "mask": 1}
    for coding, width in bits.items():
        assert found.messages[coding] * 8 / found.ranked == pytest.approx(width, rel=0.01)
    positions = sum(n * (n - 1).bit_length() for n in (288, 18_432, 1_605_632, 1_280))
    assert found.messages["ranking"] * 8 == pytest.approx(positions, rel=0.01)


def test_what_has_nothing_to_rank_is_refused() -> None:
    with pytest.raises(InputError, match="has no weights"):
        describe(nn.BatchNorm1d(3))
