"""The statistics of a class report, each with its definition and the hypothesis behind it.

Scores are arrays of one row a student and one column an item (an exercise with points). A
statistic that the class is too small for, or that has no variance to work on, is None.

Here: numbers from numbers. Not here: which results count (`item_analysis.py`), words and pages
(`pages.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_STUDENTS = 20
"""Below this many students a correlation says more about single students than about an item: with
n = 20 the 95 % interval of r = 0.4 still reaches from -0.05 to 0.72."""
GROUPS = 5
_Z = 1.959964  # of a 95 % interval
_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Distribution:
    """Where values lie. Quartiles interpolate between values; `sd` divides by n - 1."""

    n: int
    mean: float
    median: float
    sd: float | None
    """None for a single value."""
    lower: float
    upper: float
    """The quartiles: a quarter of the values lies at or below `lower`, a quarter above `upper`."""
    least: float
    largest: float


@dataclass(frozen=True)
class Reliability:
    """Cronbach's alpha and the standard error of measurement, in points."""

    alpha: float
    sem: float
    items: int
    n: int


def distribution(values: ArrayLike) -> Distribution | None:
    """Summarise values; None without any."""
    array = _of(values)
    if not array.size:
        return None
    lower, median, upper = np.quantile(array, [0.25, 0.5, 0.75])
    sd = float(np.std(array, ddof=1)) if array.size > 1 else None
    return Distribution(
        array.size, float(array.mean()), float(median), sd, float(lower), float(upper),
        float(array.min()), float(array.max()),
    )  # fmt: skip


def histogram(shares: ArrayLike, bins: int = 10) -> tuple[int, ...]:
    """Count shares of 0 to 1 in bins of equal width; the last bin holds 1 too."""
    places = np.clip((_of(shares) * bins).astype(int), 0, bins - 1)
    return tuple(int(count) for count in np.bincount(places, minlength=bins))


def facility(scores: ArrayLike, worth: float) -> float | None:
    """Return the mean score as a share of what the item is worth; high is easy."""
    array = _of(scores)
    return float(array.mean()) / worth if array.size and worth else None


def item_rest(scores: ArrayLike, totals: ArrayLike) -> float | None:
    """Return the corrected discrimination: r of an item and the points of all other items.

    The item itself is left out of the total, since it would correlate with itself. None below
    `LEAST_STUDENTS`, and where all students have the same score or the same rest.
    """
    item, total = _of(scores), _of(totals)
    return correlation(item, total - item) if item.size >= LEAST_STUDENTS else None


def correlation(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return Pearson's r; None where one of them does not vary."""
    a, b = _of(one), _of(other)
    if a.size < 2:
        return None
    a, b = _centred(a), _centred(b)
    if not a.any() or not b.any():
        return None
    # each scaled on its own: a product of tiny squares would be 0
    r = float(np.dot(a / np.linalg.norm(a), b / np.linalg.norm(b)))
    return max(-1.0, min(1.0, r))


def group_means(scores: ArrayLike, totals: ArrayLike, worth: float) -> tuple[float | None, ...]:
    """Return the facility of an item in each fifth of the class, the weakest fifth first.

    Students of equal total are in the same fifth, by the middle of their ranks; a fifth may be
    empty (None). An empty tuple below `LEAST_STUDENTS`.
    """
    item, total = _of(scores), _of(totals)
    if item.size < LEAST_STUDENTS or not worth:
        return ()
    below = (total[None, :] < total[:, None]).sum(1)
    equal = (total[None, :] == total[:, None]).sum(1)
    fifth = np.minimum(GROUPS * (2 * below + equal) // (2 * total.size), GROUPS - 1)
    return tuple(facility(item[fifth == group], worth) for group in range(GROUPS))


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """Return the 95 % interval of Wilson for a rate: honest for few students, and for 0 and n."""
    if n <= 0:
        return None
    rate, z2 = successes / n, _Z * _Z
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return low, high


def reliability(scores: ArrayLike) -> Reliability | None:
    """Return Cronbach's alpha of a class: rows are students, columns are items.

    alpha = k / (k - 1) * (1 - sum of the items' variances / variance of the totals), and
    SEM = SD of the totals * sqrt(1 - alpha). None below `LEAST_STUDENTS`, with a single item, and
    where all totals are equal.
    """
    table = _of(scores)
    if table.ndim != 2 or table.shape[0] < LEAST_STUDENTS or table.shape[1] < 2:
        return None
    n, k = table.shape
    of_items, of_total = table.var(0, ddof=1).sum(), table.sum(1).var(ddof=1)
    if of_total <= 1e-12 * max(1.0, float(of_items)):
        return None
    alpha = float(k / (k - 1) * (1 - of_items / of_total))
    return Reliability(alpha, math.sqrt(of_total * max(0.0, 1 - alpha)), k, n)


def phi(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return the phi coefficient of two events, each true or false for every student."""
    return correlation(_of(one), _of(other))


def in_words(r: float | None) -> str:
    """Return a discrimination in a word, by the usual limits; r counts as it is shown."""
    if r is None:
        return ""
    r = round(r, 2)
    if r < 0:
        return "negative"
    return "weak" if r < 0.2 else "fair" if r < 0.4 else "good"


def _of(values: ArrayLike) -> _Array:
    array: _Array = np.asarray(values, dtype=np.float64)
    return array


def _centred(array: _Array) -> _Array:
    """Return the distances from the mean; exactly 0 where they are rounding errors."""
    moved: _Array = array - array.mean()
    rounding = 1e-12 * float(np.abs(array).max(initial=0.0))
    return moved if float(np.abs(moved).max(initial=0.0)) > rounding else moved * 0.0
