"""Stores the decisions of instructors in the gradebook, and reads them.

Decisions are appended and never changed. Where two instructors grade at the same time, a decision
whose maker has not seen the latest one about its subject is refused.

Here: storage. Not here: what a decision does to points (`grader/decisions.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from grader.decisions import Decision, Kind
from grader.errors import UsageError
from grader.runs.gradebook import Gradebook, storable

_COLUMNS = "id, student, kind, exercise, item, points, max_points, text, seen, who, made_at, rubric"


class Overtaken(UsageError):
    """Another decision about the same subject was stored meanwhile."""


def decide(
    gradebook: Gradebook, assignment: str, decision: Decision, *, after: int | None = None
) -> Decision:
    """Store a decision, durably, and return it with its id.

    Args:
        gradebook: an open one.
        assignment: its name.
        decision: what was decided; `made_at` is now where it is empty.
        after: the id of the latest decision about this subject that its maker has seen, 0 for
            none; None where that does not matter.

    Raises:
        Overtaken: there is a later one about this subject. Nothing is stored.
        CannotStore: the disk is full.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    one = replace(decision, made_at=decision.made_at or now)
    subject = tuple(storable(part) for part in (assignment, *one.subject))
    with gradebook.transaction() as execute:
        latest = execute(
            "SELECT id, who FROM decisions "
            "WHERE assignment = ? AND student = ? AND exercise = ? AND item = ? "
            "ORDER BY id DESC LIMIT 1",
            subject,
        ).fetchone()
        if after is not None and latest is not None and latest[0] > after:
            raise Overtaken(
                f"{latest[1] or 'Somebody else'} decided about "
                f"{one.item or one.exercise or one.student} meanwhile; look at it again."
            )
        added = execute(
            "INSERT INTO decisions(assignment, student, exercise, item, kind, points, max_points, "
            "text, seen, who, made_at, rubric) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*subject, one.kind, _text(one.points), _text(one.max_points), storable(one.text),
             one.seen, storable(one.who), one.made_at, ",".join(map(str, one.rubric))),
        )  # fmt: skip
        return replace(one, id=int(added.lastrowid or 0))


def decisions_of(gradebook: Gradebook, assignment: str) -> list[Decision]:
    """Return all decisions about an assignment, oldest first."""
    rows = gradebook.query(
        f"SELECT {_COLUMNS} FROM decisions WHERE assignment = ? ORDER BY id",
        (storable(assignment),),
    )
    return [_decision(row) for row in rows]


def _decision(row: tuple[Any, ...]) -> Decision:
    number, student, kind, exercise, item, points, most, text, seen, who, made_at, rubric = row
    known: Kind = kind
    return Decision(
        student, known, exercise, item, _fraction(points), _fraction(most), text, seen, who,
        made_at, tuple(int(item) for item in rubric.split(",") if item), number,
    )  # fmt: skip


def _text(points: Fraction | None) -> str | None:
    return None if points is None else str(points)


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
