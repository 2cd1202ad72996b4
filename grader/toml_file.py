"""The settings files of a course, field by field; an invalid file is a `CourseError`.

The message names the file and the field. Not here: what the settings mean (`course.py`).
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar, get_args

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
        raise CourseError(f"{clean(str(path))}: {one_line(_in_words(str(error), kind))}.") from None


_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*?)`(?: - at `\$\.?(?P<at>.*)`)?")
_OTHER_TYPE = re.compile(r"Expected `(?P<due>.*?)`, got `(?P<got>.*?)` - at `\$\.?(?P<at>.*)`")
_OTHER_WORD = re.compile(r"Invalid enum value (?P<got>.*) - at `\$\.?(?P<at>.*)`")
_TYPES = {
    "datetime": "a date with its time and zone, as in 2026-03-14T23:59:00+09:00",
    "date": "a date", "int": "a whole number", "float": "a number", "int | float": "a number",
    "str": "text in quotes", "array": "a list in [ ]", "object": "a table", "bool": "true or false",
    "int | str": "a whole number or text in quotes", "int | float | str": "a number or text",
}  # fmt: skip


def _in_words(said: str, kind: type) -> str:
    """Return what is wrong with a file and how to write it, from the words of the parser."""
    if found := _UNKNOWN.fullmatch(said):
        place = f" in [{found['at']}]" if found["at"] else ""
        has = ", ".join(field.name for field in _fields(kind, found["at"] or ""))
        return f"unknown field `{found['name']}`{place}" + (f"; it has: {has}" if has else "")
    if found := _OTHER_TYPE.fullmatch(said):
        due = found["due"].removesuffix(" | null")
        got = _TYPES.get(found["got"], found["got"]).partition(",")[0]
        return f"`{found['at']}` needs {_TYPES.get(due, due)}; it is {got}"
    if found := _OTHER_WORD.fullmatch(said):
        table, _, name = found["at"].rpartition(".")
        words = [
            word for one in _fields(kind, table) if one.name == name for word in get_args(one.type)
        ]
        either = f"; it is one of: {', '.join(map(str, words))}" if words else ""
        return f"`{found['at']}` cannot be {found['got']}{either}"
    return f"{said}; check dates, quotes and brackets there" if "(at line" in said else said


def _fields(kind: type, place: str) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of the table at a place such as `policy` or `data[0]`; none of another."""
    for name in re.sub(r"\[.*?\]", "", place).split(".") if place else ():
        types = [one.type for one in msgspec.structs.fields(kind) if one.name == name]
        among = [part for one in types for part in (one, *get_args(one))]
        inner = [one for one in among if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        if not inner:
            return ()
        kind = inner[0]
    return msgspec.structs.fields(kind)
