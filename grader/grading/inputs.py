"""What decides a result, by name: hashes of sources and data, versions, the means of isolation.

Two results with the same inputs are the same result. Nothing here loads torch: versions are read
from the metadata of what is installed, so that a run with nothing new stays short.

Here: what the grader and this machine bring. Not here: what the run asks for and how a key is made
(`plan.py`), the digest of the course's files (`course.py`).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
LIBRARIES = ("torch", "torchvision", "numpy", "hypothesis", "pytest", "ipykernel", "ipython")
# what shows results and hands them on decides none; the course has a digest of its own
_NO_PART = frozenset({"report", "runs", "course", "cli.py", "doctor.py", "__main__.py"})
_MOST_HASHED = 64 << 20


@functools.cache
def grader_source() -> str:
    """Hash the grader's own files, those aside that only show or schedule."""
    files = (
        path
        for path in PACKAGE.rglob("*")
        if path.relative_to(PACKAGE).parts[0] not in _NO_PART and "__pycache__" not in path.parts
    )
    return hash_of(sorted(path for path in files if path.is_file()), PACKAGE)


@functools.cache
def libraries() -> str:
    """Name the versions of Python and of the libraries, and the kind of processor."""
    found = [f"Python {platform.python_version()}", platform.machine()]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} none")
    return ", ".join(found)


def means_of_isolation() -> str:
    """Name what the walls of this machine are built from."""
    if sys.platform != "linux":
        return sys.platform
    from grader.sandbox import linux, syscalls  # noqa: PLC0415  (no other system has them)

    user = "root" if os.geteuid() == 0 else "user"
    seccomp = "seccomp" if syscalls.supported() else "no seccomp"
    return f"linux, {user}, Landlock {linux.landlock_abi()}, {seccomp}"


def hash_of(paths: Iterable[Path], root: Path) -> str:
    """Hash the names, below `root`, and the contents of files.

    Of a very large one the size and the time of its last change stand for the content. One that
    is gone or cannot be read counts as such.
    """
    total = hashlib.blake2b(digest_size=32)
    for path in paths:
        total.update(os.fsencode(path.relative_to(root).as_posix()) + b"\0")
        total.update(_content(path))
    return total.hexdigest()


def data_identity(files: Sequence[Path]) -> str:
    """Hash the contents of data files; empty without any. Where they lie does not count."""
    found = [path.name.encode() + b"\0" + _content(path) for path in files]
    return hashlib.blake2b(b"".join(found), digest_size=32).hexdigest() if found else ""


def _content(path: Path) -> bytes:
    try:
        state = path.stat()
        if state.st_size > _MOST_HASHED:
            return f"{state.st_size} bytes, {state.st_mtime_ns}".encode()
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).digest()
    except OSError as error:
        return f"unreadable: {error.errno}".encode()
