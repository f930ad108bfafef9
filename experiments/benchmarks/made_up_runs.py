"""Run directories with complete rows, made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from experiments import config as configuration
from experiments.config import from_flat
from experiments.records import CONFIG, RESULT, ROUNDS

VOTERS = 25
"""Clients of a round."""


def write_run(folder: Path, number: int, rounds: int) -> None:
    """Write what a run of many configurations over 5 seeds would.

    Parameters
    ----------
    folder : Path
        Made here.
    number : int
        Of the run.
    rounds : int
    """
    folder.mkdir()
    flat = {"rounds": rounds, "seed": number % 5, "data.alpha": 1.0 + number // 5}
    config = from_flat(flat)
    (folder / CONFIG).write_text(configuration.dump(config), encoding="utf-8")
    rng = np.random.default_rng(number)
    clients = rng.integers(0, 1000, (rounds, VOTERS))
    rows = [
        {
            "round": row + 1,
            "accuracy": float(rng.random()),
            "loss": float(rng.random()),
            "attack_success_rate": None,
            "train_loss": float(rng.random()),
            "sampled": clients[row].tolist(),
            "admitted": VOTERS,
            "rejected": {"late": 1},
            "rejections": [[3, "late", "no reply came before the deadline of this round"]],
            "malicious": clients[row, :5].tolist(),
            "f": None,
            "kept": "",
            "bytes_up": 5_000_000,
            "bytes_down": 5_000_000,
            "coded_up": 2_000_000.0,
            "coded_down": 2_000_000.0,
            "coded_layers": {f"layer{layer}": 100_000 for layer in range(4)},
            "seconds": 1.0,
            "train_seconds": 1.0,
            "eval_seconds": 0.1,
            "churn": {f"layer{layer}": 0.01 for layer in range(4)},
            "agreement": {f"layer{layer}": 0.5 for layer in range(4)},
            "margins": None,
        }
        for row in range(rounds)
    ]
    (folder / ROUNDS).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = {
        **{key: rows[-1][key] for key in ("accuracy", "loss", "attack_success_rate", "admitted")},
        **{key: rows[-1][key] for key in ("rejected", "bytes_up", "bytes_down", "seconds")},
        "best_accuracy": 1.0,
        "rounds": rounds,
        "digest": "0" * 64,
    }
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")
