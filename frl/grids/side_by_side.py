"""Client apps that run side by side in one process, so that they can train as a cohort."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import torch
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from frl.cohort.gathering import Gathering, membership

T = TypeVar("T")


def run_apps(
    app: ClientApp, requests: Sequence[tuple[Message, Context]]
) -> list[Message | Exception]:
    """Run a client app on several messages, each in its own thread on one core.

    A single message runs in the calling thread. Training of several meets in a gathering, see
    :mod:`frl.cohort`.

    Returns
    -------
    list
        The reply to each message, or what its app raised.
    """
    if len(requests) == 1:
        return [_run(app, *requests[0])]
    gathering: Gathering[Any, Any] = Gathering(len(requests))

    def run(number: int) -> Message | Exception:
        torch.set_num_threads(1)
        with membership(gathering, number):
            return _run(app, *requests[number])

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(run, range(len(requests))))


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of ``size``, as they are asked for; the last may be shorter."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk


def told(error: Exception) -> tuple[str, str]:
    """Return an exception in a line, and with its traceback."""
    try:
        said = f": {error}"
    except Exception:
        said = ", which cannot be printed"
    return f"{type(error).__name__}{said}", "".join(traceback.format_exception(error))


def _run(app: ClientApp, message: Message, context: Context) -> Message | Exception:
    try:
        reply: object = app(message, context)
    except Exception as error:
        return error
    except SystemExit as error:
        return RuntimeError(f"the client app called exit: {error}")
    if not isinstance(reply, Message):
        return TypeError(f"the client app returned a {type(reply).__name__}, not a Message")
    return reply
