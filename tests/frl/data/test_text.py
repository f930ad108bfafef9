"""Columns of text as rows of codes: as scikit-learn hashes words and as plain Python cuts text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from sklearn.feature_extraction.text import HashingVectorizer

from frl import data, models
from frl.data import DataSpec, OwnDataError, Reading, text_codes
from frl.data.fingerprint import fingerprint_of
from frl.data.schema import WORDS, schema_from
from frl.errors import InputError
from tests.frl.data.inputs import write_table

WORDS_OF = Reading(text="hashed_words", length=6)
NEXT = Reading(text="next_character", length=5, stride=2)
SENTENCES = ["A film, and WHAT a film!", "naïve — it's 3rd_rate", "", "so-so ...", "Größe 字 字"]
SPEECHES = [("a", "hello, world"), ("b", "x"), ("a", ""), ("c", "ab"), ("b", "hold the door")]


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRL_CACHE", str(tmp_path_factory.mktemp("cache")))


def write(folder: Path, train: dict[str, Any], test: dict[str, Any] | None = None) -> str:
    """Write two splits as Parquet, which keeps an empty text apart from a missing one."""
    folder.mkdir()
    for split, columns in (("train", train), ("test", test or train)):
        pd.DataFrame(columns).to_parquet(folder / f"{split}.parquet", index=False)
    return str(folder)


def sentences(folder: Path, **more: Any) -> str:
    return write(folder, {"sentence": SENTENCES, "label": [0, 1, 0, 1, 0], **more})


def speeches(folder: Path, rows: list[tuple[str, Any]] = SPEECHES) -> str:
    test = {"speaker": ["a"], "text": ["hÿllo"]}
    return write(folder, {"speaker": [s for s, _ in rows], "text": [t for _, t in rows]}, test)


def windows(text: str, alphabet: str, length: int, stride: int) -> list[tuple[list[int], int]]:
    """What the windows of a text are, one character at a time."""
    codes = [alphabet.find(character) + 1 for character in text]
    return [
        ([codes[at] if at >= 0 else 0 for at in range(place - length, place)], codes[place])
        for place in range(1, len(text), stride)
    ]


def spec_of(run: data.DataSet) -> DataSpec:
    return data.data_spec_from(data.data_spec_record(data.data_spec_of(run)))


def test_words_are_those_that_scikit_learn_hashes(tmp_path: Path) -> None:
    found = data.load(sentences(tmp_path / "t"), reading=Reading(text="hashed_words", length=20))

    vectorizer = HashingVectorizer(
        n_features=WORDS, token_pattern=r"\w+|[^\w\s]", norm=None, alternate_sign=False
    )
    counted = np.stack([np.bincount(row, minlength=WORDS + 1) for row in found.train.inputs])
    np.testing.assert_array_equal(counted[:, 1:], vectorizer.transform(SENTENCES).toarray())
    a_film = found.train.inputs[0].tolist()
    assert a_film[5:7] == a_film[:2], "in order: a film , and what a film !"
    assert (len(set(a_film[:8])), set(a_film[8:])) == (6, {0})


def test_what_is_cut_or_empty_is_said_once(tmp_path: Path) -> None:
    whole = data.load(sentences(tmp_path / "t"), reading=Reading(text="hashed_words", length=20))
    found = data.load(str(tmp_path / "t"), reading=WORDS_OF)

    np.testing.assert_array_equal(found.train.inputs, whole.train.inputs[:, :6])
    assert found.schema.lines() == [
        "data: 5 train and 5 test examples of 6, inputs 'sentence' (text, 6 hashed words), label "
        "'label' of 2 classes",
        "data: texts of train cut to 6 words: 1, the first is row 1 of train; texts of train "
        "without words, all 0: 1, the first is row 3 of train; texts of test cut to 6 words: 1, "
        "the first is row 1 of test; texts of test without words, all 0: 1, the first is row 3 of "
        "test",
    ]
    assert not found.train.inputs[2].any()


def test_characters_are_those_of_the_training_texts(tmp_path: Path) -> None:
    test = {"sentence": ["abz", "zb"], "label": [0, 1]}
    folder = write(tmp_path / "t", {"sentence": ["ba c", ""], "label": [0, 1]}, test)

    found = data.load(folder, reading=Reading(text="characters", length=5))

    assert found.schema.inputs[0].alphabet == " abc"
    assert found.train.inputs.tolist() == [[3, 2, 1, 4, 0], [0] * 5]
    assert found.test.inputs.tolist() == [[2, 3, 0, 0, 0], [0, 3, 0, 0, 0]]
    notes = "characters of test without a code, taken as 0: 2, the first is 'z' in row 1 of test"
    assert notes in found.schema.notes
    assert found.shape == models.DataShape((5,), 2, 5)
    tensors, _ = found.tensors(found.train)
    assert tensors.tolist() == found.train.inputs.tolist(), "not normalised"


def test_only_so_many_characters_have_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_codes, "MOST", 2)
    folder = write(tmp_path / "t", {"sentence": ["cabbac", "cd"], "label": [0, 1]})

    found = data.load(folder, reading=Reading(text="characters", length=6))

    assert found.schema.inputs[0].alphabet == "ac", "c three times, a and b twice"
    assert found.train.inputs.tolist() == [[2, 1, 0, 0, 1, 2], [2, 0, 0, 0, 0, 0]]
    assert "characters of train without a code, taken as 0: 3, the first is 'b'" in str(
        found.schema.notes
    )


@pytest.mark.parametrize(("length", "stride"), [(5, 2), (3, 1), (20, 7)])
def test_windows_and_the_character_that_follows(tmp_path: Path, length: int, stride: int) -> None:
    reading = Reading(text="next_character", length=length, stride=stride, group="speaker")

    found = data.load(speeches(tmp_path / "t"), reading=reading)

    alphabet = "".join(sorted({letter for _, text in SPEECHES for letter in text}))
    expected = [
        (window, label, speaker)
        for speaker, text in SPEECHES
        for window, label in windows(text, alphabet, length, stride)
    ]
    assert found.labels == ("other", *alphabet)
    assert found.train.inputs.tolist() == [window for window, _, _ in expected]
    assert found.train.labels.tolist() == [label for _, label, _ in expected]
    owners = np.array([speaker for _, _, speaker in expected])
    np.testing.assert_array_equal(
        found.columns["speaker"], np.unique(owners, return_inverse=True)[1]
    )
    unseen = windows("hÿllo", alphabet, length, stride)
    assert found.test.inputs.tolist() == [window for window, _ in unseen]
    assert found.test.labels.tolist() == [label for _, label in unseen]
    assert "without a code, taken as 0: 1, the first is 'ÿ' in row 1 of test" in str(
        found.schema.notes
    )
    assert (
        "texts of train too short for a next character: 2, the first is row 2 of train"
        in found.schema.notes
    )
    assert f"label the next of {len(alphabet) + 1}" in found.schema.lines()[0]


def test_a_client_for_each_speaker_and_one_for_one(tmp_path: Path) -> None:
    """A speaker without any window is no client; one speaker alone is a run of one client."""
    only = [("mute", "x"), ("b", "hello"), ("b", "more words")]
    for number, (rows, speakers) in enumerate(((SPEECHES, 3), (only, 1))):
        folder = speeches(tmp_path / str(number), rows)
        found = data.load(
            folder, reading=Reading(text="next_character", length=4, stride=1, group="speaker")
        )
        parts = data.partition(found, "natural", clients=speakers, seed=0, column="speaker")
        sizes = [len(parts.of(client)) for client in range(parts.clients)]
        by_name = {
            name: sum(max(len(text) - 1, 0) for speaker, text in rows if speaker == name)
            for name, _ in sorted(rows)
        }
        assert sizes == [size for size in by_name.values() if size]


@pytest.mark.parametrize(
    "values",
    [["y", "x", "y", "x", "x"], [7, -1, 7, -1, -1], [True, False, True, False, False]],
    ids=["text", "integers", "booleans"],
)
def test_owners_of_any_type(tmp_path: Path, values: list[Any]) -> None:
    folder = sentences(tmp_path / "t", owner=values)

    found = data.load(folder, reading=Reading(text="hashed_words", group="owner"))

    parts = data.partition(found, "natural", clients=2, seed=0, column="owner")
    assert [parts.of(client).tolist() for client in range(2)] == [[1, 3, 4], [0, 2]]
    assert "'owner' (data.column)" in " ".join(found.schema.lines())


def test_an_owner_that_is_missing_is_refused(tmp_path: Path) -> None:
    folder = sentences(tmp_path / "t", owner=["x", None, "y", "y", "x"])
    with pytest.raises(InputError, match=r"^data.column: column 'owner' has no value in row 2 of"):
        data.load(folder, reading=Reading(text="hashed_words", group="owner"))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["pos", "neg", "pos", "neg", "neg"], ("neg", "pos")),
        ([5, -2, 5, -2, -2], ("-2", "5")),
        ([1.5, 0.0, 1.5, 0.0, 0.0], ("0.0", "1.5")),
        ([True, False, True, False, False], ("False", "True")),
        (pd.Categorical(["pos", "neg", "pos", "neg", "neg"]), ("neg", "pos")),
    ],
    ids=["text", "integers", "floats", "booleans", "dictionary"],
)
def test_labels_of_any_type(tmp_path: Path, labels: Any, names: tuple[str, ...]) -> None:
    folder = write(tmp_path / "t", {"sentence": SENTENCES, "mood": labels})

    found = data.load(folder, reading=Reading(text="hashed_words", label="mood"))

    assert (found.labels, found.train.labels.tolist()) == (names, [1, 0, 1, 0, 0])


def test_labels_of_class_names(tmp_path: Path) -> None:
    features = Features({"sentence": Value("string"), "mood": ClassLabel(names=["pos", "neg"])})
    split = Dataset.from_dict({"sentence": SENTENCES, "mood": [0, 1, 0, 1, 1]}, features=features)
    DatasetDict({"train": split, "test": split}).save_to_disk(str(tmp_path / "t"))

    found = data.load(str(tmp_path / "t"), reading=Reading(text="hashed_words"))

    assert (found.labels, found.train.labels.tolist()) == (("pos", "neg"), [0, 1, 0, 1, 1])


@pytest.mark.parametrize("missing", ["refuse", "mean", "drop"])
@pytest.mark.parametrize("encoding", ["hashed_words", "characters", "next_character"])
def test_a_missing_text(tmp_path: Path, missing: str, encoding: str) -> None:
    texts = ["one two", None, "three four"]
    folder = write(
        tmp_path / "t",
        {"sentence": texts, "label": [0, 1, 1]},
        {
            "sentence": ["five"],
            "label": [0],
        },
    )
    reading = Reading(text=encoding, missing=missing, length=8)
    if missing == "refuse":
        with pytest.raises(InputError, match=r"^data: column 'sentence' has no value in row 2 of"):
            data.load(folder, reading=reading)
        return
    found = data.load(folder, reading=reading)
    kept = write(
        tmp_path / "kept",
        {"sentence": texts[::2], "label": [0, 1]},
        {
            "sentence": ["five"],
            "label": [0],
        },
    )
    plain = data.load(kept, reading=Reading(text=encoding, length=8))
    empty = missing == "mean" and encoding != "next_character"
    expected = np.insert(plain.train.inputs, 1, 0, axis=0) if empty else plain.train.inputs
    np.testing.assert_array_equal(found.train.inputs, expected)
    said = {"mean": "missing texts of train taken for empty", "drop": "rows of train left out for"}
    assert f"{said[missing]}" in str(found.schema.notes)


def test_without_the_key_a_line_says_what_to_do(tmp_path: Path) -> None:
    says = r"'sentence' \(text\), .*; data.categories .* data.text sentences"
    with pytest.raises(InputError, match=says):
        data.load(sentences(tmp_path / "a"))
    with pytest.raises(InputError, match=r"no label column .* data.text = \"next_character\" nee"):
        data.load(speeches(tmp_path / "b"))
    numbers = data.load(sentences(tmp_path / "c", size=[1.0, 2.0, 3.0, 4.0, 5.0]))
    assert numbers.schema.lines()[1] == "data: left out: 'sentence' (text)"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"text": "words"}, "unknown data.text 'words'; did you mean 'hashed_words'"),
        ({"length": 5}, "data.length: got 5; is for data.text"),
        ({"text": "characters", "length": 5000}, "data.length: got 5000; takes 0 to 4096"),
        ({"text": "characters", "stride": 2}, "data.stride: got 2; is for data.text = 'next"),
        ({"text": "next_character", "stride": 0}, "data.stride: got 0; takes 1 or more"),
        ({"text": "next_character", "label": "x"}, "data.label: got 'x'; .* makes labels"),
        ({"text": "characters", "categories": "one_hot"}, "data.categories: got 'one_hot' beside"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Reading(**keys)


@pytest.mark.parametrize(
    ("columns", "inputs", "says"),
    [
        ({"a": ["x", "y"], "b": ["x", "y"]}, "", "columns 'a', 'b' are several; .*data.inputs"),
        ({"a": ["x", "y"], "b": ["x", "y"]}, "a,b", "columns 'a', 'b' are several; takes one"),
        ({"a": [1.0, 2.0]}, "", "no column of text among 'a', 'label'"),
        ({"a": [1.0, 2.0]}, "a", "data.inputs: column 'a' is number; data.text takes text"),
        ({"a": ["x", "y"]}, "c", "data.inputs: column.*'c'"),
        ({"a": ["", ""]}, "", "column 'a' holds empty texts only in train"),
    ],
)
def test_columns_that_do_not_fit(
    tmp_path: Path, columns: dict[str, Any], inputs: str, says: str
) -> None:
    folder = write(tmp_path / "t", {**columns, "label": [0, 1]})
    with pytest.raises(InputError, match=says):
        data.load(folder, reading=Reading(text="characters", inputs=inputs))


def test_other_columns_are_left_out_and_a_chosen_one_is_read(tmp_path: Path) -> None:
    folder = sentences(tmp_path / "t", title=["t"] * 5, size=[1, 2, 3, 4, 5])

    found = data.load(folder, reading=Reading(text="hashed_words", inputs="sentence"))

    assert "left out: 'title', 'size' (beside the text)" in found.schema.lines()[1]
    only = data.load(sentences(tmp_path / "o"), reading=Reading(text="hashed_words"))
    np.testing.assert_array_equal(found.train.inputs, only.train.inputs)


def test_a_test_split_that_has_no_text_there(tmp_path: Path) -> None:
    train = {"sentence": ["a b", "c"], "label": [0, 1]}
    folder = write(tmp_path / "t", train, {"sentence": [1.0, 2.0], "label": [0, 1]})
    says = r"'sentence' is text, 6 hashed words in train and number in test"
    with pytest.raises(InputError, match=says):
        data.load(folder, reading=WORDS_OF)


def test_fingerprint_and_cache(tmp_path: Path) -> None:
    """Equal codes of other characters are other data; what the cache keeps is mapped and equal."""
    one = write(tmp_path / "a", {"sentence": ["ab", "ba"], "label": [0, 1]})
    other = write(tmp_path / "b", {"sentence": ["xy", "yx"], "label": [0, 1]})
    same = write_table(
        tmp_path / "c", lambda _, __: pd.DataFrame({"sentence": ["ab", "ba"], "label": [0, 1]})
    )
    reading = Reading(text="characters", length=4)
    first = data.load(one, reading=reading)

    assert np.array_equal(first.train.inputs, data.load(other, reading=reading).train.inputs)
    assert first.fingerprint != data.load(other, reading=reading).fingerprint
    assert first.fingerprint == data.load(str(same), reading=reading).fingerprint
    again = data.load(one, reading=reading)
    assert isinstance(again.train.inputs, np.memmap)
    assert (again.schema, again.fingerprint) == (first.schema, fingerprint_of(again))
    assert schema_from(json.loads(json.dumps(first.schema.record()))) == first.schema


@pytest.mark.parametrize("encoding", ["hashed_words", "characters"])
def test_a_node_encodes_as_the_run_does(tmp_path: Path, encoding: str) -> None:
    """With the alphabet of the run, which it is told, and labels matched by name."""
    reading = Reading(text=encoding, length=7)
    run = data.load(sentences(tmp_path / "run"), reading=reading)
    mine = ["A zebra film", "字", ""]
    (tmp_path / "own").mkdir()
    pd.DataFrame({"n": [1, 2, 3], "label": [1, 1, 0], "sentence": mine}).to_parquet(
        tmp_path / "own" / "mine.parquet"
    )

    held = data.load_own(str(tmp_path / "own"), spec_of(run))

    if encoding == "hashed_words":
        expected = text_codes.rows_of(text_codes.word_codes(mine), 7)
    else:
        alphabet = run.schema.inputs[0].alphabet
        expected = np.array(
            [[alphabet.find(letter) + 1 for letter in f"{each:\0<7}"[:7]] for each in mine]
        )
    np.testing.assert_array_equal(held.train.inputs, expected)
    assert held.train.labels.tolist() == [1, 1, 0]


def test_a_node_cuts_windows_as_the_run_does(tmp_path: Path) -> None:
    run = data.load(speeches(tmp_path / "run"), reading=replace(NEXT, group="speaker"))
    (tmp_path / "own").mkdir()
    pd.DataFrame({"text": ["held qq", "", "do"]}).to_csv(tmp_path / "own" / "m.csv", index=False)
    spec = spec_of(run)
    with pytest.raises(OwnDataError, match=r"^data.path: it has values that the run does not take"):
        data.load_own(str(tmp_path / "own"), spec)

    (tmp_path / "own" / "m.csv").unlink()
    pd.DataFrame({"text": ["held qq", "do"]}).to_csv(tmp_path / "own" / "m.csv", index=False)
    held = data.load_own(str(tmp_path / "own"), spec)

    alphabet = run.schema.inputs[0].alphabet
    expected = [w for text in ("held qq", "do") for w in windows(text, alphabet, 5, 2)]
    assert held.train.inputs.tolist() == [window for window, _ in expected]
    assert held.train.labels.tolist() == [label for _, label in expected]
    assert held.labels == run.labels


def test_a_node_whose_column_is_no_text_tells_nothing_of_it(tmp_path: Path) -> None:
    run = data.load(sentences(tmp_path / "run"), reading=WORDS_OF)
    for number, columns in enumerate(({"sentence": [1, 2]}, {"text": ["a", "b"]})):
        folder = tmp_path / f"own{number}"
        folder.mkdir()
        pd.DataFrame({**columns, "label": [0, 1]}).to_csv(folder / "mine.csv", index=False)
        with pytest.raises(OwnDataError, match=r"^data.path: its columns are not those of the run"):
            data.load_own(str(folder), spec_of(run))


def test_models_refuse_rows_that_they_cannot_read() -> None:
    codes, numbers = models.DataShape((8,), 2, 9), models.DataShape((8,), 2, 0)

    models.make("text_attention", codes)
    models.make("char_lstm", models.DataShape((8,), 9, 9))
    models.make("mlp", numbers)
    for name in ("char_lstm", "char_transformer"):
        with pytest.raises(InputError, match=r"the data have 9 codes and 2 classes"):
            models.make(name, codes)
    with pytest.raises(InputError, match=r"'mlp' takes numbers; the data have codes of text"):
        models.make("mlp", codes)
    with pytest.raises(InputError, match=r"'text_attention' takes codes of text; the data have nu"):
        models.make("text_attention", numbers)
