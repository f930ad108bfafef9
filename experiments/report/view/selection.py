"""What an address asks of the list of runs: which, in what order, in which groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from experiments.report.natural_order import natural
from experiments.report.view.reading.viewed_run import ViewedRun
from experiments.report.view.shown import shown

FIGURES = ("run", "state", "round", "accuracy", "best", "success")
"""Columns that every run has."""
PAGE = 100
"""Runs on a page."""
_WHERE = "is."


class Selection(NamedTuple):
    """A choice of runs, as the part of an address after the question mark holds it.

    Attributes
    ----------
    text : str
        What the name contains.
    state : str
        Empty for all.
    where : tuple of (str, str)
        Keys of the configuration and their values.
    runs : tuple of str
        Ids; empty for all.
    sort : str
        One of ``FIGURES`` or a key.
    descending : bool
    group : str
        A key; empty for none.
    page : int
        From 1.
    """

    text: str = ""
    state: str = ""
    where: tuple[tuple[str, str], ...] = ()
    runs: tuple[str, ...] = ()
    sort: str = "run"
    descending: bool = False
    group: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Iterable[tuple[str, str]]) -> Selection:
        """Read the names and values of an address; what is not known is passed over."""
        pairs = [(name, value) for name, value in query if value]
        given = dict(pairs)
        page = given.get("page", "")
        return cls(
            given.get("q", ""),
            given.get("state", ""),
            tuple((n.removeprefix(_WHERE), v) for n, v in pairs if n.startswith(_WHERE)),
            tuple(value for name, value in pairs if name == "run"),
            given.get("sort", "run"),
            given.get("order") == "desc",
            given.get("group", ""),
            max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
        )

    def query(self, **changes: Any) -> str:
        """Write it as part of an address, with other values for some attributes."""
        return urlencode(self._replace(**changes).pairs())

    def pairs(self) -> list[tuple[str, str]]:
        """Return the names and values of an address."""
        new, plain = self, Selection()
        pairs = [("q", new.text), ("state", new.state)]
        pairs += [(f"{_WHERE}{key}", value) for key, value in new.where]
        pairs += [("run", id) for id in new.runs]
        pairs += [("sort", "" if new.sort == plain.sort else new.sort)]
        pairs += [("order", "desc" if new.descending else ""), ("group", new.group)]
        pairs += [("page", "" if new.page == 1 else str(new.page))]
        return [(name, value) for name, value in pairs if value]

    def chosen(self, runs: Sequence[ViewedRun]) -> list[ViewedRun]:
        """Return the runs it chooses, in its order; what has no figure comes last."""
        text, ids = self.text.casefold(), set(self.runs)
        found = [
            run
            for run in runs
            if text in run.name.casefold()
            and (not ids or run.id in ids)
            and self.state in ("", run.state)
            and all(value_of(run, key) == value for key, value in self.where)
        ]
        found.sort(key=lambda run: natural(run.name))
        known = [run for run in found if figure(run, self.sort) is not None]
        rest = [run for run in found if figure(run, self.sort) is None]
        known.sort(key=lambda run: _by_size(figure(run, self.sort)), reverse=self.descending)
        return known + rest


def figure(run: ViewedRun, column: str) -> Any:
    """Return what a column shows of a run; ``None`` where it has nothing."""
    if column in FIGURES:
        return getattr(run, "name" if column == "run" else column)
    return run.config.get(column)


def value_of(run: ViewedRun, key: str) -> str:
    """Return the value of a key as text, for people and for addresses."""
    value = run.config.get(key, "")
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else shown(str(value))


def differing(runs: Sequence[ViewedRun]) -> dict[str, list[str]]:
    """List the keys that differ between runs, and the values of each in their order."""
    configs = [run.config for run in runs if run.config]
    keys = dict.fromkeys(key for config in configs for key in config)
    found: dict[str, list[str]] = {}
    for key in keys:
        if len({config.get(key) for config in configs}) > 1:
            values = {value_of(run, key) for run in runs if run.config}
            found[key] = sorted(values, key=natural)
    return found


def grouped(runs: Sequence[ViewedRun], key: str) -> Mapping[str, list[ViewedRun]]:
    """Divide runs by the value of a key; all in one group where there is no key."""
    if not key:
        return {"": list(runs)}
    groups: dict[str, list[ViewedRun]] = {}
    for run in runs:
        groups.setdefault(value_of(run, key), []).append(run)
    return {value: groups[value] for value in sorted(groups, key=natural)}


def _by_size(value: Any) -> tuple[bool, float, list[tuple[bool, float, str]]]:
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, [] if number else natural(value))
