"""What a person adds to a student's page: points and comments, for an exercise or an answer.

Here: the records that a page is given. Not here: where they come from, how they are shown
(`templates/feedback.html`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class ManualNote:
    """Points and a comment of one person; a comment is plain text."""

    comment: str = ""
    points: Fraction | None = None
    max_points: Fraction | None = None
    by: str = ""


@dataclass(frozen=True)
class ManualNotes:
    """All notes on one submission."""

    exercises: Mapping[str, ManualNote] = field(default_factory=dict)
    """By the name of the exercise."""
    answers: Mapping[int, ManualNote] = field(default_factory=dict)
    """By the place of the written answer in `SubmissionResult.answers`."""
    overall: ManualNote | None = None
