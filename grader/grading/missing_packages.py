"""Decides who pays when a notebook uses what this machine lacks: packages, the network, files.

What a usual machine has costs no points: a check whose answer depended on it is broken, and its
cell does not make a submission partial. Any other name is charged, and the message says so.

Here: verdicts, notes on cells, points that hang on a package. Not here: how the use is noticed
(`guest/missing_modules.py`), which packages are known (`known_packages.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from grader.course import Exercise
from grader.errors import NameNotDefined
from grader.grading.absences import absence_of
from grader.grading.candidates import is_named
from grader.grading.known_packages import KNOWN, install_command
from grader.guest.missing_modules import NETWORK, NO_NETWORK, PRETENDED
from grader.kernel.observations import Captured, Lacking
from grader.records import Cell, CellRun, CheckResult, ExerciseResult
from grader.verdict import Verdict

_REFUSED = re.compile(rf"{re.escape(NO_NETWORK)}|there is no network while grading|^NoNetwork:")
# a file that the student has and did not hand in, a data set that would be downloaded
_NO_FILE = re.compile(
    r"^(?:FileNotFoundError|NotADirectoryError)\b|No such file or directory|Dataset not found"
    r"|is not a valid file|Cannot find data file"
)
_MOST_MESSAGE = 2_000


@dataclass(frozen=True)
class Blame:
    """Decides for one notebook whose fault a missing package, file or connection is.

    Args:
        lacking: what its cells used, as the sandbox reports it.
        listed: packages that the course lists.
        excused: patterns of lines whose errors the course excuses.
    """

    lacking: Lacking
    listed: Collection[str] = ()
    excused: Sequence[str] = ()
    used: set[str] = field(default_factory=set)
    """The missing packages that answers depended on, over all checks."""
    broken: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """By exercise and check: the packages, not charged to the student, that a failed answer
    depended on. An empty check name stands for all checks."""

    def __call__(self, check: CheckResult, used: frozenset[str]) -> CheckResult:
        """Return a check's result as it counts, given the packages its answers depended on."""
        self.used.update(used)
        if not used or check.verdict in (Verdict.PASSED, Verdict.BROKEN):
            return check
        ours = sorted(name for name in used if self.is_ours(name))
        if ours:
            self.broken[check.exercise, check.check] = frozenset(ours)
            message = f"{_reason(ours)} {_was(check)}".strip()
            return replace(check, verdict=Verdict.BROKEN, hint="", message=message[:_MOST_MESSAGE])
        reasons = " ".join(self._of_the_student(name) for name in sorted(used))
        message = f"{reasons} {_was(check)}".strip()
        example = check.counterexample
        if example is not None:
            example = replace(example, got=f"{example.got} ({reasons})" if example.got else reasons)
        return replace(
            check, verdict=Verdict.RAISED, message=message[:_MOST_MESSAGE], counterexample=example
        )

    def is_ours(self, name: str) -> bool:
        """Return whether a usual machine has a missing package."""
        return name in (NETWORK, *PRETENDED) or name in KNOWN or name in self.listed

    def noted(self, runs: Iterable[CellRun], cells: Sequence[Cell]) -> tuple[CellRun, ...]:
        """Add to runs of cells what they lacked, and whether their errors are excused."""
        sources = {cell.index: cell.source for cell in cells}
        return tuple(self._noted(run, sources.get(run.index, "")) for run in runs)

    def _noted(self, run: CellRun, source: str) -> CellRun:
        used = self.lacking.by_cell.get(run.index, ())
        packages = [name for name in used if name not in (NETWORK, *PRETENDED)]
        notes = [f"not installed here: {', '.join(packages)}"] if packages else []
        if NETWORK in used or _REFUSED.search(run.error):
            notes.append(NO_NETWORK)
        ours = any(map(self.is_ours, used)) or bool(_REFUSED.search(run.error))
        if not run.error or run.status not in ("raised", "timed_out"):
            return replace(run, note="; ".join(notes))
        if _NO_FILE.search(run.error):
            notes.append("it asks for a file that is not here")
        elif self._is_excused(run, source):
            notes.append("the course excuses this error")
        elif not ours:
            return replace(run, note="; ".join(notes))
        return replace(run, note="; ".join(notes), excused=True)

    def _is_excused(self, run: CellRun, source: str) -> bool:
        lines = source.splitlines()
        line = lines[run.line - 1] if 0 < run.line <= len(lines) else ""
        return any(re.search(pattern, line) for pattern in self.excused)

    def not_defined(
        self, exercise: Exercise, runs: Sequence[CellRun], cells: Sequence[Cell],
        captured: Sequence[Captured] = (),
    ) -> tuple[Verdict, str]:  # fmt: skip
        """Return verdict and message for an exercise that no cell has defined.

        A failed cell that would have defined it is named; if it failed because this machine lacks
        what a usual one has, the exercise is broken.
        """
        found = absence_of(lambda name: is_named(name, exercise.names), runs, cells, captured)
        if found is None:
            return Verdict.MISSING, str(NameNotDefined(exercise.names[0]))
        run = found.run
        if run is not None and run.excused:
            ours = sorted(filter(self.is_ours, self.lacking.by_cell.get(run.index, ())))
            if _REFUSED.search(run.error) and NETWORK not in ours:
                ours.append(NETWORK)
            if ours:
                self.broken[exercise.name, ""] = frozenset(ours)
                return Verdict.BROKEN, f"{_reason(ours)} {found}"
        return Verdict.MISSING, str(found)

    def points_by_package(self, exercises: Iterable[ExerciseResult]) -> dict[str, Fraction]:
        """Return the packages that a notebook lacks, and the points that are open for each."""
        points = dict.fromkeys(self._names(), Fraction(0))
        for check in (check for exercise in exercises for check in exercise.checks):
            if check.verdict is Verdict.BROKEN:
                whole = self.broken.get((check.exercise, ""), frozenset())
                for name in self.broken.get((check.exercise, check.check), whole) & points.keys():
                    points[name] += check.max_points
        return points

    def notes(self) -> tuple[str, ...]:
        """Return the notes on what was missing."""
        names = [name for name in self._names() if self.is_ours(name)]
        if not names:
            return ()
        return (
            f"Not installed here: {', '.join(names)}. What the notebook does with it is left out.",
        )

    def _names(self) -> list[str]:
        used = {name for names in self.lacking.by_cell.values() for name in names}
        return sorted((used | self.used | set(self.lacking.imports)) - {NETWORK, *PRETENDED})

    def _of_the_student(self, name: str) -> str:
        cell, error = self.lacking.imports.get(name, (-1, ""))
        place = f" (cell {cell}: {error})" if cell >= 0 else ""
        return (
            f"It came by way of {name}, which could not be imported{place}. If it is a file of "
            "yours, hand it in beside the notebook."
        )


def _reason(names: Sequence[str]) -> str:
    """Describe what this machine does not have, and the remedy."""
    packages = [name for name in names if name != NETWORK]
    told = []
    if packages:
        told.append(f"Not installed here: {', '.join(packages)}. The answer came by way of it.")
        if command := install_command([name for name in packages if name not in PRETENDED]):
            told.append(f"After `{command}`, grade again: only what is broken is graded anew.")
    if NETWORK in names:
        told.append(f"The answer asked for a connection, and {NO_NETWORK}.")
    return " ".join(told)


def _was(check: CheckResult) -> str:
    return f"What came: {check.message}" if check.message else ""
