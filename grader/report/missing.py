"""The packages that notebooks of a run used and that are not installed here.

Here: counting over results, and the words for the end of a run. Not here: who pays for a missing
package (`grading/missing_packages.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.grading.known_packages import KNOWN, install_command
from grader.records import SubmissionResult
from grader.report.rounding import shown
from grader.text import one_line

_MOST_SHOWN = 20


@dataclass(frozen=True)
class MissingPackage:
    """One package that is not here, over the class."""

    name: str
    notebooks: int
    points: Fraction
    """That are open for want of it."""
    command: str
    """That installs it; empty where its name is not widely known."""


def missing_packages(results: Sequence[SubmissionResult]) -> tuple[MissingPackage, ...]:
    """Return what was missing, by open points and by notebooks, the most first."""
    notebooks: defaultdict[str, int] = defaultdict(int)
    points: defaultdict[str, Fraction] = defaultdict(Fraction)
    for result in results:
        for name, open_points in result.missing_packages.items():
            notebooks[name] += 1
            points[name] += open_points
    found = [
        MissingPackage(
            name, notebooks[name], points[name], install_command([name]) if name in KNOWN else ""
        )
        for name in notebooks
    ]
    found.sort(key=lambda one: (-one.points, -one.notebooks, one.name))
    return tuple(found[:_MOST_SHOWN])


def missing_in_words(results: Sequence[SubmissionResult]) -> list[str]:
    """Return one line for each package that was missing, and one with the remedy."""
    found = missing_packages(results)
    if not found:
        return []
    lines = ["not installed here:"]
    for one in found:
        many = f"{one.notebooks} notebook{'s' * (one.notebooks != 1)}"
        hang = f", {shown(one.points)} points open" if one.points else ", no points open"
        lines.append(f"  {one_line(one.name, limit=60)}: {many}{hang}")
    if needed := [one.name for one in found if one.points]:
        lines.append(f"`{install_command(needed)}`, then give the same command again.")
    return lines
