"""What a run sends to other machines: a course and its data as bundles, submissions as parcels.

A bundle is named by the hash of its bytes, and the receiver refuses bytes of another hash. A parcel
holds the files of one submission as they were handed in, each once, bounded.

Here: packing and unpacking. Not here: sending (`cluster.py`), grading what came
(`cluster_worker.py`).
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import msgspec

from grader.course import Assignment
from grader.digest import MOST_HASHED
from grader.errors import CourseError, KernelLost, SubmissionError
from grader.reading.notebook_file import MOST_BYTES
from grader.reading.sources import Sources
from grader.reading.submissions import load
from grader.records import Attachment, Submission

MOST_BUNDLE_BYTES = 1 << 30
"""Of a course, and of its data: both are held in memory while they are sent."""
MOST_HANDED_IN_BYTES = 64 << 20
"""Of the notebooks of one student; of more, the cells are sent without their outputs."""
_LEVEL = 1  # level 6 takes three times as long and saves a tenth


class _File(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    changed_ns: int
    """Of a file so large that it is identified by it (`digest.py`), 0 otherwise."""


@dataclass(frozen=True)
class Bundle:
    """Files, packed."""

    digest: str
    """sha256 of what is packed, hexadecimal."""
    packed: bytes


@dataclass(frozen=True)
class Parcel:
    """A submission with its files; in place of a path, each of its records has a number."""

    submission: Submission
    files: tuple[bytes, ...]


# ---- bundles


def course_bundle(assignment: Assignment) -> Bundle:
    """Pack the course of an assignment, and the reference beside it.

    Raises:
        CourseError: a file cannot be read, or the course is too large.
    """
    return _bundle(_files_of_course(assignment), "the course", "Keep data outside its folder.")


def data_bundle(folder: Path, files: Iterable[Path]) -> Bundle:
    """Pack files of data sets, which lie in a folder.

    Raises:
        CourseError: a file cannot be read, or they are too large.
    """
    named = [(path.relative_to(folder).as_posix(), path) for path in files]
    return _bundle(named, "the data", "Grade without --data, or on one machine.")


def unpack(bundle: Bundle, folder: Path) -> None:
    """Write the files of a bundle into a folder.

    Raises:
        KernelLost: the bytes are not those that the digest names.
        OSError: a file cannot be written.
    """
    if hashlib.sha256(bundle.packed).hexdigest() != bundle.digest:
        raise KernelLost("a bundle arrived with other bytes than were sent")
    plain = _inflated(bundle.packed, 2 * MOST_BUNDLE_BYTES)
    for file in msgspec.msgpack.decode(plain, type=list[_File]):
        path = folder / _inside(file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if file.changed_ns:
            os.utime(path, ns=(file.changed_ns, file.changed_ns))


def _bundle(files: Iterable[tuple[str, Path]], what: str, remedy: str) -> Bundle:
    found, left = [], MOST_BUNDLE_BYTES
    try:
        for name, path in sorted(files):
            state = path.stat()
            left -= state.st_size
            if left < 0:
                raise CourseError(
                    f"{what} holds more than {MOST_BUNDLE_BYTES >> 20} MiB, which is more than is "
                    f"sent to a cluster. {remedy}"
                )
            changed_ns = state.st_mtime_ns if state.st_size > MOST_HASHED else 0
            found.append(_File(name, path.read_bytes(), changed_ns))
    except OSError as error:
        raise CourseError(f"{error.filename} cannot be read: {error.strerror}.") from None
    packed = zlib.compress(msgspec.msgpack.encode(found), _LEVEL)
    return Bundle(hashlib.sha256(packed).hexdigest(), packed)


def _files_of_course(assignment: Assignment) -> Iterator[tuple[str, Path]]:
    course = assignment.course
    folders = [course.folder]
    if course.reference is not None and not course.reference.is_relative_to(course.folder):
        folders.append(course.reference)
    for folder in folders:
        for path in folder.rglob("*"):
            inside = path.relative_to(folder).parts
            if path.is_file() and not any(map(_is_no_part, inside)):
                yield path.relative_to(course.root).as_posix(), path
    settings = course.root / "conftest.py"
    if settings.is_file():
        yield settings.name, settings


def _is_no_part(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(".pyc")


# ---- parcels


def parcel(submission: Submission) -> Parcel:
    """Pack a submission with the notebooks and files that its grading reads."""
    if sum(one.size for one in submission.due) > MOST_HANDED_IN_BYTES:
        submission = load(submission)
    try:
        return _parcel(submission)
    except SubmissionError:  # the same sentence as where it is graded
        return _parcel(load(submission))


def opened(received: Parcel, folder: Path) -> Submission:
    """Write the files of a parcel into a folder; return the submission that has them there.

    Raises:
        OSError: a file cannot be written.
    """
    for number, packed in enumerate(received.files):
        (folder / str(number)).write_bytes(_inflated(packed, MOST_BYTES + 1))

    def here(one: Attachment) -> Attachment:
        return replace(one, path=str(folder / one.path), member="")

    submission = received.submission
    return replace(
        submission,
        due=tuple(map(here, submission.due)),
        attachments=tuple(map(here, submission.attachments)),
    )


def _parcel(submission: Submission) -> Parcel:
    numbers: dict[tuple[str, str], str] = {}
    files: list[bytes] = []

    def numbered(sources: Sources, one: Attachment) -> Attachment:
        place = (one.path, one.member)
        if place not in numbers:
            content = sources.read(*place, most=MOST_BYTES)
            numbers[place] = str(len(files))
            files.append(zlib.compress(content, _LEVEL))
        return replace(one, path=numbers[place], member="")

    with Sources() as sources:
        due = tuple(numbered(sources, one) for one in submission.due)
        beside = []
        for one in submission.attachments:
            try:
                beside.append(numbered(sources, one))
            except SubmissionError:  # it is left out where it is read, too
                beside.append(replace(one, path="none", member=""))
    made = replace(submission, due=due, attachments=tuple(beside))
    return Parcel(made, tuple(files))


def _inflated(packed: bytes, most: int) -> bytes:
    plain = zlib.decompressobj().decompress(packed, most + 1)
    if len(plain) > most:
        raise KernelLost("what arrived holds more than was sent")
    return plain


def _inside(name: str) -> Path:
    """Return a name as a path inside a folder.

    Raises:
        KernelLost: it leads out of it.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise KernelLost(f"a bundle holds a file outside its folder: {name!r}")
    return Path(*path.parts)
