"""The frame of a message: what it holds, for which model, against which base.

Layout, little-endian: magic ``FRLW`` | version ``u8`` | coding ``u8`` | layers ``u16`` |
parameter ``u32`` | base round ``u32`` | base digest ``u32`` | for each layer, ascending by name:
name digest ``u64``, edges ``u32``, payload bytes ``u32`` | payloads | CRC-32 of all before.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from frl.wire.errors import WireError

VERSION = 1
MAGIC = b"FRLW"
_HEAD = struct.Struct("<4sBBHIII")
_LAYER = struct.Struct("<QII")
_CHECKSUM = struct.Struct("<I")


class Frame(NamedTuple):
    """The fields of a header.

    Attributes
    ----------
    code, parameter : int
        Of the coding.
    base_round, base_digest : int
        Of the base ranking; 0 where the coding needs none.
    """

    code: int
    parameter: int
    base_round: int
    base_digest: int


def header_size(layers: int) -> int:
    """Bytes of a message that are not payload: 24 and 16 for each layer."""
    return _HEAD.size + layers * _LAYER.size + _CHECKSUM.size


def write(frame: Frame, layers: Mapping[str, int], payloads: Sequence[bytes]) -> bytes:
    """Put a message together.

    Parameters
    ----------
    frame : Frame
    layers : mapping of layer name to number of edges, ascending by name
    payloads : sequence of bytes
        One for each layer.
    """
    head = _HEAD.pack(
        MAGIC,
        VERSION,
        frame.code,
        len(layers),
        frame.parameter,
        frame.base_round,
        frame.base_digest,
    )
    table = [
        _LAYER.pack(_name_digest(name), n, len(payload))
        for (name, n), payload in zip(layers.items(), payloads, strict=True)
    ]
    body = b"".join([head, *table, *payloads])
    return body + _CHECKSUM.pack(zlib.crc32(body))


def read_frame(message: memoryview) -> Frame:
    """Read the first fields, and check magic, version and checksum.

    Raises
    ------
    WireError
        ``"truncated"``, ``"magic"``, ``"version"`` or ``"checksum"``.
    """
    if len(message) < header_size(0):
        raise WireError("truncated", f"{len(message)} bytes are less than a header")
    magic, version, code, _, parameter, base_round, base_digest = _HEAD.unpack_from(message)
    if magic != MAGIC:
        raise WireError("magic", "not a message of this protocol")
    if version != VERSION:
        raise WireError("version", f"version {version}; this side speaks {VERSION}")
    (checksum,) = _CHECKSUM.unpack_from(message, len(message) - _CHECKSUM.size)
    if zlib.crc32(message[: -_CHECKSUM.size]) != checksum:
        raise WireError("checksum", "the message was changed or cut on its way")
    return Frame(code, parameter, base_round, base_digest)


def read_payloads(message: memoryview, layers: Mapping[str, int]) -> list[memoryview]:
    """Split a message into the payloads of the layers of the receiver's own model.

    Parameters
    ----------
    message : memoryview
        After :func:`read_frame`.
    layers : mapping of layer name to number of edges, ascending by name

    Raises
    ------
    WireError
        ``"wrong-model"``, ``"truncated"`` or ``"trailing-bytes"``.
    """
    count = _HEAD.unpack_from(message)[3]
    if count != len(layers):
        raise WireError("wrong-model", f"{count} layers; this model has {len(layers)}")
    if len(message) < header_size(count):
        raise WireError("truncated", f"{len(message)} bytes are less than a header")
    payloads = []
    start = header_size(count) - _CHECKSUM.size
    end = len(message) - _CHECKSUM.size
    for index, (name, n) in enumerate(layers.items()):
        digest, edges, length = _LAYER.unpack_from(message, _HEAD.size + index * _LAYER.size)
        if (digest, edges) != (_name_digest(name), n):
            raise WireError("wrong-model", f"layer {index} is not {name!r} of {n} edges")
        if length > end - start:
            raise WireError("truncated", f"layer {name!r}: {length} bytes, {end - start} left")
        payloads.append(message[start : start + length])
        start += length
    if start != end:
        raise WireError("trailing-bytes", f"{end - start} bytes after the last layer")
    return payloads


def _name_digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
