"""Every exception the grader raises on purpose, arranged by cause.

GraderError
  UsageError         the user: a path, an option, an exercise name
  CourseError        the course team: an exercise.toml, a check, a reference
  SubmissionError    what was handed in cannot be read
  StudentError       the student's code: NameNotDefined, StudentRaised, CallTimedOut,
                     BadAnswer, KernelDied, OutOfMemory, GpuOutOfMemory,
                     TooMuchAnswered
  SandboxError       grader or machine, so no points are lost: SandboxUnavailable, KernelLost,
                     CannotStore, GpuUnavailable

Here: what went wrong, whose it is, its traceback as text. Not here: which verdict follows
(`verdict.py`).
"""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from grader.text import clip

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a full or failing disk, or of a quota: the machine's fault, not the user's."""

_MOST_LINE = 500


def traceback_of(error: BaseException, *, limit: int = 8_000) -> str:
    """Return the traceback of an error as text of bounded length, to be stored.

    Of a longer one both ends are kept: where it began, and the error. A line is cut on its own,
    for the message of an error may hold what a student wrote.
    """
    lines = "".join(traceback.format_exception(error)).splitlines()
    text = "\n".join(clip(line, limit=_MOST_LINE) for line in lines)
    if len(text) <= limit:
        return text
    start = limit // 4
    left_out = "\n  ... lines left out ...\n"
    return text[:start] + left_out + text[start + len(left_out) - limit :]


def in_words(error: Exception) -> str:
    """Describe an internal error: its sentence, or its type and place in the code."""
    if isinstance(error, SandboxError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"{type(error).__name__}: {error} ({where})"


class GraderError(Exception):
    """The root: everything the grader raises on purpose."""


class UsageError(GraderError):
    """A command cannot do what was asked; the message names the remedy."""


class CourseError(GraderError):
    """A file of the course is wrong: settings, a check, a bank of mistakes."""


class SubmissionError(GraderError):
    """A file that was handed in cannot be read."""


class StudentError(GraderError):
    """The student's code is the cause."""

    missing: tuple[str, ...] = ()
    """Packages that are not here and that the code used, as its own side says."""
    seen: bytes = b""
    """Digest of what a check sees of it, without its place; empty where it is not compared."""


class NameNotDefined(StudentError):
    """The notebook defines no such name.

    `reason` says why, as a predicate: `is defined in cell 12, which raised NameError: ...`.
    """

    def __init__(self, name: str, reason: str = "") -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name} {self.reason or 'is not defined in this notebook'}."


class NotAttempted(NameNotDefined):
    """No cell holds a value that belongs to an exercise; names like it may belong to others.

    `wanted` is that value in words; `reason`, if any, is of a failed cell with its name.
    """

    def __init__(self, name: str, wanted: str, reason: str = "") -> None:
        super().__init__(name, reason)
        self.args = (name, wanted, reason)  # so that pickling works
        self.wanted = wanted

    def __str__(self) -> str:
        told = f" {self.name} {self.reason}." if self.reason else ""
        return f"No cell was found that makes {self.wanted}.{told}"


class NothingTrained(NameNotDefined):
    """No cell of the notebook trains a model of the kind that is asked for."""

    def __str__(self) -> str:
        return (
            f"No cell was found that trains a {self.name}: one that makes it, or uses a name that "
            "holds it, and calls fit, backward or a function named train... ."
        )


class StudentRaised(StudentError):
    """The student's code raised an exception while it was being called."""

    def __init__(self, call: str, kind: str, message: str, where: str = "") -> None:
        super().__init__(call, kind, message, where)
        self.call = call
        self.kind = kind
        """The exception's type; empty where the request could not be carried out."""
        self.message = message
        self.where = where

    def __str__(self) -> str:
        if not self.kind:
            return f"{self.call} cannot be done: {self.message}"
        place = f" ({self.where})" if self.where else ""
        text = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{self.call} raised {text}{place}"


class CallTimedOut(StudentError):
    """A call into the student's code took longer than it may.

    `of_processor`: the limit is one of processor seconds, not of the wall clock.
    """

    def __init__(self, call: str, limit_s: float, of_processor: bool = False) -> None:
        super().__init__(call, limit_s, of_processor)
        self.call = call
        self.limit_s = limit_s
        self.of_processor = of_processor

    @property
    def limit(self) -> str:
        """The limit in words."""
        return f"{self.limit_s:g} s" + " of processor time" * self.of_processor

    def __str__(self) -> str:
        return f"{self.call} took longer than {self.limit}"


class BadAnswer(StudentError):
    """A call returned a value of the wrong kind: a generator, None, a wrong type."""

    def __init__(self, call: str, got: str, expected: str) -> None:
        super().__init__(call, got, expected)
        self.call = call
        self.got = got
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.call} returned {self.got}, expected {self.expected}"


class KernelDied(StudentError):
    """The student's code ended its own process, or made it send malformed answers."""

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.call} ended the notebook's process: {self.reason}"


class OutOfMemory(StudentError):
    """The student's process tree exceeded its memory limit and was ended."""

    def __init__(self, call: str, limit_bytes: int) -> None:
        super().__init__(call, limit_bytes)
        self.call = call
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"{self.call} needed more than the {self.limit_bytes >> 20} MiB of memory allowed"


class TooMuchAnswered(OutOfMemory):
    """All answers to the questions of one exercise, or of a notebook, exceed their limit."""

    def __str__(self) -> str:
        return (
            f"{self.call} was not asked: the answers so far already take more than the "
            f"{self.limit_bytes >> 20} MiB that the grader accepts"
        )


class MemoryRefused(OutOfMemory):
    """The student's code was refused memory above its limit; its process lives on."""

    where = ""

    def __init__(self, call: str, message: str) -> None:
        super().__init__(call, 0)
        self.args = (call, message)  # so that pickling works
        self.message = message

    def __str__(self) -> str:
        told = f": {self.message}" if self.message else ""
        return f"{self.call} needed more memory{self.where} than it may use{told}"


class GpuOutOfMemory(MemoryRefused):
    """The student's code asked for more memory of the GPU than it may use."""

    where = " of the GPU"


class SandboxError(GraderError):
    """The grader or this machine failed: no points are lost, an instructor decides."""


class SandboxUnavailable(SandboxError):
    """This machine lacks something the sandbox is built from."""

    def __init__(self, missing: str, remedy: str) -> None:
        super().__init__(missing, remedy)
        self.missing = missing
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot isolate student code: {self.missing}. {self.remedy}"


class KernelLost(SandboxError):
    """A kernel could not be started, or was lost for a reason outside the student's code."""


class CannotStore(SandboxError):
    """A file of the grader cannot be written: a full disk, a quota, a lost network folder."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"cannot write {self.path}: {self.reason}. Make room there, or choose another --out, "
            "and give the same command again: what is stored is not graded twice."
        )


class GpuUnavailable(SandboxError):
    """A GPU is present but cannot be used; the message names the remedy."""
