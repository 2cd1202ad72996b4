"""Reads how a cell failed, from the messages of its kernel: the error in words, and its line.

Here: text under the control of student code, cut and cleaned; it is only shown to the student.
Not here: running cells (`execution.py`).
"""

from __future__ import annotations

import re
from typing import Any

from grader.text import clean

_MOST_ERROR, _MOST_TRACEBACK = 500, 200_000
_COLOURS = re.compile("\x1b\\[[0-9;]*m")
_PLACE = re.compile(r"^ *Cell In\[\d+\], line (\d{1,6})\b", re.MULTILINE)
_PLACE_BELOW_TIME = re.compile(r"^ *File <timed exec>:(\d{1,6})\b", re.MULTILINE)
_ANOTHER_ERROR = re.compile(
    "^(?:During handling of the above|The above exception was)", re.MULTILINE
)
_FILE_OF_A_CELL = re.compile(r" \(\d+\.py, line \d+\)$")


def told(error: dict[str, Any]) -> str:
    """Return an error in one sentence: its type and message, as the kernel reports them."""
    name, value = (clean(str(error.get(key, ""))[: 2 * _MOST_ERROR]) for key in ("ename", "evalue"))
    told = f"{name}: {value}"
    if name == "OutOfMemoryError":  # torch's, of a GPU
        told = f"needed more memory of the GPU than it may use: {value}"
    return _FILE_OF_A_CELL.sub("", told)[:_MOST_ERROR]  # the line is reported separately


def line_of(error: dict[str, Any]) -> int:
    """Return the line of the cell that an error came from, by its traceback; 0 if unknown.

    It is only shown to the student: the traceback is under the control of student code.
    """
    said = error.get("traceback")
    lines = map(str, said if isinstance(said, list) else ())
    text = _COLOURS.sub("", "\n".join(lines)[-_MOST_TRACEBACK:])
    last = _ANOTHER_ERROR.split(text)[-1]
    if match := _PLACE_BELOW_TIME.search(last):  # counted without the line of `%%time`
        return int(match[1]) + 1
    match = _PLACE.search(last)
    return int(match[1]) if match else 0
