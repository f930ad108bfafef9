"""The files of a table by split, where splits are of different formats: CSV beside Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from frl.errors import InputError

TABLES = ("csv", "json", "parquet")
"""Modules of ``datasets`` whose files this project reads itself."""


class Format(NamedTuple):
    """How the files of a split are read.

    Attributes
    ----------
    module : str
        One of :data:`TABLES`.
    options : dict
        Of that module, such as the separator of a TSV file.
    """

    module: str
    options: dict[str, Any]


def formats_of(folder: Path) -> dict[str, tuple[Format, list[str]]]:
    """Return format and files of each split, where all are tables and not all of one format.

    Empty for anything else, which ``datasets`` reads. It would take the most common format of a
    split and pass over all other files without a word; that is refused.

    Raises
    ------
    InputError
        If a split has files of two formats.
    """
    from datasets.data_files import DataFilesDict, EmptyDatasetError, get_data_patterns

    if not folder.is_dir() or _says_its_files(folder):
        return {}
    base = folder.resolve().as_posix()
    try:
        patterns = get_data_patterns(base)
        splits = DataFilesDict.from_patterns(patterns, base_path=base)
    except (EmptyDatasetError, FileNotFoundError):
        return {}
    found = {str(split): _by_format(list(map(str, paths))) for split, paths in splits.items()}
    if not all(found.values()):
        return {}
    for split, groups in found.items():
        if len(groups) > 1:
            few = " and ".join(repr(Path(paths[0]).name) for _, paths in groups[:2])
            raise InputError(
                f"data: split {split!r} of {str(folder)!r} has files of several formats, such as "
                f"{few}; takes one format in a split"
            )
    one = {split: groups[0] for split, groups in found.items()}
    first = next(iter(one.values()))[0]
    return {} if all(how == first for how, _ in one.values()) else one


def _by_format(paths: list[str]) -> list[tuple[Format, list[str]]]:
    """Group the files of a split; nothing where most are no tables."""
    from datasets.data_files import DataFilesList
    from datasets.load import infer_module_for_data_files_list
    from datasets.packaged_modules import _EXTENSION_TO_MODULE

    module, _ = infer_module_for_data_files_list(DataFilesList(paths, []))
    if module not in TABLES:
        return []
    groups: list[tuple[Format, list[str]]] = []
    for path in paths:
        for ending in Path(path).suffixes:
            known = _EXTENSION_TO_MODULE.get(ending.lower())
            if known is None or known[0] not in TABLES:
                continue
            how = Format(*known)
            same = next((files for each, files in groups if each == how), None)
            if same is None:
                groups.append((how, [path]))
            else:
                same.append(path)
            break
    return groups


def _says_its_files(folder: Path) -> bool:
    """Whether the folder's own card names the files of each split."""
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    card = folder / "README.md"
    if not card.is_file():
        return False
    return bool(MetadataConfigs.from_dataset_card_data(DatasetCard.load(card).data))
