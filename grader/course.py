"""What a course says about its exercises, read from `assignment.toml` and `exercise.toml`.

A later source wins over an earlier one: the defaults of `records.Limits`, the assignment's file,
the command line. Everything is checked while it is read; a wrong file is a `CourseError` that
names the file and the field.

Here: assignments and exercises as records, and where they are found. Not here: the checks
themselves (`checks/`), which are collected by pytest.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from grader.errors import CourseError, UsageError
from grader.records import Limits
from grader.text import clean, one_line

T = TypeVar("T")
_MOST_BYTES = 256 << 10
# the parser keeps every beginning of a dotted key: 40 KB of `a.a.a.a` took 1.6 GB
_MOST_DOTS = 200
# `Fraction` takes 1e999999999 as well, and works on it for ever
_POINTS = re.compile(r"\d{1,6}(?:\.\d{1,6}|/\d{1,6})?", re.ASCII)
_MOST_POINTS = 1_000_000
_MOST_OF_A_LIMIT = 1e15
Kind = Literal["function", "class", "method", "values", "answers"]
"""What is looked for; `answers` is the student's own text, which a person grades."""
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Exercise:
    """One function, class, script or piece of writing of an assignment."""

    name: str
    title: str
    section: str
    kind: Kind
    names: tuple[str, ...]
    """Names looked for in a notebook, as patterns; the first is the book's, and `!*pattern*` takes
    names out again. None for `answers`."""
    optional: bool
    folder: Path
    total: Fraction | None = None
    """Points in all, where the assignment overrides the sum over the checks."""


@dataclass(frozen=True)
class Assignment:
    """What is handed in together."""

    name: str
    title: str
    folder: Path
    exercises: tuple[Exercise, ...]
    limits: Limits = field(default_factory=Limits)
    forbid: tuple[str, ...] = ()
    """Dotted names that may not be used, `torch.nn.functional.conv2d`."""
    packages: tuple[str, ...] = ()
    """Packages, by the name of their import, that notebooks may use: where one is not here, a
    check that needs it is broken."""
    excused_cells: tuple[str, ...] = ()
    """Patterns of lines whose errors do not make a submission partial."""
    digest: str = ""
    """sha256 over every file that a grade depends on."""

    @property
    def course(self) -> Path:
        """The folder that holds `exercises/` and `reference/`."""
        return self.folder.parent.parent

    def only(self, names: list[str]) -> Assignment:
        """Keep some exercises, in the assignment's order.

        Raises:
            UsageError: a name the assignment does not have.
        """
        known = {exercise.name.lower(): exercise for exercise in self.exercises}
        for name in names:
            if name.lower() not in known:
                has = ", ".join(exercise.name for exercise in self.exercises)
                raise UsageError(f"{self.name} has no exercise {name!r}. It has: {has}.")
        wanted = {name.lower() for name in names}
        kept = tuple(e for e in self.exercises if e.name.lower() in wanted)
        return replace(self, exercises=kept)


class _ExerciseFile(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    section: str
    kind: Kind
    names: list[str] = []
    optional: bool = False


class _AssignmentFile(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    exercises: list[str]
    points: dict[str, int | str] = {}
    limits: dict[str, float] = {}
    forbid: list[str] = []
    packages: list[str] = []
    excused_cells: list[str] = []


def course_folder() -> Path:
    """Return the folder of the default course: of the wheel if there is one, or the checkout."""
    inside = _PACKAGE / "course"
    return inside if inside.is_dir() else _PACKAGE.parent


def list_assignments(course: Path | None = None) -> list[str]:
    """Return the names of the assignments a course has."""
    folder = (course or course_folder()) / "exercises"
    return sorted(path.parent.name for path in folder.glob("*/assignment.toml"))


def load_assignment(wanted: str | Path) -> Assignment:
    """Read an assignment: a name of the default course, or a folder with an `assignment.toml`.

    Raises:
        UsageError: there is no such assignment.
        CourseError: a file of it is wrong.
    """
    folder = Path(wanted)
    if not (folder / "assignment.toml").is_file():
        folder = course_folder() / "exercises" / str(wanted)
    if not (folder / "assignment.toml").is_file():
        has = ", ".join(list_assignments()) or "none"
        raise UsageError(
            f"there is no assignment {str(wanted)!r}. The course has: {has}; "
            "a folder with an assignment.toml is right too."
        )
    folder = folder.resolve()
    path = folder / "assignment.toml"
    settings = _read(path, _AssignmentFile)
    if unknown := settings.points.keys() - set(settings.exercises):
        named = one_line(", ".join(sorted(unknown)))
        raise CourseError(f"{path}: points of {named}, which is no exercise.")
    for name in settings.exercises:
        if name in ("", "..") or name != Path(name).name:
            raise CourseError(f"{path}: {one_line(repr(name))} is no name of an exercise's folder.")
    for pattern in settings.excused_cells:
        try:
            re.compile(pattern)
        except re.error as error:
            named = one_line(repr(pattern))
            raise CourseError(f"{path}: excused_cells: {named} is no pattern: {error}.") from None
    if len(set(settings.exercises)) < len(settings.exercises):
        raise CourseError(f"{path}: an exercise is listed twice.")
    exercises = tuple(
        _load_exercise(folder / exercise, settings.points.get(exercise))
        for exercise in settings.exercises
    )
    return Assignment(
        name=folder.name,
        title=settings.title,
        folder=folder,
        exercises=exercises,
        limits=_limits(path, settings.limits),
        forbid=tuple(settings.forbid),
        packages=tuple(settings.packages),
        excused_cells=tuple(settings.excused_cells),
        digest=_digest(folder),
    )


def _load_exercise(folder: Path, total: int | str | None) -> Exercise:
    settings = _read(folder / "exercise.toml", _ExerciseFile)
    if not settings.names and settings.kind != "answers":
        raise CourseError(f"{folder / 'exercise.toml'}: names must not be empty.")
    if settings.kind == "answers" and (settings.names or total is not None):
        raise CourseError(
            f"{folder / 'exercise.toml'}: answers are found by their headings and graded by a "
            "person, so they have no names here and no points in assignment.toml."
        )
    points = None if total is None else _points(total)
    if points is not None and not 0 <= points <= _MOST_POINTS:
        raise CourseError(
            f"{folder.parent / 'assignment.toml'}: points.{folder.name} = {one_line(repr(total))} "
            'is not possible; give a number from 0 on, such as 10 or "7/2".'
        )
    if points is None and settings.optional:
        points = Fraction(0)
    return Exercise(
        name=folder.name,
        title=settings.title,
        section=settings.section,
        kind=settings.kind,
        names=tuple(settings.names),
        optional=settings.optional,
        folder=folder,
        total=points,
    )


def _points(total: int | str) -> Fraction:
    """Read a number of points; -1 stands for what is none."""
    if isinstance(total, str) and not _POINTS.fullmatch(total):
        return Fraction(-1)
    try:
        return Fraction(total)
    except ZeroDivisionError:
        return Fraction(-1)


def _limits(path: Path, values: dict[str, float]) -> Limits:
    known = {name: type(value) for name, value in vars(Limits()).items()}
    for name, value in values.items():
        # what is counted is at least 1; what is measured is more than 0
        if name not in known or not 0 < value <= _MOST_OF_A_LIMIT or known[name](value) <= 0:
            raise CourseError(
                f"{path}: limits.{one_line(name)} = {value} is not possible. "
                f"Known: {', '.join(known)}."
            )
    return replace(Limits(), **{name: known[name](value) for name, value in values.items()})


def _read(path: Path, kind: type[T]) -> T:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise CourseError(f"{path}: it is larger than {_MOST_BYTES >> 10} KiB.")
        if max(line.count(b".") for line in data.split(b"\n")) > _MOST_DOTS:
            raise CourseError(f"{path}: a line has more than {_MOST_DOTS} dots.")
        return msgspec.toml.decode(data, type=kind)
    except FileNotFoundError:
        raise CourseError(f"{clean(str(path))} does not exist.") from None
    except RecursionError:
        raise CourseError(f"{path}: it is nested too deeply.") from None
    # ValueError: a number of thousands of digits, a name that no path can hold
    except (msgspec.MsgspecError, ValueError, OSError) as error:
        raise CourseError(f"{clean(str(path))}: {one_line(str(error))}.") from None


def _digest(folder: Path) -> str:
    """Hash what a grade depends on: the assignment's files and the reference they compare with."""
    total = hashlib.sha256()
    for path in _files(folder):
        total.update(os.fsencode(path.relative_to(folder.parent.parent).as_posix()))
        try:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise CourseError(f"{path} cannot be read: {error.strerror}.") from None
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for root in (folder, folder.parent.parent / "reference"):
        for path in sorted(root.rglob("*")):
            # the notebook handed out says which text is a student's own
            if path.suffix in (".py", ".toml", ".ipynb") and "__pycache__" not in path.parts:
                yield path
