"""The wire format: rankings, ballots and other updates as bytes."""

from frl.wire import codings
from frl.wire.base import Base
from frl.wire.coding import Coding
from frl.wire.errors import WireError
from frl.wire.message import base_round, decode, encode, payload_sizes

__all__ = [
    "Base",
    "Coding",
    "WireError",
    "base_round",
    "codings",
    "decode",
    "encode",
    "payload_sizes",
]
