"""Detection of malicious clients, counted by hand and against brute force."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.report.detection import detection_table, detections
from experiments.report.metrics import measure
from experiments.report.plots import Options, Runs
from experiments.report.plots.detection import DetectionPlot
from experiments.report.plotting import draw
from experiments.report.tables import as_csv
from experiments.report.verdict_lines import read_verdicts
from frl.errors import InputError
from tests.experiments.recorded import recorded, together

ATTACK = {"attack__name": "mimic", "attack__fraction": 0.2, "strategy__rule": "change_vote"}


def attacked(run: str = "a", seed: int = 0) -> pd.DataFrame:
    """Make eight rounds: in each client 0 is malicious; in odd ones it is caught."""
    rounds = recorded(run, [0.5] * 8, seed=seed, **ATTACK)
    return rounds.assign(
        malicious=[[0]] * 8,
        weights=[
            [(0, 0.0 if number % 2 else 0.9, ""), (1, 0.04, "apart"), (2, 1.0, "")]
            for number in range(1, 9)
        ],
    )


def test_what_was_dropped_against_the_truth() -> None:
    rounds = attacked()

    found = detections(rounds, measure(rounds))

    assert [(row.first, row.last) for row in found] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    for row in found:
        assert (row.votes, row.malicious, row.dropped, row.caught) == (6, 2, 3, 1)
        assert row.precision == pytest.approx(1 / 3)
        assert row.recall == 0.5
        assert row.separation == pytest.approx((1 + 0.5) / 2)
        assert row.honest_weight == pytest.approx(0.52)
        assert row.malicious_weight == pytest.approx(0.45)
    assert as_csv(found).splitlines()[0].startswith("setting,defence,attack,first,last,idle,votes")
    assert detection_table(found).rows[0][3:8] == ("1-2", "0", "2", "3", "0.33")


def test_rounds_in_which_nobody_counted_are_left_out_and_counted() -> None:
    rounds = attacked()
    nobody = [(0, 0.0, "against"), (1, 0.0, "against"), (2, 0.0, "against")]
    rounds["weights"] = [nobody, *rounds["weights"][1:6], nobody, nobody]

    found = detections(rounds, measure(rounds))

    assert [row.idle for row in found] == [1, 0, 0, 2]
    assert [row.votes for row in found] == [3, 6, 6, 0]
    assert (found[0].malicious, found[0].dropped, found[0].caught) == (1, 1, 0)
    assert (found[3].precision, found[3].recall) == (None, None)


def test_separation_is_a_chance_over_pairs() -> None:
    random = np.random.default_rng(3)
    weights = random.integers(0, 4, size=(8, 9)) / 4
    malicious = [sorted(random.choice(9, size, replace=False).tolist()) for size in range(1, 9)]
    rounds = recorded("a", [0.5] * 8, **ATTACK).assign(
        malicious=malicious, weights=[[(n, w, "") for n, w in enumerate(row)] for row in weights]
    )

    for row, at in zip(detections(rounds, measure(rounds)), range(0, 8, 2), strict=True):
        pairs = [
            (weights[number, bad], weights[number, good])
            for number in (at, at + 1)
            for bad, good in product(malicious[number], range(9))
            if good not in malicious[number]
        ]
        less = [1.0 if bad < good else 0.5 if bad == good else 0.0 for bad, good in pairs]
        assert row.separation == pytest.approx(sum(less) / len(less))


def test_seeds_are_put_together_and_a_clean_run_has_no_recall() -> None:
    clean = attacked("c").assign(malicious=[[]] * 8, **{"attack.name": "none"})
    rounds = together(attacked("a", 0), attacked("b", 1), clean)

    found = detections(rounds, measure(rounds))

    assert {(row.attack, row.votes) for row in found} == {("mimic", 12), ("clean", 6)}
    undisturbed = [row for row in found if row.attack == "clean"]
    assert {(row.recall, row.separation, row.malicious_weight) for row in undisturbed} == {
        (None, None, None)
    }
    assert all(row.precision == 0 for row in undisturbed)


def test_runs_without_weights_are_refused(tmp_path: Path) -> None:
    plain = recorded("a", [0.5, 0.6])

    with pytest.raises(InputError, match="no rule of these runs weighs or drops clients"):
        detections(plain, measure(plain))
    with pytest.raises(InputError, match="no rule of these runs weighs"):
        draw("detection", Runs(rounds=plain), tmp_path / "no.png")


def test_the_picture_has_a_panel_a_run(tmp_path: Path) -> None:
    rounds = together(attacked("a", 0), attacked("b", 1))

    draw("detection", Runs(rounds=rounds), tmp_path / "two.svg")

    text = (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert "mean of malicious" in text
    assert all(f"seed {seed}" in text for seed in (0, 1))
    many = together(*(attacked(f"r{seed}", seed) for seed in range(13)))
    with pytest.raises(InputError, match="at most 12 runs"):
        draw("detection", Runs(rounds=many), tmp_path / "many.png")


def verdict(**other: object) -> dict[str, object]:
    told: dict[str, object] = {"round": 1, "node": 7, "client": 0, "weight": 1.0, "by": ""}
    return {**told, "reason": "", "detail": "", **other}


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_lines_of_robust_are_drawn_by_what_became_of_a_reply(tmp_path: Path) -> None:
    first = written(
        tmp_path / "a.jsonl",
        verdict(),
        verdict(client=1, by="rule", weight=0.01, reason="dropped"),
        verdict(client=2, by="gate", weight=0.0, reason="late", round=2),
        verdict(client=-1, by="gate", weight=0.0, reason="not-asked"),
    )
    (tmp_path / "b").mkdir()
    second = written(tmp_path / "b" / "a.jsonl", verdict(round=3))

    votes = read_verdicts([first, second])
    figure = DetectionPlot().draw(Runs(first, second), Options())

    assert votes.drop(columns="run").values.tolist() == [
        [1, 0, 1.0, "", "counted"],
        [1, 1, 0.01, "dropped", "dropped by the rule"],
        [2, 2, 0.0, "late", "rejected by the gate"],
        [3, 0, 1.0, "", "counted"],
    ]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [str(first), str(second)]
    drawn = [dots.get_offsets().tolist() for dots in figure.axes[0].collections]
    assert [[weight for _, weight in dots] for dots in drawn] == [[1.0], [0.01], [0.0]]


@pytest.mark.parametrize("row", [{}, [], 1, verdict(by="x"), verdict(client=None)])
def test_a_line_that_is_no_verdict_is_named(tmp_path: Path, row: object) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl:2: no verdict of strategies\.Robust"):
        read_verdicts([written(tmp_path / "a.jsonl", verdict(), row)])


def test_files_without_verdicts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no verdicts in"):
        draw("detection", Runs(written(tmp_path / "a.jsonl")), tmp_path / "a.png")
    with pytest.raises(InputError, match="No such file"):
        draw("detection", Runs(tmp_path / "b.jsonl"), tmp_path / "a.png")
