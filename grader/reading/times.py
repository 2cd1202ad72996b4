"""A table that says when students handed in -> the time of each.

Columns are found by their usual names in English and Korean: a Moodle worksheet, the grades of
Gradescope, or two columns written by hand. Of several rows of one student the latest time counts.

Here: columns and rows. Not here: reading one time (`moments.py`), students' columns (`roster.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from grader.errors import UsageError
from grader.reading.csv_file import CsvFile, folded, read_csv
from grader.reading.moments import moment_of, order_of
from grader.reading.roster import students_of
from grader.records import Listed
from grader.text import one_line

_NAMES = (
    r"(?:handed|turned) ?in(?: at| on)?",
    r"last modified \(submission\)|(?:최종|마지막|최근) ?수정(?: 일시| 시각| 시간)? ?\(제출물?\)",
    r"(?:submission|submitted|submit)(?: (?:time|date|timestamp|at|on|date ?time))?(?: \(.*\))?|"
    r"submitted_at|(?:date|time) (?:submitted|of submission)|"
    r"제출 ?(?:한 )?(?:시각|시간|일시|일자|날짜|일)",
    r"timestamp|time|date|date and time|일시|시각|시간|날짜",
)
"""Patterns of names of the column, the surest first."""
_NONE = {"", "-", "–", "—", "n/a", "none", "never", "없음", "미제출"}


@dataclass(frozen=True)
class HandedIn:
    """When one student handed in."""

    listed: Listed
    at: str
    """ISO 8601, with an offset where the file gives one."""


def read_times(path: Path) -> tuple[HandedIn, ...]:
    """Return when the students of a table handed in; who has no time is left out.

    Raises:
        UsageError: it cannot be read, or a column or one of its times is not understood.
    """
    return _times(path, read_csv(path))


def _times(path: Path, file: CsvFile) -> tuple[HandedIn, ...]:
    students = students_of(file)
    header = next(one.values for one in file.records if not one.is_blank)
    place = _column(path, header)
    cells = {
        one.row: values[place].strip()
        if place < len(values := file.records[one.row].values)
        else ""
        for one in students
    }
    order = order_of(list(cells.values()))
    latest: dict[Listed, datetime] = {}
    for one in students:
        text = cells[one.row]
        if folded(text) in _NONE:
            continue
        moment = moment_of(text, order)
        if moment is None:
            raise UsageError(
                f"{path}, row {one.row + 1}: cannot read the time {one_line(text, limit=60)!r}. "
                "Write it as 2026-03-14 23:59, with +09:00 behind it where the zone of the due "
                "date is not meant."
            )
        same = replace(one, row=0, section="", group="")
        latest[same] = max(moment, latest.get(same, moment), key=_comparable)
    if not latest:
        raise UsageError(f"{path} has no time in its column {header[place]!r}; export it again.")
    return tuple(HandedIn(one, moment.isoformat()) for one, moment in latest.items())


def times_in(path: Path) -> tuple[HandedIn, ...]:
    """Return the times of a table that was given for its grades; none where it has no such column.

    Raises:
        UsageError: it cannot be read.
    """
    file = read_csv(path)
    try:
        return _times(path, file)
    except UsageError:  # it is used for its grades in any case
        return ()


def _comparable(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _column(path: Path, header: Sequence[str]) -> int:
    names = [re.sub(r"[\s_]+", " ", folded(name)) for name in header]
    for pattern in _NAMES:
        found = [place for place, name in enumerate(names) if re.fullmatch(pattern, name)]
        if len(found) == 1:
            return found[0]
        if found:
            two = " and ".join(repr(one_line(header[place], limit=40)) for place in found[:2])
            raise UsageError(
                f"{path} may mean two columns, {two}; call the one with the time `handed in`."
            )
    has = ", ".join(one_line(name, limit=40) for name in header[:12])
    raise UsageError(
        f"{path} has no column with a time of handing in; it has: {has}. Call it `handed in`."
    )
