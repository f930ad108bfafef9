"""Statistics of a few runs: means with confidence intervals, and paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A mean over independent repetitions, and how sure it is.

    Attributes
    ----------
    n : int
        Repetitions.
    mean : float
    sd : float or None
        Standard deviation of the repetitions, with ``n - 1``; ``None`` for a single one.
    low, high : float or None
        Confidence interval of the mean, by Student's t; ``None`` for a single one.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


class Comparison(NamedTuple):
    """Two sets of values that come in pairs.

    Attributes
    ----------
    difference : Estimate
        Of first minus second.
    t_p : float or None
        Two-sided p-value of the paired t-test; ``None`` where all differences are equal.
    wilcoxon_p : float or None
        Two-sided p-value of Wilcoxon's signed-rank test; ``None`` for a single pair, whose p-value
        is 1 whatever it is, and where all differences are zero.
    """

    difference: Estimate
    t_p: float | None
    wilcoxon_p: float | None


def estimate(
    values: Sequence[float],
    within: tuple[float, float] = (-math.inf, math.inf),
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Estimate a mean: ``mean ± t(n-1, confidence) sd / sqrt(n)``.

    Parameters
    ----------
    values : sequence of float
        At least one.
    within : tuple of float
        Between which the mean must lie; what is beyond is cut off the interval.
    confidence : float
    """
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(n, mean, None, None, None)
    sd = float(np.std(values, ddof=1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, max(within[0], mean - half), min(within[1], mean + half))


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare two sequences whose values belong together one by one.

    Parameters
    ----------
    first, second : sequence of float
        Equally long, at least one.
    """
    differences = np.subtract(first, second)
    difference = estimate(differences.tolist())
    return Comparison(difference, _t_test(difference), _wilcoxon(differences))


def _t_test(difference: Estimate) -> float | None:
    if not difference.sd:
        return None
    t = abs(difference.mean) / (difference.sd / math.sqrt(difference.n))
    return float(2 * stdtr(difference.n - 1, -t))


def _wilcoxon(differences: np.ndarray) -> float | None:
    if len(differences) < 2 or not differences.any():
        return None
    # Here, because it takes longer to import than a picture to draw.
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue)
