"""report.md: a run on one page, for a repository or a chat.

Every text of a student or a file is written in entities where Markdown or HTML would read a sign:
names stay names, nothing is a link, a mention or a tag.

Here: the page. Not here: points and columns (`tables.py`, `frames.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from grader.report.frames import RunFrames
from grader.report.missing import missing_packages
from grader.report.tables import exercises_table, grades_table, posted_points
from grader.runs.stored_run import StoredRun
from grader.text import clean, in_order, one_line
from grader.verdict import Status

_MOST_ROWS = 400
_MOST_NOTES = 20
_SIGN = re.compile(r"[^\w\s]|_")


def markdown(run: StoredRun, frames: RunFrames) -> str:
    """Return the report of a run as Markdown."""
    return "\n".join(_lines(run, frames)) + "\n"


def escaped(text: str, *, limit: int = 120) -> str:
    """Return text as one line that Markdown shows as it is."""
    line = in_order(one_line(clean(text), limit=limit))
    return _SIGN.sub(lambda found: f"&#{ord(found[0])};", line)


def _lines(run: StoredRun, frames: RunFrames) -> Iterator[str]:
    yield f"# {escaped(run.title or run.assignment or 'Grades')}"
    yield ""
    points = frames.submissions["points"].dropna()
    results = (*run.results, *run.absent)
    counts = Counter(str(result.status) for result in results)
    yield (
        f"{len(run.results)} submissions: "
        + (", ".join(f"{counts[one]} {one}" for one in map(str, Status) if counts[one]) or "none")
        + "."
    )
    if len(points):
        yield (
            f"Points: mean {points.mean():.1f}, median {points.median():.1f}, lowest "
            f"{points.min():g}, highest {points.max():g}, of {float(run.max_points):g}."
        )
    yield from _attention(run)
    yield from _exercises(frames)
    yield from _students(frames)


def _attention(run: StoredRun) -> Iterator[str]:
    notes = [
        f"{escaped(result.student)}: {result.status}, "
        + escaped(result.problem or "see report.html")
        for result in run.results
        if result.status.urgency > 1
    ]
    notes += [
        f"not installed here: {escaped(one.name)} ({one.notebooks} notebooks, "
        f"{float(one.points):g} points open)"
        for one in missing_packages(run.results)
    ]
    notes += [escaped(note, limit=300) for note in (run.attendance.notes if run.attendance else ())]
    if not notes:
        return
    yield from ("", "## To look at", "")
    yield from (f"- {note}" for note in notes[:_MOST_NOTES])
    if len(notes) > _MOST_NOTES:
        yield f"- and {len(notes) - _MOST_NOTES} more, in report.html"


def _exercises(frames: RunFrames) -> Iterator[str]:
    table = exercises_table(frames)
    if not len(table):
        return
    yield from ("", "## Exercises", "")
    yield "| exercise | worth | judged | all points | no points | mean |"
    yield "|---|---:|---:|---:|---:|---:|"
    columns = ["exercise", "max_points", "judged", "all_points", "no_points", "mean_points"]
    for row in table[columns].itertuples(index=False, name=None):
        yield _row(row)


def _students(frames: RunFrames) -> Iterator[str]:
    table = grades_table(frames).iloc[:, [0, 2, 3, 4, 5]]
    yield from ("", "## Submissions", "")
    head, line = "| student | status | points | of | % |", "|---|---|---:|---:|---:|"
    if frames.is_adjusted:
        table = table.assign(adjusted=posted_points(frames))
        head, line = f"{head} after the rules |", f"{line}---:|"
    yield head
    yield line
    for row in list(table.itertuples(index=False, name=None))[:_MOST_ROWS]:
        yield _row(row)
    if len(table) > _MOST_ROWS:
        yield ""
        yield f"and {len(table) - _MOST_ROWS} more, in grades.csv"


def _row(cells: Sequence[object]) -> str:
    texts = [escaped(cell) if isinstance(cell, str) else _number(cell) for cell in cells]
    return f"| {' | '.join(texts)} |"


def _number(value: object) -> str:
    return "" if value is None else str(value)
