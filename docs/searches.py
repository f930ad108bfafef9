"""The worst that each search found: the table and the picture of kept results.

``python docs/searches.py -o docs/searches.png`` draws the picture and prints the table as Markdown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import matplotlib
import pandas as pd
import typer
from matplotlib.figure import Figure

from experiments.report.plots.style import COLOURS, STYLE
from strategies import rules

RESULTS = Path(__file__).parents[1] / "experiments" / "results" / "digits_redteam.csv"
NOBODY = "none"


class Search(NamedTuple):
    """What a search of one defence found.

    Attributes
    ----------
    defence : str
    malicious : float
        Share of the clients.
    runs : int
        Under attack, short ones too.
    clean, worst : Series
        Accuracy in percent after the full number of rounds, by seed.
    attack : str
        The worst of those that were run with every seed.
    """

    defence: str
    malicious: float
    runs: int
    clean: pd.Series
    attack: str
    worst: pd.Series

    @property
    def lost(self) -> float:
        """Points that the worst attack costs, mean over seeds."""
        return float((self.clean - self.worst).mean())


def searches(file: Path = RESULTS) -> list[Search]:
    """Return the searches of a file of results, by malicious share, the least lost first."""
    rows = pd.read_csv(file).assign(percent=lambda kept: 100 * kept["accuracy"])
    found = [
        _search(str(defence), float(malicious), own)
        for (defence, malicious), own in rows.groupby(["defence", "malicious"])
    ]
    return sorted(found, key=lambda search: (search.malicious, search.lost))


def _search(defence: str, malicious: float, rows: pd.DataFrame) -> Search:
    whole = rows[rows["rounds"] == rows["rounds"].max()]
    percent = whole.pivot(index="seed", columns="attack", values="percent")
    seeds = percent.dropna(axis="columns").sort_index()
    attack = str(seeds.drop(columns=NOBODY).mean().idxmin())
    runs = int((rows["attack"] != NOBODY).sum())
    return Search(defence, malicious, runs, seeds[NOBODY], attack, seeds[attack])


def table(found: list[Search]) -> str:
    """Write the searches as a table in Markdown."""
    lines = [
        "| defence | of | malicious | no attack | worst attack | under it | lost, mean |",
        "|---|---|---|---|---|---|---|",
    ]
    for search in found:
        clean, worst = (
            " / ".join(f"{value:.1f}" for value in seeds) for seeds in (search.clean, search.worst)
        )
        lines.append(
            f"| `{search.defence}` | {rules.get(search.defence).space} | {search.malicious:.0%} | "
            f"{clean} | `{search.attack}` | {worst} | {search.lost:.1f} |"
        )
    return "\n".join(lines)


def picture(found: list[Search]) -> Figure:
    """Draw accuracy without an attack and under the worst one: a bar the mean, a dot a seed."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 1.1 + 0.5 * len(found)), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(found) - 1, -1, -1)
        for number, (label, seeds) in enumerate(
            (
                ("no attack", [search.clean for search in found]),
                ("under its worst", [search.worst for search in found]),
            )
        ):
            heights = [place + 0.19 - 0.38 * number for place in places]
            means = [values.mean() for values in seeds]
            axes.barh(heights, means, 0.36, color=COLOURS[number], alpha=0.75, label=label)
            for height, values in zip(heights, seeds, strict=True):
                axes.plot(values, [height] * len(values), "o", color="black", markersize=3)
        axes.set_yticks(places, [_name(search) for search in found])
        axes.set_xlim(0, 100)
        axes.set_xlabel("test accuracy (%)")
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=2)
    return figure


def _name(search: Search) -> str:
    space, attack = rules.get(search.defence).space, search.attack.partition("(")[0]
    return f"{search.defence} ({space}), {search.malicious:.0%}\n{attack}"


def _main(output: Annotated[Path, typer.Option("-o", "--output")]) -> None:
    """Draw the picture, print the table."""
    found = searches()
    picture(found).savefig(output, dpi=150)
    typer.echo(table(found))


if __name__ == "__main__":
    typer.run(_main)
