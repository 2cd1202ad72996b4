"""The page and the table of similar work: pairs, clusters, and their code side by side.

Not here: which pairs there are (`similar/pairs.py`). Nothing here says that anybody copied.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from grader.report.csv_tables import as_csv
from grader.report.pages import render
from grader.report.writers import feedback_links, write_file
from grader.similar.pairs import Pair, Similar, marked_lines
from grader.similar.shape import Line
from grader.text import clip

_MOST_ALIGNED = 40
_MOST_ROWS = 120
_LONGEST = 160
_CONTEXT = 1


@dataclass(frozen=True)
class Row:
    """One line of each side; empty where a side has none."""

    left: str
    right: str
    is_shared: bool
    """Whether both lines have the same shape, and few others have it."""
    is_gap: bool = False


@dataclass(frozen=True)
class Aligned:
    """A pair with the passages that it shares."""

    pair: Pair
    rows: tuple[Row, ...]
    cut: int
    """How many rows are left out."""


def write_similar(
    found: Similar, code: Mapping[str, Sequence[Line]], out: Path, *, assignment: str = ""
) -> list[Path]:
    """Write `similar.html` and `similar.csv` into a folder and return their paths."""
    aligned = [_aligned(pair, found, code) for pair in found.pairs[:_MOST_ALIGNED]]
    page = render(
        "similar.html", found=found, aligned=aligned, assignment=assignment,
        links=feedback_links(out),
    )  # fmt: skip
    table = pd.DataFrame(
        [
            (one.first, one.second, round(one.score, 3), one.shared, round(one.deviations, 1))
            for one in found.pairs
        ],
        columns=["first", "second", "score", "shared_fingerprints", "deviations"],
    )
    files = {out / "similar.html": page, out / "similar.csv": as_csv(table)}
    for path, content in files.items():
        write_file(path, content)
    return list(files)


def _aligned(pair: Pair, found: Similar, code: Mapping[str, Sequence[Line]]) -> Aligned:
    left, right = code[pair.first], code[pair.second]
    common = found.rare[pair.first] & found.rare[pair.second]
    marks = marked_lines(left, common), marked_lines(right, common)
    rows = _rows(left, right, marks)
    near = _near(rows)
    shown: list[Row] = []
    for place, row in enumerate(rows):
        if place in near:
            if shown and place - 1 not in near:
                shown.append(Row("", "", is_shared=False, is_gap=True))
            shown.append(row)
    return Aligned(pair, tuple(shown[:_MOST_ROWS]), max(0, len(shown) - _MOST_ROWS))


def _rows(
    left: Sequence[Line], right: Sequence[Line], marks: tuple[list[bool], list[bool]]
) -> list[Row]:
    shapes = [line.shape for line in left], [line.shape for line in right]
    rows = []
    matcher = difflib.SequenceMatcher(None, *shapes, autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        for step in range(max(i_end - i, j_end - j)):
            a, b = i + step, j + step
            both = kind == "equal" and marks[0][a] and marks[1][b]
            rows.append(Row(
                clip(left[a].text, limit=_LONGEST) if a < i_end else "",
                clip(right[b].text, limit=_LONGEST) if b < j_end else "",
                is_shared=both,
            ))  # fmt: skip
    return rows


def _near(rows: Sequence[Row]) -> set[int]:
    """Return the places of rows that are shared, or beside one that is."""
    shared = [place for place, row in enumerate(rows) if row.is_shared]
    span = range(-_CONTEXT, _CONTEXT + 1)
    return {place + step for place in shared for step in span if 0 <= place + step < len(rows)}
