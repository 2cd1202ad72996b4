"""Results as files: tables, pages, and one feedback page a submission.

Every file is written beside its place and then moved there, so that a reader never meets half a
file. Here: which files, names that every system takes, and what is removed. Not here: what is on a
page (`pages.py`) or in a table (`tables.py`), and each format, in a module of its own.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

from grader.errors import NO_ROOM, CannotStore, UsageError
from grader.records import PassedOver, SubmissionResult
from grader.report.csv_tables import as_csv, for_excel
from grader.report.frames import RunFrames, frames_of
from grader.report.gradebook_json import grades_json
from grader.report.manual_notes import notes_of
from grader.report.markdown import markdown
from grader.report.pages import feedback_page, report_page
from grader.report.spreadsheet import workbook
from grader.report.tables import checks_table, grades_table
from grader.report.terminal import attendance_lines, lateness_lines
from grader.runs.stored_run import StoredRun, latest
from grader.text import clean

log = logging.getLogger(__name__)

_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_LONGEST_NAME_BYTES = 180  # of the 255 a name may have; the rest is for the ending and a number
_OURS = b'content="notebook-grader"'


def write_run(
    run: StoredRun, out: Path, *, excel: bool = False, frames: RunFrames | None = None
) -> list[Path]:
    """Write the reports of a stored run and return their paths, the class's first.

    Args:
        run: with its results in the order of the rows.
        out: the folder for the reports; made where there is none.
        excel: write CSV files that Excel opens as they are, for people and not for scripts.
        frames: of the run, where they were made before.

    Returns:
        What was written. Pages of students who are no longer in the run are removed.

    Raises:
        UsageError: a file cannot be written.
        CannotStore: the disk is full.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return _write_all(run, out, frames or frames_of(run), now, excel=excel)


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
) -> list[Path]:
    """Write every report of some results, as `write_run` does.

    Args:
        results: of the run, in the order of the rows.
        out: the folder for them; made where there is none.
        exercises: names in the order of the assignment; they become columns.
        max_points: what the assignment is worth, for submissions that could not be read.
        assignment: its title, for the pages.
        started_at: when the run began, UTC, ISO 8601, for the report.
        written_at: now, UTC, ISO 8601, for the report.
        passed_over: what was found and is in no submission.
    """
    run = StoredRun(
        tuple(results), assignment, tuple(exercises), max_points, started_at,
        passed_over=tuple(passed_over),
    )  # fmt: skip
    return _write_all(run, out, frames_of(run), written_at, excel=False)


def _write_all(
    run: StoredRun, out: Path, frames: RunFrames, written_at: str, *, excel: bool
) -> list[Path]:
    names = feedback_names([result.student for result in run.results])
    report = report_page(
        run.results,
        exercises=run.exercises,
        max_points=run.max_points,
        files=names,
        assignment=run.title,
        started_at=run.started_at,
        written_at=written_at,
        passed_over=run.passed_over,
        absent=[one.student for one in run.absent],
        remarks=_remarks(run),
        adjusted=run.adjusted if run.policy.changes_points else (),
    )
    grades, checks = grades_table(frames), checks_table(frames)
    files: dict[Path, str | bytes] = {
        out / "grades.csv": for_excel(grades) if excel else as_csv(grades),
        out / "checks.csv": for_excel(checks) if excel else as_csv(checks),
        out / "report.html": report,
        out / "grades.xlsx": workbook(frames, title=run.title),
        out / "grades.json": grades_json(run, frames),
        out / "report.md": markdown(run, frames),
    }
    for path, content in files.items():
        write_file(path, content)
    pages = [out / "feedback" / name for name in names]
    adjusted = run.adjusted if run.policy.changes_points else [None] * len(run.results)
    for path, result, ruled in zip(pages, run.results, adjusted, strict=True):
        notes = notes_of(result, run.decisions)
        page = feedback_page(result, assignment=run.title, notes=notes, adjusted=ruled)
        write_file(path, page)
    _remove_stale(out / "feedback", keep=set(names))
    log.info("wrote %d files to %s", len(files) + len(pages), out)
    return [*files, *pages]


def _remarks(run: StoredRun) -> list[str]:
    """Return sentences on the roster, on earlier attempts and on decisions that do not apply."""
    decided = [
        f"{one.student}, {one.exercise or 'the submission'}: what was decided is about earlier "
        "work and does not apply"
        for one in run.outdated
    ]
    return [*attendance_lines(run), *decided, *lateness_lines(run)]


def feedback_links(out: Path) -> dict[str, str]:
    """Return the address of each student's page from beside the report, where the page exists."""
    try:
        students = [result.student for result in latest(out).results]
    except UsageError:  # no gradebook, or no run in it
        return {}
    pairs = zip(students, feedback_names(students), strict=True)
    found: dict[str, str] = {}
    for student, name in pairs:
        if (out / "feedback" / name).is_file():
            found.setdefault(student, f"feedback/{quote(name)}")
    return found


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


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file as a whole or not at all.

    Raises:
        UsageError: it cannot be written.
        CannotStore: the disk is full.
    """
    temporary = path.with_name(f".{os.getpid()}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            data = content.encode("utf-8") if isinstance(content, str) else content
            temporary.write_bytes(data)
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
