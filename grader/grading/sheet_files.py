"""Files of sheets: a folder of the user that outlives a run, safe for several runs at once.

A file is written beside its place and moved there, so a reader finds a whole one or none. A file
decides verdicts. So it must belong to the user and be writable by no other. Its contents are
hashed, and anything else there is ignored and written again. The folder has a bound; what was used
longest ago is removed first.

Here: the folder, its files as bytes, their sizes and removal. Not here: what the bytes mean
(`sheet_content.py`), when they are read and written (`sheets.py`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "GRADER_CACHE"
OFF = "off"
MOST_BYTES = 512 << 20
_MOST_FILE = 64 << 20
_FULL = 0.9  # of the bound, after the oldest files are removed
_ABANDONED_S = 3_600.0
_SUFFIX, _UNFINISHED = ".sheet", ".part"
_MAGIC = b"GRADER SHEET 1\n"
_HASH_BYTES = 32
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder of sheets: `GRADER_CACHE`, or one in the user's cache; None for `off`."""
    chosen = environment.get(VARIABLE, "")
    if chosen == OFF:
        return None
    if chosen:
        return Path(chosen).absolute()
    home = environment.get("XDG_CACHE_HOME", "")
    if os.path.isabs(home):
        return Path(home) / "grader"
    with suppress(RuntimeError):  # a user without a home
        return Path.home() / ".cache" / "grader"
    return None


@dataclass(frozen=True)
class Entry:
    """One file of the folder."""

    path: Path
    size: int
    used: float
    """When it was last read or written, in seconds since 1970."""

    @property
    def assignment(self) -> str:
        """The assignment of its exercise."""
        return self.path.parent.name


class SheetFiles:
    """The sheets of one folder. No method raises where the folder cannot be used.

    Args:
        folder: made when the first file is written.
        most_bytes: of all files together.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes

    def read(self, assignment: str, exercise: str, key: str) -> bytes | None:
        """Return what was written for an exercise under this key; None if that cannot be had."""
        path = self._path(assignment, exercise, key)
        try:
            if not _is_ours(path.parent.stat()):
                return None
            found = _bytes_of(path)
        except OSError:
            return None
        start = len(_MAGIC) + _HASH_BYTES
        if found is None or found[:start] != _MAGIC + _hash(found[start:]):
            return None
        with suppress(OSError):
            os.utime(path)
        return found[start:]

    def write(self, assignment: str, exercise: str, key: str, content: bytes) -> None:
        """Keep bytes for an exercise under a key, in place of those that are there."""
        if len(content) > _MOST_FILE - len(_MAGIC) - _HASH_BYTES:
            return
        path = self._path(assignment, exercise, key)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(path.parent.stat()):
                return
            number, part = tempfile.mkstemp(dir=path.parent, suffix=_UNFINISHED)
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(_MAGIC + _hash(content) + content)
                os.replace(part, path)
            except OSError:
                with suppress(OSError):
                    os.unlink(part)
                return
            self._make_room()

    def entries(self) -> list[Entry]:
        """Return all files, the one that was used longest ago first."""
        return sorted(self._found(_SUFFIX), key=lambda entry: entry.used)

    def clear(self) -> list[Entry]:
        """Remove all files, unfinished ones too; return those that are gone."""
        gone = [entry for entry in self.entries() if _remove(entry.path)]
        for entry in self._found(_UNFINISHED):
            _remove(entry.path)
        return gone

    def _make_room(self) -> None:
        entries = self.entries()
        total = sum(entry.size for entry in entries)
        if total > self._most_bytes:
            for entry in entries:
                if total <= _FULL * self._most_bytes:
                    break
                total -= entry.size
                _remove(entry.path)
        for entry in self._found(_UNFINISHED):  # of a run that was killed
            if time.time() - entry.used > _ABANDONED_S:
                _remove(entry.path)

    def _path(self, assignment: str, exercise: str, key: str) -> Path:
        return self.folder / "sheets" / assignment / f"{exercise}-{key[:32]}{_SUFFIX}"

    def _found(self, suffix: str) -> Iterator[Entry]:
        with suppress(OSError):
            for path in (self.folder / "sheets").glob(f"*/*{suffix}"):
                with suppress(OSError):
                    state = path.lstat()
                    yield Entry(path, state.st_size, state.st_mtime)


def _bytes_of(path: Path) -> bytes | None:
    """Return a file's bytes; None for a link, a pipe, a large file, or one of another user.

    Raises:
        OSError: it cannot be read.
    """
    flags = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    with open(os.open(path, os.O_RDONLY | flags), "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode) or not _is_ours(state) or state.st_size > _MOST_FILE:
            return None
        return file.read(_MOST_FILE)


def _is_ours(state: os.stat_result) -> bool:
    """Return whether only this user can have written a file or a folder."""
    if not hasattr(os, "geteuid"):  # access lists of the user's folder decide
        return True
    return state.st_uid == os.geteuid() and not state.st_mode & _OTHERS_WRITE


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).digest()


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
