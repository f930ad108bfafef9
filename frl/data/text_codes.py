"""Text as rows of codes: its characters, or its words by a hash; 0 stands for none.

The characters that have a code are those of the training texts; a word's code follows from the
word alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from frl.data.schema import WORDS

MOST = 1024
"""Characters with a code of their own."""
_WORD = re.compile(r"\w+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Cut a text into lower-case words (Unicode letters, digits and ``_``) and single marks."""
    return _WORD.findall(text.lower())


def alphabet_of(texts: Iterable[str]) -> str:
    """Return the characters of texts, sorted; of more than :data:`MOST` the most frequent."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    frequent = sorted(counts, key=lambda character: (-counts[character], character))
    return "".join(sorted(frequent[:MOST]))


def character_codes(texts: Sequence[str], alphabet: str) -> list[NDArray[np.int16]]:
    """Return the place of each character in an alphabet, from 1; 0 where it has none."""
    code = {character: place for place, character in enumerate(alphabet, start=1)}
    return [np.array([code.get(each, 0) for each in text], dtype=np.int16) for text in texts]


def word_codes(texts: Sequence[str]) -> list[NDArray[np.int16]]:
    """Return 1 to :data:`WORDS` for each word, by its hash.

    The hash is that of scikit-learn's ``HashingVectorizer(n_features=WORDS)``: MurmurHash3 of the
    word in UTF-8, seed 0, its absolute value modulo the number of codes.
    """
    known: dict[str, int] = {}
    return [np.array([_hashed(w, known) for w in words_of(t)], dtype=np.int16) for t in texts]


def rows_of(codes: Sequence[NDArray[np.int16]], length: int) -> NDArray[np.int16]:
    """Return the first codes of each text, and 0 where it has ended.

    Returns
    -------
    int16 array of shape (texts, length)
    """
    rows = np.zeros((len(codes), length), dtype=np.int16)
    for row, of_text in zip(rows, codes, strict=True):
        row[: len(of_text)] = of_text[:length]
    return rows


def windows_of(
    codes: Sequence[NDArray[np.int16]], length: int, stride: int
) -> tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.int64]]:
    """Cut texts into windows, each with the code that follows it.

    The code that follows is the second of a text, and each ``stride`` further on. A window is 0
    where it begins before its text.

    Returns
    -------
    windows : int16 array of shape (windows, length)
    following : int64 array of shape (windows,)
    texts : int64 array of shape (windows,)
        The text that each window is of, ascending.
    """
    windows = [np.empty((0, length), dtype=np.int16)]
    following = [np.empty(0, dtype=np.int16)]
    for of_text in codes:
        led = np.concatenate([np.zeros(length, dtype=np.int16), of_text])
        windows.append(sliding_window_view(led, length)[1 : len(of_text) : stride])
        following.append(of_text[1::stride])
    texts = np.repeat(np.arange(len(codes)), [len(each) for each in following[1:]])
    return np.concatenate(windows), np.concatenate(following).astype(np.int64), texts


def _hashed(word: str, known: dict[str, int]) -> int:
    from sklearn.utils import murmurhash3_32

    if word not in known:
        known[word] = 1 + abs(int(murmurhash3_32(word, seed=0))) % WORDS
    return known[word]
