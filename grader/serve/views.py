"""What the pages of the server show, derived from a run: students, clusters; and fields of forms.

Not here: HTTP (`app.py`), storage (`desk.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from fractions import Fraction

from grader.decisions import Decision, Settled
from grader.errors import UsageError
from grader.points import Standing
from grader.report.clusters import Cluster, mistakes
from grader.report.rounding import total_of
from grader.runs.stored_run import StoredRun
from grader.serve.answers import Answer
from grader.verdict import Status

_MOST_COMMENTS = 9
_POINTS = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,4}|/\d{1,4})?", re.ASCII)


@dataclass(frozen=True)
class StudentRow:
    """One line of the list of students."""

    name: str
    status: Status
    total: Standing
    decided: int
    outdated: int


@dataclass(frozen=True)
class Graded:
    """One answer with what was decided about it."""

    answer: Answer
    place: int
    points: Decision | None
    comment: Decision | None
    latest: int
    """Id of the latest decision about it, 0 for none."""


@dataclass(frozen=True)
class Group:
    """Students who make the same mistake, with what identifies the group in a form."""

    id: str
    cluster: Cluster


def row_of(settled: Settled, run: StoredRun) -> StudentRow:
    """Return the line of one student."""
    result = settled.result
    total = total_of(result, run.max_points)
    applied, outdated = len(settled.applied), len(settled.outdated)
    return StudentRow(result.student, result.status, total, applied, outdated)


ORDERS = ("open first", "name", "fewest points", "most points")
"""In which the list of students may stand, the usual one first."""


def arranged(rows: Iterable[StudentRow], order: str, wanted: str = "") -> list[StudentRow]:
    """Return the rows whose name holds some text, in one of the `ORDERS`."""
    found = [row for row in rows if wanted.casefold() in row.name.casefold()]
    keys: dict[str, Callable[[StudentRow], Fraction]] = {
        "open first": lambda row: Fraction(not row.total.open),
        "fewest points": lambda row: row.total.points,
        "most points": lambda row: -row.total.points,
    }
    found.sort(key=lambda row: row.name.casefold())
    return sorted(found, key=keys.get(order, lambda row: Fraction(0)))


def neighbours(students: Iterable[str], student: str) -> tuple[str | None, str | None]:
    """Return who stands before and after a student by name; None at either end."""
    names = sorted(students, key=str.casefold)
    place = names.index(student)
    before = names[place - 1] if place else None
    return before, names[place + 1] if place + 1 < len(names) else None


def earlier_comments(rows: Iterable[Graded]) -> list[str]:
    """Return the comments on other answers to a question, the most used first, each once."""
    counts = Counter(row.comment.text for row in rows if row.comment and row.comment.text)
    return [text for text, _ in counts.most_common(_MOST_COMMENTS)]


def groups_of(run: StoredRun) -> list[Group]:
    """Return the groups of students whose functions make the same mistake."""
    found = mistakes(run.graded).clusters
    return [Group(_identity(one.exercise, one.title, *one.students), one) for one in found]


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def points_from(text: str) -> Fraction:
    """Parse points: `2`, `2.5`, `5/2`.

    Raises:
        UsageError: the text is no such number.
    """
    if not _POINTS.fullmatch(text) or text.endswith(("/0", "/00", "/000", "/0000")):
        raise UsageError(f"{text[:40]!r} is no number of points; write 2, 2.5 or 5/2.")
    return Fraction(text)


def extension_text(until: str, reason: str, zone: tzinfo | None = None) -> str:
    """Return the text of an extension: the new due date, a space, the reason.

    Args:
        until: the date, ISO 8601.
        reason: for the student and for later.
        zone: of a date without one: that of the due date; None for the zone of this machine.

    Raises:
        UsageError: there is no date, or no reason.
    """
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise UsageError("give the new due date, as in 2026-03-20T23:59.") from None
    if not reason:
        raise UsageError("give a reason; it stands beside the points.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return f"{moment.isoformat()} {reason}"
