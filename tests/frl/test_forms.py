"""Forms: what is sent of an update comes back through every coding that fits."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from experiments.benchmarks.rankings import base_ranking, moved_ranking
from frl.errors import InputError, MessageError
from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Differences, Form, Top, Whole
from frl.exchange.messages import MalformedError, Task
from frl.wire import Base, WireError

LAYERS = {"conv": 800, "fc": 6000}
BASE = Base(7, base_ranking(LAYERS, seed=0))
RANKING = moved_ranking(BASE.state, {"conv": 8, "fc": 60}, seed=1)
RNG = np.random.default_rng(0)
WEIGHTS = {name: RNG.standard_normal(n).astype(np.float32) for name, n in LAYERS.items()}
START = Base(7, {name: np.zeros(n, np.float32) for name, n in LAYERS.items()})
TASK = Task(round=7, client=3, seed=0)
ON_RANKINGS: list[Form] = [
    Whole(),
    Ballots(3),
    Ballots(3, 2.0, centre=0.7),
    Top(0.3),
    Top(0.3, "zero"),
]


def received(channel: Channel, update: dict[str, np.ndarray], base: Base, *, coded: bool):  # type: ignore[no-untyped-def]
    record = channel.send_update(update, base, TASK, coded=coded)
    return channel.receive(record, base, TASK, coded=coded)


@pytest.mark.parametrize("form", ON_RANKINGS, ids=str)
def test_coded_or_not_the_server_reads_the_same_and_measures_what_would_travel(form: Form) -> None:
    plain = received(Channel(form=form), RANKING, BASE, coded=False)

    assert plain.coded is None
    for sent in plain.update.values():
        assert form.fault(sent) is None
        assert sent.dtype == form.dtype
    for coding in form.codings():
        channel = Channel(form=form, coding=coding)
        coded = received(channel, RANKING, BASE, coded=True)
        assert list(coded.update) == list(LAYERS)
        for name, sent in plain.update.items():
            np.testing.assert_array_equal(coded.update[name], sent)
        assert channel.measure(plain.update, BASE, TASK) == coded.coded


@pytest.mark.parametrize("form", ON_RANKINGS, ids=str)
def test_a_restored_ranking_is_one_that_sends_the_same(form: Form) -> None:
    channel = Channel(form=form)
    sent = received(channel, RANKING, BASE, coded=False).update

    restored = channel.restore(sent, BASE)

    for name, positions in restored.items():
        np.testing.assert_array_equal(np.sort(positions), np.arange(LAYERS[name]))
        np.testing.assert_array_equal(form.of(positions), sent[name])


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        (Differences(), lambda values: values),
        (Differences(signs=True), lambda values: np.where(values < 0, -1, 1)),
        (
            Differences(0.1),
            lambda values: np.where(
                np.abs(values) >= np.sort(np.abs(values))[int(0.9 * values.size)], values, 0
            ),
        ),
    ],
    ids=str,
)
def test_codings_of_differences_keep_what_the_form_says(form, kept) -> None:  # type: ignore[no-untyped-def]
    plain = received(Channel(form=form), WEIGHTS, START, coded=False).update
    coded = received(Channel(form=form), WEIGHTS, START, coded=True).update

    for name, values in WEIGHTS.items():
        np.testing.assert_array_equal(plain[name], values)
        np.testing.assert_array_equal(coded[name], kept(values))


def test_differences_that_are_no_numbers_are_faults() -> None:
    values = WEIGHTS["conv"].copy()
    assert Differences().fault(values) is None
    for bad in (np.nan, np.inf, -np.inf):
        values[3] = bad
        assert Differences().fault(values) == "non-finite"


def test_weights_travel_down_whole() -> None:
    channel = Channel(LAYERS, Differences(), coded=True)

    state = channel.read_state(channel.send_state(Base(7, WEIGHTS), START))

    for name, values in WEIGHTS.items():
        np.testing.assert_array_equal(state[name], values)


def test_a_coding_that_does_not_fit_the_form_is_refused() -> None:
    with pytest.raises(InputError, match="'ballot'"):
        Channel(LAYERS, Whole(), "ballot").encode_update(RANKING, BASE, TASK)


@pytest.mark.parametrize("kind", [WireError, MalformedError])
def test_errors_keep_reason_and_detail_between_processes(kind: type[MessageError]) -> None:
    error = pickle.loads(pickle.dumps(kind("truncated", "3 bytes")))

    assert type(error) is kind
    assert (error.reason, error.detail, str(error)) == (
        "truncated",
        "3 bytes",
        "truncated: 3 bytes",
    )
