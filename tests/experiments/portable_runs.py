"""Three reference runs with portable arithmetic, in a process that has not loaded torch yet.

``python -m tests.experiments.portable_runs`` prints their digests, and on what they were made.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from experiments.config import read
from experiments.config.environment import be_quiet
from experiments.config.portable import pin_arithmetic
from experiments.records import RunDirectory

SMALL = ["rounds=2", "clients=12", "clients_per_round=5", "train.epochs=1", "engine.portable=true"]
RUNS = {
    "rankings": [],
    "attacked": ["attack.name=half_swap", "attack.fraction=0.25"],
    "weights": ["strategy.name=fedavg", "strategy.rule=multi_krum", "strategy.f=1"],
}


def main() -> None:
    """Run them and print a JSON object."""
    be_quiet()
    pin_arithmetic()
    from experiments.rounds.loop import execute

    digests, made_by = {}, {}
    for name, settings in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            config = read(None, [*SMALL, *settings])
            result = execute(config, RunDirectory(Path(folder) / "run"))
        digests[name], made_by = result["digest"], result["made_by"]
    json.dump({"digests": digests, "made_by": made_by}, sys.stdout)


if __name__ == "__main__":
    main()
