"""Folders of data as absolute paths, so that a record means the same wherever it is read."""

from __future__ import annotations

from pathlib import Path

from experiments.config.configuration import Config


def located(config: Config) -> Config:
    """Return a configuration whose ``data.path`` and ``data.name``, if folders, are absolute."""
    from frl.data import sources

    path, name = config.data.path, config.data.name
    changes: dict[str, str] = {}
    if path and not Path(path).is_absolute():
        changes["path"] = str(Path(path).absolute())
    if name not in sources() and not Path(name).is_absolute() and Path(name).is_dir():
        changes["name"] = str(Path(name).absolute())
    if not changes:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})
