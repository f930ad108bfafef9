"""The start of a strategy from a script: the first global state, and a check of the parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from frl.exchange.messages import arrays_record
from strategies.rules.base import Space

if TYPE_CHECKING:
    from frl.app.network import Model


class StartableStrategy(Strategy):
    """A strategy that makes its own first state and checks what it starts with.

    Attributes
    ----------
    clients : int
        Population.
    seed : int
        Of the run.
    """

    clients: int
    seed: int

    @property
    @abstractmethod
    def space(self) -> Space:
        """Contents of global states: ``"ranks"`` or ``"weights"``."""

    def initial(self, model: Model) -> ArrayRecord:
        """Global state that round 1 begins with, drawn from the seed.

        Parameters
        ----------
        model : callable
            A class, or a function without parameters, that makes a torch module.

        Raises
        ------
        InputError
            If the model cannot be trained.
        """
        from frl.app.network import initial_state

        return arrays_record(initial_state(model, space=self.space, seed=self.seed))

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None = None,
    ) -> Result:
        """Run rounds, as every Flower strategy does, on parts that fit each other.

        Returns
        -------
        FRLResult
            Which :func:`frl.save` takes.

        Raises
        ------
        InputError
            If the grid's clients, the first state or ``frl.evaluate_on`` are of another network,
            seed or population than this strategy.
        """
        from frl.app.agreement import FRLResult, ServerSide, agree, client_app_of

        keep = getattr(self, "keep", None)
        server = ServerSide(self.clients, self.seed, self.space, keep)
        evaluate = agree(grid, initial_arrays, server, evaluate_fn)
        result = super().start(
            grid,
            initial_arrays,
            num_rounds,
            timeout,
            train_config,
            evaluate_config,
            evaluate,
        )
        return FRLResult(**vars(result), app=client_app_of(grid), seed=self.seed)
