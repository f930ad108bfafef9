"""The notebooks run from top to bottom on their quick profile, and are kept without output."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "experiments" / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """A kernel with this checkout, on one thread, that leaves nothing behind and opens no port."""
    with TemporaryDirectory() as folder:
        for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "TMPDIR"):
            (Path(folder) / name).mkdir()
            monkeypatch.setenv(name, str(Path(folder) / name))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.setenv("FRL_PROFILE", "quick")
        sockets = {"transport": "ipc", "ip": f"{folder}/kernel"}
        yield Config(AsyncKernelManager=sockets, KernelManager=sockets)


@every_notebook
def test_a_notebook_is_kept_without_output(path: Path) -> None:
    book = nbformat.read(path, as_version=4)

    for cell in book.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert set(book.metadata) == {"kernelspec", "language_info"}


@every_notebook
def test_a_notebook_runs_quietly_and_draws(path: Path, kernel: Config) -> None:
    book = nbformat.read(path, as_version=4)

    NotebookClient(
        book,
        timeout=800,
        startup_timeout=600,
        resources={"metadata": {"path": str(path.parent)}},
        config=kernel,
    ).execute()

    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    assert complaints == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
