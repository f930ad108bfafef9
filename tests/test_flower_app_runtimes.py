"""The app of the how-to page in Flower's simulation and on SuperNodes, attacked, behind a rule."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from attacks.adversary.population import malicious_clients
from tests.experiments.federation import PATIENCE, Federation, until
from tests.pages import ROOT, blocks, patched

PAGE = ROOT / "docs" / "howto" / "flower_app.md"
ROUNDS = 2
_SIMULATED, _DEPLOYED = "simulated_app", "nodes_app"
_DONE = "Strategy execution finished"


class Verdict(NamedTuple):
    """A line of ``detection.jsonl``, as far as it does not differ between two runs."""

    round: int
    client: int
    by: str
    reason: str


@pytest.mark.flower
@pytest.mark.timeout(3600)
def test_the_app_of_the_page_runs_on_both_of_flowers_runtimes(tmp_path: Path) -> None:
    """Colluders, whom the rule drops, in the simulation; on nodes one that sends NaN by itself."""
    app = written(tmp_path / "app")
    colluders = malicious_clients(0, 10, 0.2, "uniform", 0).members

    assert colluders is not None
    (simulate,) = typed("sh", "flwr")
    with Federation(tmp_path / "simulation") as federation:
        federation.variables["superlink"] = {"PYTHONPATH": str(ROOT)}
        federation.superlink("--insecure", "--simulation")
        accuracy, verdicts = carried_out(federation, app, simulate)
    for round in range(1, ROUNDS + 1):
        found = {v.client: v.reason for v in verdicts if v.round == round and v.by}
        assert set(found.values()) == {"dropped"}, verdicts
        assert set(colluders.tolist()) < set(found), verdicts
    assert len(verdicts) == 10 * ROUNDS
    assert accuracy > 0.6

    (submit,) = typed("bash", "flwr")
    settings = app / "pyproject.toml"
    settings.write_text(settings.read_text().replace(_SIMULATED, _DEPLOYED))
    with Federation(tmp_path / "federation") as federation:
        federation.variables["superlink"] = {"PYTHONPATH": str(ROOT)}
        federation.superlink()
        for number, words in enumerate(typed("bash", "flower-supernode")):
            name = f"node{number}"
            federation.variables[name] = {"PYTHONPATH": str(ROOT)}
            federation.supernode(name, words[words.index("--node-config") + 1])
        accuracy, verdicts = carried_out(federation, app, submit)
    rejected = [verdict for verdict in verdicts if verdict.by]
    assert [(v.round, v.by, v.reason) for v in rejected] == [
        (round, "gate", "non-finite") for round in range(1, ROUNDS + 1)
    ]
    assert len({verdict.client for verdict in rejected}) == 1
    assert len(verdicts) == 3 * ROUNDS
    assert accuracy > 0.6


def written(folder: Path) -> Path:
    """The files of the page, with fewer rounds."""
    folder.mkdir()
    for block in blocks(PAGE):
        if block.language == "diff":
            old, new = block.file.split(" → ")
            (folder / new).write_text(patched((folder / old).read_text(), block.text))
        elif block.file:
            (folder / block.file).write_text(block.text)
    for app in (_SIMULATED, _DEPLOYED):
        file = folder / f"{app}.py"
        file.write_text(file.read_text().replace("num_rounds=10", f"num_rounds={ROUNDS}"))
    return folder


def typed(language: str, program: str) -> list[list[str]]:
    """Words of the lines of a page's blocks that call a program."""
    lines = [line for b in blocks(PAGE) if b.language == language for line in b.text.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith(f"{program} ")]


def carried_out(federation: Federation, app: Path, words: list[str]) -> tuple[float, list[Verdict]]:
    """Submit the app as the page does; the last accuracy, and what became of every reply."""
    options = [word for word in words[3:] if word not in ("lab", "--stream")]
    federation.run((), *options, app=app)
    until(
        lambda: _DONE in federation.log("run"),
        lambda: f"the run did not end:\n{federation.everything()}",
        patience=2 * PATIENCE,
    )
    found = re.findall(r"MetricRecord: {'accuracy': ([0-9.]+)}", federation.log("run"))
    assert len(found) == ROUNDS, federation.everything()
    lines = (federation.home("superlink") / "detection.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    return float(found[-1]), [Verdict(*(line[key] for key in Verdict._fields)) for line in told]
