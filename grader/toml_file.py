"""The settings files of a course, field by field; an invalid file is a `CourseError`.

The message names the file and the field. Not here: what the settings mean (`course.py`).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from grader.errors import CourseError
from grader.policy import Direction, Late
from grader.text import clean, one_line

T = TypeVar("T")
Kind = Literal["function", "class", "method", "values", "answers"]
"""What an exercise asks for; `answers` is the student's own text, graded by hand."""
_MOST_BYTES = 256 << 10
# the parser keeps every beginning of a dotted key: 40 KB of `a.a.a.a` took 1.6 GB
_MOST_DOTS = 200


class EnvironmentTable(msgspec.Struct, forbid_unknown_fields=True):
    """What notebooks find: a folder of modules, and how it is set up."""

    folder: str
    setup: str = ""
    preload: list[str] = []
    beside: str = ""


class DataTable(msgspec.Struct, forbid_unknown_fields=True):
    """One data set: its stand-in, and where its files may lie."""

    name: str
    stand_in: str
    folders: list[str]
    files: list[list[str]]
    loose: list[str] = []


class PackagesTable(msgspec.Struct, forbid_unknown_fields=True):
    """Packages that the course expects, and the command that installs them."""

    names: list[str]
    install: str


class CourseFile(msgspec.Struct, forbid_unknown_fields=True):
    """A `course.toml`."""

    title: str
    environment: EnvironmentTable | None = None
    data: list[DataTable] = []
    packages: PackagesTable | None = None
    models: dict[str, list[str]] = {}


class ExerciseFile(msgspec.Struct, forbid_unknown_fields=True):
    """An `exercise.toml`."""

    title: str
    section: str
    kind: Kind
    names: list[str] = []
    optional: bool = False
    layers: str = ""
    builds_on: list[str] = []


class PolicyTable(msgspec.Struct, forbid_unknown_fields=True):
    """Rules for all students of an assignment; `policy_settings.py` says what they mean."""

    due: datetime | None = None
    late: Late = "none"
    grace_minutes: int = 0
    late_days: int = 0
    percent_a_day: int | float = 0
    most_percent: int | float = 100
    cut_off_days: int | None = None
    bonus: list[str] = []
    drop: int = 0
    drop_of: list[str] = []
    round_to: int | float | str = ""
    rounding: Direction = "nearest"


class AssignmentFile(msgspec.Struct, forbid_unknown_fields=True):
    """An `assignment.toml`."""

    title: str
    exercises: list[str]
    points: dict[str, int | str] = {}
    limits: dict[str, float] = {}
    forbid: list[str] = []
    packages: list[str] = []
    excused_cells: list[str] = []
    policy: PolicyTable | None = None


def read_toml(path: Path, kind: type[T]) -> T:
    """Read a TOML file into a struct.

    Raises:
        CourseError: it cannot be read, or a field is unknown, missing or of another type.
    """
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
