from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord

from frl.exchange.messages import MalformedError, arrays_record, digest, read_arrays


def test_arrays_round_trip_without_copying() -> None:
    arrays = {"a": np.arange(6, dtype=np.int32), "b": np.ones((2, 3), dtype=np.float32)}
    record = arrays_record(arrays)

    found = read_arrays(record)

    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert not found[name].flags.writeable
        assert np.shares_memory(found[name], np.frombuffer(record[name].data, dtype=np.uint8))


def good() -> bytes:
    return Array(np.arange(4, dtype=np.int32)).data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (good()[:-1], "undecodable"),
        (good() + b"x", "undecodable"),
        (good()[:20], "undecodable"),
        (b"", "undecodable"),
        (b"garbage" * 40, "undecodable"),
        (good().replace(b"(4,)", b"(9,)"), "undecodable"),
        (good().replace(b"<i4", b">i4"), "wrong-dtype"),
        (Array(np.arange(4, dtype=np.int64)).data, "wrong-dtype"),
        (Array(np.arange(4, dtype=np.complex64)).data, "wrong-dtype"),
        (good().replace(b"<i4", b"|O8"), "wrong-dtype"),
    ],
)
def test_arrays_that_cannot_be_read(data: bytes, reason: str) -> None:
    record = ArrayRecord({"a": Array("int32", (4,), "numpy.ndarray", data)})

    with pytest.raises(MalformedError) as caught:
        read_arrays(record)

    assert caught.value.reason == reason


def test_another_serialisation_is_refused() -> None:
    record = ArrayRecord({"a": Array("int32", (4,), "pickle", good())})

    with pytest.raises(MalformedError, match="serialised as 'pickle'"):
        read_arrays(record)


def test_digest_sees_names_types_shapes_and_values() -> None:
    base = {"a": np.arange(6, dtype=np.int32)}
    others = [
        {"b": base["a"]},
        {"a": base["a"].astype(np.int64)},
        {"a": base["a"].reshape(2, 3)},
        {"a": base["a"][::-1]},
    ]

    digests = {digest(base), *(digest(other) for other in others)}

    assert len(digests) == 5
    assert digest({"a": np.arange(6, dtype=np.int32)}) in digests
