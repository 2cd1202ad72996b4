"""A question in numbers: how far it is graded, the points so far, and how often each item was used.

Not here: grading (`desk.py`), the statistics of exercises (`report/item_analysis.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.decisions import Decision
from grader.report import statistics


@dataclass(frozen=True)
class QuestionSummary:
    """The answers to one question in numbers."""

    answers: int
    graded: int
    distribution: statistics.Distribution | None
    """Of the points; None before any answer is graded."""
    histogram: tuple[tuple[str, int], ...]
    """Answers by their points, every number of points that was given, from the least."""
    used: Mapping[int, int]
    """How many answers each rubric item applies to, by its id."""


def summary_of(points: Sequence[Decision | None]) -> QuestionSummary:
    """Summarise the points of the answers to a question; None for one that waits."""
    given = [one for one in points if one is not None]
    worths = [one.points for one in given if one.points is not None]
    counts = Counter(worths)
    return QuestionSummary(
        len(points),
        len(given),
        statistics.distribution([float(one) for one in worths]),
        tuple((_text(one), counts[one]) for one in sorted(counts)),
        Counter(item for one in given for item in one.rubric),
    )


def _text(points: Fraction) -> str:
    return f"{float(points):g}"
