"""Where the bytes of a file are, and how they are read when they are due.

A file lies on disk, or in an archive, or in an archive inside an archive. Its `Attachment` says
where; nothing of it is in memory until it is read.

Here: reading one file at a time, bounded. Not here: what a zip file is (`archives.py`), which
files there are (`tree.py`).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from grader.errors import SubmissionError
from grader.reading.archives import Archive, Budget
from grader.records import Attachment

INSIDE = "\0"
"""Between the names of members, where an archive lies inside another; no name has it."""
MOST_ATTACHMENT_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


class Sources:
    """Reads files; archives that were used last stay open, since files are read in their order."""

    def __init__(self, encoding: str = "") -> None:
        self._encoding = encoding
        self._budgets: dict[str, Budget] = {}
        self._open: dict[tuple[str, ...], Archive] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def archive(self, path: str, member: str = "") -> Archive:
        """Open an archive on disk, or the one that is a member of it.

        Raises:
            SubmissionError: it cannot be read.
        """
        return self._archive((path, *(member.split(INSIDE) if member else ())))

    def read(self, path: str, member: str = "", *, most: int) -> bytes:
        """Return the bytes of a file, of one on disk at most `most` and one more.

        Raises:
            SubmissionError: it cannot be read, or is no regular file.
        """
        if not member:
            return _on_disk(path, most)
        *archives, last = member.split(INSIDE)
        return self._archive((path, *archives)).read_key(last)

    def digest(self, path: str, member: str = "", *, most: int) -> str:
        """Return the sha256 of a file, read in pieces.

        Raises:
            SubmissionError: it cannot be read, is no regular file, or holds more than `most` bytes.
        """
        total, size = hashlib.sha256(), 0
        for data in self._pieces(path, member):
            total.update(data)
            if (size := size + len(data)) > most:
                raise SubmissionError(
                    f"it is too large (more than {most >> 20} MiB); ask the student to clear the "
                    "outputs and to hand it in again."
                )
        return total.hexdigest()

    def _pieces(self, path: str, member: str) -> Iterator[bytes]:
        if member:
            *archives, last = member.split(INSIDE)
            yield from self._archive((path, *archives)).pieces_of_key(last)
            return
        with _opened(path) as file:
            while data := file.read(_PIECE_BYTES):
                yield data

    def _archive(self, place: tuple[str, ...]) -> Archive:
        if place in self._open:
            return self._open[place]
        for other in list(
            self._open
        ):  # an archive inside an archive is held in memory: few at once
            if place[: len(other)] != other:
                self._open.pop(other).__exit__()
        path, *inner = place
        if not inner:
            _refuse_special(path)
            budget = self._budgets.setdefault(path, Budget())
            made = Archive(Path(path), budget=budget, encoding=self._encoding)
        else:
            outer = self._archive(place[:-1])
            data = outer.read_key(inner[-1])
            made = Archive(data, budget=outer.budget, encoding=self._encoding)
        self._open[place] = made
        return made

    def _close(self) -> None:
        while self._open:
            self._open.popitem()[1].__exit__()


def read_attachment(attachment: Attachment) -> bytes:
    """Return the bytes of a file that lies beside a notebook.

    Raises:
        SubmissionError: it cannot be read, or is too large.
    """
    with Sources() as sources:
        data = sources.read(attachment.path, attachment.member, most=MOST_ATTACHMENT_BYTES)
    if len(data) > MOST_ATTACHMENT_BYTES:
        raise SubmissionError("it is too large to lie beside a notebook; hand in a smaller one.")
    return data


def mark_of(path: str) -> str:
    """Return a hash of a file on disk; empty for one that cannot be read."""
    try:
        return hashlib.sha256(_on_disk(path, MOST_ATTACHMENT_BYTES)).hexdigest()
    except (OSError, SubmissionError):
        return ""


def is_special(path: str) -> bool:
    """Return whether a path is neither a regular file nor a folder: a pipe, a device, a socket."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _refuse_special(path: str) -> None:
    if is_special(path):  # a named pipe would be waited for
        raise SubmissionError("it is no regular file; hand in the file itself.")


def _on_disk(path: str, most: int) -> bytes:
    with _opened(path) as file:
        return file.read(most + 1)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if not os.path.isfile(path):
        raise SubmissionError("it is no regular file; hand in the file itself.")
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise SubmissionError(
            f"the file cannot be opened ({error.strerror}); check its permissions."
        ) from error
