"""The settings of local training, and where their defaults stand."""

from __future__ import annotations

from math import cos, pi
from typing import NamedTuple


class TrainSettings(NamedTuple):
    """Hyper-parameters of local training.

    Attributes
    ----------
    epochs, batch_size : int
    steps : int
        Steps to take, whatever the size of the shard, in place of ``epochs``; 0: epochs.
    micro_batch : int
        Examples of a batch that go through the network at once, for less memory; their gradients
        add up to that of the batch. 0: all of them.
    clip : float
        Largest Euclidean norm of a step's gradient, of all layers together; 0: none.
    lr : float
        Learning rate of round 1; ``lr * lr_decay ** (round - 1)`` in later ones. Within a client it
        follows a cosine over the local epochs, or steps.
    lr_decay, momentum, weight_decay : float
        Momentum starts anew in every round.
    augmentation : str
        See :func:`frl.training.augmentation.augment`.
    precision : str
        Of the forward and backward pass: ``"bfloat16"``, or float32 with anything else.
    """

    epochs: int = 2
    batch_size: int = 8
    lr: float = 0.4
    lr_decay: float = 0.999
    momentum: float = 0.9
    weight_decay: float = 1e-4
    augmentation: str = "none"
    precision: str = "float32"
    steps: int = 0
    clip: float = 0.0
    micro_batch: int = 0

    def rate(self, round: int, part: int, parts: int) -> float:
        """Learning rate of one part (from 0) of the local work of one round (from 1)."""
        cosine = 0.5 * (1.0 + cos(pi * part / parts))
        return self.lr * self.lr_decay ** (round - 1) * cosine
