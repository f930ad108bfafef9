"""A sweep whose runs share the nodes of a Ray cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute

SMALL = ["rounds=3", "clients=12", "clients_per_round=5", "train.epochs=1"]
VARIATIONS = {"clean": [], "reversal": ["attack.name=reversal", "attack.fraction=0.4"]}
GRID = f"""
seeds = [0, 1]
set = {json.dumps(SMALL)}
[runs]
clean = {json.dumps(VARIATIONS["clean"])}
reversal = {json.dumps(VARIATIONS["reversal"])}
"""


@pytest.mark.ray
def test_runs_that_share_a_cluster_give_what_they_give_alone(tmp_path: Path, cluster: Any) -> None:
    """Two at once, each with two workers, on two nodes with a core each: they wait for cores."""
    cluster.add_node(num_cpus=1)
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    engine = ("engine.name=ray", f"engine.address={cluster.address}", "engine.workers=2")
    options = [word for key in engine for word in ("-o", key)]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli", "sweep", "grid.toml", "--out", "out", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for name, seed in product(VARIATIONS, (0, 1)):
        keys = [*SMALL, *VARIATIONS[name], f"seed={seed}"]
        run = Path(name, f"seed-{seed}")
        result = json.loads((tmp_path / "out" / run / "result.json").read_text(encoding="utf-8"))
        alone = execute(read(None, keys), RunDirectory(tmp_path / "alone" / run))
        assert result["digest"] == alone["digest"]
