"""The seam through which a shard is changed before training."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from frl.shard_transform import transformed, transforming

IMAGES = np.zeros((3, 1, 2, 2), np.uint8)
LABELS = np.array([0, 1, 2], np.int64)


def test_without_a_transform_a_shard_passes_unchanged() -> None:
    images, labels = transformed(IMAGES, LABELS)

    assert images is IMAGES
    assert labels is LABELS


def test_a_transform_holds_within_its_context_only_even_after_an_error() -> None:
    inside = []

    def fail() -> None:
        with transforming(lambda x, y: (x + 1, y[::-1])):
            inside.extend(transformed(IMAGES, LABELS))
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert (inside[0] == 1).all()
    np.testing.assert_array_equal(inside[1], [2, 1, 0])
    assert transformed(IMAGES, LABELS)[0] is IMAGES


def test_another_thread_does_not_see_it() -> None:
    seen = []
    with transforming(lambda x, y: (x + 1, y)):
        thread = Thread(target=lambda: seen.append(transformed(IMAGES, LABELS)[0]))
        thread.start()
        thread.join()

    assert seen[0] is IMAGES
