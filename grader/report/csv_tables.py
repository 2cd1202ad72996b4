"""Tables as CSV: for scripts, or for Excel.

grades.csv and checks.csv are plain UTF-8: scripts take `student` for the name of the first column,
and a byte order mark would be part of it. Excel needs the mark, and makes numbers and dates of
`00123`, `3-4` and `1e5`; `--excel` writes both files for it, such cells as `="00123"`, which Excel
and LibreOffice show as text. grades.xlsx has no such needs.

Here: cells that no spreadsheet takes for a formula. Not here: columns (`tables.py`), files
(`writers.py`), workbooks (`spreadsheet.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pandas as pd

from grader.text import clean, in_order

_FORMULA = "=+-@\t＝＋－＠"
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_BYTE_ORDER_MARK = "\ufeff"
# what Excel shows in another way than it is written: numbers, dates, times, fractions, truth
_CONVERTED = re.compile(
    r"[-+(]?[$€£¥₩]?\s*\d[\d\s.,:/eE+%)-]*(?:\s?[apAP]\.?[mM]?\.?)?|\d+\s*[^\W\d_]+\s*\d*"
    r"|\d{1,4}[-/. ][^\W\d_]+(?:[-/. ]\d+)?|[^\W\d_]+[-/. ]\d{1,4}(?:,? \d{2,4})?"
    r"|true|false|wahr|falsch|vrai|faux",
    re.IGNORECASE,
)
_LONGEST_CONSTANT = 255  # of a text inside a formula


def as_csv(frame: pd.DataFrame) -> str:
    """Write a frame as CSV; text that a spreadsheet would run is marked as text."""
    return _written(frame, safe_cell, "\n")


def for_excel(frame: pd.DataFrame) -> str:
    """Write a frame as CSV that Excel opens with every text as it is."""
    return _BYTE_ORDER_MARK + _written(frame, cell_for_excel, "\r\n")


def cell_for_excel(value: object) -> object:
    """Make one cell safe, and a constant of a text that Excel would convert."""
    safe = safe_cell(value)
    if isinstance(safe, str) and safe == value and _CONVERTED.fullmatch(safe.strip()):
        if len(safe) < _LONGEST_CONSTANT:
            return f'="{safe}"'
        return f"'{safe}"
    return safe


def _written(frame: pd.DataFrame, cell: Callable[[object], object], end: str) -> str:
    file = io.StringIO()
    rows = csv.writer(file, lineterminator=end)
    rows.writerow([safe_cell(column) for column in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        rows.writerow([cell(value) for value in row])
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
