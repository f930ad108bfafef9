"""Coded records: one array, ``CODED``, whose bytes are a message of :mod:`frl.wire`."""

from __future__ import annotations

from typing import cast

from flwr.app import Array, ArrayRecord, Message

from frl.exchange.messages import ARRAYS

CODED = "coded"
_STYPE = "frl.wire"


def coded_record(message: bytes) -> ArrayRecord:
    """Put a message into a record."""
    return ArrayRecord({CODED: Array("uint8", (len(message),), _STYPE, message)})


def coded_message(record: ArrayRecord) -> bytes | None:
    """Return the message of a coded record, ``None`` for plain arrays."""
    if len(record) != 1 or CODED not in record or record[CODED].stype != _STYPE:
        return None
    return record[CODED].data


def is_coded(request: Message) -> bool:
    """Whether a request is coded, and so its reply must be."""
    return coded_message(cast(ArrayRecord, request.content[ARRAYS])) is not None
