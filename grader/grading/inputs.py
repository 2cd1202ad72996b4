"""Everything that decides a result, by name: hashes of sources and data, versions, isolation.

Equal inputs give equal results. Nothing here loads torch: versions are read from the metadata of
installed packages, so that a run with nothing new stays short.

Here: inputs from the grader, this machine and the checks of each exercise. Not here: inputs from
the run, and how a key is made (`plan.py`); which files an exercise depends on (`digest.py`).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.course import Assignment, Exercise
from grader.digest import ExerciseFiles, hash_file, hash_files
from grader.errors import CourseError
from grader.grading.handout import handed_out_files

PACKAGE = Path(__file__).resolve().parent.parent
LIBRARIES = ("torch", "torchvision", "numpy", "hypothesis", "pytest", "ipykernel", "ipython")
# reports and schedulers decide no result; the course has its own digest
_NO_PART = frozenset(
    {
        *("report", "runs", "serve", "similar", "course", "cli", "doctor.py", "__main__.py"),
        *("decisions.py", "policy.py", "policy_settings.py"),
    }
)


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


def checks_of(assignment: Assignment) -> Mapping[str, str]:
    """Return a hash of all that each exercise's checks depend on, by the exercise's name.

    It holds the exercises that are asked for and those that these build on. An exercise depends on
    those that it builds on, since it is asked again with their right parts, and not on any other.

    Raises:
        CourseError: a file cannot be read.
    """
    course, every = assignment.course, assignment.every
    text = handed_out_files(assignment)
    parts = assignment.parts_file
    files = ExerciseFiles(
        assignment.folder, course.folder, course.root, course.reference,
        exercises=[one.folder for one in every], notebooks=course.environment.folder,
        apart=[assignment.folder / "assignment.toml", parts, *text],
    )  # fmt: skip
    rules = (assignment.forbid, assignment.packages, assignment.excused_cells)
    others = [(one.name, one.kind, one.names, one.layers) for one in every]
    asked = judged(assignment)
    found: dict[str, str] = {}
    try:
        for one in asked:
            more = [parts] if one.builds_on and parts.is_file() else []
            more += text if one.kind == "answers" else []
            # models without a name are told apart by the names and layers of all exercises
            settings = (rules, str(one.total), one.optional, others if one.layers else ())
            found[one.name] = _hash(files.digest(one.folder, more), repr(settings))
    except OSError as error:
        raise CourseError(f"{error.filename} cannot be read: {error.strerror}.") from None
    return {
        one.name: _hash(*(found[name] for name in (one.name, *builds_on(one, every))))
        for one in asked
    }


def judged(assignment: Assignment) -> tuple[Exercise, ...]:
    """Return the exercises that are asked for and those that they build on."""
    every = assignment.every
    wanted = {name for one in assignment.exercises for name in builds_on(one, every)}
    wanted |= {one.name for one in assignment.exercises}
    return tuple(one for one in every if one.name in wanted)


def builds_on(exercise: Exercise, every: Sequence[Exercise]) -> tuple[str, ...]:
    """Return the exercises that one builds on, directly or by others, in the assignment's order."""
    by_name = {one.name: one for one in every}
    found: set[str] = set()
    todo = {exercise.name}
    while todo:
        found |= todo
        used = {name for one in todo for name in by_name[one].builds_on}
        todo = used & by_name.keys() - found
    return tuple(one.name for one in every if one.name in found - {exercise.name})


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=32).hexdigest()
