"""A comparison of two runs, for the terminal and as a page.

Not here: what differs and why (`runs/comparison.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from grader.report.pages import render
from grader.report.rounding import shown
from grader.report.writers import feedback_links, write_file
from grader.runs.comparison import Change, Comparison
from grader.text import one_line

_MOST_LINES = 40


def write_comparison(comparison: Comparison, out: Path) -> Path:
    """Write `comparison.html` into a folder and return its path."""
    path = out / "comparison.html"
    write_file(path, comparison_page(comparison, feedback_links(out)))
    return path


def comparison_page(comparison: Comparison, links: Mapping[str, str] | None = None) -> str:
    """Render a comparison as one self-contained page.

    Args:
        comparison: of two runs.
        links: the address of the feedback page of each student who has one.
    """
    return render("comparison.html", comparison=comparison, points=in_words, links=links or {})


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield a comparison as lines of text: a student each, then its exercises."""
    count = len(comparison.changes)
    yield (
        f"Run {comparison.later} beside run {comparison.earlier}: {count} "
        f"student{'s' * (count != 1)} changed, {comparison.same} did not."
    )
    for change in comparison.changes[:_MOST_LINES]:
        name, reasons = one_line(change.student, limit=60), "; ".join(change.reasons)
        yield f"{name}: {_points(change)}; {reasons}"
        for one in change.exercises:
            verdicts = f" ({', '.join(one.verdicts)})" if one.verdicts else ""
            line = f"{one.exercise}: {in_words(one.before)} -> {in_words(one.after)}{verdicts}"
            yield f"  {one_line(line, limit=200)}"
    if count > _MOST_LINES:
        yield f"{count - _MOST_LINES} more are on the page."


def in_words(points: Fraction | None) -> str:
    """Return points as text; a dash where they are open or there are none."""
    return "–" if points is None else str(shown(points))


def _points(change: Change) -> str:
    text = f"{in_words(change.before)} -> {in_words(change.after)} points"
    if change.adjusted:
        before, after = change.adjusted
        text += f", after the policy {in_words(before)} -> {in_words(after)}"
    return text
