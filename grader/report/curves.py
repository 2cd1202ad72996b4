"""Loss curves as drawings: the positions of the points and labels of a small SVG.

A curve of thousands of steps is thinned to means over equal stretches; first and last loss are kept
exactly. Losses come from student code: any finite number, in any order, or none.

Here: geometry and words. Not here: the markup (`templates/feedback.html`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grader.records import LossCurve

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP, BOTTOM = 58, 346, 14, 118  # of the plot, inside the drawing
_MOST_POINTS = 240
_LOGARITHMIC_FROM = 200.0  # largest over smallest loss


@dataclass(frozen=True)
class Drawing:
    """One curve, ready to be drawn; lengths in the units of the SVG's view box."""

    cell: int
    steps: int
    lines: tuple[str, ...]
    """Points of polylines: a loss that is no number breaks the curve in two."""
    dots: tuple[tuple[float, float], ...]
    """Ends of the lines, so that a stretch of a single point is seen."""
    gaps: tuple[tuple[float, float], ...]
    """Stretches without a number: left edge and width."""
    top: str
    bottom: str
    caption: str
    file: str = ""
    """Which notebook of several; empty for the only one."""


def drawings(curves: Sequence[LossCurve]) -> list[Drawing]:
    """Draw the curves of a notebook; a single step is no training."""
    return [draw(curve) for curve in curves if len(curve.losses) > 1]


def draw(curve: LossCurve) -> Drawing:
    """Lay out one curve of at least two steps."""
    stretch = math.ceil(len(curve.losses) / _MOST_POINTS)
    points = [
        _mean(curve.losses[start : start + stretch])
        for start in range(0, len(curve.losses), stretch)
    ]
    finite = [point for point in points if point is not None]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    logarithmic = low > 0 and high / low >= _LOGARITHMIC_FROM
    wide = (RIGHT - LEFT) / max(1, len(points) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    gaps: list[tuple[float, float]] = []
    for number, point in enumerate(points):
        x = LEFT + wide * number
        if point is None:
            left, right = max(LEFT, x - wide / 2), min(RIGHT, x + wide / 2)
            gaps.append((round(left, 1), round(right - left, 1)))
            runs.append([])
        else:
            share = _share(point, low, high, logarithmic=logarithmic)
            runs[-1].append((round(x, 1), round(BOTTOM - share * (BOTTOM - TOP), 1)))
    runs = [run for run in runs if run]
    top, bottom = _ends(low, high) if finite else ("", "")
    return Drawing(
        curve.cell,
        len(curve.losses),
        lines=tuple(" ".join(f"{x},{y}" for x, y in run) for run in runs if len(run) > 1),
        dots=tuple(dict.fromkeys(end for run in runs for end in (run[0], run[-1]))),
        gaps=tuple(gaps),
        top=top,
        bottom=bottom,
        caption=_caption(curve.losses, stretch, logarithmic=logarithmic),
        file=curve.file,
    )


def number_text(value: float | None) -> str:
    """Return a loss with three digits; "not a number" for None."""
    return "not a number" if value is None else _text(value, 3)


def _text(value: float, digits: int) -> str:
    if digits == 3 and 1000 <= abs(value) < 1_000_000:
        return f"{value:,.0f}"  # and not 1e+03
    return f"{value:#.{digits}g}".rstrip(".")  # 2.30, beside 2.29


def _ends(low: float, high: float) -> tuple[str, str]:
    """Label the axis with as many digits as tell its ends apart; a flat curve has one label."""
    for digits in (3, 5, 8):
        top, bottom = _text(high, digits), _text(low, digits)
        if top != bottom:
            return top, bottom
    return "", _text(low, 3)


def _mean(losses: Sequence[float | None]) -> float | None:
    """Return the mean of the numbers; None for a stretch with anything else, a gap."""
    numbers = [loss for loss in losses if loss is not None]
    if len(numbers) < len(losses):
        return None
    return sum(loss / len(numbers) for loss in numbers)  # a sum of huge ones would be infinite


def _share(value: float, low: float, high: float, *, logarithmic: bool) -> float:
    """Return how far up the axis a value is, 0 to 1."""
    if logarithmic:
        value, low, high = math.log(value), math.log(low), math.log(high)
    span = high / 2 - low / 2  # halves: the difference of two huge numbers is infinite
    return min(1.0, max(0.0, (value / 2 - low / 2) / span)) if span > 0 else 0.5


def _caption(losses: Sequence[float | None], stretch: int, *, logarithmic: bool) -> str:
    lost = [number for number, loss in enumerate(losses, start=1) if loss is None]
    first, last = number_text(losses[0]), number_text(losses[-1])
    parts = [f"{len(losses):,} steps, first loss {first}, last {last}"]
    if lost:
        count = "1 loss" if len(lost) == 1 else f"{len(lost):,} losses"
        parts.append(f"{count} not a number or infinite, the first at step {lost[0]:,}")
    if stretch > 1:
        parts.append(f"each point is the mean of {stretch} steps")
    if logarithmic:
        parts.append("the axis is logarithmic")
    return "; ".join(parts) + "."
