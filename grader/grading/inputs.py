"""Everything that decides a result, by name: hashes of sources and data, versions, isolation.

Equal inputs give equal results. Nothing here loads torch: versions are read from the metadata of
installed packages, so that a run with nothing new stays short.

Here: inputs from the grader and this machine. Not here: inputs from the run, and how a key is made
(`plan.py`); the digest of the course's files (`course.py`).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.digest import hash_file, hash_files

PACKAGE = Path(__file__).resolve().parent.parent
LIBRARIES = ("torch", "torchvision", "numpy", "hypothesis", "pytest", "ipykernel", "ipython")
# reports and schedulers decide no result; the course has its own digest
_NO_PART = frozenset({"report", "runs", "course", "cli.py", "doctor.py", "__main__.py"})


@functools.cache
def grader_source() -> str:
    """Hash the grader's own files, without those that only show or schedule."""
    files = (
        path
        for path in PACKAGE.rglob("*")
        if path.relative_to(PACKAGE).parts[0] not in _NO_PART and "__pycache__" not in path.parts
    )
    return hash_files(sorted(path for path in files if path.is_file()), PACKAGE)


@functools.cache
def libraries() -> str:
    """Return the versions of Python and the libraries, and the kind of processor."""
    found = [f"Python {platform.python_version()}", platform.machine()]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} none")
    return ", ".join(found)


@functools.cache
def means_of_isolation() -> str:
    """Return what the walls of this machine are built from, and which do not stand."""
    if sys.platform != "linux":
        return sys.platform
    from grader.sandbox import linux, syscalls, walls  # noqa: PLC0415  (no other system has them)

    user = "root" if os.geteuid() == 0 else "user"
    seccomp = "seccomp" if syscalls.supported() else "no seccomp"
    missing = ", ".join(walls.missing_here())
    stand = f"all walls but {missing}" if missing else "all walls"
    return f"linux, {user}, Landlock {linux.landlock_abi()}, {seccomp}, {stand}"


def data_identity(files: Sequence[Path]) -> str:
    """Hash the contents of data files, without their paths; empty for no files."""
    found = [path.name.encode() + b"\0" + hash_file(path) for path in files]
    return hashlib.blake2b(b"".join(found), digest_size=32).hexdigest() if found else ""
