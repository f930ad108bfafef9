"""What a server is told of an error on a node, and which nodes are no machines of their own."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from flwr.app import Context, Message, MessageType, RecordDict

from frl.data import OwnDataError
from frl.discretion import DATA, MEMORY, MESSAGE, OTHER, SETUP, discreet
from frl.errors import FRLError, InputError, MessageError, RefusedError
from frl.grids.internals import identify_process
from frl.ranking import DIVERGED, rank
from frl.simulation import SIMULATED, simulated

SECRET = "/srv/patients holds SECRET-1"


def diverged() -> Exception:
    with pytest.raises(ValueError, match="diverged") as raised:
        rank(torch.full((3,), torch.nan).numpy())
    return raised.value


ERRORS: list[tuple[Exception, str]] = [
    (OwnDataError(SECRET), DATA),
    (InputError(SECRET), SETUP),
    (MessageError("reason", SECRET), MESSAGE),
    (MemoryError(SECRET), MEMORY),
    (torch.OutOfMemoryError(SECRET), MEMORY),
    (FileNotFoundError(2, "No such file", SECRET), OTHER),
    (FRLError(SECRET), OTHER),
    (type(SECRET, (Exception,), {})(SECRET), OTHER),
    (diverged(), DIVERGED),
    (RefusedError("the words of a refusal"), "the words of a refusal"),
]


def answer(error: Exception, node_config: dict[str, Any]) -> Message:
    def fail(message: Message, context: Context) -> Message:
        raise error

    identify_process()
    message = Message(RecordDict(), 2, MessageType.TRAIN)
    return discreet(message, Context(1, 2, node_config, RecordDict(), {}), fail)


@pytest.mark.parametrize(("error", "words"), ERRORS, ids=lambda part: type(part).__name__)
def test_a_server_is_told_fixed_words_and_the_log_of_the_node_the_rest(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply = answer(error, {"partition-id": 0})

    assert reply.error.reason == words
    assert "SECRET" not in words
    assert str(error) in caplog.text


def test_in_a_simulation_errors_pass_as_they_are() -> None:
    with pytest.raises(InputError, match="SECRET-1"):
        answer(InputError(SECRET), {"partition-id": 0, SIMULATED: True})


@pytest.mark.parametrize(
    ("node_config", "modules", "started", "expected"),
    [
        ({SIMULATED: True}, (), False, True),
        ({SIMULATED: "true"}, (), False, False),
        ({"num-partitions": 3}, (), False, False),
        ({}, ("ray",), True, False),
        ({}, ("flwr.simulation",), False, False),
        ({}, ("ray", "flwr.simulation"), False, False),
        ({}, ("ray", "flwr.simulation"), True, True),
    ],
)
def test_a_simulation_is_known_by_our_engines_word_or_by_flowers_worker(
    node_config: dict[str, Any],
    modules: tuple[str, ...],
    started: bool,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ray", "flwr.simulation"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in modules:
        fake: Any = SimpleNamespace(is_initialized=lambda: started)
        monkeypatch.setitem(sys.modules, name, fake)

    assert simulated(node_config) is expected
