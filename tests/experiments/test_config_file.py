from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import flatten, read
from frl.errors import InputError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def test_a_file_counts_above_its_base_and_a_profile_above_both(tmp_path: Path) -> None:
    write(
        tmp_path,
        ground="rounds = 9\nclients = 70\n[train]\nlr = 0.1\n[profile.quick]\nrounds = 1\nseed = 4",
        middle='base = "ground.toml"\nclients = 60\n[train]\nepochs = 5',
        top='base = "middle.toml"\nrounds = 8\n[profile.quick]\nseed = 5\ntrain = {batch_size = 3}',
    )

    full, quick = read(tmp_path / "top.toml"), read(tmp_path / "top.toml", (), "quick")

    assert (full.rounds, full.clients, full.seed) == (8, 60, 0)
    assert (full.train.epochs, full.train.lr, full.train.batch_size) == (5, 0.1, 8)
    changed = {k: v for k, v in flatten(quick).items() if flatten(full)[k] != v}
    assert changed == {"rounds": 1, "seed": 5, "train.batch_size": 3}


def test_overrides_count_above_a_profile(tmp_path: Path) -> None:
    write(tmp_path, one="[profile.quick]\nrounds = 1")

    assert read(tmp_path / "one.toml", ["rounds=3"], "quick").rounds == 3


def test_a_base_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path, ground="rounds = 7")
    write(tmp_path / "deep", one='base = "../ground.toml"')

    assert read(tmp_path / "deep" / "one.toml").rounds == 7


@pytest.mark.parametrize(
    ("text", "profile", "message"),
    [
        ('base = "one.toml"', "", "one.toml: base: the file builds on itself"),
        ('base = "two.toml"', "", "one.toml: base: the file builds on itself"),
        ('base = "none.toml"', "", "no configuration file"),
        ("base = 3", "", "one.toml: base: got 3; takes the name of a file"),
        ("rounds = 1", "quick", "one.toml has no profiles"),
        ("[profile.quick]\nrounds = 1", "quik", "did you mean 'quick'"),
        ("[profile.quick]\nround = 1", "quick", "unknown configuration key 'round'"),
        ("[profile]\nquick = 1", "", "one.toml: profile: takes tables of keys"),
        ("profile = 1", "", "one.toml: profile: takes tables of keys"),
        ("[profile.quick]\nbase = 'one.toml'", "quick", "unknown configuration key 'base'"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, profile: str, message: str) -> None:
    write(tmp_path, one=text, two='base = "one.toml"')

    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "one.toml", (), profile)

    assert "\n" not in str(caught.value)


def test_a_profile_is_of_a_file() -> None:
    with pytest.raises(InputError, match="--profile quick: takes a configuration file"):
        read(None, (), "quick")
