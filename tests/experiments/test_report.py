from __future__ import annotations

import csv
import io
import logging

import pytest

from experiments.report.metrics import measure
from experiments.report.outcomes import as_json, outcomes, paired, worst_cases
from experiments.report.run_labels import Label, run_labels
from experiments.report.tables import as_csv, latex, markdown, tables
from frl.errors import InputError
from tests.experiments.recorded import recorded, together

FEDAVG = {"strategy__name": "fedavg", "train__lr": 0.06}
LOUD = {"attack__name": "rank_noise", "attack__fraction": 0.2}
QUIET = {"attack__name": "mimic", "attack__fraction": 0.2}


def runs() -> list[object]:
    return [
        recorded("a", [0.2, 0.9, 0.8], seed=0),
        recorded("b", [0.2, 0.7, 0.9], seed=1),
        recorded("c", [0.2, 0.3, 0.5], seed=0, **LOUD),
        recorded("d", [0.2, 0.6, 0.7], seed=1, **LOUD),
        recorded("e", [0.2, 0.6, 0.75], seed=1, **QUIET),
        recorded("f", [0.2, 0.3, 0.7], seed=0, **FEDAVG),
        recorded("g", [0.2, 0.3, 0.6], seed=1, **FEDAVG),
        recorded("h", [0.2, 0.3, 0.1], seed=1, **FEDAVG, **QUIET),
    ]


def table(*extra: object, reach: float | None = None):  # type: ignore[no-untyped-def]
    return measure(together(*runs(), *extra), reach)


def test_a_rule_under_an_attack_over_seeds() -> None:
    found = {(row.defence, row.attack): row for row in outcomes(table(reach=0.7))}

    assert list(found) == [
        ("FRL sum", "clean"),
        ("FRL sum", "mimic"),
        ("FRL sum", "rank_noise"),
        ("FedAvg", "clean"),
        ("FedAvg", "mimic"),
    ]
    clean, loud = found["FRL sum", "clean"], found["FRL sum", "rank_noise"]
    assert (clean.final.n, clean.final.mean, clean.best.mean) == pytest.approx((2, 85, 90))
    assert clean.last.mean == pytest.approx(100 * (1.9 + 1.8) / 6)
    assert clean.impact is None
    assert loud.impact is not None
    assert loud.impact.mean == pytest.approx((30 + 20) / 2)
    assert loud.impact.sd == pytest.approx(50**0.5)
    assert found["FRL sum", "mimic"].impact == pytest.approx((1, 15, None, None, None))


def test_communication_to_an_accuracy() -> None:
    found = {(row.defence, row.attack): row for row in outcomes(table(reach=0.7))}

    clean, loud = found["FRL sum", "clean"], found["FRL sum", "rank_noise"]
    assert clean.megabytes is not None
    assert (clean.reached_by, clean.megabytes.mean) == (2, 6.0)
    assert loud.megabytes is not None
    assert (loud.reached_by, loud.megabytes.mean) == (1, 9.0)
    assert found["FedAvg", "mimic"].megabytes is None
    text = markdown(tables(list(found.values()), [], [], 0.7))
    assert "| MB to 70% (seeds) |" in text
    assert "| 9.0 (1 of 2) |" in text
    assert "| 0 of 1 |" in text


def test_the_worst_attack_on_each_rule_and_the_most_robust_rule_first() -> None:
    found = worst_cases(outcomes(table()))

    assert [(row.defence, row.attack, row.attacks) for row in found] == [
        ("FRL sum", "rank_noise", 2),
        ("FedAvg", "mimic", 1),
    ]
    assert found[0].final.mean == pytest.approx(60)


def test_rules_are_compared_over_the_seeds_and_attacks_that_both_have() -> None:
    found = {row.over: row.comparison for row in paired(table(), "FRL sum", "FedAvg")}

    assert list(found) == ["all", "clean", "mimic", "worst attack on each"]
    assert found["all"].difference.n == 3
    assert found["all"].difference.mean == pytest.approx((10 + 30 + 65) / 3)
    assert found["clean"].difference.mean == pytest.approx(20)
    assert found["worst attack on each"].difference[:2] == pytest.approx((1, 60))
    backwards = {row.over: row.comparison for row in paired(table(), "FedAvg", "FRL sum")}
    assert backwards["all"].difference.mean == -found["all"].difference.mean
    assert backwards["all"].t_p == found["all"].t_p
    with pytest.raises(InputError, match="unknown rule in these runs 'median'"):
        paired(table(), "FRL sum", "median")


def test_equal_runs_count_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = outcomes(table(recorded("again", [0.2, 0.7, 0.9], seed=1)))

    assert found[0].final.n == 2
    assert "1 runs repeat another" in caplog.text


def test_a_run_under_way_is_left_out() -> None:
    halfway = recorded("z", [0.2, 0.9], seed=2).assign(rounds=3)

    assert outcomes(table(halfway))[0].final.n == 2
    assert measure(halfway).empty


def test_what_differs_otherwise_is_a_setting_of_its_own() -> None:
    other = recorded("z", [0.2, 0.9, 0.95], seed=0, data__alpha=0.1)

    rows = outcomes(table(other))

    assert [
        (r.setting, r.final.n) for r in rows if r.defence == "FRL sum" and r.attack == "clean"
    ] == [
        ("alpha 0.1", 1),
        ("alpha 1.0", 2),
    ]


def test_labels_say_what_differs_and_no_more() -> None:
    found = together(
        recorded("a", [0.5], seed=0),
        recorded("b", [0.5], seed=1, attack__colluders="all"),
        recorded("c", [0.5], **LOUD),
        recorded("d", [0.5], strategy__keep=0.2, attack__name="reversal", attack__fraction=0.1),
        recorded("e", [0.5], strategy__keep=0.2, attack__name="reversal", attack__fraction=0.2),
        recorded("f", [0.5], **FEDAVG),
        recorded("g", [0.5], **FEDAVG, strategy__rule="median", strategy__f=2),
        recorded("h", [0.5], **FEDAVG, engine__name="ray", engine__workers=2),
    )

    labels = run_labels(found)

    assert labels == [
        Label("", "FRL sum", "clean"),
        Label("", "FRL sum", "clean"),
        Label("", "FRL sum", "rank_noise"),
        Label("", "FRL sum, keep 0.2", "reversal, 10% malicious"),
        Label("", "FRL sum, keep 0.2", "reversal, 20% malicious"),
        Label("", "FedAvg", "clean"),
        Label("", "median", "clean"),
        Label("", "FedAvg", "clean"),
    ]
    assert list(map(str, labels))[2:5] == [
        "FRL sum, rank_noise",
        "FRL sum, keep 0.2, reversal, 10% malicious",
        "FRL sum, keep 0.2, reversal, 20% malicious",
    ]


def test_formats_hold_the_same_numbers() -> None:
    rows = outcomes(table())
    worst, pairs = worst_cases(rows), paired(table(), "FRL sum", "FedAvg")

    text = markdown(tables(rows, worst, pairs, None))
    tex = latex(tables(rows, worst, pairs, None))
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    stored = as_json(rows, worst, pairs)

    assert "| FRL sum | clean | 2 | 85.00 ± 7.07 | 21.5 to 100.0 |" in text
    assert r"FRL sum & rank\_noise & 2 & 60.00 $\pm$ 14.14" in tex
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") == 3
    assert float(read[0]["final_mean"]) == pytest.approx(85)
    assert float(read[2]["impact_mean"]) == pytest.approx(25)
    assert read[0]["impact_mean"] == ""
    assert stored["runs"][0]["final"]["mean"] == pytest.approx(85)
    assert stored["worst"][0]["attack"] == "rank_noise"
    assert stored["compare"][0]["comparison"]["difference"]["n"] == 3
