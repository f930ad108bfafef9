"""The internals of Flower that this project uses beyond its public API, in one place.

Flower offers no public way to make messages outside one of its own runs, nor to number them.
"""

from __future__ import annotations

import sys
import time

from flwr.app import Error, Message, RecordDict
from flwr.app.metadata import Metadata
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

__all__ = [
    "RUN_ID",
    "Metadata",
    "Run",
    "assemble",
    "empty_run",
    "failed",
    "identify_process",
    "is_simulation",
    "number",
]

RUN_ID = 1


def is_simulation(grid: Grid) -> bool:
    """Whether a grid is that of Flower's simulation: all its nodes are there from the beginning."""
    loaded = sys.modules.get("flwr.superlink.grid.inmemory_grid")
    return loaded is not None and isinstance(grid, loaded.InMemoryGrid)


def identify_process() -> None:
    """Tell Flower who makes messages in this process, unless Flower already did."""
    for name in ("run_id", "node_id", "task_id"):
        try:
            getattr(TaskIdentity, name)
        except RuntimeError:
            setattr(TaskIdentity, name, RUN_ID)


def empty_run() -> Run:
    """Make the information of a run that no SuperLink knows."""
    return Run.create_empty(RUN_ID)


def number(message: Message, message_id: str) -> None:
    """Give an outgoing message its id, as a SuperLink would."""
    message.metadata.__dict__["_message_id"] = message_id


def assemble(metadata: Metadata, content: RecordDict | None, error: Error | None) -> Message:
    """Put a message together that another process took apart."""
    if error is not None:
        return Message(error=error, metadata=metadata)  # type: ignore[call-overload,no-any-return]
    return Message(content=content, metadata=metadata)  # type: ignore[call-overload,no-any-return]


def failed(asked: Metadata, reason: str) -> Message:
    """Make the error that stands for a node's reply to a message, from that message's metadata."""
    metadata = Metadata(
        run_id=asked.run_id,
        message_id="",
        src_node_id=asked.dst_node_id,
        dst_node_id=asked.src_node_id,
        reply_to_message_id=asked.message_id,
        group_id=asked.group_id,
        created_at=time.time(),
        ttl=asked.ttl,
        message_type=asked.message_type,
    )
    return assemble(metadata, None, Error(code=ErrorCode.MESSAGE_UNAVAILABLE, reason=reason))
