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
from frl.ranking import permutation_fault
from strategies import rules

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
_EXAMPLE = re.compile(r"`((?:strategies|attacks)/\S+\.py)`:\n\n```python\n(.*?)```", re.S)
EXAMPLES = dict(_EXAMPLE.findall(TEXT))


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


def test_an_attack_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks.registry, "_entries", {n: attacks.get(n) for n in attacks.list()})

    load("attacks/shift.py", tmp_path)

    view = TamperView(Setting(0, 1, 25, 10), 0, {})
    update = {"fc": np.arange(8, dtype=np.int32)}
    sent = attacks.make("shift").tamper(update, view, np.random.default_rng(0))
    assert sent["fc"].tolist() == [2, 3, 4, 5, 6, 7, 0, 1]
    assert permutation_fault(sent["fc"], 8) is None
