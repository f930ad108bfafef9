"""A package of somebody else's, which tests install into a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

ENTRY_POINTS = """\
[frl.models]
outside_net = outside_parts.nets:shaped

[frl.rules]
outside_median = outside_parts.rules:OutsideMedian
"""


def install(folder: Path, *, entry_points: str = "", requires: str = "") -> Path:
    """Copy the package into a folder, with the metadata of a distribution if asked for."""
    shutil.copytree(Path(__file__).parent / "outside_parts", folder / "outside_parts")
    about = folder / "outside_parts-1.5.dist-info"
    about.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: outside-parts\nVersion: 1.5\n{needs}"
    )
    (about / "entry_points.txt").write_text(entry_points)
    return folder
