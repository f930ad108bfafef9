from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.config import dump, from_flat
from experiments.report.natural_order import natural
from experiments.report.plots import Options, Runs, registry
from experiments.report.plots.style import STYLE
from experiments.report.plotting import accuracy_curves, draw
from frl.errors import InputError
from tests.experiments.recorded import recorded, together

FEDAVG = {"strategy__name": "fedavg", "train__lr": 0.06}


def loud(share: float = 0.2) -> dict[str, Any]:
    return {"attack__name": "rank_noise", "attack__fraction": share}


def figure(kind: str, *runs: pd.DataFrame, **options: Any) -> Figure:
    with mpl.rc_context(STYLE):
        return registry.make(kind).draw(Runs(rounds=together(*runs)), Options(**options))


def lines(of: Figure, axes: int = 0) -> dict[str, tuple[list[float], list[float]]]:
    return {
        str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))  # type: ignore[arg-type]
        for line in of.axes[axes].get_lines()
    }


def band(of: Figure) -> list[list[float]]:
    (path,) = of.axes[0].collections[0].get_paths()
    found: dict[float, list[float]] = {}
    for x, y in path.vertices:  # type: ignore[union-attr]
        found.setdefault(float(x), []).append(float(y))
    return [[min(ys), max(ys)] for _, ys in sorted(found.items())]


def test_seeds_become_one_line_with_a_band() -> None:
    runs = [recorded("a", [0.5, None, 0.75], seed=0), recorded("b", [0.7, None, 0.75], seed=1)]

    drawn = figure("accuracy", *runs)

    assert lines(drawn) == {"FRL sum (2 seeds)": ([1.0, 3.0], pytest.approx([60, 75]))}
    spread = 20 / 2**0.5
    assert band(drawn) == [pytest.approx([60 - spread, 60 + spread]), pytest.approx([75, 75])]
    ci = figure("accuracy", *runs, band="ci")
    assert band(ci)[0] == pytest.approx([0, 100])
    assert not figure("accuracy", *runs, band="none").axes[0].collections


def test_accuracy_over_bytes() -> None:
    drawn = figure("accuracy", recorded("a", [0.5, 0.6]), over="bytes")

    assert lines(drawn)["FRL sum"][0] == [3.0, 6.0]


def test_many_lines_are_divided_by_rule() -> None:
    attacks = ["rank_noise", "mimic", "reversal", "boundary"]
    runs = [
        recorded(f"{rule}-{attack}", [0.5, 0.6], attack__name=attack, attack__fraction=0.2, **keys)
        for rule, keys in (("frl", {}), ("fedavg", FEDAVG), ("half", {"strategy__keep": 0.2}))
        for attack in attacks
    ]

    drawn = figure("accuracy", *runs)

    assert [axes.get_title("left") for axes in drawn.axes] == [
        "FRL sum",
        "FRL sum, keep 0.2",
        "FedAvg",
    ]
    assert [sorted(lines(drawn, n)) for n in range(3)] == [sorted(attacks)] * 3


def test_a_heat_map_holds_every_mean() -> None:
    drawn = figure(
        "heatmap",
        recorded("a", [0.9], seed=0),
        recorded("b", [0.8], seed=1),
        recorded("c", [0.3], **loud()),
        recorded("d", [0.6], attack__name="mimic", attack__fraction=0.2),
        recorded("e", [0.7], **FEDAVG, **loud()),
    )

    axes = drawn.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["FedAvg", "FRL sum"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["clean", "mimic", "rank_noise"]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["-", "-", "70.0", "85.0", "60.0", "30.0"]
    assert [text.get_text() for text in axes.texts if text.get_weight() == "bold"] == [
        "70.0",
        "30.0",
    ]
    np.testing.assert_allclose(axes.images[0].get_array(), [[np.nan, np.nan, 70], [85, 60, 30]])


def test_worst_case_bars() -> None:
    drawn = figure(
        "worst",
        recorded("a", [0.9]),
        recorded("b", [0.3], seed=0, **loud()),
        recorded("c", [0.4], seed=1, **loud()),
        recorded("d", [0.6], attack__name="mimic", attack__fraction=0.2),
        recorded("e", [0.7], **FEDAVG, **loud()),
    )

    axes = drawn.axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["FRL sum\nworst of 2: rank_noise", "FedAvg\nonly attack run: rank_noise"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([90, 35, 70])


def test_a_breakdown_curve_begins_without_malicious_clients() -> None:
    drawn = figure(
        "breakdown",
        recorded("a", [0.9]),
        recorded("b", [0.7], **loud(0.1)),
        recorded("c", [0.2], **loud(0.3)),
        recorded("d", [0.8], **FEDAVG),
        recorded("e", [0.1], **FEDAVG, **loud(0.1)),
    )

    assert lines(drawn) == {
        "FRL sum, rank_noise": (pytest.approx([0, 10, 30]), pytest.approx([90, 70, 20])),
        "FedAvg, rank_noise": (pytest.approx([0, 10]), pytest.approx([80, 10])),
    }


def test_heterogeneity() -> None:
    drawn = figure(
        "heterogeneity",
        recorded("a", [0.5], data__alpha=0.1),
        recorded("b", [0.9], data__alpha=10.0),
        recorded("c", [0.1], data__alpha=0.1, **loud()),
        recorded("d", [0.7], data__partition="iid"),
    )

    assert drawn.axes[0].get_xscale() == "log"
    assert lines(drawn)["FRL sum"] == ([0.1, 10.0], pytest.approx([50, 90]))


def votes(run: pd.DataFrame, **more: Any) -> pd.DataFrame:
    counts = [0] * 100
    counts[55], counts[40] = 30, 10
    return run.assign(
        admitted=10,
        malicious=[[1, 2]] * len(run),
        churn=[{"fc": 0.1 * n} for n in range(1, len(run) + 1)],
        agreement=[{"fc": 0.5}] * len(run),
        margins=[None] * (len(run) - 1) + [{"fc": counts}],
        **more,
    )


def test_churn_and_agreement() -> None:
    drawn = figure("churn", votes(recorded("a", [0.5, 0.6])))

    assert lines(drawn, 0)["fc"] == ([1, 2], pytest.approx([10, 20]))
    assert lines(drawn, 1)["fc"] == ([1, 2], pytest.approx([50, 50]))


def test_churn_under_a_rule_that_adds_up_no_votes() -> None:
    run = recorded("a", [0.5, 0.6], strategy__rule="change_vote")

    drawn = figure("churn", run.assign(churn=[{"fc": 0.5}, {"fc": 0.25}], agreement=None))

    assert lines(drawn) == {"fc": ([1.0, 2.0], [50.0, 25.0])}
    assert len(drawn.axes) == 1


def test_vulnerable_edges() -> None:
    drawn = figure("vulnerable", votes(recorded("a", [0.5, 0.6])))

    axes = drawn.axes[0]
    heights = {
        round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height() for bar in axes.patches
    }
    assert heights[1.1] == pytest.approx(75)
    assert heights[-1.9] == pytest.approx(25)
    assert axes.get_title("left") == "fc: 100 % of 40 edges"
    assert "within 2 full votes" in drawn.get_suptitle()


def test_label_distribution(tmp_path: Path) -> None:
    from experiments.setup import Setup

    config = from_flat({"clients": 7, "clients_per_round": 3, "data.alpha": 0.3, "seed": 3})
    (tmp_path / "config.toml").write_text(dump(config))

    drawn = registry.make("shards").draw(Runs(tmp_path), Options())

    setup = Setup(config)
    dataset, partition = setup.data, setup.partition
    shares = sorted(
        (
            100
            * np.bincount(dataset.train.labels[partition.of(c)], minlength=10)
            / len(partition.of(c))
        ).tolist()
        for c in range(7)
    )
    shown = np.asarray(drawn.axes[1].images[0].get_array()).T
    np.testing.assert_allclose(sorted(shown.tolist()), shares)
    sizes = sorted(bar.get_height() for bar in drawn.axes[0].patches)
    assert sizes == sorted(len(partition.of(c)) for c in range(7))


@pytest.mark.parametrize(
    ("kind", "runs", "message"),
    [
        ("heat", [recorded("a", [0.5])], "unknown plot 'heat'; did you mean 'heatmap'"),
        ("worst", [recorded("a", [0.5])], "no run was attacked"),
        ("breakdown", [recorded("a", [0.5])], "takes runs that differ in attack.fraction"),
        ("heterogeneity", [recorded("a", [0.5])], "several alpha"),
        ("heatmap", [recorded("a", [0.5]).assign(rounds=9)], "no run is finished"),
        ("churn", [recorded("a", [0.5])], "no round has churn"),
        (
            "churn",
            [votes(recorded("a", [0.5])), votes(recorded("b", [0.5], data__alpha=2.0))],
            "differ in their seed alone; these are FRL sum, alpha 1.0, FRL sum, alpha 2.0",
        ),
        ("shards", [recorded("a", [0.5])], "there is no run"),
        ("accuracy", [recorded("a", [None])], "no round was evaluated yet"),
    ],
)
def test_what_cannot_be_drawn(
    kind: str, runs: list[pd.DataFrame], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        draw(kind, Runs(rounds=together(*runs)), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("curve.gif", r"takes a file name ending in .png, .pdf, .svg"),
        ("nowhere/curve.png", "No such file or directory"),
    ],
)
def test_where_nothing_can_be_written(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        accuracy_curves(recorded("a", [0.5]), tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_formats(suffix: str, magic: bytes, tmp_path: Path) -> None:
    accuracy_curves(recorded("a", [0.5, 0.6]), tmp_path / f"a.{suffix}", over="bytes")

    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(magic)


def test_numbers_in_names_are_sorted_by_size() -> None:
    names = ["alpha 10.0", "b", "alpha 2.0", "alpha 0.5"]

    assert sorted(names, key=natural) == ["alpha 0.5", "alpha 2.0", "alpha 10.0", "b"]


def test_pictures_and_reports_do_not_wait_for_torch() -> None:
    code = (
        "import sys, experiments.report.tables\n"
        "from experiments.report.plots import registry\n"
        "registry.list()\n"
        "print(sorted({'torch', 'flwr', 'ray'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_success_of_a_backdoor_over_rounds(tmp_path: Path) -> None:
    run = recorded("a", [0.5, 0.75], **loud()).assign(attack_success_rate=[0.25, 0.5])

    drawn = figure("backdoor", run)

    assert lines(drawn) == {"FRL sum, rank_noise": ([1.0, 2.0], [25.0, 50.0])}
    assert drawn.axes[0].get_ylabel() == "triggered examples of the target class (%)"
    with pytest.raises(InputError, match="no round of these runs measured a backdoor"):
        draw("backdoor", Runs(rounds=recorded("a", [0.5])), tmp_path / "no.png")


def test_an_axis_that_does_not_begin_at_0_is_marked() -> None:
    def marks(*accuracies: float) -> list[str]:
        axes = figure("accuracy", recorded("a", list(accuracies))).axes[0]
        return [text.get_text() for text in axes.texts if axes.get_ylim()[0] > 0]

    assert marks(0.9, 0.95) == ["≈"]
    assert marks(0.0, 0.95) == []


def test_a_picture_for_a_column_of_a_paper(tmp_path: Path) -> None:
    runs = Runs(rounds=together(recorded("a", [0.5]), recorded("b", [0.6], **FEDAVG)))
    options = Options(title="Digits", width=3.3, labels={"FedAvg": "plain averaging"})

    draw("accuracy", runs, tmp_path / "column.svg", options)
    draw("accuracy", runs, tmp_path / "column.pdf", options)

    text = (tmp_path / "column.svg").read_text(encoding="utf-8")
    assert 'width="237.6pt"' in text
    assert "<!-- Digits -->" in text
    assert "<!-- plain averaging -->" in text
    assert "<!-- FedAvg -->" not in text
    assert b"/Type3" not in (tmp_path / "column.pdf").read_bytes()
    with pytest.raises(InputError, match=r"unknown --label 'nobody' .*FedAvg"):
        draw("accuracy", runs, tmp_path / "no.png", Options(labels={"nobody": "x"}))
