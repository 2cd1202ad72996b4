"""grades.xlsx: a workbook for people, with the sheets grades, checks and exercises.

Every text is written as text: no formula, no link, no number is made of it, so `=1+2` and `00123`
stay as they are. Points are numbers. The header and the column of names stay in sight.

Here: the look of a workbook. Not here: columns and points (`tables.py`, `frames.py`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
import xlsxwriter

from grader.report.frames import RunFrames
from grader.report.tables import checks_table, exercises_table, grades_table
from grader.text import clean, in_order, without_surrogates
from grader.verdict import Status, Tone, Verdict

_MOST_CHARACTERS = 32_000  # Excel holds 32,767 in a cell
_WIDEST, _NARROWEST = 60, 7
_COLOURS: dict[Tone, tuple[str, str]] = {
    "good": ("#d8f0dd", "#0f5a26"), "part": ("#fff2cc", "#6b4e00"), "low": ("#fde2d0", "#7a3200"),
    "bad": ("#f8d7da", "#7a1420"), "open": ("#e8dcf5", "#4a2472"), "none": ("#ececec", "#4a4a4a"),
}  # fmt: skip
"""Background and text of each tone; the words carry the meaning as well."""
_TONES: dict[str, Tone] = {
    **{str(one): one.tone for one in Status},
    **{str(one): one.tone for one in Verdict},
}
_FORMATS = {"percent": "0.0", "seconds": "0.000", "facility": "0.0%", "discrimination": "0.00"}
_POINTS = "0.##"


def workbook(frames: RunFrames, *, title: str = "") -> bytes:
    """Return the workbook of a run."""
    file = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False,
    }  # fmt: skip
    book = xlsxwriter.Workbook(file, options)
    book.set_properties({"title": without_surrogates(clean(title))[:200], "comments": ""})
    looks = _Looks(book)
    sheets = {
        "grades": grades_table(frames),
        "checks": checks_table(frames),
        "exercises": exercises_table(frames),
    }
    for name, table in sheets.items():
        _sheet(book, looks, name, table)
    book.close()
    return file.getvalue()


class _Looks:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self.header = book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "bg_color": "#f2f2f2"}
        )
        self.text = book.add_format({"num_format": "@", "valign": "top"})
        self._book = book
        self._numbers: dict[str, Any] = {}
        self.tones = {
            tone: book.add_format({"bg_color": back, "font_color": ink, "valign": "top"})
            for tone, (back, ink) in _COLOURS.items()
        }

    def number(self, column: str) -> Any:
        """Return the format of a column of numbers."""
        form = _FORMATS.get(column, _POINTS)
        if form not in self._numbers:
            self._numbers[form] = self._book.add_format({"num_format": form, "valign": "top"})
        return self._numbers[form]


def _sheet(book: Any, looks: _Looks, name: str, table: pd.DataFrame) -> None:
    sheet = book.add_worksheet(name)
    columns = [_text(column) for column in table.columns]
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, looks.header)
    rows = list(table.itertuples(index=False, name=None))
    for at, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            _cell(sheet, looks, at, place, columns[place], cell)
    for place, width in enumerate(_widths(columns, rows)):
        sheet.set_column(place, place, width)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(rows), 1), max(len(columns) - 1, 0))
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _cell(sheet: Any, looks: _Looks, row: int, place: int, column: str, cell: object) -> None:
    if cell is None:
        return
    if isinstance(cell, int | float):
        sheet.write_number(row, place, cell, looks.number(column))
        return
    text = _text(cell)
    tone = _TONES.get(text) if column in ("status", "verdict") else None
    sheet.write_string(row, place, text, looks.tones[tone] if tone else looks.text)


def _text(value: object) -> str:
    text = in_order(clean(str(value)))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} ..."


def _widths(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
    """Return a width for each column that fits nine of ten cells."""
    widths = []
    for place, column in enumerate(columns):
        long = sorted(_width(row[place]) for row in rows)
        usual = long[len(long) * 9 // 10] if long else 0
        widths.append(min(max(usual, _width(column), _NARROWEST), _WIDEST) + 2)
    return widths


def _width(value: object) -> int:
    """Return how many columns of a usual sign a text takes; Hangul takes two."""
    first = str("" if value is None else value)[:200].split("\n")[0]
    return sum(2 if ord(char) > 0x10FF else 1 for char in first)
