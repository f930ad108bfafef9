"""The wire format: rankings, ballots and other updates as bytes, one coding a file.

>>> from frl import wire
>>> wire.codings.list()
('ballot', 'delta', 'fixed', 'float32', 'mask', 'signs', 'sparse', 'sparse-delta', 'topk')
"""

from frl.registry import Registry
from frl.wire.base import Base, Coding, Update
from frl.wire.errors import WireError
from frl.wire.message import base_round, decode, encode, payload_sizes

codings: Registry[Coding] = Registry("coding", __name__)
register = codings.register

__all__ = [
    "Base",
    "Coding",
    "Update",
    "WireError",
    "base_round",
    "codings",
    "decode",
    "encode",
    "payload_sizes",
    "register",
]
