"""The order of edges within blocks of consecutive ranks, as one number a block.

The order of 16 edges is one of 16! ~ 2**44.25: 45 bits, where 16 ranks told apart by 4 bits each
would take 64. The number is the factorial-base (Lehmer) code of the edge ids in rank order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.errors import WireError

BLOCK = 16
"""Edges a block."""
_ORDERS = math.factorial(BLOCK)
_WIDTH = (_ORDERS - 1).bit_length()


def orders_size(blocks: int) -> int:
    """Bytes that the orders of this many blocks take."""
    return packed_size(blocks, _WIDTH)


def encode_orders(ids: NDArray[np.int32]) -> bytes:
    """Encode the order of ids within each block.

    Parameters
    ----------
    ids : int32 array of shape (blocks, BLOCK)
        Distinct within a block.
    """
    columns = np.ascontiguousarray(ids.T)
    codes = np.zeros(len(ids), dtype=np.uint64)
    for place in range(BLOCK - 1):
        digit = np.zeros(len(ids), dtype=np.uint8)
        for later in range(place + 1, BLOCK):
            digit += columns[later] < columns[place]
        codes *= np.uint64(BLOCK - place)
        codes += digit
    return pack(codes, _WIDTH)


def decode_orders(payload: memoryview, ascending: NDArray[np.int32]) -> NDArray[np.int32]:
    """Put the ids of each block in their order.

    Parameters
    ----------
    payload : bytes-like
        From :func:`encode_orders`.
    ascending : int32 array of shape (blocks, BLOCK)
        The same ids, ascending within a block.

    Raises
    ------
    WireError
        If a number is not the code of an order.
    """
    blocks = len(ascending)
    codes = unpack(payload, blocks, _WIDTH)
    if blocks and int(codes.max()) >= _ORDERS:
        raise WireError("not-a-permutation", f"the order of {BLOCK} edges is not below {BLOCK}!")
    places = np.zeros((BLOCK, blocks), dtype=np.uint8)
    for place in range(BLOCK - 2, -1, -1):
        radix = np.uint64(BLOCK - place)
        rest = codes // radix
        places[place] = codes - rest * radix
        codes = rest
        for later in range(place + 1, BLOCK):
            places[later] += places[later] >= places[place]
    return np.take_along_axis(ascending, places.T.astype(np.intp), axis=1)
