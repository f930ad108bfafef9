"""Run directories to look at, and a browser that calls the application without a network."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from experiments.config import from_flat
from experiments.records import RunDirectory
from tests.experiments.recorded import dotted

RESULT = {
    "best_accuracy": 1.0,
    "seconds": 1.0,
    "digest": "0" * 64,
    "bytes_up": 10,
    "bytes_down": 20,
    "admitted": 3,
    "rejected": {},
}


def row(number: int, accuracy: float | None = 0.5, **fields: Any) -> dict[str, Any]:
    """Make a row: of four clients 0 is malicious and dropped, 1 weighed down, 3 rejected."""
    return {
        "round": number,
        "accuracy": accuracy,
        "loss": 1.5,
        "attack_success_rate": None,
        "train_loss": 1.0,
        "sampled": [0, 1, 2, 3],
        "admitted": 3,
        "rejected": {"late": 1},
        "rejections": [[3, "late", "no reply came"]],
        "malicious": [0],
        "bytes_up": 1000,
        "bytes_down": 2000,
        "seconds": 0.5,
        "eval_seconds": 0.1,
        "churn": {"conv": 0.25},
        "agreement": {"conv": 0.5},
        "weights": [[0, 0.01, "against"], [1, 0.6, "apart"], [2, 1.0, ""]],
        **fields,
    }


def write_run(path: Path, accuracies: list[float], *, rounds: int = 0, **keys: Any) -> RunDirectory:
    """Record a run, finished unless more rounds are asked for; keys as of :func:`dotted`."""
    config = from_flat({"rounds": rounds or len(accuracies), **dotted(**keys)})
    directory = RunDirectory(path)
    with directory.create(config):
        for number, accuracy in enumerate(accuracies, start=1):
            directory.append(row(number, accuracy))
        if rounds in (0, len(accuracies)):
            end = {"rounds": len(accuracies), "accuracy": accuracies[-1], "loss": 1.5}
            directory.finish({**RESULT, **end, "attack_success_rate": None})
    return directory


def get(app: Starlette, address: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Call the application; ``_`` in the name of a header is a hyphen."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, address, headers=named)

    return asyncio.run(call())
