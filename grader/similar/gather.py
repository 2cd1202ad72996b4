"""Collects the code that is compared: of the students, and what the class was given.

Of submissions, all code cells count; of a gradebook, the cells that define what was judged. Given
code is that of the handed-out notebook, the library of the course, its reference and the files of
the exercises, and that of a book, which is kept as fingerprints only.

Not here: comparing (`pairs.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.course import Assignment
from grader.errors import CourseError, UsageError
from grader.grading.handout import read_handout
from grader.reading.own_text import read_fingerprints
from grader.reading.submissions import find, load
from grader.records import Submission
from grader.runs.stored_run import latest
from grader.similar.shape import Line, shape_of

_BOOK = "given_code.txt"


def submitted_code(
    paths: Sequence[Path], assignment: str, *, zip_encoding: str = ""
) -> dict[str, list[Line]]:
    """Return the code of each student whose files can be read.

    Raises:
        UsageError: there is none.
    """
    code: dict[str, list[Line]] = {}
    for submission in find(paths, assignment=assignment, zip_encoding=zip_encoding).submissions:
        read = load(submission)
        if not read.problem:
            code.setdefault(read.student, []).extend(shape_of(_cells(read)))
    if not code:
        raise UsageError("no submission could be read. Give notebooks, folders or a zip.")
    return code


def stored_code(out: Path) -> dict[str, list[Line]]:
    """Return the code that the latest run of a gradebook has judged, by student.

    Raises:
        UsageError: there is no gradebook, or it is empty.
    """
    code: dict[str, list[Line]] = {}
    for result in latest(out).results:
        sources = dict.fromkeys(one.source for one in result.exercises if one.source.strip())
        code.setdefault(result.student, []).extend(shape_of(sources))
    return code


def given_code(assignment: Assignment) -> list[list[Line]]:
    """Return the code that every student has been given, or could have read."""
    cells = [cell.source for cell in read_handout(assignment).cells if cell.kind == "code"]
    return [shape_of(cells), *(shape_of([text]) for text in _course_files(assignment))]


def book_prints(assignment: Assignment) -> frozenset[int]:
    """Return the fingerprints in `given_code.txt` of an assignment, 16 hexadecimal digits a line.

    Raises:
        CourseError: a line is no fingerprint.
    """
    path = assignment.folder / _BOOK
    lines = read_fingerprints(path)
    try:
        return frozenset(int(line, 16) for line in lines)
    except ValueError as error:
        raise CourseError(f"{path}: {error}; a line is a fingerprint in hexadecimal.") from None


def _course_files(assignment: Assignment) -> Iterator[str]:
    course = assignment.course
    folders = [assignment.folder, course.environment.folder, course.reference]
    for folder in (one for one in folders if one is not None):
        for path in sorted(folder.rglob("*.py")):
            yield path.read_text(encoding="utf-8", errors="replace")


def _cells(submission: Submission) -> Iterator[str]:
    for notebook in submission.notebooks:
        yield from (cell.source for cell in notebook.cells if cell.kind == "code")
