"""Rubrics in the gradebook: what each question of written answers is worth, and reusable items.

An item belongs to a question and carries points, which may be negative. One that is retired is no
longer offered; answers that it was used for keep it.

Here: storage. Not here: which items an answer has (`Decision.rubric`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from grader.errors import UsageError
from grader.runs.gradebook import Gradebook, storable

_MOST_ITEMS = 200
_LONGEST = 2_000


@dataclass(frozen=True)
class RubricItem:
    """One item of a question's rubric."""

    id: int
    question: str
    text: str
    points: Fraction
    retired: bool = False


def items_of(gradebook: Gradebook, assignment: str) -> list[RubricItem]:
    """Return the rubric items of an assignment, retired ones included, in the order of making."""
    rows = gradebook.query(
        "SELECT id, question, text, points, retired FROM rubric_items WHERE assignment = ? "
        "ORDER BY id",
        (storable(assignment),),
    )
    return [
        RubricItem(number, question, text, Fraction(points), bool(retired))
        for number, question, text, points, retired in rows
    ]


def add_item(
    gradebook: Gradebook, assignment: str, question: str, text: str, points: Fraction
) -> RubricItem:
    """Add an item to the rubric of a question.

    Raises:
        UsageError: it has no text, or the question has too many items.
    """
    text = storable(text.strip())[:_LONGEST]
    if not text:
        raise UsageError("a rubric item needs a text.")
    with gradebook.transaction() as execute:
        count = execute(
            "SELECT count(*) FROM rubric_items WHERE assignment = ? AND question = ? "
            "AND NOT retired",
            (storable(assignment), storable(question)),
        ).fetchone()[0]
        if count >= _MOST_ITEMS:
            raise UsageError(f"a rubric has at most {_MOST_ITEMS} items; retire some.")
        added = execute(
            "INSERT INTO rubric_items(assignment, question, text, points) VALUES (?, ?, ?, ?)",
            (storable(assignment), storable(question), text, str(points)),
        )
    return RubricItem(int(added.lastrowid or 0), question, text, points)


def change_item(gradebook: Gradebook, item: RubricItem) -> None:
    """Store the text, the points and whether it is retired of an item that there is."""
    with gradebook.transaction() as execute:
        execute(
            "UPDATE rubric_items SET text = ?, points = ?, retired = ? WHERE id = ?",
            (storable(item.text)[:_LONGEST], str(item.points), int(item.retired), item.id),
        )


def worths_of(gradebook: Gradebook, assignment: str) -> dict[str, Fraction]:
    """Return what each question is worth, where that was set."""
    rows = gradebook.query(
        "SELECT question, max_points FROM questions WHERE assignment = ?", (storable(assignment),)
    )
    return {question: Fraction(points) for question, points in rows}


def set_worth(gradebook: Gradebook, assignment: str, question: str, points: Fraction) -> None:
    """Set what a question is worth."""
    with gradebook.transaction() as execute:
        execute(
            "INSERT OR REPLACE INTO questions VALUES (?, ?, ?)",
            (storable(assignment), storable(question), str(points)),
        )
