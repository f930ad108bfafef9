"""Hiding an attack in a line: what is refused, what passes through, and no silent attack."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid

import attacks
import frl
import strategies
from attacks.adversary.channel_codec import ChannelCodec
from attacks.adversary.orders import IGNORED, RECORD
from attacks.adversary.population import Population
from attacks.base import Attack
from frl.exchange.messages import (
    Report,
    arrays_record,
    read_arrays,
    reply_content,
    train_content,
)
from frl.grids import FIRST_NODE, ForwardingGrid, GuardedGrid, Roster, find_roster
from frl.task import Task
from tests.attacks import flower
from tests.attacks.flower import FakeGrid, make_app
from tests.own import CLIENTS, Net, pairs

N = 50


def plain_app() -> ClientApp:
    """A ClientApp written by hand that knows nothing of attacks."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = int(context.node_config["partition-id"])
        positions = np.random.default_rng(client).permutation(N).astype(np.int32)
        content = reply_content(arrays_record({"w": positions}), Report(5, 0.1, 0.0, 1))
        return Message(content, reply_to=message)

    return app


def plain_state() -> Any:
    return arrays_record({"w": np.arange(N, dtype=np.int32)})


def run(grid: Grid, seed: int = 0) -> tuple[str, strategies.FRL]:
    """One round of a vote without a roster, on a grid of ten clients."""
    server = strategies.FRL(clients=10, clients_per_round=10, seed=seed)
    result = server.start(grid, plain_state(), num_rounds=1)
    return frl.digest(read_arrays(result.arrays)), server


def test_orders_that_a_plain_app_ignores_are_rejected_counted_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clean, _ = run(frl.InProcessGrid(plain_app(), 10))
    grid = attacks.hide(frl.InProcessGrid(plain_app(), 10), "label_flip", fraction=0.3)

    with caplog.at_level(logging.WARNING, logger="attacks"):
        found, server = run(grid)

    assert server.report is not None
    assert len(grid.malicious) == 3
    assert [(row.client, row.reason, row.detail) for row in server.report.rejected] == [
        (client, "error", IGNORED) for client in grid.malicious
    ]
    assert found != clean
    assert [r.levelname for r in caplog.records if "NO ATTACK TAKES PLACE" in r.message] == [
        "WARNING"
    ]


def test_an_app_that_tampers_but_never_loads_a_shard_does_not_poison() -> None:
    """The mod alone is no obedience: an app must train on ``transformed`` samples."""
    mod = attacks.adversary_mod(
        ChannelCodec(),
        lambda message, context: attacks.Setting(0, 0, 10, 10),
    )
    app = plain_app()
    obedient = ClientApp(mods=[mod])
    obedient.train()(app._registered_funcs["train.default"])

    rejected = {}
    for name in ("label_flip", "own_reversal"):
        grid = attacks.hide(frl.InProcessGrid(obedient, 10), name, malicious=[2, 5])
        _, server = run(grid)
        assert server.report is not None
        rejected[name] = [row.client for row in server.report.rejected]

    assert rejected == {"label_flip": [2, 5], "own_reversal": []}


def test_acknowledgements_do_not_reach_the_server() -> None:
    app = frl.client_app(Net, pairs(), epochs=1)
    grid = attacks.hide(frl.InProcessGrid(app, CLIENTS), "own_reversal", malicious=[0, 1])
    server = strategies.FRL(clients=CLIENTS, clients_per_round=CLIENTS, seed=0)
    asked = server.configure_train(1, server.initial(Net), None, grid)  # type: ignore[arg-type]

    replies = list(grid.send_and_receive(asked))

    assert len(replies) == CLIENTS
    assert {tuple(sorted(reply.content)) for reply in replies} == {("arrays", "metrics")}


def test_pushed_messages_are_checked_too_however_late_they_are_pulled() -> None:
    flower.identify()
    grid = attacks.hide(frl.InProcessGrid(plain_app(), 10), "label_flip", malicious=[1, 3])
    asked = messages(grid, [0, 1, 3])
    ids = list(grid.push_messages(asked))

    replies = [reply for key in ids for reply in grid.pull_messages([key])]

    assert [reply.has_error() for reply in replies] == [False, True, True]
    assert all(RECORD not in reply.content for reply in replies[:1])


def test_a_strategy_without_a_roster_does_not_wait_behind_the_adversary() -> None:
    inner = frl.InProcessGrid(plain_app(), 10)
    grid = attacks.hide(inner, "reversal", fraction=0.2)

    assert find_roster(grid, 10, patience=0) is inner


# --- everything else passes through --------------------------------------------------------


def messages(grid: Any, clients: list[int]) -> list[Message]:
    return [
        Message(
            train_content(plain_state(), Task(1, client, 0)),
            client + FIRST_NODE,
            MessageType.TRAIN,
            group_id="1",
        )
        for client in clients
    ]


@pytest.fixture(params=["inprocess", pytest.param("ray", marks=pytest.mark.ray), "flower"])
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "flower":
        yield FakeGrid(make_app())
    elif request.param == "ray":
        with frl.RayGrid(plain_app(), 10, workers=2) as grid:
            yield grid
    else:
        with frl.InProcessGrid(plain_app(), 10) as grid:
            yield grid


def public(grid: object) -> set[str]:
    found = {name for name in dir(type(grid)) if not name.startswith("_")}
    return found | {name for name in vars(grid) if not name.startswith("_")}


def arguments(grid: Any) -> dict[str, tuple[Any, ...]]:
    """Arguments for every public method of our grids and of Flower's, by name."""
    return {
        "set_run": (grid.run,),
        "create_message": (RecordDict(), "train", FIRST_NODE, "1"),
        "get_node_ids": (),
        "get_nodes": (),
        "node_of": (3,),
        "nodes_of": ([1, 3],),
        "worker_pids": (),
        "push_messages": ([],),
        "pull_messages": ([],),
        "send_and_receive": ([],),
        "use": (plain_app(),),
        "close": (),
    }


def plain(value: Any) -> Any:
    """What two calls can be compared by."""
    if isinstance(value, Message):
        return value.metadata.dst_node_id, value.metadata.message_type
    if isinstance(value, Iterator | range | list):
        return [getattr(each, "node_id", each) for each in value]
    return value


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "adversary": lambda grid: attacks.hide(grid, "reversal", malicious=[1], clients=10),
    "guard": GuardedGrid,
    "both": lambda grid: attacks.hide(GuardedGrid(grid), "reversal", malicious=[1], clients=10),
}


def test_every_public_method_of_a_grid_works_through_what_wraps_it(engine: Any) -> None:
    named = arguments(engine)
    methods = {name for name in public(engine) if callable(getattr(engine, name))}
    methods -= {"client_app"}

    assert methods <= named.keys(), "give arguments for the new methods"
    for kind, wrap in WRAPPED.items():
        wrapping = wrap(engine)
        for name in sorted(methods - {"close", "worker_pids"}):
            through, direct = (getattr(grid, name)(*named[name]) for grid in (wrapping, engine))
            assert plain(through) == plain(direct), (kind, name)
        for name in public(engine) - methods:
            assert getattr(wrapping, name) is getattr(engine, name) or (
                getattr(wrapping, name) == getattr(engine, name)
            ), (kind, name)
        if isinstance(engine, Roster):
            assert find_roster(wrapping, 10, patience=0) is engine, kind


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_what_is_set_on_a_wrapping_grid_is_set_on_the_grid(wrapped: str) -> None:
    engine = frl.InProcessGrid(plain_app(), 10)
    wrapping = WRAPPED[wrapped](engine)
    memory = {f"{FIRST_NODE}/seen/w": np.arange(3, dtype=np.int32)}

    wrapping.client_memory = memory
    wrapping.cohort = 4

    assert list(engine.client_memory) == list(memory)
    assert engine.cohort == 4
    with pytest.raises(AttributeError, match="no_such"):
        wrapping.no_such  # noqa: B018


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_leaving_a_with_block_closes_the_wrapped_grid(wrapped: str) -> None:
    class Closing(frl.InProcessGrid):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    engine = Closing(plain_app(), 10)
    with WRAPPED[wrapped](engine) as wrapping:
        assert isinstance(wrapping, ForwardingGrid)

    assert engine.closed == 1
    with WRAPPED[wrapped](FakeGrid(make_app())):
        pass


# --- bad input -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Nameless(Attack):
    """Tampers, but is not registered."""

    space = "ranks"

    def tamper(self, update: Any, view: Any, rng: Any) -> Any:
        return update


@pytest.mark.parametrize(
    ("attack", "options", "message"),
    [
        ("half_swop", {"fraction": 0.2}, "unknown attack 'half_swop'; did you mean 'half_swap'"),
        ("alie", {"fraction": 0.2}, r"ALIE.* is an attack on weights; clients send ranks"),
        ("reversal, alie", {"fraction": 0.2}, "takes one attack"),
        ("rank_noise(strenght=1)", {"fraction": 0.2}, "did you mean 'strength'"),
        ("reversal", {}, "takes one of fraction= and malicious="),
        ("reversal", {"fraction": 0.2, "malicious": [1]}, "takes one of fraction= and malicious="),
        ("reversal", {"fraction": 1.2}, r"attack.fraction: got 1.2"),
        ("reversal", {"fraction": 0.01}, "fraction: 0.01 of 12 clients is nobody"),
        ("reversal", {"malicious": [12]}, "malicious: got 12; takes client ids from 0 to 11"),
        ("reversal", {"malicious": ["a"]}, "malicious: got 'a'"),
        ("reversal", {"fraction": 0.2, "clients": 9}, "clients: got 9; the grid has 12"),
        ("reversal", {"fraction": 0.2, "sampling": "fixed_count"}, "clients_per_round: takes"),
        ("reversal", {"fraction": 0.2, "start": 0}, "attack.start: got 0; takes 1 or more"),
        ("reversal", {"malicious": [1], "every": 0}, "attack.every: got 0; takes 1 or more"),
        ("reversal", {"malicious": Population(0, None, 2), "every": 2}, "are those of malicious="),
        ("adaptive", {"fraction": 0.2}, r"needs the server's rule; takes rule=server.preview"),
        ("reversal", {"fraction": 0.2, "colluders": "some"}, "attack.colluders: got 'some'"),
        (Nameless(), {"fraction": 0.2}, "Nameless is not a registered attack"),
    ],
)
def test_what_cannot_be_hidden_is_refused_in_a_line(
    attack: Any, options: dict[str, Any], message: str
) -> None:
    app = frl.client_app(Net, pairs())
    grid = frl.InProcessGrid(app, CLIENTS)

    with pytest.raises(frl.InputError, match=message) as caught:
        attacks.hide(grid, attack, **options)

    assert "\n" not in str(caught.value)
    assert grid.client_app is app, "nothing was changed"


def test_the_space_is_found_from_the_messages_where_the_app_does_not_say_it() -> None:
    grid = attacks.hide(frl.InProcessGrid(plain_app(), 10), "alie", fraction=0.2)

    with pytest.raises(frl.InputError, match="is an attack on weights; clients send ranks"):
        run(grid)


def test_a_grid_that_does_not_know_its_clients_is_told() -> None:
    with pytest.raises(frl.InputError, match="clients: takes their number"):
        attacks.hide(FakeGrid(make_app()), "reversal", fraction=0.2)


def test_the_same_seed_names_the_same_clients_and_another_does_not() -> None:
    def malicious(seed: int) -> tuple[int, ...]:
        grid = attacks.hide(frl.InProcessGrid(plain_app(), 10), "reversal", fraction=0.4, seed=seed)
        run(grid)
        return grid.malicious

    assert malicious(1) == malicious(1)
    assert len({malicious(seed) for seed in range(4)}) > 1


def test_local_grids_refuse_another_number_of_clients() -> None:
    app = frl.client_app(Net, pairs())

    for grid in (frl.InProcessGrid, frl.RayGrid):
        with pytest.raises(frl.InputError, match="clients: got 13; the client app has 12 shards"):
            grid(app, 13)
