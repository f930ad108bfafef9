"""Hiding an attack behind a grid, in a line of a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid

import attacks
from attacks.adversary.app_codec import AppCodec, is_ours
from attacks.adversary.codec import Codec
from attacks.adversary.grid import AdversarialGrid
from attacks.adversary.obeying import obeying, setting_of_app
from attacks.adversary.population import Population, Sampling, malicious_clients
from attacks.base import AccuracyCall, Attack, RuleCall, Setting, poisons, tampers
from frl.app.agreement import client_app_of
from frl.app.client_app import ShardApp
from frl.errors import InputError
from frl.exchange.messages import read_task
from frl.exchange.plain import holds_ranks
from frl.grids import LocalGrid, innermost


def hide(
    grid: Grid,
    attack: str | Attack,
    *,
    fraction: float | None = None,
    malicious: Iterable[int] | Population | None = None,
    seed: int = 0,
    sampling: Sampling = "uniform",
    clients_per_round: int | None = None,
    clients: int | None = None,
    start: int = 1,
    every: int = 1,
    colluders: Literal["sampled", "all"] = "sampled",
    rule: RuleCall | None = None,
    accuracy: AccuracyCall | None = None,
    codec: Codec | None = None,
    setting: Setting | None = None,
) -> AdversarialGrid:
    """Return a grid some of whose clients are malicious.

    Messages are ours, or those of any Flower app whose clients send whole parameters: attacks on
    weights then see and change differences of the trained parameters, and those on data need
    :func:`attacks.adversary_mod` in the app.

    Parameters
    ----------
    grid : Grid
        The one to hide the attack behind. On one of ours, clients of an ``frl.client_app`` obey
        orders from now on; see :func:`attacks.obeying` for others.
    attack : str or Attack
        A name such as ``"half_swap"`` or ``"rank_noise(strength=2)"``, or what
        :func:`attacks.make` gives.
    fraction : float, optional
        Share of clients that is malicious. Either this or ``malicious``.
    malicious : iterable of int, or Population, optional
        Who is.
    seed : int
        Draws who is malicious; the attack's own draws follow from the seed of the run, or from
        this one where messages tell none.
    sampling, clients_per_round
        See :func:`attacks.adversary.population.malicious_clients`; the second is needed for
        ``"fixed_count"`` and is otherwise the number of clients asked.
    clients : int, optional
        Population, for a grid that does not know it.
    start, every : int
        Round of the first attack, and rounds from one to the next; not with a ``Population``.
    colluders, rule, accuracy
        See :class:`attacks.adversary.grid.AdversarialGrid`; ``rule`` is ``server.preview``.
    codec : Codec, optional
        For messages that are not plain arrays.
    setting : Setting, optional
        What clients know of a run that is not of an ``frl.client_app``.

    Raises
    ------
    InputError
        If the attack is unknown or made for another kind of update, or nobody would be malicious.
    """
    app = client_app_of(grid)
    chosen = attacks.registry.from_text(attack) if isinstance(attack, str) else attack
    if app is not None:
        _require_space(chosen, app.network.space)
    population = _population(
        _count(grid, clients),
        fraction,
        malicious,
        seed,
        sampling,
        clients_per_round,
        start,
        every,
    )
    roster = innermost(grid)
    codec = codec or AppCodec(grid)
    known = setting or _Known(app, chosen, codec, clients_per_round, seed)
    hidden = AdversarialGrid(
        grid,
        chosen,
        population,
        codec,
        known,
        colluders=colluders,
        rule=rule,
        accuracy=accuracy,
    )
    if poisons(chosen) or tampers(chosen):
        _require_name(chosen)
        if app is not None and isinstance(roster, LocalGrid):
            roster.use(obeying(app))
    return hidden


class _Known:
    """The settings of a run as the train messages of a round show them."""

    def __init__(
        self,
        app: ShardApp | None,
        attack: Attack,
        codec: Codec,
        clients_per_round: int | None,
        seed: int,
    ) -> None:
        self._app, self._attack, self._codec = app, attack, codec
        self._clients_per_round, self._seed = clients_per_round, seed

    def __call__(self, train: Sequence[Message]) -> Setting:
        number = self._clients_per_round or len(train)
        seed = read_task(train[0]).seed if is_ours(train[0]) else self._seed
        if self._app is not None:
            return setting_of_app(self._app, seed, number)
        ranks = holds_ranks(self._codec.state_of(train[0]))
        _require_space(self._attack, "ranks" if ranks else "weights")
        return Setting(seed=seed, round=0, clients_per_round=number, classes=0)


def _require_space(attack: Attack, space: str) -> None:
    if attack.space not in (space, "data"):
        raise InputError(
            f"attack: {attack!r} is an attack on {attack.space}; clients send {space}, so it takes "
            f"one on {space} or on data"
        )


def _require_name(attack: Attack) -> None:
    try:
        attacks.name_of(attack)
    except ValueError as error:
        raise InputError(f"attack: {error}; clients are ordered by name") from None


def _count(grid: Grid, clients: int | None) -> int:
    known = getattr(innermost(grid), "clients", clients)
    if known is None:
        raise InputError("clients: takes their number, which this grid does not know")
    if clients is not None and clients != known:
        raise InputError(f"clients: got {clients}; the grid has {known}")
    return int(known)


def _population(
    clients: int,
    fraction: float | None,
    malicious: Iterable[int] | Population | None,
    seed: int,
    sampling: Sampling,
    clients_per_round: int | None,
    start: int,
    every: int,
) -> Population:
    if (fraction is None) == (malicious is None):
        raise InputError("hide: takes one of fraction= and malicious=")
    if isinstance(malicious, Population):
        if (start, every) != (1, 1):
            raise InputError(
                "hide: start= and every= are those of malicious= if it is a Population"
            )
        return malicious
    if malicious is not None:
        return Population(seed, _members(malicious, clients), None, start, every)
    share = 0.0 if fraction is None else fraction
    if sampling == "fixed_count" and clients_per_round is None:
        raise InputError("clients_per_round: takes their number where sampling is 'fixed_count'")
    population = malicious_clients(
        seed, clients, share, sampling, clients_per_round or 0, start=start, every=every
    )
    number = population.per_round if population.members is None else len(population.members)
    if share and not number:
        of = clients_per_round if population.members is None else clients
        raise InputError(f"fraction: {share:g} of {of} clients is nobody; takes 0 or more")
    return population


def _members(malicious: Iterable[int], clients: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    given = list(malicious)
    for client in given:
        if not isinstance(client, int | np.integer) or not 0 <= client < clients:
            raise InputError(f"malicious: got {client!r}; takes client ids from 0 to {clients - 1}")
    return np.array(sorted({int(client) for client in given}), dtype=np.int64)
