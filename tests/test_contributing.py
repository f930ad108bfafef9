"""The examples of CONTRIBUTING.md work as they stand."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import attacks
from attacks.base import Setting, TamperView
from experiments.config import read
from frl import methods
from frl.methods import Training
from frl.ranking import permutation_fault
from frl.task import Task
from frl.training.ranks import Shard
from frl.training.settings import TrainSettings
from strategies import rules

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
EXAMPLE = re.compile(r"`((?:strategies|attacks|frl)/\S+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)
EXAMPLES = dict(EXAMPLE.findall(TEXT))


def load(path: str, folder: Path) -> ModuleType:
    file = folder / Path(path).name
    file.write_text(EXAMPLES[path])
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_rule_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules.registry, "_entries", {n: rules.get(n) for n in rules.list()})

    load("strategies/rules/second_best.py", tmp_path)

    assert "second_best" in rules.list()
    found = rules.make("second_best")(torch.tensor([[1.0, 5.0], [3.0, 4.0], [2.0, 9.0]]))
    assert found.tolist() == [2.0, 5.0]


def test_a_method_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: methods.get(name) for name in methods.list()}
    monkeypatch.setattr(methods.registry, "_entries", known)

    load("frl/methods/signs.py", tmp_path)

    module = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False))
    trainer = methods.make("signs").trainer(module, Training(TrainSettings(lr=0.1), seed=0))
    shard = Shard(torch.eye(4), torch.tensor([0, 1, 2, 0]))
    step, _ = trainer.train(trainer.initial, shard, Task(1, 0, 0))
    assert set(np.abs(step["0"]).tolist()) == {float(np.float32(1e-3))}
    assert read(None, ["strategy.name=signs"]).train.lr == 0.06


def test_an_attack_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks.registry, "_entries", {n: attacks.get(n) for n in attacks.list()})

    load("attacks/shift.py", tmp_path)

    view = TamperView(Setting(0, 1, 25, 10), 0, {})
    update = {"fc": np.arange(8, dtype=np.int32)}
    sent = attacks.make("shift").tamper(update, view, np.random.default_rng(0))
    assert sent["fc"].tolist() == [2, 3, 4, 5, 6, 7, 0, 1]
    assert permutation_fault(sent["fc"], 8) is None
