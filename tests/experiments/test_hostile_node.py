"""SuperNodes that are hostile to their SuperLink: the others count, and the run can be resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiments.federation import Federation

TIMEOUT = 900
FOLDER = str(Path(__file__).parent / "hostile_node")
HOSTILE = {1: "extra", 2: "metrics", 3: "withhold"}
EXPECTED = {1: "extra-records", 2: "error", 3: "late"}
KEYS = [
    *("rounds=2", "clients=5", "clients_per_round=5", "train.epochs=1", "checkpoint_every=1"),
    *(f"engine.timeout={TIMEOUT}.0", "plugins='impatient'"),
]


@pytest.mark.flower
@pytest.mark.timeout(1500)
def test_hostile_nodes_are_rejected_by_their_own_reasons_and_hold_up_nothing(
    tmp_path: Path,
) -> None:
    """One adds a record, one sends bytes that are no metrics, one never sends all it announced."""
    with Federation(tmp_path / "federation") as federation:
        federation.variables["superlink"] = {"PYTHONPATH": FOLDER}
        federation.superlink()
        for client in range(5):
            name = f"node{client}"
            hostile = {"FRL_HOSTILE": HOSTILE[client]} if client in HOSTILE else {}
            federation.variables[name] = {"PYTHONPATH": FOLDER, **hostile}
            federation.supernode(name, f"partition-id={client}")
        federation.run(KEYS)
        federation.rows(1)
        federation.kill("superlink")
        first = federation.directory()
        assert first.result() is None

        federation.superlink()
        federation.run([*KEYS, f"resume='{first.path.name}'"])
        result = federation.result()
        rows = federation.directory().rows()

    assert federation.directory().path == first.path
    assert [row["round"] for row in rows] == [1, 2]
    for row in rows:
        assert {client: reason for client, reason, _ in row["rejections"]} == EXPECTED, row
        assert row["admitted"] == 2
        assert row["seconds"] < TIMEOUT
    assert result["rejected"] == {"error": 2, "extra-records": 2, "late": 2}
