"""The settings of a course: `course.toml`, `assignment.toml` and `exercise.toml`.

A folder with a `course.toml` is a course, and assignments are folders in it; a folder with an
`assignment.toml` outside any course is itself a course. A later source wins over an earlier
one: the defaults of `records.Limits`, the assignment's file, the command line. Everything is
checked while it is read; a wrong file is a `CourseError` that names the file and the field.

Here: courses, assignments and exercises as records, and where they are found. Not here: the checks
themselves (`checks/`), which are collected by pytest; the modules of a course
(`grading/course_modules.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from grader.digest import assignment_files, hash_files
from grader.errors import CourseError, UsageError
from grader.policy import Policy
from grader.policy_settings import policy_from
from grader.records import Limits
from grader.text import one_line
from grader.toml_file import (
    AssignmentFile,
    CourseFile,
    DataTable,
    EnvironmentTable,
    ExerciseFile,
    Kind,
    PackagesTable,
    read_toml,
)

# `Fraction` accepts 1e999999999, and would compute on it without end
_POINTS = re.compile(r"\d{1,6}(?:\.\d{1,6}|/\d{1,6})?", re.ASCII)
_MOST_POINTS = 1_000_000
_MOST_OF_A_LIMIT = 1e15
_PACKAGE = Path(__file__).resolve().parent
_COURSE_FILE = "course.toml"


@dataclass(frozen=True)
class Environment:
    """What a course gives notebooks besides the installed libraries."""

    folder: Path | None = None
    """Its modules and packages can be imported."""
    preload: tuple[str, ...] = ()
    """Modules that most notebooks import: imported once, before kernels are forked."""
    setup: str = ""
    """Module that prepares a kernel (`guest/environment.py`); empty for none."""
    beside: Path | None = None
    """Folder whose files lie in the working folder of every notebook."""
    hidden: tuple[Path, ...] = ()
    """Folders of the course that notebooks must not read."""


BARE = Environment()
"""For a course without its own environment."""


@dataclass(frozen=True)
class DataSet:
    """A data set of the course, and its stand-in where its files are not found."""

    name: str
    stand_in: str
    """The stand-in in words: `drawn images`."""
    folders: tuple[str, ...]
    """Where its files lie below a folder of data."""
    loose: tuple[str, ...]
    """Where else they may lie, below a folder that was given with `--data`."""
    files: tuple[tuple[str, ...], ...]
    """Names, in groups that have equally many entries, such as images and their labels."""


@dataclass(frozen=True)
class Course:
    """What assignments share: the library for notebooks, data, names of models, the reference."""

    folder: Path
    title: str = ""
    environment: Environment = BARE
    data: tuple[DataSet, ...] = ()
    packages: tuple[str, ...] = ()
    """Names by which notebooks import packages that need not be installed."""
    install: str = ""
    """The command that installs them."""
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns of the names of models, by their kind; `!*pattern*` takes names out again."""

    @property
    def root(self) -> Path:
        """The folder from which its modules are imported, as `exercises.cnn.parts`."""
        return self.folder.parent

    @property
    def reference(self) -> Path | None:
        """The folder of the reference: inside the course, or beside it."""
        places = (self.folder / "reference", self.root / "reference")
        return next((place for place in places if place.is_dir()), None)


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
    layers: str = ""
    """Pattern of the layers of a model that may answer without such a name, `(3x3 )+linear`: its
    convolutions by kernel and its linear layers, in module order. Empty: only names count."""
    total: Fraction | None = None
    """Points in all, where the assignment overrides the sum over the checks."""
    builds_on: tuple[str, ...] = ()
    """Exercises whose right part stands in for a wrong one of the notebook; the assignment's
    `parts.py` defines it."""


@dataclass(frozen=True)
class Assignment:
    """Exercises that are handed in together."""

    name: str
    title: str
    folder: Path
    course: Course
    exercises: tuple[Exercise, ...]
    limits: Limits = field(default_factory=Limits)
    forbid: tuple[str, ...] = ()
    """Dotted names that may not be used, `torch.nn.functional.conv2d`."""
    packages: tuple[str, ...] = ()
    """Packages, by the name of their import, that notebooks may use: where one is not here, a
    check that needs it is broken."""
    excused_cells: tuple[str, ...] = ()
    """Patterns of lines whose errors do not make a submission partial."""
    policy: Policy = field(default_factory=Policy)
    """Rules for late work, bonus and rounding, which change no verdict."""
    digest: str = ""
    """sha256 over every file of the assignment, and of its course, that a grade may depend on."""
    every: tuple[Exercise, ...] = ()
    """All exercises of the assignment, where a run asks for some only (`only`)."""

    @property
    def parts_file(self) -> Path:
        """Where its right parts are defined, if anywhere."""
        return self.folder / "parts.py"

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


def course_folder() -> Path:
    """Return the folder of the default course: of the wheel if there is one, or the checkout."""
    inside = _PACKAGE / "course"
    return (inside if inside.is_dir() else _PACKAGE.parent) / "exercises"


def load_course(folder: Path | None = None) -> Course:
    """Read the course that a folder is or lies in; the default course without a folder.

    A folder outside any course is itself a course.

    Raises:
        CourseError: its file is wrong.
    """
    folder = (folder or course_folder()).resolve()
    for place in (folder, *folder.parents[:2]):
        if (place / _COURSE_FILE).is_file():
            return _read_course(place)
    return Course(folder, environment=_environment(folder, None))


def list_assignments(course: Path | None = None) -> list[str]:
    """Return the names of the assignments a course has."""
    folder = course or course_folder()
    return sorted(path.parent.name for path in folder.glob("*/assignment.toml"))


def load_assignment(wanted: str | Path) -> Assignment:
    """Read an assignment: a name of the default course, or a folder with an `assignment.toml`.

    Raises:
        UsageError: there is no such assignment.
        CourseError: a file of it is wrong.
    """
    folder = Path(wanted)
    if not (folder / "assignment.toml").is_file():
        folder = course_folder() / str(wanted)
    if not (folder / "assignment.toml").is_file():
        has = ", ".join(list_assignments()) or "none"
        raise UsageError(
            f"there is no assignment {str(wanted)!r}. The course has: {has}; "
            "a folder with an assignment.toml is right too."
        )
    folder = folder.resolve()
    course = load_course(folder)
    path = folder / "assignment.toml"
    settings = read_toml(path, AssignmentFile)
    if unknown := settings.points.keys() - set(settings.exercises):
        named = one_line(", ".join(sorted(unknown)))
        raise CourseError(f"{path}: points of {named}, which is no exercise.")
    for name in settings.exercises:
        if name in ("", "..") or name != Path(name).name:
            raise CourseError(f"{path}: {one_line(repr(name))} is no name of an exercise's folder.")
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
        course=course,
        exercises=exercises,
        every=exercises,
        limits=_limits(path, settings.limits),
        forbid=tuple(settings.forbid),
        packages=tuple(settings.packages),
        excused_cells=tuple(_pattern(path, "excused_cells", p) for p in settings.excused_cells),
        policy=policy_from(path, settings.policy, settings.exercises),
        digest=_digest(folder, course),
    )


def _read_course(folder: Path) -> Course:
    path = folder / _COURSE_FILE
    settings = read_toml(path, CourseFile)
    packages = settings.packages or PackagesTable([], "")
    return Course(
        folder,
        settings.title,
        _environment(folder, settings.environment),
        tuple(_data_set(path, number, table) for number, table in enumerate(settings.data)),
        tuple(packages.names),
        packages.install,
        {name: tuple(patterns) for name, patterns in settings.models.items()},
    )


def _environment(folder: Path, table: EnvironmentTable | None) -> Environment:
    reference = Course(folder).reference
    hidden = (folder, *([] if reference is None else [reference]))
    if table is None:
        return Environment(hidden=hidden)
    return Environment(
        _folder_of(folder, "environment.folder", table.folder),
        tuple(table.preload),
        table.setup,
        _folder_of(folder, "environment.beside", table.beside) if table.beside else None,
        hidden,
    )


def _folder_of(course: Path, field_name: str, given: str) -> Path:
    """Return a folder inside a course.

    Raises:
        CourseError: there is none of this name.
    """
    found = (course / given).resolve()
    if not given or not found.is_dir() or course not in found.parents:
        raise CourseError(
            f"{course / _COURSE_FILE}: {field_name} = {one_line(repr(given))} "
            "is no folder of the course."
        )
    return found


def _data_set(path: Path, number: int, table: DataTable) -> DataSet:
    for name in ("name", "stand_in", "folders", "files"):
        if not getattr(table, name):
            raise CourseError(f"{path}: data[{number}].{name} must not be empty.")
    files = tuple(tuple(group) for group in table.files)
    return DataSet(table.name, table.stand_in, tuple(table.folders), tuple(table.loose), files)


def _load_exercise(folder: Path, total: int | str | None) -> Exercise:
    settings = read_toml(folder / "exercise.toml", ExerciseFile)
    if not settings.names and settings.kind != "answers":
        raise CourseError(f"{folder / 'exercise.toml'}: names must not be empty.")
    if settings.kind == "answers" and (settings.names or total is not None):
        raise CourseError(
            f"{folder / 'exercise.toml'}: answers are found by their headings and graded by "
            "hand, so they have no names here and no points in assignment.toml."
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
        layers=_pattern(folder / "exercise.toml", "layers", settings.layers),
        total=points,
        builds_on=tuple(settings.builds_on),
    )


def _pattern(path: Path, setting: str, pattern: str) -> str:
    """Return a regular expression; raise CourseError for one that does not compile."""
    try:
        re.compile(pattern)
    except re.error as error:
        named = one_line(repr(pattern))
        raise CourseError(f"{path}: {setting}: {named} is no pattern: {error}.") from None
    return pattern


def _points(total: int | str) -> Fraction:
    """Parse a number of points; return -1 for invalid text."""
    if isinstance(total, str) and not _POINTS.fullmatch(total):
        return Fraction(-1)
    try:
        return Fraction(total)
    except ZeroDivisionError:
        return Fraction(-1)


def _limits(path: Path, values: dict[str, float]) -> Limits:
    known = {name: type(value) for name, value in vars(Limits()).items()}
    for name, value in values.items():
        # counts are at least 1; measures are above 0
        if name not in known or not 0 < value <= _MOST_OF_A_LIMIT or known[name](value) <= 0:
            raise CourseError(
                f"{path}: limits.{one_line(name)} = {value} is not possible. "
                f"Known: {', '.join(known)}."
            )
    return replace(Limits(), **{name: known[name](value) for name, value in values.items()})


def _digest(folder: Path, course: Course) -> str:
    """Hash all that a grade depends on: files of the assignment, the course, the reference."""
    files = assignment_files(folder, course.folder, course.root, course.reference)
    try:
        return hash_files(files, course.root)
    except OSError as error:
        raise CourseError(f"{error.filename} cannot be read: {error.strerror}.") from None
