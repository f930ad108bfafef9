"""Noise that both sides know: ballots of a jittered ranking, coded given one jittered alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.benchmarks.rankings import base_ranking, moved_ranking
from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Whole
from frl.exchange.messages import Task
from frl.wire import Base, WireError

LAYERS = {"conv": 800, "fc": 60_000}
ROWS = {"conv": 8, "fc": 60}
BASE = Base(7, base_ranking(LAYERS, seed=0))
UPDATE = moved_ranking(BASE.state, ROWS, seed=1)
TASK = Task(round=7, client=3, seed=0)


def channel(bits: int, dither: float) -> Channel:
    return Channel(LAYERS, Ballots(bits, dither=dither), rows=ROWS, coded=True)


def size(line: Channel) -> int:
    return line.send_update(line.form.dithered(UPDATE, TASK), BASE, TASK, coded=True).count_bytes()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_noise_that_both_sides_know_costs_nothing(bits: int) -> None:
    plain, dithered = channel(bits, 0.0), channel(bits, 1.0)

    jittered = dithered.form.dithered(UPDATE, TASK)
    unknown = plain.send_update(jittered, BASE, TASK, coded=True).count_bytes()
    known = size(dithered)

    assert known < 1.1 * size(plain)
    assert known < 0.8 * unknown


def test_both_sides_make_the_same_noise_and_every_client_its_own() -> None:
    line = channel(2, 1.0)
    ballots = {name: line.form.of(p) for name, p in line.form.dithered(UPDATE, TASK).items()}
    record = line.send_update(line.form.dithered(UPDATE, TASK), BASE, TASK, coded=True)

    read = line.receive(record, BASE, TASK, coded=True).update

    for name, sent in ballots.items():
        np.testing.assert_array_equal(read[name], sent)
    for other in (Task(7, 4, 0), Task(8, 3, 0), Task(7, 3, 1)):
        with pytest.raises(WireError, match="coded against"):
            line.receive(record, BASE, other, coded=True)


def test_sums_travel_only_where_clients_can_follow_them() -> None:
    sums = {name: np.zeros(n, np.int32) for name, n in LAYERS.items()}

    def step(line: Channel, voters: int = 0, history: int = 1) -> bytes | None:
        return replace(line, history=history).encode_step(BASE, range(voters), sums, seed=0)

    assert step(channel(2, 1.0)) is not None
    assert step(channel(2, 1.0), history=0) is None
    assert step(channel(2, 1.0), voters=129) is None
    assert step(channel(2, 0.0), voters=129) is not None
    assert step(replace(channel(2, 1.0), down_bits=4)) is None
    assert step(replace(channel(2, 1.0), form=Ballots(2, focus=2.0))) is None
    assert step(replace(channel(2, 1.0), form=Whole())) is None


def test_without_dither_the_base_is_the_global_ranking_itself() -> None:
    assert channel(2, 0.0).form.given(BASE, TASK) is BASE


def changes(ranking: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([(ranking[name] - BASE.state[name]) / n for name, n in LAYERS.items()])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_without_its_noise_a_ballot_says_more_of_what_changed(bits: int) -> None:
    line = channel(bits, 1.0)
    jittered = line.form.dithered(UPDATE, TASK)
    ballots = {name: line.form.of(p) for name, p in jittered.items()}

    rebuilt = line.undithered(ballots, BASE, TASK)
    as_sent = line.restore(ballots, BASE)

    truth = changes(UPDATE)
    clean, noisy = (np.corrcoef(changes(r), truth)[0, 1] for r in (rebuilt, as_sent))
    assert 1 - clean < 0.8 * (1 - noisy)
    for name, positions in rebuilt.items():
        assert positions.dtype == np.int32
        np.testing.assert_array_equal(np.sort(positions), np.arange(LAYERS[name]))


def test_the_ballot_of_the_global_ranking_is_read_as_that_whatever_its_noise() -> None:
    line = channel(2, 1.0)
    jittered = line.form.dithered({**BASE.state}, TASK)
    ballots = {name: line.form.of(p) for name, p in jittered.items()}

    rebuilt = line.undithered(ballots, BASE, TASK)

    for name, positions in rebuilt.items():
        np.testing.assert_array_equal(positions, BASE.state[name])


def test_without_dither_a_ranking_is_rebuilt_from_its_ballot_alone() -> None:
    line = channel(2, 0.0)
    ballots = {name: line.form.of(p) for name, p in UPDATE.items()}

    rebuilt, full = line.undithered(ballots, BASE, TASK), line.restore(ballots, BASE)

    for name, positions in rebuilt.items():
        np.testing.assert_array_equal(positions, full[name])
