"""The probability that a yes-or-no vote on one edge fails: two bounds and the exact value.

The model: ``clients`` voters, a share of them malicious. A benign voter is right about the edge
with probability ``right``, independently of the others; a malicious one reverses what it thinks and
so is right with probability ``1 - right``. The vote fails unless more than half are right. The
number ``Z`` of right votes then has mean ``C (p + a (1 - 2p))`` and variance ``C p (1 - p)``, for
``C`` clients, malicious share ``a`` and ``p = right``.

It is a model of a vote on single edges, as in signSGD with majority vote (Bernstein et al., ICLR
2019, arXiv:1810.05291), not of sums of ranks; what holds for those, without any assumption on
clients, is in :mod:`strategies.certificates.mask`.
"""

from __future__ import annotations

from math import comb, inf, sqrt

from frl.errors import InputError


def margin(clients: int, share: float, right: float) -> float:
    """Mean number of right votes above half of them: ``d = C (p - 1/2) (1 - 2a)``.

    Parameters
    ----------
    clients : int
        C, at least 1.
    share : float
        a, the share of malicious voters, 0 to 1.
    right : float
        p, the probability that a benign voter is right, 0 to 1.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    _require(clients, share, right)
    return clients * (right - 0.5) * (1.0 - 2.0 * share)


def cantelli(clients: int, share: float, right: float) -> float:
    """Bound the probability of failure by Cantelli's inequality: ``V / (V + d²)``.

    ``V = C p (1 - p)`` and ``d`` is the margin; 1 where the margin is not positive. Parameters and
    errors as in :func:`margin`.
    """
    above = margin(clients, share, right)
    if above <= 0:
        return 1.0
    variance = clients * right * (1.0 - right)
    return variance / (variance + above**2)


def half_sqrt(clients: int, share: float, right: float) -> float:
    """Bound the probability of failure by ``sqrt(V) / (2 d)``, never below Cantelli's bound.

    The form in which Bernstein et al. (ICLR 2019) state theirs; it may exceed 1, and is infinite
    where the margin is not positive. Parameters and errors as in :func:`margin`.
    """
    above = margin(clients, share, right)
    return sqrt(clients * right * (1.0 - right)) / (2.0 * above) if above > 0 else inf


def exact(clients: int, malicious: int, right: float, *, wrong: float | None = None) -> float:
    """Compute the probability that at most half of the votes are right.

    ``P(X + Y <= C/2)`` with independent binomials ``X ~ B(C - m, p)`` and ``Y ~ B(m, wrong)``.

    Parameters
    ----------
    clients : int
    malicious : int
        m of the clients, 0 to ``clients``.
    right : float
        p, the probability that a benign voter is right.
    wrong : float, optional
        Probability that a malicious voter is right; ``1 - right`` (reversal) by default, 0 for
        voters that know the right answer and never give it.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    if not 0 <= malicious <= clients:
        raise InputError(f"malicious: got {malicious}; takes 0 to clients = {clients}")
    _require(clients, 0.0, right)
    slip = 1.0 - right if wrong is None else wrong
    _require(clients, 0.0, slip)
    benign, other = _binomial(clients - malicious, right), _binomial(malicious, slip)
    half = clients // 2
    return min(
        1.0,
        sum(one * sum(other[: max(0, half - x + 1)]) for x, one in enumerate(benign[: half + 1])),
    )


def _binomial(n: int, p: float) -> list[float]:
    return [comb(n, x) * p**x * (1.0 - p) ** (n - x) for x in range(n + 1)]


def _require(clients: int, share: float, right: float) -> None:
    if not 1 <= clients <= 1000:
        raise InputError(f"clients: got {clients}; takes 1 to 1000")
    for name, value in (("share", share), ("right", right)):
        if not 0.0 <= value <= 1.0:
            raise InputError(f"{name}: got {value}; takes 0 to 1")
