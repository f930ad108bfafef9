from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Context, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp

from frl.errors import InputError
from frl.grids import InProcessGrid, LocalGrid, RayGrid, find_roster
from tests.frl.clients import app

CLIENTS = 40
MakeGrid = Callable[..., LocalGrid]


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(params=["inprocess", pytest.param("ray", marks=pytest.mark.ray)])
def make(request: pytest.FixtureRequest) -> Iterator[MakeGrid]:
    open_grids = []

    def start(**run_config: str | int | bool) -> LocalGrid:
        if request.param == "ray":
            request.getfixturevalue("ray")
            grid: LocalGrid = RayGrid(app, CLIENTS, run_config, workers=2)
        else:
            grid = InProcessGrid(app, CLIENTS, run_config)
        open_grids.append(grid)
        return grid

    yield start
    for grid in open_grids:
        grid.close()


def messages(grid: LocalGrid, clients: list[int]) -> list[Message]:
    state = ArrayRecord({"positions": Array(np.arange(1000, dtype=np.int32))})
    return [
        Message(
            RecordDict({"arrays": state}), grid.node_of(client), MessageType.TRAIN, group_id="1"
        )
        for client in clients
    ]


def answers(replies: list[Message]) -> dict[int, np.ndarray]:
    return {
        reply.content["metrics"]["client"]: reply.content["arrays"]["positions"].numpy()
        for reply in replies
        if not reply.has_error()
    }


def test_every_client_answers_its_own_message(make: MakeGrid) -> None:
    grid = make()
    sent = messages(grid, list(range(10)))

    replies = list(grid.send_and_receive(sent))

    client_of = {m.metadata.message_id: m.metadata.dst_node_id - 2 for m in sent}
    assert len(replies) == 10
    for reply in replies:
        client = client_of[reply.metadata.reply_to_message_id]
        assert reply.content["metrics"]["client"] == client
        np.testing.assert_array_equal(
            reply.content["arrays"]["positions"].numpy(), np.arange(1000) + client
        )


def test_replies_stream(make: MakeGrid) -> None:
    grid = make()
    replies = grid.send_and_receive(iter(messages(grid, list(range(10)))))

    first = next(iter(replies))

    assert not first.has_error()
    assert len(list(replies)) == 9


def test_push_and_pull(make: MakeGrid) -> None:
    grid = make()

    ids = list(grid.push_messages(messages(grid, [3, 4])))

    assert set(answers(list(grid.pull_messages(ids)))) == {3, 4}
    assert list(grid.pull_messages(ids)) == []


def test_a_client_that_raises_costs_its_reply_alone(
    make: MakeGrid, caplog: pytest.LogCaptureFixture
) -> None:
    grid = make(raises=3)

    replies = list(grid.send_and_receive(messages(grid, [2, 3, 4])))

    assert set(answers(replies)) == {2, 4}
    (failed,) = [reply for reply in replies if reply.has_error()]
    assert failed.error.code == 2
    assert failed.error.reason == "ValueError: boom in client 3"
    assert "client 3 raised in round 1" in caplog.text
    assert 'raise ValueError(f"boom in client {client}")' in caplog.text
    caplog.clear()
    list(grid.send_and_receive(messages(grid, [3])))
    assert not caplog.text, "only the first traceback is shown"


@pytest.mark.parametrize("fault", ["exits", "hoards"])
def test_a_client_that_exits_or_has_no_memory_costs_its_reply_alone(
    make: MakeGrid, fault: str
) -> None:
    grid = make(**{fault: 3})

    replies = list(grid.send_and_receive(messages(grid, [2, 3, 4])))

    assert set(answers(replies)) == {2, 4}
    assert [reply.has_error() for reply in replies].count(True) == 1


def test_state_of_a_client_persists_between_messages(make: MakeGrid) -> None:
    grid = make()

    counts = []
    for _ in range(3):
        (reply,) = grid.send_and_receive(messages(grid, [7]))
        counts.append(reply.content["metrics"]["times"])

    assert counts == [1, 2, 3]


def test_nothing_is_kept_for_clients_that_were_not_asked() -> None:
    with InProcessGrid(app, 1_000_000) as grid:
        list(grid.send_and_receive(messages(grid, [999_999])))

        assert len(grid.get_node_ids()) == 1_000_000
        assert len(grid._states) == 1


def test_our_grids_know_the_node_of_a_client() -> None:
    grid = InProcessGrid(app, 5)

    assert find_roster(grid, 5) is grid


@pytest.mark.ray
def test_workers_are_processes_that_live_for_the_run(ray: None) -> None:
    with RayGrid(app, CLIENTS, workers=2) as grid:
        pids = set(grid.worker_pids())
        seen = {
            reply.content["metrics"]["pid"]
            for _ in range(3)
            for reply in grid.send_and_receive(messages(grid, list(range(8))))
        }

    assert len(pids) == 2
    assert seen == pids
    assert os.getpid() not in pids


@pytest.mark.ray
def test_the_work_of_a_worker_that_dies_is_done_again(ray: None, tmp_path: Path) -> None:
    config = {"dies": 5, "marker": str(tmp_path / "died")}
    with RayGrid(app, CLIENTS, config, workers=2) as grid:
        replies = list(grid.send_and_receive(messages(grid, list(range(10)))))

        assert (tmp_path / "died").exists()
        assert set(answers(replies)) == set(range(10))
        assert set(answers(list(grid.send_and_receive(messages(grid, [1, 2]))))) == {1, 2}


@pytest.mark.ray
def test_a_worker_killed_from_outside_costs_nothing(ray: None) -> None:
    with RayGrid(app, CLIENTS, workers=2) as grid:
        victim = grid.worker_pids()[0]
        killer = threading.Timer(0.05, os.kill, (victim, signal.SIGKILL))
        killer.start()
        for _ in range(5):
            assert set(
                answers(list(grid.send_and_receive(messages(grid, list(range(20))))))
            ) == set(range(20))
        killer.join()

        assert victim not in grid.worker_pids()


@pytest.mark.ray
def test_a_client_that_always_kills_its_worker_becomes_an_error(ray: None, tmp_path: Path) -> None:
    config = {"dies": 5, "always": True, "marker": str(tmp_path / "died")}
    with RayGrid(app, CLIENTS, config, workers=2, attempts=2) as grid:
        replies = list(grid.send_and_receive(messages(grid, list(range(8)))))

    assert set(answers(replies)) == set(range(8)) - {5}
    (failed,) = [reply for reply in replies if reply.has_error()]
    assert failed.error.reason.startswith("worker died")


@pytest.mark.ray
def test_a_client_that_never_answers_ends_at_the_deadline(ray: None) -> None:
    with RayGrid(app, CLIENTS, {"sleeps": 1}, workers=2) as grid:
        list(grid.send_and_receive(messages(grid, [2])))
        begun = time.monotonic()
        replies = list(grid.send_and_receive(messages(grid, [0, 1, 2, 3]), timeout=3))

        assert time.monotonic() - begun < 55
        assert 1 not in answers(replies)
        assert set(answers(list(grid.send_and_receive(messages(grid, [4, 5]))))) == {4, 5}


@pytest.mark.ray
def test_a_worker_that_lacks_a_plugin_ends_the_run_in_a_line_that_says_where(ray: None) -> None:
    lacks = r"^plugins: 'no_such_plugin': cannot import 'no_such_plugin' on "
    with RayGrid(app, 4, workers=1, plugins=["no_such_plugin"]) as grid:
        with pytest.raises(InputError, match=lacks) as refused:
            list(grid.send_and_receive(messages(grid, [0, 1])))

        assert platform.node() in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.ray
def test_asking_for_more_than_there_is_fails_at_once(ray: None) -> None:
    with pytest.raises(InputError, match=r"engine.workers: 9 workers x 1 CPU asked, 2 there"):
        RayGrid(app, CLIENTS, workers=9)
    with pytest.raises(InputError, match=r"engine.num_gpus: 2 workers x 0.5 GPU asked, 0 there"):
        RayGrid(app, CLIENTS, workers=2, num_gpus=0.5)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("answer", [None, "text", Unprintable()], ids=["None", "text", "raises"])
@pytest.mark.parametrize("cohort", [1, 4])
def test_a_client_app_that_returns_no_message_or_raises_without_words_is_a_counted_error(
    answer: object, cohort: int
) -> None:
    def train(message: Message, context: Context) -> object:
        if message.metadata.dst_node_id == 3:
            if isinstance(answer, Exception):
                raise answer
            return answer
        return Message(RecordDict(), reply_to=message)

    odd = ClientApp()
    odd.train()(train)
    grid = InProcessGrid(odd, 4, cohort=cohort)

    replies = list(grid.send_and_receive(messages(grid, [0, 1, 2, 3])))

    failed = {r.metadata.src_node_id: r.error.reason for r in replies if r.has_error()}
    assert len(replies) == 4
    expected = "Unprintable" if isinstance(answer, Exception) else type(answer).__name__
    assert list(failed) == [3]
    assert expected in str(failed[3])
