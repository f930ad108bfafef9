"""The way down, coded given the global ranking that each client saw last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from experiments import client_app
from experiments.config import flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup.engine import make_grid
from frl.errors import InputError
from frl.grids import InProcessGrid

SMALL = [
    "rounds=4",
    "clients=6",
    "clients_per_round=4",
    "train.epochs=1",
    "strategy.coding=always",
]


def run(folder: Path, *overrides: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    directory = RunDirectory(folder)
    result = execute(read(None, [*SMALL, *overrides]), directory)
    return directory.rows(), result


BALLOTS = ["strategy.ballot_bits=2", "strategy.ballot_dither=1", "strategy.rule=sum"]
CARRIED = [*BALLOTS, "strategy.down_bits=2", "strategy.down_slack=0.25"]
WAYS = {
    "whole": [],
    "ballots both ways": ["strategy.ballot_bits=4", "strategy.down_bits=4"],
    "sums of ballots": BALLOTS,
    "carried on under a rule": [*CARRIED, "strategy.rule=median_position"],
    "sums of ballots without noise": ["strategy.rule=sum", "strategy.ballot_bits=3"],
    "ballots of unequal buckets": [
        "strategy.rule=sum",
        "strategy.ballot_bits=3",
        "strategy.ballot_focus=2",
    ],
    "ballots under the change vote": [*BALLOTS, "strategy.rule=change_vote"],
    "ballots under a rule": [*BALLOTS, "strategy.rule=median_position"],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_client_is_sent_what_changed_and_the_result_is_the_same(
    tmp_path: Path, way: list[str]
) -> None:
    first, without = run(tmp_path / "first", "strategy.down_history=0", *way)
    changes, given = run(tmp_path / "changes", "strategy.down_history=3", *way)

    assert given["digest"] == without["digest"]
    assert given["rejected"] == {}
    down = [
        (row["coded_down"], plain["coded_down"]) for row, plain in zip(changes, first, strict=True)
    ]
    assert down[0][0] == down[0][1], "nobody has seen anything"
    assert down[1][0] <= down[1][1], "what clients hold by then is the first"
    assert all(row < plain for row, plain in down[2:])
    assert [row["coded_up"] for row in changes] == [row["coded_up"] for row in first]


@pytest.mark.ray
def test_workers_on_ray_remember_too(tmp_path: Path) -> None:
    rows, alone = run(tmp_path / "alone", "strategy.down_history=3")
    on_ray, result = run(
        tmp_path / "ray", "strategy.down_history=3", "engine.name=ray", "engine.workers=2"
    )

    assert result["digest"] == alone["digest"]
    assert [row["coded_down"] for row in on_ray] == [row["coded_down"] for row in rows]


def test_sums_of_ballots_are_a_small_way_down(tmp_path: Path) -> None:
    """Who was asked in the round before is sent its sums; who was asked earlier, those since."""
    everybody = ["clients_per_round=6", "rounds=3"]
    rankings, _ = run(tmp_path / "whole", "strategy.down_history=3", *everybody)
    sums, result = run(tmp_path / "sums", "strategy.down_history=3", *BALLOTS, *everybody)
    plain, measured = run(
        tmp_path / "plain",
        *("strategy.down_history=3", *BALLOTS, *everybody, "strategy.coding=off"),
    )

    assert [row["coded_down"] for row in plain] == [row["coded_down"] for row in sums]
    assert measured["digest"] == result["digest"]
    assert result["rejected"] == {}
    for few, many in zip(sums[1:], rankings[1:], strict=True):
        assert few["coded_down"] < many["coded_down"] / 3


@pytest.mark.parametrize(
    "way", [[], BALLOTS, CARRIED], ids=["whole", "sums of ballots", "carried on"]
)
def test_a_resumed_run_sends_what_one_that_never_stopped_sends(
    tmp_path: Path, way: list[str]
) -> None:
    rows, result = run(tmp_path / "whole", "strategy.down_history=3", *way)
    run(tmp_path / "halves", "strategy.down_history=3", "rounds=2", *way)
    config = read(None, [*SMALL, "strategy.down_history=3", *way])
    directory = RunDirectory(tmp_path / "halves")

    resumed = execute(config, directory, resume=True)

    assert resumed["digest"] == result["digest"]
    assert [row["bytes_down"] for row in directory.rows()] == [row["bytes_down"] for row in rows]


@pytest.mark.parametrize("way", [[], BALLOTS], ids=["whole", "sums of ballots"])
def test_a_client_that_lost_its_memory_fails_once_and_is_back(
    tmp_path: Path, way: list[str]
) -> None:
    config = read(None, [*SMALL, "clients_per_round=6", "strategy.down_history=3", *way])

    class Forgetful(ClientApp):
        def __call__(self, message: Message, context: Context) -> Message:
            if context.node_id == 2 and message.metadata.group_id == "2":
                context.state = RecordDict()
            return client_app.app(message, context)

    directory = RunDirectory(tmp_path / "run")
    grid = InProcessGrid(Forgetful(), config.clients, flatten(config))

    execute(config, directory, grid=grid)

    rejections = [row["rejections"] for row in directory.rows()]
    assert [len(found) for found in rejections] == [0, 1, 0, 0]
    client, reason, detail = rejections[1][0]
    assert (client, reason) == (0, "error")
    assert "wrong-base" in detail


def test_on_our_engines_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    config = read(None, SMALL)
    with make_grid(config) as grid:
        execute(config, RunDirectory(tmp_path / "run"), grid=grid)

        assert grid.client_memory == {}


def test_a_history_is_refused_where_colluders_share_requests(tmp_path: Path) -> None:
    attack = ["attack.name=reversal", "attack.fraction=0.3"]
    with pytest.raises(InputError, match=r"down_history: takes 0 where messages are coded"):
        run(tmp_path / "run", "strategy.down_history=1", *attack)
