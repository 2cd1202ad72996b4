"""`@check` makes a test function a check of a rubric.

Here: points, feedback and what a check builds on. Not here: how checks are run (`plugin.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from grader.errors import CourseError

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "__grader_check__"


@dataclass(frozen=True)
class Check:
    """One named question with points."""

    points: int
    feedback: str = ""
    """A sentence that helps a student whose answer did not pass."""
    needs: tuple[str, ...] = ()
    """Names of checks of the same exercise; this one is skipped unless all of them passed."""
    hidden: bool = False
    """Whether students see its title and verdict only."""


def check(
    *, points: int, feedback: str = "", needs: str | tuple[str, ...] = (), hidden: bool = False
) -> Callable[[F], F]:
    """Mark a test function as a check worth `points`.

    Put it outermost, above `@given`. The function's docstring is the claim the student reads, so
    it must have one. Of a `hidden` check a student sees this claim and the verdict only.

    Raises:
        CourseError: negative points, or no docstring.
    """

    def mark(function: F) -> F:
        if points < 0:
            raise CourseError(f"{function.__name__}: points must not be negative, got {points}.")
        if not (function.__doc__ or "").strip():
            raise CourseError(
                f"{function.__name__}: a check needs a docstring, the student reads it."
            )
        wanted = (needs,) if isinstance(needs, str) else tuple(needs)
        setattr(function, _ATTRIBUTE, Check(points, feedback, wanted, hidden))
        return function

    return mark


def check_of(function: object) -> Check | None:
    """Return the `Check` of a test function; None without `@check`."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Check) else None
