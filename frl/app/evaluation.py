"""Accuracy and loss of global states on the server's own examples, for a Flower strategy."""

from __future__ import annotations

from typing import Any, NamedTuple

from flwr.app import ArrayRecord, MetricRecord
from torch import Tensor

from frl.app.client_app import tensors
from frl.app.network import Model, Network, check_network
from frl.app.shard_reader import read_shard
from frl.app.trying import try_network
from frl.data import Split
from frl.errors import InputError
from frl.exchange.messages import read_arrays
from frl.exchange.plain import holds_ranks
from frl.training.evaluation import evaluate
from frl.training.masked_weight import MaskBy
from frl.training.ranks import Trainer


class _Wanted(NamedTuple):
    """Settings of a ranking's meaning that a caller fixed; ``None`` for those left open."""

    seed: int | None
    keep: float | None
    mask_by: MaskBy | None
    coats: int | None = None
    binarised: bool | None = None


class StateEvaluation:
    """A Flower ``evaluate_fn``: ``(round, arrays) -> MetricRecord`` with ``accuracy``, ``loss``.

    What was left open of how a ranking is read is filled in by the strategy that starts with it,
    and what was not is compared; see :func:`frl.app.agreement.agree`.

    Parameters
    ----------
    model : Model
    test : Split
    wanted : tuple
    device : str
    integers : bool
        Whether the model takes integers; see :func:`frl.app.trying.try_network`.
    """

    def __init__(
        self, model: Model, test: Split, wanted: _Wanted, device: str, integers: bool = False
    ) -> None:
        self.model = model
        self._test = test
        self._wanted = wanted
        self._device = device
        self._integers = integers
        self._trainer: Trainer | None = None

    def __call__(self, server_round: int, arrays: ArrayRecord) -> MetricRecord:
        """Measure a global state.

        Raises
        ------
        InputError
            If it is not a state of this model, or nobody said how a ranking is read.
        """
        state = read_arrays(arrays)
        trainer = self._ready(ranks=holds_ranks(state))
        sizes = {name: values.size for name, values in trainer.initial.items()}
        found = {name: values.size for name, values in state.items()}
        if found != sizes:
            raise InputError(f"evaluate_on: the state has layers {found}; the model has {sizes}")
        trainer.load(state)
        test = self._test

        def batch(start: int, stop: int) -> tuple[Tensor, Tensor]:
            part = Split(test.inputs[start:stop], test.labels[start:stop])
            return tensors(part, self._device, integers=self._integers)

        result = evaluate(trainer.module, batch, len(test.labels))
        return MetricRecord({"accuracy": result.accuracy, "loss": result.loss})

    def completed(self, network: Network | None, seed: int) -> StateEvaluation:
        """Return the evaluation of a run, with what was left open filled in.

        Parameters
        ----------
        network : Network or None
            Of the clients; ``None`` where that is not known here.
        seed : int

        Raises
        ------
        InputError
            If what was fixed is not that of the run.
        """
        known = _Wanted(seed, None, None)
        if network:
            mask = (network.keep, network.mask_by, network.coats, network.binarised)
            known = _Wanted(seed, *mask)
        chosen: dict[str, Any] = {}
        for name in _Wanted._fields:
            wanted, held = getattr(self._wanted, name), getattr(known, name)
            if wanted is not None and held is not None and wanted != held:
                raise InputError(f"evaluate_on: {name}={wanted!r}; the run has {name}={held!r}")
            chosen[name] = held if wanted is None else wanted
        wanted = _Wanted(**chosen)
        return StateEvaluation(self.model, self._test, wanted, self._device, self._integers)

    def _ready(self, *, ranks: bool) -> Trainer:
        if self._trainer is None:
            seed, keep, mask_by, *_ = self._wanted
            if not ranks:
                network = Network(self.model, "fedavg")
            elif seed is None or keep is None or mask_by is None:
                needed = ("seed", "keep", "mask_by")
                open_ = [name for name in needed if getattr(self._wanted, name) is None]
                raise InputError(
                    f"evaluate_on: takes {', '.join(f'{name}=' for name in open_)} where it cannot "
                    "learn from a strategy's start how the clients read a ranking"
                )
            else:
                network = _network_of(self.model, self._wanted)
            self._trainer = network.trainer(seed or 0, device=self._device)
        return self._trainer


def evaluate_on(
    model: Model,
    test: Any,
    *,
    seed: int | None = None,
    keep: float | None = None,
    mask_by: MaskBy | None = None,
    coats: int | None = None,
    binarised: bool | None = None,
    device: str = "cpu",
) -> StateEvaluation:
    """Make the ``evaluate_fn`` of a strategy: accuracy and loss on held-out examples.

    Parameters
    ----------
    model : Model
        That of the clients.
    test : shard
        See :func:`frl.app.shard_reader.read_shard`.
    seed, keep, mask_by, coats, binarised : optional
        How a ranking is read. A strategy that starts with it on one of our own grids knows them;
        elsewhere the first three must be given, and the others where they are not the usual ones.
    device : str

    Raises
    ------
    InputError
        If the model cannot be trained, or the examples are no shard.
    """
    wanted = _Wanted(seed, keep, mask_by, coats, binarised)
    check_network(_network_of(model, wanted))
    split = read_shard("test", test)
    classes, integers = try_network(model, split)
    if split.labels.max() >= classes:
        raise InputError(
            f"test: there is a label {split.labels.max()}; the model has {classes} outputs"
        )
    return StateEvaluation(model, split, wanted, device, integers)


def _network_of(model: Model, wanted: _Wanted) -> Network:
    """Return the network of a ranking, as is usual in what is left open."""
    fixed = {name: held for name, held in wanted._asdict().items() if held is not None}
    fixed.pop("seed", None)
    return Network(model, "frl", **fixed)
