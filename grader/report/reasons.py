"""Why checks of one exercise are not right, each reason once, and what to try against it.

A function that raises, never ends or lacks a part fails most of its checks in one way. The first
of them is shown whole, the others as a list below it. Wrong numbers are one reason only for one
and the same call: each input shows another side of them.

Here: which checks fail for one reason; advice that no check gives. Not here: the markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from grader.records import CheckResult
from grader.report.clusters import without_numbers
from grader.report.matrices import lay_out
from grader.text import one_line
from grader.verdict import Verdict

_LONGEST_CAUSE = 160
_ARGUMENTS = re.compile(r"\(.*\)", re.DOTALL)
_ENDED = "ended the notebook's process"


@dataclass(frozen=True)
class Reason:
    """A check that is not right, and those that are not right for the same reason."""

    check: CheckResult
    others: tuple[CheckResult, ...] = ()

    @property
    def lost(self) -> Fraction:
        """Points lost for this reason."""
        checks = (self.check, *self.others)
        return sum((one.max_points - one.points for one in checks), Fraction(0))

    @property
    def cause(self) -> str:
        """What is wrong, in a line: the message where it is short and may be told."""
        check, example = self.check, self.check.counterexample
        message = one_line(check.message)
        if check.verdict is Verdict.RAISED and example is not None:
            message = one_line(f"{example.got} ({example.where})" if example.where else example.got)
        if message and not check.hidden and len(message) <= _LONGEST_CAUSE:
            return message
        return f"{check.verdict.words} in the check “{one_line(check.claim or check.check)}”"

    @property
    def advice(self) -> str:
        """What to try: for a call that gave no result, another thing than for a wrong result."""
        if _is_without_end(self.check):
            return Verdict.TIMED_OUT.advice
        return self.check.verdict.advice or self.check.hint


def reasons_of(wrong: Iterable[CheckResult]) -> tuple[Reason, ...]:
    """Group checks by the reason for which they are not right, in the order of the first ones."""
    found: dict[object, Reason] = {}
    for place, check in enumerate(wrong):
        key = _key(check) or place
        known = found.get(key)
        found[key] = replace(known, others=(*known.others, check)) if known else Reason(check)
    return tuple(found.values())


def _is_without_end(check: CheckResult) -> bool:
    """Return whether a call took too long, or the process had to be ended because one did."""
    ended = _ENDED in check.message and "took too long" in check.message
    return check.verdict is Verdict.TIMED_OUT or ended


def _key(check: CheckResult) -> tuple[str, ...] | None:
    """Return what checks of one reason share; None where a check stands alone."""
    example = check.counterexample
    if _is_without_end(check) and not check.hidden:
        return ("no answer in time",)
    if check.hidden:  # that it fails like another one would tell its input
        return None
    if example is None:
        text = without_numbers(one_line(_ARGUMENTS.sub("", check.message)))
        return (check.verdict, text) if text else None
    shows_numbers = example.got.startswith("shape ") or lay_out(example).got is not None
    if shows_numbers:
        return check.verdict, example.call, example.got, example.expected
    if not example.got:
        return None
    return (
        check.verdict,
        without_numbers(example.got),
        without_numbers(example.expected),
        example.where,
    )
