"""TensorBoard is tested for real; MLflow and W&B against stand-ins that note their calls."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.rounds.row import Row
from experiments.trackers import Tracking, metrics
from frl.errors import InputError

CONFIG = from_flat({"rounds": 3, "seed": 7})
RESULT = {"accuracy": 0.75, "digest": "abc"}


def row(number: int) -> Row:
    return Row(
        round=number,
        accuracy=None if number == 2 else number / 4,
        loss=None if number == 2 else 1.0,
        attack_success_rate=None,
        train_loss=0.5,
        sampled=[1, 2],
        admitted=1,
        rejected={"late": 1},
        rejections=[(2, "late", "")],
        malicious=[],
        f=None,
        kept="",
        bytes_up=10,
        bytes_down=20,
        coded_up=None,
        coded_down=None,
        coded_layers=None,
        seconds=0.1,
        train_seconds=0.1,
        eval_seconds=0.1,
        churn={"fc": 0.25},
        agreement={"fc": 0.5},
    )


def track(name: str, folder: Path, rounds: range, *, stopped: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    try:
        with Tracking([name], CONFIG, RunDirectory(folder)) as tracking:
            for number in rounds:
                tracking.watch(row(number))
            if stopped:
                raise KeyboardInterrupt
            tracking.finish(RESULT)
    except KeyboardInterrupt:
        assert stopped


def test_the_figures_of_a_round() -> None:
    found = metrics(row(1))

    assert found["accuracy"] == 0.25
    assert (found["churn/fc"], found["agreement/fc"], found["rejected"]) == (0.25, 0.5, 1.0)
    assert "attack_success_rate" not in found
    assert "accuracy" not in metrics(row(2))


def test_tensorboard_has_every_round_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track("tensorboard", tmp_path / "run", range(1, 4), stopped=True)
    track("tensorboard", tmp_path / "run", range(3, 4))

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("accuracy")] == [(1, 0.25), (3, 0.75)]
    assert [e.step for e in events.Scalars("churn/fc")] == [1, 2, 3]


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    module = MagicMock(spec=ModuleType)
    module.start_run = MagicMock(return_value=SimpleNamespace(info=SimpleNamespace(run_id="r1")))
    module.log_params, module.log_metrics = MagicMock(), MagicMock()
    module.set_tag, module.end_run = MagicMock(), MagicMock()
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return module


def test_mlflow_carries_on_the_run_it_began(mlflow: MagicMock, tmp_path: Path) -> None:
    track("mlflow", tmp_path / "run", range(1, 3), stopped=True)
    track("mlflow", tmp_path / "run", range(3, 4))

    assert [call.kwargs for call in mlflow.start_run.call_args_list] == [
        {"run_name": str(tmp_path / "run")},
        {"run_id": "r1"},
    ]
    assert mlflow.log_params.call_args.args[0]["seed"] == 7
    assert [call.kwargs["step"] for call in mlflow.log_metrics.call_args_list] == [1, 2, 3]
    assert [call.kwargs["status"] for call in mlflow.end_run.call_args_list] == [
        "KILLED",
        "FINISHED",
    ]


def test_wandb_carries_on_the_run_it_began(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wandb = MagicMock()
    monkeypatch.setitem(sys.modules, "wandb", wandb)

    track("wandb", tmp_path / "run", range(1, 3), stopped=True)
    track("wandb", tmp_path / "run", range(3, 4))
    track("wandb", tmp_path / "other", range(1, 4))

    ids = [call.kwargs["id"] for call in wandb.init.call_args_list]
    assert ids[0] == ids[1] != ids[2]
    assert wandb.init.call_args.kwargs["config"]["rounds"] == 3
    run = wandb.init.return_value
    assert [call.kwargs["step"] for call in run.log.call_args_list] == [1, 2, 3, 1, 2, 3]
    assert [call.kwargs["exit_code"] for call in run.finish.call_args_list] == [1, 0, 0]


def test_a_tracker_that_fails_does_not_stop_the_run(
    mlflow: MagicMock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlflow.log_metrics.side_effect = [None, ConnectionError("no route to host")]
    seen: list[int] = []

    with caplog.at_level(logging.WARNING):
        (tmp_path / "run").mkdir()
        with Tracking(["mlflow"], CONFIG, RunDirectory(tmp_path / "run")) as tracking:
            for number in range(1, 4):
                tracking.watch(row(number), also=lambda row: seen.append(row.round))

    assert seen == [1, 2, 3]
    assert mlflow.log_metrics.call_count == 2
    assert "mlflow is told no more of this run: no route to host" in caplog.text


def test_bad_names_and_missing_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    def begin(name: str) -> Any:
        return Tracking([name], CONFIG, RunDirectory(tmp_path))

    with pytest.raises(InputError, match="unknown tracker 'tensorbord'; did you mean"):
        begin("tensorbord")
    with pytest.raises(InputError, match=r"pip install 'federated-rank-learning\[wandb\]'"):
        begin("wandb")
    assert not list(tmp_path.iterdir())
