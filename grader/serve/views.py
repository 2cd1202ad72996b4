"""What the pages of the server show, derived from a run: students, clusters; and fields of forms.

Not here: HTTP (`app.py`), storage (`desk.py`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from fractions import Fraction

from grader.decisions import Settled
from grader.errors import UsageError
from grader.points import Standing
from grader.report.clusters import Cluster, mistakes
from grader.report.rounding import total_of
from grader.runs.stored_run import StoredRun
from grader.verdict import Status

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
