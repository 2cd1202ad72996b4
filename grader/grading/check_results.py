"""The result of one check: verdict, points, message and counterexample, from how it ended.

Here: reading them off the error of a check. Not here: running checks (`check_session.py`), who pays
for what is missing here (`missing_packages.py`).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from grader import errors
from grader.checks.compare import Mismatch
from grader.checks.decorator import Check
from grader.records import CheckResult, Counterexample
from grader.verdict import Verdict, verdict_of

_MOST_MESSAGE = 2_000


def result_of(
    asked: CheckResult, mark: Check, error: BaseException | None, seconds: float
) -> CheckResult:
    """Build the result of a check that ran."""
    verdict = verdict_of(error)
    passed = verdict is Verdict.PASSED
    message = "" if error is None else str(error)
    if verdict.is_ours:
        message = f"The check itself failed: {type(error).__name__}: {error}"
    return replace(
        asked,
        verdict=verdict,
        points=asked.max_points if passed else Fraction(0),
        seconds=seconds,
        message=message[:_MOST_MESSAGE],
        hint="" if passed else mark.feedback,
        counterexample=_counterexample(error),
        traceback=errors.traceback_of(error) if error is not None and verdict.is_ours else "",
    )


def may_shrink(result: CheckResult) -> bool:
    """Return whether a check ended with an example that smaller ones may replace."""
    if result.verdict is Verdict.RAISED:
        return result.counterexample is not None  # without one, the call ended the kernel
    return result.verdict is Verdict.FAILED


def unusable(broken: CheckResult, error: BaseException | None) -> CheckResult:
    """Turn a broken check into one that failed: it passes on a right answer."""
    return replace(
        broken,
        verdict=Verdict.FAILED,
        message=(
            "The check could not use what your code returned or left behind "
            f"({type(error).__name__}: {error}). Compare the type, the dtype and the shape of your "
            "result with those that the exercise asks for."
        )[:_MOST_MESSAGE],
        traceback="",
    )


def _counterexample(error: BaseException | None) -> Counterexample | None:
    match error:
        case Mismatch():
            return error.counterexample
        case errors.BadAnswer():
            return Counterexample(error.call, error.got, error.expected)
        case errors.StudentRaised():
            raised = ": ".join(part for part in (error.kind, error.message) if part)
            return Counterexample(error.call, raised, "", error.where)
        case errors.CallTimedOut():
            return Counterexample(error.call, f"no answer in {error.limit}", "")
    return None
