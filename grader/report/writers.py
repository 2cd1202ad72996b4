"""Results as files: grades.csv, checks.csv, report.html and one feedback page a submission.

Every file is written beside its place and then moved there, so that a reader never meets half a
file. Here: CSV cells that no spreadsheet takes for a formula, file names that every system takes,
and what is removed. Not here: what is on a page (`pages.py`) or in a table (`tables.py`).
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pandas as pd

from grader.errors import NO_ROOM, CannotStore, UsageError
from grader.records import PassedOver, SubmissionResult
from grader.report.frames import frames_of
from grader.report.pages import feedback_page, report_page
from grader.report.tables import checks_table, grades_table
from grader.runs.pipeline import StoredRun
from grader.text import clean, in_order

log = logging.getLogger(__name__)

_FORMULA = "=+-@\t＝＋－＠"
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_LONGEST_NAME_BYTES = 180  # of the 255 a name may have; the rest is for the ending and a number
_OURS = b'content="notebook-grader"'


def write_run(run: StoredRun, out: Path) -> list[Path]:
    """Write the reports of a stored run and return their paths, the class's first."""
    return write_reports(
        run.results,
        out,
        exercises=run.exercises,
        max_points=run.max_points,
        assignment=run.title,
        started_at=run.started_at,
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        passed_over=run.passed_over,
        run=run,
    )


def write_reports(
    results: Sequence[SubmissionResult],
    out: Path,
    *,
    exercises: Sequence[str] = (),
    max_points: Fraction = Fraction(0),
    assignment: str = "",
    started_at: str = "",
    written_at: str = "",
    passed_over: Sequence[PassedOver] = (),
    run: StoredRun | None = None,
) -> list[Path]:
    """Write every report of a run.

    Args:
        results: of the run, in the order of the rows.
        out: the folder for them; made where there is none.
        exercises: names in the order of the assignment; they become columns.
        max_points: what the assignment is worth, for submissions that could not be read.
        assignment: its title, for the pages.
        started_at: when the run began, UTC, ISO 8601, for the report.
        written_at: now, UTC, ISO 8601, for the report.
        passed_over: what was found and is in no submission.
        run: the run, where there is more to it: decisions, a policy.

    Returns:
        What was written. Pages of students who are no longer in the run are removed.

    Raises:
        UsageError: a file cannot be written.
        CannotStore: the disk is full.
    """
    names = feedback_names([result.student for result in results])
    report = report_page(
        results,
        exercises=exercises,
        max_points=max_points,
        files=names,
        assignment=assignment,
        started_at=started_at,
        written_at=written_at,
        passed_over=passed_over,
    )
    run = run or StoredRun(tuple(results), assignment, tuple(exercises), max_points, started_at)
    frames = frames_of(run)
    files = {
        out / "grades.csv": as_csv(grades_table(frames)),
        out / "checks.csv": as_csv(checks_table(frames)),
        out / "report.html": report,
    }
    for path, content in files.items():
        write_file(path, content)
    pages = [out / "feedback" / name for name in names]
    for path, result in zip(pages, results, strict=True):
        write_file(path, feedback_page(result, assignment=assignment))
    _remove_stale(out / "feedback", keep=set(names))
    log.info("wrote %d files to %s", len(files) + len(pages), out)
    return [*files, *pages]


def as_csv(frame: pd.DataFrame) -> str:
    """Write a frame as CSV; text that a spreadsheet would run is marked as text."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow([safe_cell(column) for column in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        rows.writerow([safe_cell(value) for value in row])
    return file.getvalue()


def safe_cell(value: object) -> object:
    """Make one cell safe: clean text, and an apostrophe before what looks like a formula."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = in_order(clean(value))
    # a spreadsheet may skip blanks before it looks for the sign
    starts = text[:1] == "\t" or text.lstrip()[:1] in _FORMULA
    if text.strip() and starts and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def feedback_names(students: Sequence[str]) -> list[str]:
    """Choose a file name for each student's page; no two are equal on any file system.

    The first of several keeps `<student>.html`, the others end in `-2.html`, `-3.html`, ...
    """
    bases = [_file_name(student) for student in students]
    first = {_folded(base) for base in bases}
    taken: set[str] = set()
    names = []
    for base in bases:
        name, number = base, 1
        # a number must not take the name of a student who is called `kim-2`
        while _folded(name) in taken or (number > 1 and _folded(name) in first):
            number += 1
            name = f"{base}-{number}"
        taken.add(_folded(name))
        names.append(f"{name}.html")
    return names


def _file_name(student: str) -> str:
    name = unicodedata.normalize("NFC", _UNSAFE.sub("_", clean(student).replace("\n", " ")))
    name = name.encode("utf-8")[:_LONGEST_NAME_BYTES].decode("utf-8", "ignore").strip(" .")
    if not name:
        return "unnamed"
    return f"_{name}" if _RESERVED.fullmatch(name) or name.startswith("-") else name


def _folded(name: str) -> str:
    """Reduce a name as the file systems of macOS and Windows compare it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def write_file(path: Path, content: str) -> None:
    """Write a file beside its place and move it there.

    Raises:
        UsageError: it cannot be written.
        CannotStore: the disk is full.
    """
    temporary = path.with_name(f".{os.getpid()}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content.encode("utf-8"))
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise CannotStore(str(path), str(error.strerror)) from error
        raise UsageError(
            f"cannot write {path}: {error.strerror}. Is it open in another program?"
        ) from error


def _remove_stale(folder: Path, *, keep: set[str]) -> None:
    """Remove pages of an earlier run from the feedback folder; nothing that we did not write."""
    for path in folder.glob("*.html"):
        if path.name in keep or path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            ours = _OURS in file.read(1024)
        if ours:
            path.unlink()
