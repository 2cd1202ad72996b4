"""Before anything is graded: what was found, what is missing here, how long it will take.

Notebooks are read and not run. Points hang on a package that is missing here where the definition
of an exercise uses it; where the gradebook holds a result of the very notebook, its open points
count. The time comes from stored results, or from a rule whose figures are in
`benchmarks/README.md`.

Here: the facts. Not here: what one notebook asks for (`grading/notebook_needs.py`), words and
tables (`report/preflight_view.py`).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

from grader.grading.known_packages import KNOWN, install_command
from grader.grading.notebook_needs import Needs, needs_of
from grader.grading.plan import Plan
from grader.reading.due import LARGE_BYTES
from grader.reading.submissions import load
from grader.records import Found, PassedOver, Submission, SubmissionResult
from grader.runs.gradebook import Gradebook
from grader.runs.pipeline import points_of
from grader.runs.stored_run import GRADEBOOK, POINTS

_T = TypeVar("_T")
_START_S = 3.0
NOTEBOOK_S, EXERCISE_S = 0.5, 0.3
"""Seconds by rule, of a worker: for a notebook, and for each exercise of it."""
_LIBRARY = Path(__file__).resolve().parents[1] / "guest" / "library"


@dataclass(frozen=True)
class MissingImport:
    """A package that notebooks import and that is not here."""

    name: str
    notebooks: int
    points: Fraction
    """Of the exercises whose definitions use it, over all notebooks."""
    command: str
    """That installs it; empty where the package is not widely known."""

    @property
    def is_known(self) -> bool:
        """Whether a usual machine has it, so that it costs no points."""
        return bool(self.command) or self.name in KNOWN


@dataclass(frozen=True)
class Duration:
    """How long grading will take."""

    stored: int
    """Submissions whose results are stored and hold."""
    due: int
    workers: int
    seconds: float
    """By the wall clock, with all workers."""
    each_s: float
    measured_on: int
    """How many stored results it comes from; 0 for the rule."""


@dataclass(frozen=True)
class Preflight:
    """Everything that is known before grading."""

    submissions: int
    notebooks: int
    unreadable: tuple[tuple[str, str], ...]
    """Students, each with the reason."""
    several: tuple[tuple[str, tuple[str, ...]], ...]
    """Students with the names of their notebooks, where there are more than one."""
    earlier: tuple[tuple[str, tuple[str, ...]], ...]
    """Students with what they handed in before and does not count."""
    passed_over: tuple[PassedOver, ...]
    large: tuple[str, ...]
    """Students whose notebooks are too large to be looked into beforehand."""
    missing: tuple[MissingImport, ...]
    devices: Mapping[str, int]
    """How many notebooks name each device."""
    insisting: int
    """How many of them never ask whether there is one."""
    files: Mapping[str, int]
    """Files that notebooks open, that they do not write and that were not handed in."""
    data_sets: Mapping[str, int]
    downloads: Mapping[str, int]
    duration: Duration
    found: Found

    @property
    def install(self) -> str:
        """Return the command that installs everything that is missing and known."""
        known = [one.name for one in self.missing if one.is_known]
        return install_command(known) if known else ""


def preflight(plan: Plan, found: Found, out: Path, workers: int) -> Preflight:
    """Look at everything that was handed in.

    Args:
        plan: what and how.
        found: what was handed in.
        out: the folder whose gradebook may know some of it; none is made.
        workers: how many grade at the same time.
    """
    seen = [_look(plan, one) for one in found.submissions]
    stored, duration = _stored_and_duration(plan, found.submissions, out, workers)
    missing = list(_missing(plan, seen, stored))
    if any(one.points for one in missing) or any(s.hanging_missing for s in seen):
        missing = _with_points(plan, seen, stored, missing, out)
    readable = [one for one in found.submissions if not one.problem]
    needs = [one.needs for one in seen]
    return Preflight(
        submissions=len(found.submissions),
        notebooks=sum(len(one.due) for one in readable),
        unreadable=tuple((s.student, s.problem) for s in found.submissions if s.problem),
        several=tuple(
            (s.student, tuple(n.name for n in s.due)) for s in readable if len(s.due) > 1
        ),
        earlier=tuple((s.student, s.owner.earlier) for s in found.submissions if s.owner.earlier),
        passed_over=found.passed_over,
        large=tuple(one.student for one in seen if one.large),
        missing=tuple(sorted(missing, key=lambda m: (-m.points, -m.notebooks, m.name))),
        devices=_count(needs, lambda one: one.devices),
        insisting=sum(bool(one.devices) and not one.looks_for_device for one in needs),
        files=_count(seen, lambda one: one.files),
        data_sets=_count(needs, lambda one: one.data_sets),
        downloads=_count(needs, lambda one: one.downloads),
        duration=duration,
        found=found,
    )


@dataclass(frozen=True)
class _Seen:
    """What one submission asks for, and what of it is not here."""

    student: str
    key: str
    needs: Needs
    missing: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    large: bool = False

    @property
    def hanging_missing(self) -> bool:
        """Whether an exercise uses what is missing."""
        return any(name in self.needs.hanging for name in self.missing)


def _look(plan: Plan, submission: Submission) -> _Seen:
    key = plan.key(submission)
    if submission.problem:
        return _Seen(submission.student, key, Needs())
    small = tuple(one for one in submission.due if one.size <= LARGE_BYTES)
    large = len(small) < len(submission.due)
    if submission.due and not small:
        return _Seen(submission.student, key, Needs(), large=large)
    read = load(replace(submission, due=small))
    if read.problem:
        return _Seen(submission.student, key, Needs(), large=large)
    needs = needs_of((one.cells for one in read.notebooks), plan.assignment.exercises)
    beside = [PurePosixPath(one.name) for one in submission.attachments]
    modules = {part for path in beside for part in (*path.parts[:-1], path.stem)}
    missing = {name for name in needs.imports - modules if not _is_here(plan, name)}
    names = {path.name for path in beside} | _given_beside(plan)
    files = {
        path for path in needs.files if PurePosixPath(path.replace("\\", "/")).name not in names
    }
    return _Seen(submission.student, key, needs, frozenset(missing), frozenset(files), large)


def _is_here(plan: Plan, name: str) -> bool:
    """Return whether a notebook can import a package here; nothing is imported."""
    folder = plan.assignment.course.environment.folder
    places = [place for place in (folder, _LIBRARY) if place is not None]
    if any((place / name).is_dir() or (place / f"{name}.py").is_file() for place in places):
        return True
    return _is_installed(name)


@lru_cache(maxsize=4096)
def _is_installed(name: str) -> bool:
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    if not name.isidentifier():
        return False
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    if found is None:
        return False
    where = [found.origin] if found.origin else list(found.submodule_search_locations or ())
    here = Path.cwd()  # the folder of this process is not the one of a notebook
    return any(here not in (Path(place).parent, Path(place).parent.parent) for place in where)


@lru_cache(maxsize=8)
def _names_in(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _given_beside(plan: Plan) -> set[str]:
    beside = plan.assignment.course.environment.beside
    return set(_names_in(beside)) if beside is not None else set()


# ---- what hangs on a package


def _missing(
    plan: Plan, seen: Sequence[_Seen], stored: Mapping[str, SubmissionResult]
) -> Iterator[MissingImport]:
    notebooks: defaultdict[str, int] = defaultdict(int)
    points: defaultdict[str, Fraction] = defaultdict(Fraction)
    for one in seen:
        known = stored.get(one.key)
        for name in one.missing:
            notebooks[name] += 1
            if known is not None:
                points[name] += known.missing_packages.get(name, Fraction(0))
    for name in notebooks:
        yield MissingImport(name, notebooks[name], points[name], _command(plan, name))


def _with_points(
    plan: Plan,
    seen: Sequence[_Seen],
    stored: Mapping[str, SubmissionResult],
    missing: Sequence[MissingImport],
    out: Path,
) -> list[MissingImport]:
    """Add the points of exercises whose definitions use a missing package, where none is stored."""
    worth = _worth(plan, out)
    points: defaultdict[str, Fraction] = defaultdict(Fraction)
    for one in seen:
        if one.key not in stored:
            for name in one.missing:
                for exercise in one.needs.hanging.get(name, ()):
                    points[name] += worth.get(exercise, Fraction(0))
    return [replace(one, points=one.points + points[one.name]) for one in missing]


def _worth(plan: Plan, out: Path) -> dict[str, Fraction]:
    """Return the points of each exercise: of an earlier run, as collecting checks loads torch."""
    names = ",".join(exercise.name for exercise in plan.assignment.exercises)
    if (out / GRADEBOOK).is_file():
        with Gradebook.open(out / GRADEBOOK) as gradebook:
            options = gradebook.options_of(checks=plan.assignment.digest, exercises=names) or {}
        if POINTS in options:
            return {name: Fraction(text) for name, text in json.loads(options[POINTS]).items()}
    return {exercise.name: points for exercise, points in points_of(plan.assignment)}


def _command(plan: Plan, name: str) -> str:
    course = plan.assignment.course
    if name in course.packages and course.install:
        return course.install
    if name in KNOWN:
        return install_command([name])
    return f"pip install {name}" if name in plan.assignment.packages else ""


def _count(many: Sequence[_T], of: Callable[[_T], frozenset[str]]) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for one in many:
        for name in of(one):
            found[name] += 1
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


# ---- how long it takes


def _stored_and_duration(
    plan: Plan, submissions: Sequence[Submission], out: Path, workers: int
) -> tuple[dict[str, SubmissionResult], Duration]:
    stored: dict[str, SubmissionResult] = {}
    seconds: list[float] = []
    names = ",".join(exercise.name for exercise in plan.assignment.exercises)
    if (out / GRADEBOOK).is_file():
        with Gradebook.open(out / GRADEBOOK) as gradebook:
            for one in submissions:
                if (result := gradebook.find(key := plan.key(one))) is not None:
                    stored[key] = result
            seconds = gradebook.seconds_of(plan.assignment.name, names)
    readable = [one for one in submissions if not one.problem]
    due = sum(plan.key(one) not in stored for one in readable)
    rule = NOTEBOOK_S + EXERCISE_S * len(plan.assignment.exercises)
    each = sum(seconds) / len(seconds) if seconds else rule
    used = max(1, min(workers, due))
    total = _START_S + each * due / used if due else 0.0
    return stored, Duration(len(stored), due, used, total, each, len(seconds))
