"""The grid that hides an adversary: what passes, what is swapped, what the attack gets to see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from flwr.app import Message

import attacks
from attacks.adversary.grid import AdversarialGrid
from attacks.adversary.mod import adversary_mod
from attacks.adversary.population import Population, malicious_clients
from attacks.base import Attack, Crafted, CraftView, Knowledge
from frl.errors import InputError
from tests.attacks import builders, flower
from tests.attacks.flower import FakeGrid, SimpleCodec, honest, make_app, request, update_of

SEEN: list[CraftView] = []


@dataclass(frozen=True)
class Spy(Attack):
    """Sends reversed identities, numbered, and records what it sees."""

    space: ClassVar[Any] = "ranks"
    knowledge: ClassVar[Knowledge] = ~Knowledge(0)

    sees: Knowledge = Knowledge.COLLUDERS

    def needs(self) -> Knowledge:
        return self.sees

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        SEEN.append(view)
        rounds = int(view.state["rounds"]) if view.state else 0
        updates = [
            {
                name: np.roll(np.arange(p.size, dtype=np.int32)[::-1], i)
                for name, p in view.previous.items()
            }
            for i in range(count)
        ]
        return Crafted(updates, {"rounds": np.asarray(rounds + 1), "draw": rng.random(2)})


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    SEEN.clear()
    flower.CRASHING.clear()
    flower.identify()
    yield
    flower.CRASHING.clear()


STATE = builders.rankings(1, seed=77)[0]
BAD = Population(3, np.array([1, 4, 6, 20, 21, 22, 23]), None)
SAMPLED = [6, 0, 1, 2, 3, 4]


def grid_of(
    inner: FakeGrid, attack: Attack, malicious: Population = BAD, **options: Any
) -> AdversarialGrid:
    codec = options.pop("codec", SimpleCodec())
    return AdversarialGrid(inner, attack, malicious, codec, builders.setting(), **options)


def send(grid: Any, round: int = 5, clients: Any = SAMPLED, **options: Any) -> dict[int, Message]:
    """Send a round and key the replies by the client they answer for."""
    messages = [request(client, round, STATE) for client in clients]
    replies = list(grid.send_and_receive(messages, **options))
    by_id = {m.metadata.message_id: c for m, c in zip(messages, clients, strict=True)}
    return {by_id[reply.metadata.reply_to_message_id]: reply for reply in replies}


def test_swaps_the_colluders_and_no_one_else() -> None:
    inner = FakeGrid(make_app())
    grid = grid_of(inner, Spy())

    replies = send(grid)

    assert set(replies) == set(SAMPLED)
    assert grid.malicious == (1, 4, 6)
    for client in (0, 2, 3):
        np.testing.assert_array_equal(
            update_of(replies[client].content)["fc"], honest(client, 5)["fc"]
        )
    for i, client in enumerate((1, 4, 6)):
        expected = np.roll(np.arange(31)[::-1], i)
        np.testing.assert_array_equal(update_of(replies[client].content)["fc"], expected)


def test_replies_are_told_apart_whatever_the_order_of_sending() -> None:
    class Backwards(FakeGrid):
        def push_messages(self, messages: Any) -> list[str]:
            return super().push_messages(list(messages)[::-1])[::-1]

        def send_and_receive(self, messages: Any, *, timeout: Any = None) -> Any:
            for message in list(messages)[::-1]:
                yield from self.pull_messages(super().push_messages([message]))

    replies = send(grid_of(Backwards(make_app()), Spy()))

    for client in (0, 2, 3):
        sent = update_of(replies[client].content)["fc"]
        np.testing.assert_array_equal(sent, honest(client, 5)["fc"])
    assert set(replies) == set(SAMPLED)
    assert [u["fc"].tolist() for u in SEEN[0].own] == [
        honest(c, 5)["fc"].tolist() for c in (1, 4, 6)
    ]


def test_a_crafted_reply_looks_like_an_honest_one() -> None:
    plain, attacked = FakeGrid(make_app()), FakeGrid(make_app())

    honest_replies = send(plain)
    crafted = send(grid_of(attacked, Spy()))

    for client in SAMPLED:
        a, b = honest_replies[client], crafted[client]
        assert list(a.content) == list(b.content)
        assert a.content["metrics"] == b.content["metrics"]
        for field in ("src_node_id", "dst_node_id", "group_id", "message_type", "run_id"):
            assert getattr(a.metadata, field) == getattr(b.metadata, field)
        for name, array in a.content.array_records["arrays"].items():
            other = b.content.array_records["arrays"][name]
            assert (array.dtype, array.shape, array.stype) == (
                other.dtype,
                other.shape,
                other.stype,
            )


def test_the_strategys_messages_are_left_as_they_are() -> None:
    inner = FakeGrid(make_app([mod()]))
    grid = grid_of(inner, attacks.make("badnets"))
    messages = [request(client, 5, STATE) for client in SAMPLED]

    replies = list(grid.send_and_receive(messages))

    assert all(sorted(m.content) == ["arrays", "config"] for m in messages)
    assert [sorted(m.content) for m in inner.sent].count(["adversary", "arrays", "config"]) == 3
    assert {m.metadata.message_id for m in messages} == {
        r.metadata.reply_to_message_id for r in replies
    }
    assert all("adversary" not in r.content for r in replies)


def test_benign_replies_pass_as_they_arrive_and_crafted_ones_come_last() -> None:
    inner = FakeGrid(make_app())
    replies = grid_of(inner, Spy()).send_and_receive(
        [request(client, 5, STATE) for client in SAMPLED], timeout=9.0
    )

    first = next(iter(replies))

    assert first.metadata.src_node_id == 0 + flower.SHIFT
    assert inner.answered == [6, 0]
    assert [r.metadata.src_node_id - flower.SHIFT for r in replies] == [2, 3, 1, 4, 6]
    assert inner.timeouts == [9.0]


@pytest.mark.parametrize(
    "sees",
    [
        Knowledge.OWN,
        Knowledge.COLLUDERS,
        Knowledge.COLLUDERS | Knowledge.BENIGN,
        Knowledge.COLLUDERS | Knowledge.RULE,
        Knowledge.ACCURACY,
        ~Knowledge(0),
    ],
)
def test_an_attack_sees_what_it_declares_and_no_more(sees: Knowledge) -> None:
    codec = SimpleCodec()

    def accuracy(state: Any) -> float:
        return 0.5

    send(
        grid_of(
            FakeGrid(make_app()), Spy(sees), codec=codec, rule=builders.borda, accuracy=accuracy
        )
    )

    (view,) = SEEN
    np.testing.assert_array_equal(view.previous["fc"], STATE["fc"])
    assert (view.setting.round, view.sampled) == (5, 6)
    assert [u["fc"].tolist() for u in view.own] == [honest(c, 5)["fc"].tolist() for c in (1, 4, 6)]
    if Knowledge.BENIGN in sees:
        assert view.benign is not None
        expected = [honest(c, 5)["fc"].tolist() for c in (0, 2, 3)]
        assert [u["fc"].tolist() for u in view.benign] == expected
    else:
        assert view.benign is None
        assert set(codec.read) == {1, 4, 6}
    assert view.rule is (builders.borda if Knowledge.RULE in sees else None)
    assert view.accuracy is (accuracy if Knowledge.ACCURACY in sees else None)


def test_what_an_attack_needs_must_be_given() -> None:
    inner = FakeGrid(make_app())

    with pytest.raises(InputError, match="needs the server's rule"):
        grid_of(inner, attacks.make("adaptive"))
    with pytest.raises(InputError, match="needs the accuracy"):
        grid_of(inner, attacks.make("accuracy_control"))
    with pytest.raises(InputError, match=r"attack\.colluders: got 'some'"):
        grid_of(inner, Spy(), colluders="some")
    with pytest.raises(InputError, match=r"needs attack\.sampling 'uniform'"):
        grid_of(inner, Spy(), Population(3, None, 2), colluders="all")


def test_all_colluders_train_and_only_the_sampled_reply() -> None:
    inner = FakeGrid(make_app())
    grid = grid_of(inner, Spy(), colluders="all")

    replies = send(grid)

    assert set(replies) == set(SAMPLED)
    assert len(replies) == len(SAMPLED)
    (view,) = SEEN
    asked = inner.answered[len(SAMPLED) :]
    assert asked == [20, 21, 22, 23]
    expected = [honest(c, 5)["fc"].tolist() for c in (1, 4, 6, 20, 21, 22, 23)]
    assert [u["fc"].tolist() for u in view.own] == expected
    assert view.sampled == 6
    assert grid.malicious == (1, 4, 6)


def test_no_more_colluders_than_clients_in_a_round() -> None:
    many = Population(3, np.array([1, *range(50, 90)]), None)
    asked = []
    for round in (5, 6):
        inner = FakeGrid(make_app())
        send(grid_of(inner, Spy(), many, colluders="all"), round=round)
        asked.append(inner.answered[len(SAMPLED) :])

    assert [len(a) for a in asked] == [9, 9]
    assert set(asked[0]) <= set(range(50, 90))
    assert asked[0] != asked[1]


def test_no_one_else_is_asked_in_a_round_without_malicious_clients() -> None:
    inner = FakeGrid(make_app())
    grid = grid_of(inner, Spy(), colluders="all")

    replies = send(grid, clients=[0, 2])

    assert set(replies) == {0, 2}
    assert inner.answered == [0, 2]
    assert SEEN == []
    assert grid.malicious == ()


def test_in_rounds_without_an_attack_the_malicious_reply_as_they_trained() -> None:
    inner = FakeGrid(make_app())
    patient = dataclasses.replace(BAD, start=6, every=2)
    grid = grid_of(inner, Spy(), patient, colluders="all")

    attacked = {}
    for round in (5, 6, 7, 8):
        replies = send(grid, round=round)
        assert all(
            update_of(replies[c].content)["fc"].tolist() == honest(c, round)["fc"].tolist()
            for c in SAMPLED
            if c not in grid.malicious
        )
        attacked[round] = grid.malicious

    assert attacked == {5: (), 6: (1, 4, 6), 7: (), 8: (1, 4, 6)}
    assert [view.setting.round for view in SEEN] == [6, 8]
    assert len(inner.answered) == 4 * len(SAMPLED) + 2 * 4


def test_a_colluder_that_crashes_stays_crashed() -> None:
    flower.CRASHING |= {4, 21, 0}
    inner = FakeGrid(make_app())

    replies = send(grid_of(inner, Spy(Knowledge.BENIGN | Knowledge.COLLUDERS), colluders="all"))

    assert set(replies) == set(SAMPLED)
    assert [c for c in SAMPLED if replies[c].has_error()] == [0, 4]
    (view,) = SEEN
    assert len(view.own) == 5
    assert view.benign is not None
    assert len(view.benign) == 2


def test_if_all_colluders_crash_nothing_is_crafted() -> None:
    flower.CRASHING |= {1, 4, 6}

    replies = send(grid_of(FakeGrid(make_app()), Spy(), colluders="all"))

    assert [c for c in SAMPLED if replies[c].has_error()] == [6, 1, 4]
    assert SEEN == []


def test_other_messages_pass_untouched() -> None:
    inner = FakeGrid(make_app())
    grid = grid_of(inner, attacks.make("supermask_backdoor"))
    send(grid)
    messages = [request(client, 5, STATE, "evaluate") for client in SAMPLED]
    inner.sent.clear()

    replies = list(grid.send_and_receive(messages))

    assert len(replies) == 6
    assert all(a is b for a, b in zip(inner.sent, messages, strict=True))
    assert grid.malicious == (1, 4, 6)


def test_state_is_handed_back_and_can_be_restored() -> None:
    grid = grid_of(FakeGrid(make_app()), Spy())
    send(grid, round=1)
    saved = grid.state
    send(grid, round=2)
    resumed = grid_of(FakeGrid(make_app()), Spy())

    resumed.state = saved
    send(resumed, round=2)

    assert int(saved["rounds"]) == 1
    assert int(grid.state["rounds"]) == 2
    np.testing.assert_array_equal(grid.state["draw"], resumed.state["draw"])
    assert not np.array_equal(saved["draw"], grid.state["draw"])
    saved["rounds"] += 5
    grid.state["rounds"] += 5
    assert int(grid.state["rounds"]) == 2
    assert int(resumed.state["rounds"]) == 2


def test_push_and_pull_hold_colluders_back_until_all_are_there() -> None:
    inner = FakeGrid(make_app())
    inner.silent = {4, 3, 22}
    grid = grid_of(inner, Spy(), colluders="all")
    messages = [request(client, 5, STATE) for client in SAMPLED]

    ids = list(grid.push_messages(messages))
    first = [r.metadata.src_node_id - flower.SHIFT for r in grid.pull_messages(ids)]
    inner.silent = {3}
    second = [r.metadata.src_node_id - flower.SHIFT for r in grid.pull_messages(ids)]
    inner.silent = set()
    third = [r.metadata.src_node_id - flower.SHIFT for r in grid.pull_messages(ids)]

    assert ids == [m.metadata.message_id for m in messages]
    assert sorted(first) == [0, 2]
    assert sorted(second) == [1, 4, 6]
    assert third == [3]
    assert len(SEEN[0].own) == 7
    assert list(grid.pull_messages(ids)) == []


def test_pull_waits_for_the_benign_if_the_attack_sees_them() -> None:
    inner = FakeGrid(make_app())
    inner.silent = {3}
    grid = grid_of(inner, Spy(Knowledge.COLLUDERS | Knowledge.BENIGN))

    ids = list(grid.push_messages([request(client, 5, STATE) for client in SAMPLED]))
    first = [r.metadata.src_node_id - flower.SHIFT for r in grid.pull_messages(ids)]
    inner.silent = set()
    second = [r.metadata.src_node_id - flower.SHIFT for r in grid.pull_messages(ids[:5])]
    third = [r.metadata.src_node_id - flower.SHIFT for r in grid.pull_messages(ids[5:])]

    assert sorted(first) == [0, 2]
    assert sorted(second) == [1, 3, 6]
    assert third == [4]
    assert SEEN[0].benign is not None
    assert len(SEEN[0].benign) == 3


def test_everything_else_is_the_wrapped_grids() -> None:
    inner = FakeGrid(make_app())
    grid = grid_of(inner, Spy())

    grid.set_run("a run")  # type: ignore[arg-type]

    assert inner.run_set == "a run"
    assert grid.run == "the run"  # type: ignore[comparison-overlap]
    assert list(grid.get_node_ids()) == [100, 101]
    assert [node.node_id for node in grid.get_nodes()] == [100, 101]
    made = grid.create_message(request(1, 1, STATE).content, "train", 9, "g", 5.0)
    assert (made.metadata.dst_node_id, made.metadata.ttl) == (9, 5.0)


def test_an_attack_that_crafts_too_few_updates_is_named() -> None:
    @dataclass(frozen=True)
    class Short(Spy):
        def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
            return Crafted([], {})

    with pytest.raises(ValueError, match=r"Short.* crafted 0 updates for 3 clients"):
        send(grid_of(FakeGrid(make_app()), Short()))


# --- the client's side --------------------------------------------------------------------


def mod() -> Any:
    return adversary_mod(SimpleCodec(), lambda message, context: builders.setting())


def test_orders_poison_the_shard_and_are_not_seen_by_the_app() -> None:
    seen: list[Any] = []
    inner = FakeGrid(make_app([mod()], seen))

    for round in (5, 6):
        send(grid_of(inner, attacks.make("badnets", share=0.4, size=2)), round=round)

    assert all(records == ["arrays", "config"] for _, records, _ in seen)
    stamped = {client: 0 for client in SAMPLED}
    for client, _, (images, _) in seen:
        stamped[client] += int((images != 7).any(axis=(1, 2, 3)).sum())
    assert stamped == {0: 0, 2: 0, 3: 0, 1: 8, 4: 8, 6: 8}
    rounds: dict[int, list[Any]] = {1: [], 4: []}
    for client, _, (_, labels) in seen:
        if client in rounds:
            rounds[client].append(labels.tolist())
    assert rounds[1][0] == rounds[1][1]
    assert rounds[1][0] != rounds[4][0]


def test_orders_tamper_with_the_update() -> None:
    inner = FakeGrid(make_app([mod()]))

    replies = send(grid_of(inner, attacks.make("own_reversal")))

    for client in SAMPLED:
        sent, own = update_of(replies[client].content)["fc"], honest(client, 5)["fc"]
        np.testing.assert_array_equal(sent, 30 - own if client in (1, 4, 6) else own)
        assert sorted(replies[client].content) == ["arrays", "metrics"]


def test_tampering_is_keyed_by_round_and_client() -> None:
    def sent(round: int, client: int) -> Any:
        grid = grid_of(FakeGrid(make_app([mod()])), attacks.make("rank_noise", strength=1e9))
        return update_of(send(grid, round=round)[client].content)["fc"].tolist()

    assert sent(5, 1) == sent(5, 1)
    assert sent(5, 1) != sent(6, 1)
    assert sent(5, 1) != sent(5, 4)


def test_an_attack_may_poison_and_craft() -> None:
    seen: list[Any] = []
    inner = FakeGrid(make_app([mod()], seen))

    replies = send(grid_of(inner, attacks.make("supermask_backdoor", size=2), colluders="all"))

    dirty = {client for client, _, (images, _) in seen if (images != 7).any()}
    assert dirty == {1, 4, 6, 20, 21, 22, 23}
    same = [update_of(replies[c].content)["fc"].tolist() for c in (1, 4, 6)]
    assert same[0] == same[1] == same[2]


def test_a_supernode_attacks_by_its_node_config() -> None:
    seen: list[Any] = []
    app = make_app([mod()], seen)
    config = {"attack": "label_flip", "attack-params": '{"mode": "all_to_one", "target": 3}'}

    send(FakeGrid(app, config), clients=[0])
    replies = send(FakeGrid(app, {"attack": "own_reversal"}), clients=[0])
    send(FakeGrid(app), clients=[0])

    assert [sorted(set(labels.tolist())) for _, _, (_, labels) in seen] == [
        [3],
        list(range(10)),
        list(range(10)),
    ]
    np.testing.assert_array_equal(update_of(replies[0].content)["fc"], 30 - honest(0, 5)["fc"])


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"attack": "badnet"}, "did you mean 'badnets'"),
        ({"attack": "reversal"}, "needs colluders"),
        ({"attack": "badnets", "attack-params": "{"}, "takes a JSON object"),
        ({"attack": "badnets", "attack-params": "[1]"}, "takes a JSON object"),
        ({"attack": "badnets", "attack-params": '{"sice": 1}'}, "did you mean 'size'"),
    ],
)
def test_wrong_node_config_is_a_clear_error(config: Any, reason: str) -> None:
    replies = send(FakeGrid(make_app([mod()]), config), clients=[0])

    assert reason in replies[0].error.reason


def test_evaluation_is_left_alone_by_the_mod() -> None:
    grid = FakeGrid(make_app([mod()]), {"attack": "reversal"})

    (reply,) = grid.send_and_receive([request(0, 5, STATE, "evaluate")])

    assert not reply.has_error()


def test_a_crash_in_training_passes_through_the_mod() -> None:
    flower.CRASHING.add(1)

    replies = send(grid_of(FakeGrid(make_app([mod()])), attacks.make("own_reversal")))

    assert replies[1].has_error()
    assert not replies[4].has_error()


@pytest.mark.parametrize("name", [n for n in attacks.list() if attacks.get(n).space != "weights"])  # type: ignore[attr-defined]
def test_every_attack_on_rankings_or_data_goes_through_grid_and_mod(name: str) -> None:
    grid = grid_of(
        FakeGrid(make_app([mod()])),
        attacks.make(name, **({"size": 2} if "badnets" in name else {})),
        malicious_clients(3, 7, 0.6, "uniform", 6),
        colluders="all",
        rule=builders.borda,
        accuracy=lambda state: 0.7,
    )
    for round in (1, 2):
        replies = send(grid, round=round)
        assert set(replies) == set(SAMPLED)
        assert not any(
            reply.has_error() and "fit" not in reply.error.reason for reply in replies.values()
        )
