"""The wire format against its bars: size of a fixed Conv8, bits an edge, edges a second."""

from __future__ import annotations

from experiments.benchmarks import wire
from experiments.benchmarks.row import Row
from frl.one_thread import one_thread

_CONV8_BYTES = 13_704_264
_HEADER_A_LAYER = 64

# Name: model, coding, its parameters, bits an edge at most, million edges a second at least.
_CODINGS = {
    "fixed": ("Conv8", "fixed", {}, None, 20.0),
    "delta": ("LeNet", "delta", {}, 17.0, 5.0),
    "ballot": ("LeNet", "ballot", {"bits": 4}, 1.0, 20.0),
}
NAMES = (
    "wire-fixed-size",
    "wire-fixed-speed",
    "wire-delta-bits",
    "wire-delta-speed",
    "wire-ballot-bits",
    "wire-ballot-speed",
)


def measure(name: str) -> Row:
    """Measure one figure on made-up rankings, one thread."""
    _, coding, figure = name.split("-")
    model, kind, parameters, bits, speed = _CODINGS[coding]
    with one_thread():
        found = wire.measure(model, kind, parameters)
    shown = ", ".join(f"{value} {key}" for key, value in parameters.items())
    what = f"{kind} {shown}".strip()
    details: dict[str, float | str] = {
        "bytes": float(found.bytes),
        "edges": float(found.edges),
        "rankings": "made up",
    }
    if figure == "speed":
        return Row(
            name,
            f"{model} {what}: million edges a second, encoded and decoded",
            found.million_edges_per_second,
            speed,
            "higher",
            {"encode_s": found.encode_seconds, "decode_s": found.decode_seconds, **details},
        )
    if bits is None:
        over = (found.bytes - _CONV8_BYTES) / len(wire.MODELS[model])
        return Row(
            name,
            f"{model} {what}: header bytes a layer over {_CONV8_BYTES:,} bytes",
            over,
            _HEADER_A_LAYER,
            "lower",
            details,
        )
    return Row(name, f"{model} {what}: bits an edge", found.bits_per_edge, bits, "lower", details)
