"""The base of grids that stand in front of another one: what they do not do, that one does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from flwr.app import Message, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid

from frl.grids.internals import Run


class ForwardingGrid(Grid):
    """A grid in front of another one; whatever that one offers, it offers too.

    Methods, attributes that are set, and ``with`` pass on. Subclasses say what becomes of messages
    (``send_and_receive``, ``push_messages``, ``pull_messages``); their own attributes are private.

    Parameters
    ----------
    grid : Grid
        The one to wrap.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._grid, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or hasattr(type(self), name):
            object.__setattr__(self, name, value)
        else:
            setattr(self._grid, name, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the wrapped grid, if it can be closed."""
        close = getattr(self._grid, "close", None)
        if close is not None:
            close()

    @property
    def wrapped(self) -> Grid:
        """The grid behind this one."""
        return self._grid

    @property
    def run(self) -> Run:
        """Run of the wrapped grid."""
        return self._grid.run

    def set_run(self, run: Run) -> None:
        """Set the run of the wrapped grid."""
        self._grid.set_run(run)

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Create a message with the wrapped grid."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids of the wrapped grid."""
        return self._grid.get_node_ids()

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Return the nodes of the wrapped grid."""
        return self._grid.get_nodes()
