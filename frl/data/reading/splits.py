"""Which rows train a model and which test it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from frl.data.reading.columns import Table
from frl.data.reading.options import Reading, share_of
from frl.errors import InputError, unknown
from frl.randomness import Purpose, generator

_USUAL = ("test", "validation", "valid")


class Chosen(NamedTuple):
    """The two tables of a data set.

    Attributes
    ----------
    train, test : Table
    tested : str
        What the test examples are called.
    known_rows : Table
        Whose labels are the classes: the training split, before any share of it was held out.
    notes : list of str
    """

    train: Table
    test: Table
    tested: str
    known_rows: Table
    notes: list[str]


def choose(tables: Mapping[str, Table], reading: Reading) -> Chosen:
    """Choose the splits that a reading asks for; a share is drawn the same for every seed.

    Raises
    ------
    InputError
        If there is no such split, or nothing in it.
    """
    if "train" not in tables:
        raise InputError(f"data: takes the splits train and test; found {', '.join(tables)}")
    whole = train = tables["train"]
    _check_rows(train)
    notes = list(whole.notes)
    held: dict[str, Table] = {}
    for number, key in enumerate(("test", "validation")):
        share = share_of(key, getattr(reading, key))
        if share is not None:
            train, held[key] = _hold_out(train, key, share, number)
            notes.append(f"{key} is {len(held[key]):,} of the {len(whole):,} examples of train")
    if "test" in held and "test" in tables and not reading.validation:
        raise InputError(f"data.test: got {reading.test}; there is a split test, so takes its name")
    key = "validation" if reading.validation else "test"
    name = getattr(reading, key)
    if key in held:
        test, tested = held[key], key
    else:
        tested = name or next((usual for usual in _USUAL if usual in tables), "")
        if not tested:
            raise InputError(
                f"data: takes the splits train and test; found {', '.join(tables)}; "
                "data.test = 0.2 holds out a fifth of train"
            )
        if tested not in tables:
            raise unknown(f"data.{key}: split", tested, set(tables) - {"train"})
        if tested == "train":
            raise InputError(f"data.{key}: got 'train', which is the training split")
        test = tables[tested]
        _check_rows(test)
    unused = [each for each in tables if each not in ("train", tested)]
    if unused:
        notes.append(f"split {', '.join(unused)} is not used")
    return Chosen(train, test, tested, whole, notes)


def _hold_out(table: Table, key: str, share: float, number: int) -> tuple[Table, Table]:
    count = round(share * len(table))
    if not 0 < count < len(table):
        raise InputError(f"data.{key}: {share:g} of {len(table):,} examples leaves a part empty")
    order = generator(0, Purpose.PARTITION, layer=number + 1).permutation(len(table))
    return table.rows(np.sort(order[count:])), table.rows(np.sort(order[:count]))


def _check_rows(table: Table) -> None:
    if not len(table):
        raise InputError(f"data: split {table.split!r} has no rows")
