"""Hashes of the files that a stored result depends on; their place on the disk does not count.

Here: which files of a course count, and their hash. Not here: versions of libraries and data
(`grading/inputs.py`), the key of a result (`grading/plan.py`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_MOST_HASHED = 64 << 20
_NO_PART = ("~", ".pyc", ".md", ".rst")


def hash_files(paths: Iterable[Path], root: Path) -> str:
    """Hash the names, below `root`, and the contents of files.

    Raises:
        OSError: a file cannot be read.
    """
    total = hashlib.blake2b(digest_size=32)
    for path in paths:
        total.update(os.fsencode(path.relative_to(root).as_posix()) + b"\0")
        total.update(hash_file(path))
    return total.hexdigest()


def hash_file(path: Path) -> bytes:
    """Hash a file; of a very large one, its size and the time of its last change.

    Raises:
        OSError: it cannot be read.
    """
    state = path.stat()
    if state.st_size > _MOST_HASHED:
        return f"{state.st_size} bytes, {state.st_mtime_ns}".encode()
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).digest()


def assignment_files(
    folder: Path, course: Path, root: Path, reference: Path | None
) -> Iterator[Path]:
    """Yield the files of an assignment, its course and the reference, but of no other assignment.

    A folder outside any course is itself a course; of the folders around it, only a conftest.py
    counts, which pytest reads.

    Args:
        folder: of the assignment.
        course: of its course; the same where it stands alone.
        root: the folder from which modules of the course are imported.
        reference: of the right answers, where there is one.
    """
    yield from _files_below(folder)
    if course == folder:
        yield from filter(Path.is_file, [folder.parent / "conftest.py"])
    else:
        for path in sorted(course.iterdir()):
            if not path.is_dir():
                yield from filter(_counts, [path])
            elif path != folder and not (path / "assignment.toml").is_file() and _counts(path):
                yield from _files_below(path)
    yield from filter(Path.is_file, [root / "conftest.py"])
    if reference is not None and not reference.is_relative_to(course):
        yield from _files_below(reference)


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        # a dangling link is an error; a pipe or device is left out
        if (path.is_file() or (path.is_symlink() and not path.exists())) and all(
            _counts(Path(part)) for part in inside.parts
        ):
            yield path


def _counts(path: Path) -> bool:
    """Return whether a file or folder can decide a grade: no cache, no hidden file, no notes."""
    name = path.name
    return not name.startswith(".") and name != "__pycache__" and not name.endswith(_NO_PART)
