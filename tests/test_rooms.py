"""The plan of the packages: few rooms, few arrows between them, none upward."""

from pathlib import Path

import pytest

from tests.rooms import DOORS, arrows, floors, rooms

ROOT = Path(__file__).parents[1]
PACKAGES = ("frl", "strategies", "attacks", "experiments")
REGISTRIES = (
    "attacks",
    "frl/models",
    "frl/methods",
    "frl/wire/codings",
    "strategies/rules",
    "strategies/pre_aggregation",
    "experiments/report/plots",
    "experiments/trackers",
    "experiments/benchmarks",
)
"""Packages whose modules are entries, one file each."""


def test_experiments_has_few_rooms_and_arrows_and_none_goes_up() -> None:
    between = {
        pair: count for pair, count in arrows(ROOT / "experiments").items() if pair[0] not in DOORS
    }

    assert len([room for room in rooms(ROOT / "experiments") if room not in DOORS]) <= 12
    assert len(between) <= 40
    assert sum(len(floor) for floor in floors(between)) == len(
        {r for pair in between for r in pair}
    )
    assert not any(other in DOORS for _, other in between)


def test_rooms_that_import_each_other_are_found() -> None:
    assert floors({("a", "b"): 1, ("b", "c"): 2}) == [["c"], ["b"], ["a"]]
    with pytest.raises(ValueError, match="circle"):
        floors({("a", "b"): 1, ("b", "a"): 1})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_is_a_drawer(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    modules = {
        str(folder.relative_to(ROOT)): len([f for f in folder.glob("*.py") if f.stem != "__init__"])
        for folder in folders
    }

    assert {f: n for f, n in modules.items() if n > 15 and f not in REGISTRIES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long(package: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }

    assert {path: n for path, n in lengths.items() if n > 300} == {}
