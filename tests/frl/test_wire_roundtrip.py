"""What is encoded comes back: every coding, all sizes, extreme rankings."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments.benchmarks.rankings import CONV8, LENET, base_ranking, moved_ranking
from frl import wire
from frl.exchange.ballots import ballot
from frl.exchange.downlink import coarsen, decode_down, encode_down
from frl.ranking import kept_edges, top_mask

SIZES = st.one_of(
    st.integers(0, 70),
    st.integers(240, 270),
    st.integers(0, 5_000),
    st.sampled_from([65_536, 99_991, 100_000]),
)
KINDS = ("identity", "reversed", "random", "near", "rotated", "inverted", "same")
GIVES_POSITIONS = ("fixed", "delta")


def ranking_of(kind, base, seed):
    n = base.size
    rng = np.random.default_rng(seed)
    if kind == "same":
        return base.copy()
    if kind == "reversed":
        return np.arange(n, dtype=np.int32)[::-1].copy()
    if kind == "random":
        return rng.permutation(n).astype(np.int32)
    if kind == "near":
        order = np.argsort(base + rng.normal(0, 1 + n / 50, n), kind="stable")
        positions = np.empty(n, dtype=np.int32)
        positions[order] = np.arange(n)
        return positions
    if kind == "rotated":
        return np.roll(base, n // 3)
    if kind == "inverted":
        return (n - 1 - base).astype(np.int32)
    return np.arange(n, dtype=np.int32)


def roundtrip(coding, update, base, rows=None):
    message = wire.encode(update, coding, base=base, rows=rows)
    layers = {name: values.size for name, values in update.items()}
    assert len(message) <= 64 * len(layers) + sum(coding.limit(n) for n in layers.values())
    return wire.decode(message, layers, coding, base=base)


def cases(test):
    wrapped = given(
        n=SIZES,
        kind=st.sampled_from(KINDS),
        base_kind=st.sampled_from(("identity", "random")),
        rows=st.sampled_from([None, 8, 13]),
        seed=st.integers(0, 999),
    )(test)
    for n in (0, 1, 2, 15, 16, 17, 256, 257):
        wrapped = example(n=n, kind="random", base_kind="random", rows=None, seed=1)(wrapped)
    big = example(n=(1 << 17) + 24, kind="near", base_kind="random", rows=8, seed=1)
    return settings(max_examples=60)(big(wrapped))


def prepared(n, kind, base_kind, seed):
    base = ranking_of(base_kind, np.arange(n, dtype=np.int32), seed + 1)
    return wire.Base(7, {"layer": base}), ranking_of(kind, base, seed)


@pytest.mark.parametrize("name", GIVES_POSITIONS)
@cases
def test_rankings_come_back(name, n, kind, base_kind, rows, seed):
    base, positions = prepared(n, kind, base_kind, seed)
    coding = wire.codings.make(name)
    back = roundtrip(coding, {"layer": positions}, base, rows and {"layer": rows})
    assert back["layer"].dtype == np.int32
    assert np.array_equal(back["layer"], positions)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 7, 8])
@settings(max_examples=25)
@given(
    n=SIZES,
    kind=st.sampled_from(KINDS),
    rows=st.sampled_from([None, 8]),
    focus=st.sampled_from([1.0, 1.0, 2.5]),
    seed=st.integers(0, 999),
)
@example(n=(1 << 17) + 24, kind="near", rows=8, focus=1.0, seed=1)
@example(n=1, kind="near", rows=None, focus=1.0, seed=1)
def test_ballots_come_back(bits, n, kind, rows, focus, seed):
    base, positions = prepared(n, kind, "random", seed)
    votes = ballot(positions, bits, focus=focus, centre=0.4)
    coding = wire.codings.make("ballot", bits=bits, focus=focus, centre=0.4)
    back = roundtrip(coding, {"layer": votes}, base, rows and {"layer": rows})
    assert back["layer"].dtype == np.uint8
    assert np.array_equal(back["layer"], votes)


@pytest.mark.parametrize("name", ["sparse", "sparse-delta"])
@pytest.mark.parametrize("fill", ["mean", "zero"])
@settings(max_examples=25)
@given(
    n=SIZES,
    kind=st.sampled_from(KINDS),
    top=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 999),
)
def test_sparse_votes_are_doubled_ranks_of_the_top(name, fill, n, kind, top, seed):
    base, positions = prepared(n, kind, "random", seed)
    coding = wire.codings.make(name, share=top, unsent=fill)
    votes = roundtrip(coding, {"layer": positions}, base)["layer"]
    sent = positions >= n - kept_edges(n, top)
    assert np.array_equal(votes[sent], 2 * positions[sent])
    missing = positions[~sent]
    if missing.size:
        assert set(votes[~sent].tolist()) == {int(2 * missing.mean()) if fill == "mean" else 0}
        assert fill == "zero" or votes.sum() == 2 * positions.sum()


@given(n=SIZES, keep=st.sampled_from([0.1, 0.5, 1.0]), seed=st.integers(0, 999))
def test_masks_come_back(n, keep, seed):
    mask = top_mask(np.random.default_rng(seed).permutation(n).astype(np.int32), keep)
    for coding in (wire.codings.make("mask"), wire.codings.make("mask", keep=keep)):
        back = roundtrip(coding, {"layer": mask}, None)["layer"]
        assert back.dtype == np.bool_
        assert np.array_equal(back, mask)


@given(n=SIZES, seed=st.integers(0, 999))
def test_floats_come_back_as_each_method_sends_them(n, seed):
    values = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    dense = roundtrip(wire.codings.make("float32"), {"layer": values}, None)["layer"]
    signs = roundtrip(wire.codings.make("signs"), {"layer": values}, None)["layer"]
    top = roundtrip(wire.codings.make("topk", share=0.1), {"layer": values}, None)["layer"]
    assert dense.tobytes() == values.tobytes()
    assert np.array_equal(signs, np.sign(values))
    sent = kept_edges(n, 0.1)
    expected = np.zeros(n, dtype=np.float32)
    largest = np.argsort(np.abs(values))[n - sent :]
    expected[largest] = values[largest]
    assert np.array_equal(top, expected)


def test_conv8_fixed_is_the_published_size_to_the_byte():
    layers = {name: edges for name, (edges, _) in CONV8.items()}
    message = wire.encode(base_ranking(layers, 0), wire.codings.make("fixed"))
    sizes = wire.payload_sizes(message, layers)
    assert sum(sizes.values()) == 13_704_264
    assert sizes["conv8"] * 8 == 51_904_512
    assert len(message) - sum(sizes.values()) <= 64 * len(layers)


def test_layers_come_back_by_name_in_the_order_asked_for():
    ranking = base_ranking({"b": 30, "a": 20, "c": 0}, 0)
    message = wire.encode(ranking, wire.codings.make("fixed"))
    back = wire.decode(message, {"c": 0, "a": 20, "b": 30}, wire.codings.make("fixed"))
    assert list(back) == ["c", "a", "b"]
    assert all(np.array_equal(back[name], ranking[name]) for name in ranking)


@pytest.fixture(scope="module")
def lenet():
    layers = {name: edges for name, (edges, _) in LENET.items()}
    rows = {name: count for name, (_, count) in LENET.items()}
    base = wire.Base(20, base_ranking(layers, 0))
    return base, moved_ranking(base.state, rows, 1), rows, sum(layers.values())


def test_a_lenet_ranking_takes_less_than_17_bits_an_edge(lenet):
    base, ranking, rows, edges = lenet
    coding = wire.codings.make("delta")
    assert len(wire.encode(ranking, coding, base=base)) * 8 / edges < 17.0
    assert len(wire.encode(ranking, coding, base=base, rows=rows)) * 8 / edges < 12.0


def test_a_lenet_ballot_of_four_bits_takes_less_than_one(lenet):
    base, ranking, rows, edges = lenet
    votes = {name: ballot(positions, 4) for name, positions in ranking.items()}
    coding = wire.codings.make("ballot", bits=4)
    plain = len(wire.encode(votes, coding, base=base)) * 8 / edges
    hinted = len(wire.encode(votes, coding, base=base, rows=rows)) * 8 / edges
    assert hinted < plain < 1.0


def test_bytes_do_not_depend_on_the_run():
    base = wire.Base(1, base_ranking({"a": 3000}, 0))
    ranking = moved_ranking(base.state, {"a": 10}, 1)
    messages = {
        wire.encode(ranking, wire.codings.make("delta"), base=base, rows={"a": 10}) for _ in "12"
    }
    assert len(messages) == 1


@given(n=st.integers(0, 3000), bits=st.integers(1, 8), seed=st.integers(0, 99))
def test_a_client_rebuilds_the_coarse_state_whatever_it_saw_last(n, bits, seed):
    first = base_ranking({"a": n}, seed)
    state = coarsen(base_ranking({"a": n}, seed + 1), first, bits)
    for seen in (None, wire.Base(0, first), wire.Base(3, base_ranking({"a": n}, seed + 2))):
        message = encode_down(state, held=seen, bits=bits)
        back = decode_down(message, {"a": n}, held=seen, bits=bits, ties=first)
        assert np.array_equal(back["a"], state["a"])


def test_the_way_down_is_lossless_without_bits_and_short_once_a_round_was_seen():
    seen = wire.Base(4, base_ranking({"a": 20_000}, 0))
    ranking = moved_ranking(seen.state, {"a": 10}, 1)
    snapshot = encode_down(ranking)
    update = encode_down(ranking, held=seen)
    assert len(update) < 0.8 * len(snapshot)
    for message, base in ((snapshot, None), (update, seen), (snapshot, seen)):
        back = decode_down(message, {"a": 20_000}, held=base)
        assert np.array_equal(back["a"], ranking["a"])
