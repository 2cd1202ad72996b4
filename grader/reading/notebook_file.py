"""Parses the bytes of a notebook file into cells, damaged files included.

Parsing is lenient: many files that nbformat's schema rejects still run (a stream output with an
extra key, cells without ids), so nothing is validated and no type is trusted. Outputs are dropped
first.

Here: bytes to cells. Not here: finding files (`submissions.py`), running cells.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Literal

from grader.records import Cell
from grader.text import without_surrogates

MOST_BYTES = 64 << 20
MOST_CELLS = 2000
# characters; the worst source of this length takes 5 s and 400 MB to parse
MOST_CODE = 1_000_000
# of cells that hold no code; a search for headings takes 4 microseconds a line
MOST_LINES = 100_000
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
# an empty list costs 3 bytes in JSON and 64 in memory; 5 million values stay below half a GiB
_MOST_VALUES = 5_000_000
_AGAIN = "ask the student to hand in the notebook again"
_LOOKS_LIKE = (
    (b"%PDF", "a PDF export"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"<", "a web page or an XML file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
)

Kind = Literal["code", "markdown", "raw"]
Reading = tuple[tuple[Cell, ...], tuple[str, ...], str]


def read_notebook(data: bytes) -> Reading:
    """Read the cells of a notebook, formats 3 and 4.

    Args:
        data: the file as it was handed in.

    Returns:
        The cells; notes for the report (what was repaired); and the problem, a sentence with a
        remedy, empty when the notebook can be graded.
    """
    if len(data) > MOST_BYTES:
        return _unreadable(
            f"the file is too large ({len(data) >> 20} MiB, at most {MOST_BYTES >> 20})",
            "ask the student to clear the outputs and to hand it in again",
        )
    if not data.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        size = "1 byte" if len(data) == 1 else f"{len(data)} bytes"
        return _unreadable(f"the file is empty ({size})", _AGAIN)
    for start, what in _LOOKS_LIKE:
        if data.lstrip()[: len(start)] == start:
            return _unreadable(f"the file is {what}", "ask the student for the .ipynb file")
    if sum(data.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
        return _unreadable("the file holds millions of values", _AGAIN)
    text, notes = _decode(data)
    try:
        document = json.loads(text)
    except RecursionError:
        return _unreadable("the file is nested too deeply for a notebook", _AGAIN)
    except json.JSONDecodeError as error:
        what = "ends too early" if error.pos >= len(text.rstrip()) - 1 else "is damaged"
        place = f"{what} at line {error.lineno}, column {error.colno}: {error.msg}"
        return _unreadable(f"the file is no complete notebook (it {place})", _AGAIN)
    except ValueError as error:
        return _unreadable(f"the file is damaged ({error})", _AGAIN)
    return _cells(document, notes)


def _unreadable(what: str, remedy: str) -> Reading:
    return (), (), f"{what}; {remedy}."


def _decode(data: bytes) -> tuple[str, list[str]]:
    """Decode UTF-8, UTF-16 or UTF-32, with or without BOM; cp949 where only that fits."""
    encoding = json.detect_encoding(data)
    if encoding != "utf-8":
        what = "UTF-8 with a byte order mark" if encoding == "utf-8-sig" else encoding.upper()
        return data.decode(encoding, "replace"), [f"the file was stored as {what}"]
    try:
        return data.decode("utf-8", "surrogatepass"), []
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp949"), ["the file was stored as cp949 (Korean Windows)"]
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), ["some characters could not be read"]


def _cells(document: Any, notes: list[str]) -> Reading:
    if not isinstance(document, dict):
        return _unreadable("the file is JSON, but no notebook", _AGAIN)
    raw = document.get("cells")
    if not isinstance(raw, list):
        raw = _cells_of_format_3(document.get("worksheets"))
        if raw is None:
            return _unreadable("the file is JSON, but has no cells like a notebook", _AGAIN)
        notes.append("the file is in notebook format 3")
    if len(raw) > MOST_CELLS:
        return _unreadable(
            f"the notebook has {len(raw):,} cells, and at most {MOST_CELLS:,} are read",
            "ask the student to hand in only this homework",
        )
    repaired: Counter[str] = Counter()
    cells = tuple(_cell(index, cell, repaired) for index, cell in enumerate(raw))
    code = sum(len(cell.source) for cell in cells if cell.kind == "code")
    if code > MOST_CODE:
        return _unreadable(
            f"the notebook holds {code:,} characters of code, and at most {MOST_CODE:,} are read",
            "ask the student to hand in only this homework, without data in its cells",
        )
    lines = sum(_line_ends(cell.source) for cell in cells if cell.kind != "code")
    if lines > MOST_LINES:
        return _unreadable(
            f"the notebook holds {lines:,} lines of text, and at most {MOST_LINES:,} are read",
            "ask the student to hand in only this homework, without data in its cells",
        )
    if _needs_ids(document):
        _count_ids(raw, repaired)
    notes += [_counted(count, what) for what, count in repaired.items() if count]
    if not any(cell.kind == "code" and cell.source.strip() for cell in cells):
        notes.append("the notebook holds no code")
    return cells, tuple(notes), ""


def _cell(index: int, raw: Any, repaired: Counter[str]) -> Cell:
    """Parse one cell; an unreadable one becomes an empty raw cell in its place."""
    if not isinstance(raw, dict):
        repaired["could not be read"] += 1
        return Cell(index, "raw", "")
    kind: Kind
    match raw.get("cell_type"):
        case "code":
            kind = "code"
        case "markdown" | "heading" | "html":
            kind = "markdown"
        case "raw":
            kind = "raw"
        case _:
            repaired["of an unknown type"] += 1
            kind = "raw"
    source = raw.get("source", raw.get("input"))  # format 3 calls the source of code `input`
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        if len(lines) < len(source):
            repaired["with lines that are no text"] += 1
        source = "".join(lines)
    elif not isinstance(source, str):
        repaired["without a source"] += 1
        source = ""
    if raw.get("cell_type") == "heading":
        level = raw.get("level")
        source = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + source
    return Cell(index, kind, without_surrogates(source))


def _cells_of_format_3(worksheets: Any) -> list[Any] | None:
    if not isinstance(worksheets, list):
        return None
    sheets = [sheet.get("cells") for sheet in worksheets if isinstance(sheet, dict)]
    return [cell for cells in sheets if isinstance(cells, list) for cell in cells]


def _line_ends(text: str) -> int:
    """Count the line ends of a text; its lines themselves could be millions of objects."""
    return sum(map(text.count, _LINE_ENDS))


def _needs_ids(document: dict[str, Any]) -> bool:
    minor = document.get("nbformat_minor")
    return document.get("nbformat") == 4 and isinstance(minor, int) and minor >= 5


def _count_ids(raw: list[Any], repaired: Counter[str]) -> None:
    ids = [cell.get("id") for cell in raw if isinstance(cell, dict)]
    seen = Counter(id_ for id_ in ids if isinstance(id_, str))
    repaired["without an id"] += len(ids) - seen.total()
    repaired["with the id of another"] += seen.total() - len(seen)


def _counted(count: int, what: str) -> str:
    return f"{count} cell {what}" if count == 1 else f"{count} cells {what}"
