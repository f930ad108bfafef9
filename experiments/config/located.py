"""Files and folders as absolute paths, so that a record means the same wherever it is read."""

from __future__ import annotations

from pathlib import Path

from experiments.config.configuration import Config


def located(config: Config) -> Config:
    """Return a configuration whose files and folders are absolute paths.

    They are ``data.path``, ``data.name`` if it is a folder, and ``model.weights``.
    """
    from frl.data import sources

    path, name = config.data.path, config.data.name
    changes: dict[str, str] = {}
    if path and not Path(path).is_absolute():
        changes["path"] = str(Path(path).absolute())
    if name not in sources() and not Path(name).is_absolute() and Path(name).is_dir():
        changes["name"] = str(Path(name).absolute())
    weights = config.model.weights
    if weights and not Path(weights).is_absolute():
        model = config.model.model_copy(update={"weights": str(Path(weights).absolute())})
        config = config.model_copy(update={"model": model})
    if not changes:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})
