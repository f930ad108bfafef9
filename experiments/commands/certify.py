"""The command ``frl certify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.options import AsJson
from frl.errors import InputError


def certify(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Run directory; with --groups one a group."),
    ] = None,
    malicious: Annotated[
        int | None, typer.Option(help="Malicious votes M; without it: a table over M.")
    ] = None,
    round: Annotated[
        int | None, typer.Option(help="Round; default: the last one on record.")
    ] = None,
    instead: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="KEY=VALUE", help="Another setting, e.g. strategy.rule."),
    ] = None,
    attack: Annotated[
        bool, typer.Option("--attack/--no-attack", help="Also try the strongest attacks.")
    ] = True,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Bounds on a yes-or-no vote; needs no run.")
    ] = False,
    groups: Annotated[
        bool, typer.Option("--groups", help="Certify the majority of the models of all groups.")
    ] = False,
    clients: Annotated[int, typer.Option(help="Voters, with --bounds.")] = 25,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Draw a PNG, PDF or SVG file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove how much of the mask M malicious votes cannot move, on the votes of a real round."""
    from experiments.config.portable import pin_where_asked
    from experiments.records import RunDirectory

    paths = directories or []
    if groups and (bounds or not paths or instead or (malicious, round) != (None, None)):
        raise InputError("certify --groups: takes the run directories of all groups, -o and --json")
    if not groups and len(paths) != (not bounds):
        raise InputError("certify: takes a run directory, or --bounds and none")
    if paths:
        pin_where_asked(RunDirectory(paths[0]).config())
    from experiments.analysis.certificate_pictures import check_format

    if output is not None:
        check_format(output)
    if groups:
        _certify_groups(paths, output, as_json=as_json)
        return
    if paths:
        _certify_run(
            paths[0], malicious, round, instead or (), output, attack=attack, as_json=as_json
        )
        return
    from experiments.analysis.certificate_pictures import failure_bounds
    from experiments.analysis.failure_table import failure_table, print_failure_table
    from experiments.records.json_text import json_text

    rows = failure_table(clients)
    if as_json:
        typer.echo(json_text([row._asdict() for row in rows], indent=2))
    else:
        print_failure_table(clients, rows)
    if output is not None:
        failure_bounds(clients, output)
        typer.echo(output, err=as_json)


def _certify_groups(paths: Sequence[Path], output: Path | None, *, as_json: bool) -> None:
    from experiments.analysis.certificate_pictures import certified_accuracy
    from experiments.analysis.grouped_runs import print_groups, report, vote_of_groups
    from experiments.records.json_text import json_text

    found = vote_of_groups(paths)
    if as_json:
        typer.echo(json_text(report(found), indent=2))
    else:
        print_groups(found)
    if output is not None:
        certified_accuracy(found, output)
        typer.echo(output, err=as_json)


def _certify_run(
    directory: Path,
    malicious: int | None,
    round: int | None,
    instead: Sequence[str],
    output: Path | None,
    *,
    attack: bool,
    as_json: bool,
) -> None:
    import torch

    from experiments.analysis.certificate_pictures import certified_shares
    from experiments.analysis.certificate_report import print_report, report, rule_of
    from experiments.analysis.certificates import counts, prove
    from experiments.analysis.honest_round import repeat_round
    from experiments.records import RunDirectory
    from experiments.records.json_text import json_text

    torch.set_num_threads(1)
    found = repeat_round(RunDirectory(directory), round, instead)
    numbers = counts(found) if malicious is None else [malicious]
    proofs = prove(found, numbers, attacked=attack)
    if as_json:
        typer.echo(json_text({"run": str(directory), **report(found, proofs)}, indent=2))
    else:
        print_report(found, proofs)
    if output is not None:
        title = f"{directory.name}, round {found.number}: {len(found.clients)} honest votes, "
        certified_shares(proofs, output, f"{title}rule {rule_of(found)}")
        typer.echo(output, err=as_json)
