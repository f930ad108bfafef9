"""Shards as columns: how many examples a client holds, and the share of each label among them."""

from __future__ import annotations

from statistics import fmean
from xml.etree.ElementTree import Element

from markupsafe import Markup

from experiments.report.view.charts.axes import number, write_upright
from experiments.report.view.charts.svg import add, markup, picture, write
from experiments.report.view.reading.recorded_shards import RecordedShards

_WIDTH, _LEFT, _BARS, _ROW, _GAP, _FOOT = 640.0, 88.0, 70.0, 14.0, 8.0, 24.0
_LETTERS = 10


def shards_chart(found: RecordedShards) -> Markup:
    """Draw bars of sizes above a map of labels, whose strongest colour is the largest share."""
    shards, labels = found.shards, len(found.names)
    height = _BARS + 2 * _GAP + _ROW * labels + _FOOT
    root = picture(_WIDTH, height, "Labels of the clients' shards", _words(found))
    wide = (_WIDTH - _LEFT - 10) / len(shards)
    most = max(shard.examples for shard in shards) or 1
    full = found.full or 1.0
    top = _BARS + 2 * _GAP
    for place, shard in enumerate(shards):
        x, high = _LEFT + place * wide, _BARS * shard.examples / most
        bar = add(
            root, "rect", x=x, y=_GAP + _BARS - high, width=0.9 * wide, height=high, class_="bar"
        )
        add(bar, "title").text = f"client {shard.client}: {shard.examples} examples"
        for label, count in enumerate(shard.counts):
            if count:
                _cell(root, x, top + _ROW * label, wide, count / shard.examples / full)
    for value in (0, most):
        y = _GAP + _BARS * (1 - value / most)
        write(root, _LEFT - 6, y + 4, number(value), class_="tick", text_anchor="end")
    every = max(1, -(-labels // 20))
    for label, name in enumerate(found.names):
        if label % every == 0:
            y = top + _ROW * label + 11
            write(root, _LEFT - 6, y, name[:_LETTERS], class_="tick", text_anchor="end")
    below = "clients, by their most frequent label"
    write(root, (_LEFT + _WIDTH) / 2, height - 6, below, class_="label", text_anchor="middle")
    write_upright(root, _GAP + _BARS / 2, "examples")
    write_upright(root, top + _ROW * labels / 2, "label")
    return markup(root)


def _cell(root: Element, x: float, y: float, wide: float, strength: float) -> None:
    add(root, "rect", x=x, y=y, width=wide, height=_ROW, class_="bar", opacity=f"{strength:.2f}")


def _words(found: RecordedShards) -> str:
    sizes = [shard.examples for shard in found.shards]
    held = [shard for shard in found.shards if shard.examples]
    share = fmean(shard.share for shard in held) if held else 0.0
    kinds = fmean(shard.labels for shard in held) if held else 0.0
    return (
        f"{len(sizes)} clients hold {min(sizes)} to {max(sizes)} examples each; on average a "
        f"client holds {kinds:.1f} of {len(found.names)} labels, and its most frequent one makes "
        f"{share:.0%} of its shard"
    )
