"""Threads that meet to have their work done together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from frl.cohort.barrier import Barrier, current_member, membership


def meet(*members: Callable[[Callable[[Any], Any]], Any]) -> tuple[list[Any], list[list[Any]]]:
    """Run members side by side; return what each returned or raised, and what was done together."""
    barrier: Barrier[Any, Any] = Barrier(len(members))
    together: list[list[Any]] = []

    def work(jobs: Sequence[Any]) -> list[Any]:
        together.append(list(jobs))
        return [ValueError(job) if job == "bad" else f"done {job}" for job in jobs]

    def run(number: int) -> Any:
        with membership(barrier, number):
            member = current_member()
            assert member is not None
            try:
                return members[number](lambda job: member.submit(job, work))
            except ValueError as error:
                return error

    with ThreadPoolExecutor(len(members)) as threads:
        return list(threads.map(run, range(len(members)))), together


def test_all_meet_and_each_gets_its_own_result_whoever_comes_first() -> None:
    def late(submit: Callable[[Any], Any]) -> Any:
        time.sleep(0.05)
        return submit("a")

    results, together = meet(late, lambda submit: submit("b"), lambda submit: submit("c"))

    assert results == ["done a", "done b", "done c"]
    assert together == [["a", "b", "c"]], "in the order of the members, not of arrival"


def test_nobody_waits_for_one_that_leaves_without_a_job() -> None:
    def leaves(submit: Callable[[Any], Any]) -> str:
        time.sleep(0.05)
        return "left"

    results, together = meet(leaves, lambda submit: submit("b"))

    assert results == ["left", "done b"]
    assert together == [["b"]]


def test_a_member_may_come_again() -> None:
    results, together = meet(
        lambda submit: [submit("a1"), submit("a2"), submit("a3")], lambda submit: [submit("b1")]
    )

    assert results == [["done a1", "done a2", "done a3"], ["done b1"]]
    assert together == [["a1", "b1"], ["a2"], ["a3"]]


def test_only_the_one_at_fault_fails() -> None:
    results, _ = meet(lambda submit: submit("a"), lambda submit: submit("bad"))

    assert results[0] == "done a"
    assert isinstance(results[1], ValueError)


def test_work_that_fails_as_a_whole_fails_in_every_member() -> None:
    barrier: Barrier[Any, Any] = Barrier(2)

    def work(jobs: Sequence[Any]) -> list[Any]:
        raise RuntimeError("no device")

    def run(number: int) -> None:
        with membership(barrier, number), pytest.raises(RuntimeError, match="no device"):
            barrier.submit(number, number, work)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, range(2)))


def test_outside_there_is_no_member() -> None:
    assert current_member() is None
