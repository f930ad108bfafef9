"""The server's own model and test data."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attacks.adversary.backdoor_success import attack_success_rate
from attacks.base import Attack, Backdoor
from frl.arrays import Arrays
from frl.data import DataSet, Split
from frl.training.batch_statistics import least_batch
from frl.training.evaluation import Evaluation, evaluate
from frl.training.forward.passes import batches, in_order, outputs
from frl.training.ranks import Trainer

_BATCH = 250


class Evaluator:
    """Measures global states.

    Parameters
    ----------
    dataset : DataSet
    trainer : Trainer
        Its module is loaded with the state to measure.
    device : str
    """

    def __init__(self, dataset: DataSet, trainer: Trainer, device: str) -> None:
        self._data = dataset
        self._trainer = trainer
        self._device = device

    def __call__(self, state: Arrays) -> Evaluation:
        """Measure accuracy and loss on the whole test split."""
        return self.on(state, self._data.test)

    def on(self, state: Arrays, split: Split) -> Evaluation:
        """Measure accuracy and loss on some examples."""
        self._trainer.load(state)

        def batch(start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
            part = Split(split.inputs[start:stop], split.labels[start:stop])
            return self._data.tensors(part, self._device)

        return evaluate(self._trainer.module, batch, len(split.labels), _BATCH)

    def predictions(self, state: Arrays) -> NDArray[np.int64]:
        """Label that a global state gives each test example."""
        self._trainer.load(state)
        return self._predict(np.asarray(self._data.test.inputs))

    def attack_success(self, state: Arrays, attack: Attack | None) -> float | None:
        """Share of triggered test examples taken for the target; ``None`` without a backdoor."""
        if not isinstance(attack, Backdoor):
            return None
        self._trainer.load(state)
        return attack_success_rate(
            attack, np.asarray(self._data.test.inputs), self._data.test.labels, self._predict
        )

    def _predict(self, inputs: NDArray[Any]) -> NDArray[np.int64]:
        def predicted(copy: nn.Module, start: int, stop: int) -> NDArray[np.int64]:
            part = inputs[start:stop]
            split = Split(part, np.zeros(len(part), dtype=np.int64))
            tensors, _ = self._data.tensors(split, self._device)
            return outputs(copy, tensors).argmax(dim=1).cpu().numpy()

        module = self._trainer.module
        spans = batches(len(inputs), _BATCH, least_batch(module))
        return np.concatenate([np.empty(0, dtype=np.int64), *in_order(module, spans, predicted)])
