from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments.config import flatten, from_flat
from experiments.plotting import accuracy_curves, series_labels
from frl.errors import InputError


def run(name: str, **keys: Any) -> pd.DataFrame:
    flat = flatten(from_flat({key.replace("__", "."): value for key, value in keys.items()}))
    frame = pd.DataFrame({"run": name, "round": [1, 2, 3], "accuracy": [0.5, None, 0.75]})
    return frame.assign(**flat)


def test_labels_say_what_differs_and_no_more() -> None:
    rounds = pd.concat(
        [
            run("a", seed=0),
            run("b", seed=1),
            run("c", attack__name="reversal", attack__fraction=0.2),
            run("d", strategy__name="fedavg"),
            run("e", strategy__name="fedavg", train__lr=0.06, strategy__rule="median"),
        ],
        ignore_index=True,
    )

    labels = series_labels(rounds).groupby(rounds["run"]).first().tolist()

    assert labels == [
        "FRL",
        "FRL",
        "FRL, reversal, 20% malicious",
        "FedAvg",
        "FedAvg, lr 0.06, rule median",
    ]


def test_seeds_become_one_line_with_a_band(tmp_path: Path) -> None:
    rounds = pd.concat([run("a", seed=0), run("b", seed=1)], ignore_index=True)

    accuracy_curves(rounds, tmp_path / "curve.svg")

    drawn = (tmp_path / "curve.svg").read_text()
    assert "FRL (2 runs)" in drawn
    assert "FillBetween" in drawn or "PolyCollection" in drawn


@pytest.mark.parametrize(
    ("name", "accuracy", "message"),
    [
        ("curve.gif", [0.5, 0.6, 0.7], r"takes a file name ending in .png, .pdf, .svg"),
        ("curve.png", [None, None, None], "no round was evaluated yet"),
        ("nowhere/curve.png", [0.5, 0.6, 0.7], "No such file or directory"),
    ],
)
def test_what_cannot_be_drawn(
    name: str, accuracy: list[float | None], message: str, tmp_path: Path
) -> None:
    rounds = run("a").assign(accuracy=accuracy)

    with pytest.raises(InputError, match=message):
        accuracy_curves(rounds, tmp_path / name)
