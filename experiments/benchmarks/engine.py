"""The Ray engine against Flower's own Ray backend: the same no-op clients, in the same job."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from statistics import median

from experiments.benchmarks.row import Row

_CASES = {"engine-1mb": 1.0, "engine-21mb": 21.103}
_CLIENTS, _SAMPLE, _WORKERS, _ROUNDS = 1000, 25, 2, 6
NAMES = tuple(_CASES)


def measure(name: str) -> Row:
    """Measure both engines, each in a process of its own, one after the other, twice."""
    megabytes = _CASES[name]
    ours, theirs = [], []
    for _ in range(2):
        ours.append(_in_process_of_its_own("ours", megabytes))
        theirs.append(_in_process_of_its_own("flower", megabytes))
    return Row(
        name,
        f"round of {_SAMPLE} no-op clients of {_CLIENTS}, {_WORKERS} workers, {megabytes:.0f} MB: "
        "RayGrid / Flower's Ray backend",
        median(a / b for a, b in zip(ours, theirs, strict=True)),
        0.5,
        "lower",
        {"raygrid_s": median(ours), "flower_s": median(theirs)},
    )


def _in_process_of_its_own(engine: str, megabytes: float) -> float:
    command = [sys.executable, "-m", "experiments.benchmarks.engine", engine, str(megabytes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)  # noqa: S603
    return float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])


def _seconds_a_round(engine: str, megabytes: float) -> float:
    """Median over the rounds after the first, in which workers start."""
    from experiments.benchmarks.echo import Stopwatch, app, state

    logging.getLogger("flwr").setLevel(logging.ERROR)
    watch = Stopwatch(_SAMPLE, _CLIENTS)
    if engine == "ours":
        from frl.grids import RayGrid

        with RayGrid(app, _CLIENTS, workers=_WORKERS) as grid:
            watch.start(grid, state(megabytes), num_rounds=_ROUNDS, timeout=300)
    else:
        from flwr.app import Context
        from flwr.serverapp import Grid, ServerApp
        from flwr.simulation import run_simulation

        server = ServerApp()

        @server.main()
        def main(grid: Grid, context: Context) -> None:
            watch.start(grid, state(megabytes), num_rounds=_ROUNDS, timeout=300)

        run_simulation(
            server,
            app,
            num_supernodes=_CLIENTS,
            backend_config={
                "init_args": {"num_cpus": _WORKERS, "log_to_driver": False},
                "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            },
        )
    if watch.replies != [_SAMPLE] * _ROUNDS:
        raise RuntimeError(f"{engine}: {watch.replies} replies, not {_SAMPLE} in every round")
    return median(watch.seconds[1:])


if __name__ == "__main__":
    from experiments.config.environment import be_quiet

    be_quiet()
    print(json.dumps({"seconds": _seconds_a_round(sys.argv[1], float(sys.argv[2]))}))  # noqa: T201
