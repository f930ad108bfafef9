"""The notebooks of the repository as pages of the site, executed when it is built.

``FRL_PROFILE=quick`` plays three rounds instead of thirty; ``FRL_NOTEBOOKS=skip`` executes nothing.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "experiments" / "notebooks"
_KEPT = TemporaryDirectory()
"""Holds the executed notebooks until the process ends."""
_AT_ONCE = 2
_HOW = (
    "*Executed when this page was built. To run it yourself, in the folder of the project: "
    "`pip install -e '.[notebooks]' jupyterlab`, then `jupyter lab experiments/notebooks/{name}`.*"
)


@event_priority(50)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the notebooks, before the plugin that turns them into pages looks for them."""
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    place = Path(_KEPT.name)
    (place / "notebooks").mkdir(exist_ok=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for path, book in zip(paths, pool.map(executed, paths), strict=True):
            book.cells.insert(1, nbformat.v4.new_markdown_cell(_HOW.format(name=path.name)))
            uri = f"notebooks/{path.name}"
            nbformat.write(book, place / uri)
            files.append(File(uri, str(place), config.site_dir, config.use_directory_urls))
    return files


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of its cells, executed on one thread.

    The kernel has this checkout, leaves nothing behind and opens no port.

    Raises
    ------
    PluginError
        If a cell fails.
    """
    book = nbformat.read(path, as_version=4)
    if os.environ.get("FRL_NOTEBOOKS") == "skip":
        return book
    with TemporaryDirectory() as folder:
        kernel = {
            "transport": "ipc",
            "ip": f"{folder}/kernel",
            "connection_file": f"{folder}/kernel.json",
        }
        own = {name: folder for name in ("IPYTHONDIR", "TMPDIR")}
        client = NotebookClient(
            book,
            timeout=3600,
            startup_timeout=600,
            resources={"metadata": {"path": str(path.parent)}},
            config=Config(AsyncKernelManager=kernel, KernelManager=kernel),
        )
        try:
            client.execute(
                env={**os.environ, **own, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
            )
        except CellExecutionError as error:
            raise PluginError(f"{path.name}: {error}") from None
    return book
