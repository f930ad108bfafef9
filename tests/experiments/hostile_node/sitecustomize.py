"""What a hostile SuperNode does to its own processes; on the PYTHONPATH of that node alone.

``FRL_HOSTILE`` says what: ``extra`` adds a record of the wire's type to every reply, ``metrics``
makes the bytes of metrics garbage, ``withhold`` never sends one object of a reply.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_DOES = os.environ.get("FRL_HOSTILE", "")
_PROGRAM = os.path.basename(sys.argv[0] if sys.argv else "")


def _add_a_record() -> None:
    from flwr.app import Array, ArrayRecord
    from flwr.clientapp import ClientApp

    honest = ClientApp.__call__

    def answer(self: Any, message: Any, context: Any) -> Any:
        reply = honest(self, message, context)
        if message.metadata.message_type.startswith("train"):
            garbage = Array("uint8", (40,), "frl.wire", b"\xff" * 40)
            reply.content["aaa"] = ArrayRecord({"coded": garbage})
        return reply

    ClientApp.__call__ = answer  # type: ignore[method-assign]


def _garble_metrics() -> None:
    from flwr.app import MetricRecord
    from flwr.supercore.inflatable.inflatable_object import add_header_to_object_body

    def deflate(self: Any) -> bytes:
        return add_header_to_object_body(object_body=b"\xff" * 40, obj=self)

    MetricRecord.deflate = deflate  # type: ignore[method-assign]


def _withhold_an_object() -> None:
    from flwr.supercore.inflatable import inflatable_utils

    honest = inflatable_utils.push_object_contents_from_iterable

    def push(contents: Any, *rest: Any, **more: Any) -> None:
        pairs = list(contents)
        honest(pairs[:-1] if len(pairs) > 3 else pairs, *rest, **more)

    inflatable_utils.push_object_contents_from_iterable = push


if _DOES == "extra":
    _add_a_record()
elif _DOES == "metrics" and "supernode" not in _PROGRAM:
    _garble_metrics()
elif _DOES == "withhold" and "supernode" in _PROGRAM:
    _withhold_an_object()
