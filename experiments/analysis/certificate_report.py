"""The report of ``frl certify``, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.analysis.certificates import HOWS, How, Proof
from experiments.analysis.honest_round import HonestRound
from strategies.certificates import Certificate

ALL = "all layers"


def total(proofs: Sequence[Proof], how: How, malicious: int) -> Proof:
    """Add up the layers: votes on one do not constrain those on another."""
    rows = [row for row in proofs if (row.how, row.malicious) == (how, malicious)]
    counts = [row.certificate for row in rows]
    together = Certificate(*(sum(column) for column in zip(*counts, strict=True)))
    moved = [row.moved for row in rows if row.moved is not None]
    names = dict.fromkeys(row.attack for row in sorted(rows, key=_moved, reverse=True))
    return Proof(
        ALL,
        how,
        malicious,
        together,
        sum(moved) if moved else None,
        ", ".join(name for name in names if name),
    )


def report(found: HonestRound, proofs: Sequence[Proof]) -> dict[str, Any]:
    """Return what ``frl certify --json`` prints."""
    numbers = sorted({row.malicious for row in proofs})
    totals = [total(proofs, how, number) for how in HOWS for number in numbers]
    return {
        "round": found.number,
        "honest_votes": len(found.clients),
        "malicious_sampled": list(found.malicious),
        "found_on_record": found.recorded,
        "rule": rule_of(found),
        "mask_by": found.config.strategy.mask_by,
        "keep": found.config.strategy.keep,
        "layers": [_entry(row) for row in proofs],
        "total": [_entry(row) for row in totals],
    }


def print_report(found: HonestRound, proofs: Sequence[Proof]) -> None:
    """Print tables that fit 80 columns: one over M, or all there is for one M."""
    console = Console()
    strategy = found.config.strategy
    console.print(
        f"round {found.number}: {len(found.clients)} honest votes, rule {rule_of(found)}, "
        f"mask by {strategy.mask_by}, {strategy.keep:.0%} kept"
    )
    if found.malicious:
        console.print(f"without the votes of {len(found.malicious)} malicious clients")
    if found.recorded:
        console.print("the votes, trained again, lead to the ranking on record")
    numbers = sorted({row.malicious for row in proofs})
    if len(numbers) == 1:
        _print_one(console, proofs, numbers[0])
    else:
        _print_over(console, proofs, numbers)
    attacked = [row.certificate.certified for row in proofs if row.malicious]
    if attacked and not any(attacked):
        console.print(
            "nothing certified: no proof for single edges under this rule, or M is too many;\n"
            "see docs/certificates.md"
        )


def rule_of(found: HonestRound) -> str:
    """Name the rule of a round with the steps before it."""
    strategy = found.config.strategy
    steps = f" after {strategy.pre_aggregation}" if strategy.pre_aggregation else ""
    return f"{strategy.rule}{steps}"


def share_left(row: Proof) -> float | None:
    """Share of the mask that the strongest attack left in it."""
    if row.moved is None:
        return None
    return 1.0 - row.moved / row.certificate.edges if row.certificate.edges else 1.0


def _print_over(console: Console, proofs: Sequence[Proof], numbers: Sequence[int]) -> None:
    console.print("\npercent of the mask that M malicious votes cannot move")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("M votes added")
    table.add_column("edges", justify="right")
    for number in numbers:
        table.add_column(f"M={number}", justify="right")
    layers = dict.fromkeys(row.layer for row in proofs)
    for layer in layers:
        rows = [row for row in proofs if row.layer == layer and row.how == "added"]
        _add(table, layer, rows, [row.certificate.certified for row in rows])
    for how in HOWS:
        rows = [total(proofs, how, number) for number in numbers]
        if how == "replaced":
            table.add_row("")
            table.add_row("[bold]M votes replaced[/bold]")
        _add(table, ALL, rows, [row.certificate.certified for row in rows])
        _add(table, "  edge by edge", rows, [row.certificate.pinned_share for row in rows])
        _add(table, "  strongest attack", rows, [share_left(row) for row in rows])
    console.print(table)
    names = dict.fromkeys(row.attack for row in proofs if row.attack)
    if names:
        console.print(f"strongest attack: what it left in the mask; {', '.join(names)}")


def _add(table: Table, label: str, rows: Sequence[Proof], shares: Sequence[float | None]) -> None:
    table.add_row(label, f"{rows[0].certificate.edges:,}", *(_percent(share) for share in shares))


def _print_one(console: Console, proofs: Sequence[Proof], number: int) -> None:
    for how in HOWS:
        console.print(f"\npercent of the mask that stays, M = {number} malicious votes {how}")
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("layer")
        for column in ("edges", "certified", "edge by edge", "attacked"):
            table.add_column(column, justify="right")
        table.add_column("by")
        rows = [row for row in proofs if row.how == how]
        for row in [*rows, total(proofs, how, number)]:
            table.add_row(
                row.layer,
                f"{row.certificate.edges:,}",
                _percent(row.certificate.certified),
                _percent(row.certificate.pinned_share),
                _percent(share_left(row)),
                row.attack,
            )
        console.print(table)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _moved(row: Proof) -> int:
    return row.moved or 0


def _entry(row: Proof) -> dict[str, Any]:
    return {
        "layer": row.layer,
        "how": row.how,
        "malicious": row.malicious,
        **row.certificate._asdict(),
        "certified": row.certificate.certified,
        "pinned_share": row.certificate.pinned_share,
        "moved": row.moved,
        "left": share_left(row),
        "attack": row.attack,
    }
