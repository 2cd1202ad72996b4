"""What a class was given: the notebook that is handed out, and known sentences of its book.

Here: both as files of an assignment. Not here: which passages of a notebook are answers
(`reading/written_answers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.course import Assignment
from grader.reading.own_text import GivenText, read_fingerprints
from grader.reading.submissions import find_submissions
from grader.reading.written_answers import answers_beside, collect_answers, given_text
from grader.records import Cell, WrittenAnswer

_SENTENCES = "given_sentences.txt"


@dataclass(frozen=True)
class Handout:
    """The text that is no answer of a student."""

    cells: tuple[Cell, ...] = ()
    given: GivenText = field(default_factory=GivenText)
    """Its sentences, and others of its book."""
    asked: tuple[WrittenAnswer, ...] = ()
    """The headings of the notebook that ask for text."""

    def answers_in(self, cells: Sequence[Cell]) -> tuple[WrittenAnswer, ...]:
        """Return the passages of a notebook for manual grading."""
        return answers_beside(cells, self.given)


def read_handout(assignment: Assignment) -> Handout:
    """Return the notebook `<assignment>.ipynb` of an assignment, and its known sentences."""
    path, sentences = _places(assignment)
    cells: tuple[Cell, ...] = ()
    if path.is_file():
        (found,) = find_submissions([path], assignment=assignment.name)
        cells = found.cells
    given = given_text(cells, read_fingerprints(sentences))
    return Handout(cells, given, collect_answers(cells, handed_out=cells))


def handed_out_files(assignment: Assignment) -> list[Path]:
    """Return the files of an assignment that only its written answers depend on."""
    return [path for path in _places(assignment) if path.is_file()]


def _places(assignment: Assignment) -> tuple[Path, Path]:
    folder = assignment.folder
    return folder / f"{assignment.name}.ipynb", folder / _SENTENCES
