"""The downlink: the server's ranking for a client that may hold an earlier one."""

from __future__ import annotations

from collections.abc import Mapping

from frl.exchange.ballots import ballot, refine
from frl.ranking import Ranking
from frl.wire.base import Base
from frl.wire.codings.ballot import Ballot
from frl.wire.codings.delta import Delta
from frl.wire.codings.fixed import Fixed
from frl.wire.message import decode, encode


def coarsen(ranking: Ranking, ties: Ranking, bits: int) -> Ranking:
    """Keep ``bits`` of a ranking: its buckets, and within a bucket the order of ``ties``.

    A server that makes this its state can send it down as ballots. With ``ties`` the first ranking
    of the run, which everybody draws from the seed, any client can rebuild it, whatever it
    holds.

    Parameters
    ----------
    ranking, ties : mapping of layer name to int32 positions
    bits : int
        1 to 8.
    """
    return {
        name: refine(ballot(positions, bits).astype("int32"), ties[name])
        for name, positions in ranking.items()
    }


def encode_down(
    ranking: Ranking,
    *,
    held: Base | None = None,
    bits: int | None = None,
    rows: Mapping[str, int] | None = None,
) -> bytes:
    """Encode the server's ranking for one client.

    Parameters
    ----------
    ranking : mapping of layer name to int32 positions
    held : Base or None
        What the client holds; None sends a full snapshot (``fixed``).
    bits : int or None
        None is lossless (``delta``). Otherwise ballots of a ranking that :func:`coarsen` made; a
        client that holds nothing else holds the first ranking of the run as round 0.
    rows : mapping of layer name to int, or None
        See :func:`frl.wire.encode`.
    """
    if held is None:
        return encode(ranking, Fixed())
    if bits is None:
        return encode(ranking, Delta(), base=held, rows=rows)
    buckets = {name: ballot(positions, bits) for name, positions in ranking.items()}
    return encode(buckets, Ballot(bits), base=held, rows=rows)


def decode_down(
    message: bytes,
    layers: Mapping[str, int],
    *,
    held: Base | None = None,
    bits: int | None = None,
    ties: Ranking | None = None,
) -> Ranking:
    """Decode what :func:`encode_down` made.

    Parameters
    ----------
    message : bytes-like
    layers : mapping of layer name to number of edges
    held : Base or None
        What this client holds.
    bits, ties
        As given to :func:`coarsen`; None where the way down is lossless.

    Raises
    ------
    WireError
        If the message is not the ranking of this model against ``held``.
    """
    if held is None:
        return decode(message, layers, Fixed())
    if bits is None or ties is None:
        return decode(message, layers, (Delta(), Fixed()), base=held)
    buckets = decode(message, layers, Ballot(bits), base=held)
    return {name: refine(votes.astype("int32"), ties[name]) for name, votes in buckets.items()}
