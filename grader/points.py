"""Sums of checks: points earned, points possible, points open.

A broken check is an internal error. It counts neither as earned nor as lost, until an instructor
has looked. Here: sums as exact fractions. Not here: rounding (`report/rounding.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from grader.records import CheckResult, SubmissionResult


@dataclass(frozen=True)
class Standing:
    """Points earned, of how many, and how many a broken check leaves open."""

    points: Fraction = Fraction(0)
    max_points: Fraction = Fraction(0)
    open: Fraction = Fraction(0)
    broken: int = 0
    """How many checks broke, with or without points."""

    @property
    def share(self) -> Fraction | None:
        """Earned points as a share of the possible ones, 0 to 1; None when none are possible."""
        return self.points / self.max_points if self.max_points else None


def standing(checks: Iterable[CheckResult]) -> Standing:
    """Add up checks; broken ones are left open."""
    judged: list[CheckResult] = []
    broken: list[CheckResult] = []
    for check in checks:
        (broken if check.verdict.is_ours else judged).append(check)
    return Standing(
        _sum(check.points for check in judged),
        _sum(check.max_points for check in judged),
        _sum(check.max_points for check in broken),
        len(broken),
    )


def _sum(points: Iterable[Fraction]) -> Fraction:
    """Add fractions; most are whole, and those are added as integers, ten times as fast."""
    whole, rest = 0, Fraction(0)
    for one in points:
        if one.denominator == 1:
            whole += one.numerator
        else:
            rest += one
    return rest + whole


def standing_of(result: SubmissionResult) -> Standing:
    """Add up all checks of a submission."""
    return standing(check for exercise in result.exercises for check in exercise.checks)


def fraction_as_text(value: object) -> str:
    """Return a fraction as JSON holds it: the `enc_hook` of msgspec."""
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(f"cannot store a {type(value).__name__}")


def text_as_fraction(kind: type, value: Any) -> Any:
    """Parse what `fraction_as_text` wrote: the `dec_hook` of msgspec."""
    if kind is Fraction:
        return Fraction(value)
    raise NotImplementedError(f"cannot read a {kind.__name__}")
