"""Reads a settings file of a course into a record; an invalid file is a `CourseError`.

The message names the file and the field. Not here: what the files say (`course.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from grader.errors import CourseError
from grader.text import clean, one_line

T = TypeVar("T")
_MOST_BYTES = 256 << 10
# the parser keeps every beginning of a dotted key: 40 KB of `a.a.a.a` took 1.6 GB
_MOST_DOTS = 200


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
