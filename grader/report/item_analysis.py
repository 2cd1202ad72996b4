"""The exercises and checks of a class as items of a test: how hard, how telling, how alike.

Discrimination, fifths and reliability use the submissions in which every exercise with points was
judged: one that could not be read has scores of 0 everywhere, which would make all exercises look
alike, and open points are no zeros. Facility and pass rates use every result that there is.

Here: which results count. Not here: formulas (`statistics.py`), pages (`pages.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grader.records import CheckResult, SubmissionResult
from grader.report import statistics
from grader.report.rounding import points_of
from grader.report.statistics import Reliability
from grader.verdict import Verdict

_MOST_CHECKS = 12
_LEAST_FAILURES = 3
_ALIKE = 0.8


@dataclass(frozen=True)
class Item:
    """One exercise or check over the class. Shares are 0 to 1."""

    name: str
    passed: int
    judged: int
    """Without those that an internal error left open, or that were not asked."""
    interval: tuple[float, float] | None
    """Of the pass rate, 95 %, by Wilson."""
    facility: float | None = None
    discrimination: float | None = None
    fifths: tuple[float | None, ...] = ()

    @property
    def rate(self) -> float | None:
        """The share of those judged who passed."""
        return self.passed / self.judged if self.judged else None

    @property
    def word(self) -> str:
        """The discrimination in a word."""
        return statistics.in_words(self.discrimination)


@dataclass(frozen=True)
class CheckItem:
    """One check over the class: how often it ended how."""

    exercise: str
    check: str
    claim: str
    item: Item
    endings: tuple[tuple[Verdict, int], ...]
    """All but `passed`, the most frequent first."""


@dataclass(frozen=True)
class CoFailures:
    """Which checks fail for the same students: phi for pairs of the checks that fail most."""

    checks: tuple[CheckItem, ...]
    table: tuple[tuple[float | None, ...], ...]
    pairs: tuple[tuple[CheckItem, CheckItem, float], ...]
    """Of different exercises or of one, those with phi of 0.8 and more."""


@dataclass(frozen=True)
class ItemAnalysis:
    """The statistics of a class."""

    complete: int
    """Submissions in which every exercise with points was judged."""
    exercises: dict[str, Item]
    checks: tuple[CheckItem, ...]
    reliability: Reliability | None
    co_failures: CoFailures | None
    least: int = field(default=statistics.LEAST_STUDENTS)
    """Fewer complete submissions than this have no correlations."""

    @property
    def is_small(self) -> bool:
        """Whether the class is too small for correlations."""
        return self.complete < self.least


def analyse(results: Sequence[SubmissionResult], names: Sequence[str]) -> ItemAnalysis:
    """Work out the statistics of exercises and checks.

    Args:
        results: of one run.
        names: the exercises, in the order of the assignment.
    """
    worth = _worth(results, names)
    valued = [name for name in names if worth[name]]
    rows = [
        [float(points) for name in valued if (points := points_of(result, name)) is not None]
        for result in results
        if result.exercises
    ]
    complete = [row for row in rows if valued and len(row) == len(valued)]
    table = np.array(complete).reshape(len(complete), len(valued))
    totals = table.sum(1)
    items = {name: _exercise(results, name, worth[name]) for name in names}
    for place, name in enumerate(valued):
        column, found = table[:, place], items[name]
        items[name] = Item(
            found.name, found.passed, found.judged, found.interval, found.facility,
            statistics.item_rest(column, totals) if len(valued) > 1 else None,
            statistics.group_means(column, totals, worth[name]),
        )  # fmt: skip
    checks = _checks(results, names)
    return ItemAnalysis(
        len(table), items, checks, statistics.reliability(table), _co_failures(results, checks)
    )


def _worth(results: Sequence[SubmissionResult], names: Sequence[str]) -> dict[str, float]:
    worth = dict.fromkeys(names, 0.0)
    for result in results:
        for one in result.exercises:
            if not one.by_hand:
                worth[one.exercise] = max(worth.get(one.exercise, 0.0), float(one.max_points))
    return worth


def _exercise(results: Sequence[SubmissionResult], name: str, worth: float) -> Item:
    judged = passed = 0
    for result in results:
        for one in result.exercises:
            ours = any(check.verdict.is_ours for check in one.checks)
            if one.exercise == name and not ours and not one.by_hand:
                judged += 1
                passed += one.is_solved
    known = [points for r in results if (points := points_of(r, name)) is not None]
    facility = statistics.facility([float(points) for points in known], worth)
    return Item(name, passed, judged, statistics.wilson(passed, judged), facility)


def _checks(results: Sequence[SubmissionResult], names: Sequence[str]) -> tuple[CheckItem, ...]:
    order = {name: place for place, name in enumerate(names)}
    endings: defaultdict[tuple[str, str], Counter[Verdict]] = defaultdict(Counter)
    claims: dict[tuple[str, str], str] = {}
    for check in _each_check(results):
        key = (check.exercise, check.check)
        endings[key][check.verdict] += 1
        claims.setdefault(key, check.claim or check.check)
    found = []
    for key in sorted(endings, key=lambda key: order.get(key[0], len(order))):
        counts = endings[key]
        passed = counts[Verdict.PASSED]
        judged = sum(n for verdict, n in counts.items() if not verdict.is_ours)
        item = Item(key[1], passed, judged, statistics.wilson(passed, judged))
        others = tuple((v, n) for v, n in counts.most_common() if v is not Verdict.PASSED)
        found.append(CheckItem(*key, claims[key], item, others))
    return tuple(found)


def _each_check(results: Sequence[SubmissionResult]) -> list[CheckResult]:
    return [
        check
        for result in results
        for one in result.exercises
        if not one.by_hand
        for check in one.checks
    ]


def _co_failures(
    results: Sequence[SubmissionResult], checks: Sequence[CheckItem]
) -> CoFailures | None:
    """Return the matrix for the checks that fail most often; None in a small class.

    Only students count of whom both checks were asked: what is missing fails all checks at once,
    and a check that builds on another is skipped with it.
    """
    wrong = {
        (c.exercise, c.check): sum(
            n for v, n in c.endings if v.is_wrong and v is not Verdict.MISSING
        )
        for c in checks
    }
    often = [c for c in checks if wrong[c.exercise, c.check] >= _LEAST_FAILURES]
    often.sort(key=lambda c: -wrong[c.exercise, c.check])
    chosen = [c for c in checks if c in often[:_MOST_CHECKS]]
    if len(results) < statistics.LEAST_STUDENTS or len(chosen) < 2:
        return None
    places = {(c.exercise, c.check): place for place, c in enumerate(chosen)}
    failed = np.full((len(results), len(chosen)), np.nan)
    for row, result in enumerate(results):
        for check in _each_check([result]):
            place = places.get((check.exercise, check.check))
            asked = check.verdict is Verdict.PASSED or check.verdict.is_wrong
            if place is not None and asked and check.verdict is not Verdict.MISSING:
                failed[row, place] = check.verdict is not Verdict.PASSED
    table = tuple(
        tuple(_phi(failed[:, a], failed[:, b]) for b in range(len(chosen)))
        for a in range(len(chosen))
    )
    pairs = [
        (chosen[a], chosen[b], value)
        for a in range(len(chosen))
        for b in range(a)
        if (value := table[a][b]) is not None and value >= _ALIKE
    ]
    return CoFailures(tuple(chosen), table, tuple(sorted(pairs, key=lambda pair: -pair[2])))


def _phi(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    both = ~(np.isnan(one) | np.isnan(other))
    if both.sum() < statistics.LEAST_STUDENTS:
        return None
    return statistics.phi(one[both], other[both])
