"""The contract of a form: what a client sends of an update, and how that is coded.

A form says what the receiver of an update sees, whether the update travels coded or as plain
arrays, what that counts in a vote, and which codings fit it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.unmoved import Unmoved
from frl.task import Task
from frl.wire import Base, Coding, WireError
from frl.wire.codings.fixed import Fixed


class Form(ABC):
    """The form in which updates are sent; a frozen dataclass of what both sides agreed on.

    Attributes
    ----------
    dtype : str
        NumPy type of what is sent.
    snapshot : Coding
        Of a whole global state, given nothing.
    state : Coding or None
        Of a global state given one that the client holds; ``None`` where that is what rankings
        have of their own (:mod:`frl.exchange.downlink`), or states travel whole.
    """

    dtype: ClassVar[str] = "int32"
    snapshot: ClassVar[Coding] = Fixed()
    state: ClassVar[Coding | None] = None

    @abstractmethod
    def codings(self) -> dict[str, Coding]:
        """Return the codings of updates that fit, by name, the smallest first."""

    @abstractmethod
    def of(self, update: NDArray[Any]) -> NDArray[Any]:
        """Make what is sent of the update of a layer, an array of shape (n,)."""

    def drawn(self, update: Arrays, state: Arrays, task: Task) -> Arrays:
        """Make what is sent at random of an update, by numbers that follow from the task.

        By default nothing is random. What was sent, restored, is drawn as it is.
        """
        return update

    def codable(self, update: NDArray[Any]) -> NDArray[Any]:
        """Make what the codings take of the update of a layer; by default what is sent."""
        return self.of(update)

    def opened(self, decoded: Arrays, base: Base, task: Task) -> Arrays:
        """Make what was sent of what the codings give; by default that is what was sent."""
        return decoded

    def packed(self, sent: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
        """Make what the codings take of what was sent of a layer, given its global state."""
        return self.codable(self.restore(sent, state))

    @abstractmethod
    def fault(self, sent: NDArray[Any]) -> str | None:
        """Say why an array of ``dtype`` is not what :meth:`of` makes, ``None`` if it is; O(n)."""

    def votes(self, sent: NDArray[Any]) -> NDArray[Any]:
        """Return what is added up in a vote; of ranks, integers of any scale, 0 to ``2 n``."""
        return sent

    def values(self, sent: NDArray[Any]) -> NDArray[Any]:
        """Return what a rule takes: ranks, 0 to ``n - 1``, or differences."""
        return sent

    def moved(self, sent: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
        """Return what a rule takes of a layer whose global state both sides know."""
        return self.values(sent)

    def unmoved(self, state: NDArray[Any]) -> NDArray[Any]:
        """Return what a rule takes, in the mean, of a client that leaves the state as it is."""
        return self.values(self.of(state))

    def restore(self, sent: NDArray[Any], previous: NDArray[Any]) -> NDArray[Any]:
        """Rebuild the update; ranks that were not told apart keep the order they had."""
        return sent

    def undithered(self, sent: Arrays, base: Base, task: Task) -> Arrays:
        """Rebuild an update without the noise that its client put in and anybody can make again."""
        return {name: self.restore(part, base.state[name]) for name, part in sent.items()}

    def dithered(self, update: Arrays, task: Task) -> Arrays:
        """Add the noise that a client's update gets before it is sent; none by default.

        It follows from the task, so that both sides know it.
        """
        return update

    def given(self, base: Base, task: Task) -> Base:
        """Return what a client's update is coded given: the global state, with the same noise.

        The noise that both sides know then costs no bits.
        """
        state = self.dithered(base.state, task)
        return base if state is base.state else Base(base.round, state)

    def noise_sums(self, base: Base, *, seed: int, near: bool) -> Unmoved | None:
        """Return what adds up the noise of ballots as they are read; ``None`` where there is none.

        Parameters
        ----------
        base : Base
        seed : int
        near : bool
            See :class:`frl.exchange.unmoved.Unmoved`.
        """
        return None

    def encode_step(
        self,
        sums: Mapping[str, NDArray[np.int32]],
        voters: Sequence[int],
        base: Base,
        *,
        seed: int,
        rows: Mapping[str, int],
        heard: Unmoved | None = None,
    ) -> bytes | None:
        """Encode what led from the state of a round to the next by what the votes add up to.

        ``None`` where clients cannot follow it (:mod:`frl.exchange.steps`).
        """
        return None

    def moves(
        self,
        sums: Mapping[str, NDArray[Any]],
        voters: Sequence[int],
        base: Base,
        *,
        seed: int,
        heard: Unmoved | None = None,
    ) -> Arrays | None:
        """Return how far the votes of a round moved each edge in the mean, in ranks.

        ``None`` where the next ranking says it better: only noise that both sides know is left out.
        """
        return None

    def follow(self, message: bytes, base: Base, *, seed: int) -> Base:
        """Follow joined steps from the state this side holds.

        Raises
        ------
        WireError
            If they are damaged, begin with another state, or there are none for this form.
        """
        raise WireError("wrong-base", "steps from a round; this side holds none")
