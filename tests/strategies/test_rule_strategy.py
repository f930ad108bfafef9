"""Rules behind real messages: stacking, weights, momentum, oracle, too few updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Form, Top
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.grids import InProcessGrid
from strategies import FRL, RuleStrategy, pre_aggregation, rules

SIZES = {"a": 7, "b": 5}
CLIENTS = 9


def weights(client: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(client)
    return {name: rng.standard_normal(n).astype(np.float32) for name, n in SIZES.items()}


def ranking(client: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(client)
    return {name: rng.permutation(n).astype(np.int32) for name, n in SIZES.items()}


def run_rounds(
    strategy: Any, update: Any, state: dict[str, np.ndarray], rounds: int = 1, silent: tuple = ()
) -> dict[str, np.ndarray]:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = read_task(message).client
        if client in silent:
            raise RuntimeError("silent")
        metrics = MetricRecord({"num-examples": 10 * (client + 1)})
        content = RecordDict({"arrays": arrays_record(update(client)), "metrics": metrics})
        return Message(content, reply_to=message)

    grid = InProcessGrid(app, CLIENTS)
    for number in range(1, rounds + 1):
        sent = strategy.configure_train(number, arrays_record(state), ConfigRecord(), grid)
        replies = list(grid.send_and_receive(sent))[::-1]
        arrays, _ = strategy.aggregate_train(number, replies)
        state = state if arrays is None else read_arrays(arrays)
    return state


def strategy(rule: str, steps: tuple[str, ...] = (), **options: Any) -> RuleStrategy:
    params = options.pop("params", {})
    made = [
        pre_aggregation.make(step, **({"f": 2} if step in ("nnm", "arc") else {})) for step in steps
    ]
    return RuleStrategy(
        clients=CLIENTS,
        clients_per_round=CLIENTS,
        rule=rules.make(rule, **params),
        steps=made,
        **options,
    )


def assert_close(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)


def test_mean_moves_the_global_weights_by_the_mean_update() -> None:
    start = weights(100)

    found = run_rounds(strategy("mean"), weights, start)

    updates = [weights(client) for client in range(CLIENTS)]
    assert_close(found, {n: start[n] + np.mean([u[n] for u in updates], axis=0) for n in SIZES})


def test_median_is_coordinatewise_over_the_whole_model() -> None:
    start = weights(100)

    found = run_rounds(strategy("median"), weights, start, silent=(0,))

    updates = [weights(client) for client in range(1, CLIENTS)]
    assert_close(found, {n: start[n] + np.median([u[n] for u in updates], axis=0) for n in SIZES})


def test_weighting_by_examples_is_capped() -> None:
    start = weights(100)

    found = run_rounds(strategy("mean", weighting="examples", most_weight=40), weights, start)

    shares = np.minimum(10 * (np.arange(CLIENTS) + 1), 40)
    updates = [weights(client) for client in range(CLIENTS)]
    expected = {
        n: start[n] + np.average([u[n] for u in updates], axis=0, weights=shares) for n in SIZES
    }
    assert_close(found, expected)


def test_server_learning_rate_and_momentum() -> None:
    start = weights(100)
    mean = {n: np.mean([weights(c)[n] for c in range(CLIENTS)], axis=0) for n in SIZES}

    found = run_rounds(
        strategy("mean", server_lr=0.5, server_momentum=0.9), weights, start, rounds=3
    )

    factor = 0.5 * (1 + 1.9 + (1 + 0.9 + 0.81))
    assert_close(found, {n: start[n] + factor * mean[n] for n in SIZES})


def test_the_sum_rule_is_the_streamed_vote() -> None:
    start = ranking(100)
    streamed = FRL(clients=CLIENTS, clients_per_round=CLIENTS)

    by_rule = run_rounds(strategy("sum"), ranking, start, rounds=2)
    by_vote = run_rounds(streamed, ranking, start, rounds=2)

    for name in SIZES:
        np.testing.assert_array_equal(by_rule[name], by_vote[name])


@pytest.mark.parametrize(
    "name", [n for n in rules.list() if getattr(rules.get(n), "space", "") == "ranks"]
)
def test_every_rule_on_ranks_gives_a_ranking(name: str) -> None:
    params = {"f": 2} if "f" in {p.name for p in rules.parameters(name)} else {}

    found = run_rounds(strategy(name, params=params), ranking, ranking(100), rounds=2)

    for layer, n in SIZES.items():
        assert sorted(found[layer].tolist()) == list(range(n))
        assert found[layer].dtype == np.int32


def test_a_pre_aggregation_comes_before_the_rule() -> None:
    start = weights(100)

    plain = run_rounds(strategy("median"), weights, start)
    mixed = run_rounds(strategy("median", ("nnm",)), weights, start)

    assert any(not np.allclose(plain[name], mixed[name]) for name in SIZES)


def test_too_few_updates_keep_the_state_and_say_so() -> None:
    start = weights(100)
    made = strategy("krum", params={"f": 3})

    found = run_rounds(made, weights, start, silent=(1, 2, 3, 4))

    assert_close(found, start)
    assert made.report is not None
    assert "needs at least" in made.report.kept
    assert len(made.report.admitted) == 5


def test_what_cannot_work_is_refused_before_the_run() -> None:
    with pytest.raises(InputError, match="needs at least"):
        strategy("krum", params={"f": 5})
    with pytest.raises(InputError, match="root shard"):
        strategy("fltrust")
    with pytest.raises(InputError, match="takes updates of space"):
        strategy("sum", ("arc",))


def test_the_oracle_tells_the_rule_the_true_number() -> None:
    told = []

    def oracle(round: int, clients: tuple[int, ...]) -> int:
        told.append((round, clients))
        return 3

    made = strategy("trimmed_mean", params={"f": 1}, oracle=oracle)
    found = run_rounds(made, weights, weights(100))
    fixed = run_rounds(strategy("trimmed_mean", params={"f": 3}), weights, weights(100))

    assert told == [(1, tuple(range(CLIENTS)))]
    assert made.assumed_f == 3
    assert_close(found, fixed)


def test_nan_and_absurd_norms_stop_at_the_gate() -> None:
    def update(client: int) -> dict[str, np.ndarray]:
        found = weights(client)
        if client == 1:
            found["a"][0] = np.nan
        if client == 2:
            found["b"][:] = 1e9
        return found

    made = strategy("mean")
    start = weights(100)
    found = run_rounds(made, update, start)

    assert made.report is not None
    assert made.report.reasons == {"absurd-norm": 1, "non-finite": 1}
    rest = [weights(c) for c in range(CLIENTS) if c not in (1, 2)]
    assert_close(found, {n: start[n] + np.mean([u[n] for u in rest], axis=0) for n in SIZES})


@pytest.mark.parametrize("rule", ["centered_clipping", "sparsefed", "foolsgold"])
def test_memory_carried_over_continues_the_run(rule: str) -> None:
    start = weights(100)
    whole = run_rounds(strategy(rule, server_momentum=0.5), weights, start, rounds=4)
    first, second = (strategy(rule, server_momentum=0.5) for _ in range(2))

    middle = run_rounds(first, weights, start, rounds=2)
    second.memory = first.memory
    found = run_rounds(second, weights, middle, rounds=2)

    assert first.memory
    if rule != "foolsgold":
        assert_close(found, whole)


def test_preview_changes_nothing() -> None:
    made = strategy("centered_clipping")
    start = weights(100)
    run_rounds(made, weights, start)
    before = made.memory

    move = made.preview([weights(client) for client in range(CLIENTS)])

    assert set(move) == set(SIZES)
    for name, values in before.items():
        np.testing.assert_array_equal(made.memory[name], values)


def test_preview_assumes_what_is_true_of_the_clients_that_were_asked() -> None:
    told = []

    def oracle(round: int, clients: tuple[int, ...]) -> int:
        told.append(clients)
        return 3

    made = RuleStrategy(
        clients=CLIENTS,
        clients_per_round=7,
        rule=rules.make("trimmed_mean", f=1),
        oracle=oracle,
    )
    grid = InProcessGrid(ClientApp(), CLIENTS)
    made.configure_train(2, arrays_record(weights(100)), ConfigRecord(), grid)

    move = made.preview([weights(client) for client in range(7)])

    assert told == [made.sampled]
    assert made.assumed_f == 1, "nothing was aggregated"
    median = np.median([weights(client)["a"] for client in range(7)], axis=0)
    np.testing.assert_allclose(move["a"], median, rtol=1e-5)


def test_report_says_what_each_client_counted_and_why() -> None:
    start = ranking(100)
    made = strategy("change_vote")

    def update(client: int) -> dict[str, np.ndarray]:
        return ranking(7 if client in (3, 4) else client)

    run_rounds(made, update, start, silent=(0,))

    assert made.report is not None
    counted = made.report.counted
    assert [row.client for row in counted] == list(range(1, CLIENTS))
    assert counted[2][1:] == counted[3][1:]
    assert all(0 <= row.weight <= 1 for row in counted)
    assert {row.reason for row in counted if row.weight < 0.75} <= {"against", "apart", "alike"}
    assert {row.reason for row in counted if row.weight >= 0.75} <= {""}

    made.preview([start, start])
    assert made.counted == counted


def test_rules_that_weigh_nobody_report_nothing() -> None:
    made = strategy("median_position")

    run_rounds(made, ranking, ranking(100))

    assert made.report is not None
    assert made.report.counted == ()


@pytest.mark.parametrize("form", [Ballots(2), Ballots(1), Top(0.5)], ids=str)
def test_clients_that_change_nothing_move_nothing_whatever_they_send_of_it(form: Form) -> None:
    start = ranking(100)
    channel = Channel(SIZES, form)

    found = run_rounds(
        strategy("change_vote", channel=channel),
        lambda client: {name: form.of(positions) for name, positions in start.items()},
        start,
    )

    assert_close(found, start)


def test_a_rule_is_named_with_its_parameters() -> None:
    named = RuleStrategy(clients=CLIENTS, clients_per_round=CLIENTS, rule="trimmed_mean(f=1)")

    assert named.rule == rules.make("trimmed_mean", f=1)
    with pytest.raises(InputError, match=r"rule: got 'mean, median'; takes one rule"):
        RuleStrategy(clients=CLIENTS, clients_per_round=CLIENTS, rule="mean, median")
