"""Zip files as a learning management system or a student hands them out: members, and whose.

An archive is a stranger's data: never unpacked to disk, every member read under a bound, the
number and the sum bounded too. Names are repaired (cp949, backslashes, NFC).

Here: members of a zip, and the name patterns of Canvas, Moodle and Blackboard. Not here: which
members are graded (`submissions.py`).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import SubmissionError
from grader.text import name as tidy_name

MOST_MEMBERS = 10_000
MOST_MEMBER_BYTES = 64 << 20
MOST_BYTES = 1 << 30
# a directory entry is 46 bytes, its name and extras; 1 KiB each is generous
_MOST_DIRECTORY_BYTES = MOST_MEMBERS << 10
# LZMA is left out: its header may ask for a dictionary of 4 GiB, and no system hands it out
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)

# The patterns were derived from the sources of the three systems and tried on Hangul names.
_CANVAS = re.compile(
    r"(?:(?P<name>\w+?)(?:_LATE|_late)?_(?P<id>\d+)|(?:LATE_)?(?P<anon>anon_\w+?))"
    r"(?:_\d+_.+|_(?:text|link)\.html)"
)
_MOODLE = re.compile(r"(?P<name>[^/_]+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_.*)?")
_BLACKBOARD = re.compile(r".+?_(?P<name>[^_]+)_attempt_\d{4}(?:-\d\d){5}(?:_.+|\.txt)")


@dataclass
class Budget:
    """Bytes that may still be read out of one archive, the archives inside it included."""

    left: int = field(default=MOST_BYTES)


@dataclass(frozen=True)
class Member:
    """One file inside an archive."""

    folders: tuple[str, ...]
    name: str
    archive: Archive
    info: zipfile.ZipInfo

    @property
    def path(self) -> str:
        """Its path inside the archive, repaired, for people."""
        return "/".join((*self.folders, self.name))

    def read(self) -> bytes:
        """Return its bytes.

        Raises:
            SubmissionError: it is encrypted, damaged or too large.
        """
        return self.archive.read(self.info)


class Archive:
    """A zip file that is open for reading.

    Raises:
        SubmissionError: the file is no zip file, or one with too many members.
    """

    def __init__(self, source: Path | bytes, *, budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        try:
            file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        except OSError as error:
            raise SubmissionError(
                f"the zip file cannot be opened ({error.strerror}); check its permissions."
            ) from error
        try:
            opening = _Opening(file)
            self._zip = zipfile.ZipFile(opening)
            opening.limit = None
        except SubmissionError:
            file.close()
            raise
        except Exception as error:  # zipfile lets a dozen kinds through: struct, zlib, Unicode, ...
            file.close()
            raise _damaged(error) from error
        self._file = file

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def members(self) -> list[Member]:
        """List the files, in the order of their repaired names."""
        infos = self._zip.infolist()
        if len(infos) > MOST_MEMBERS:
            raise _too_many()
        found = []
        for info in infos:
            parts = [tidy_name(part) for part in _repaired(info).split("/") if part.strip(". ")]
            if parts and not info.is_dir():
                found.append(Member(tuple(parts[:-1]), parts[-1], self, info))
        return sorted(found, key=lambda member: (member.folders, member.name))

    def read(self, info: zipfile.ZipInfo) -> bytes:
        """Return the bytes of one member; see `Member.read`."""
        if info.flag_bits & 1:
            raise SubmissionError(
                "the zip file is locked with a password; ask for it to be handed in without one."
            )
        if info.compress_type not in _METHODS:
            raise SubmissionError(
                "the zip file is packed in an unusual way; ask for an ordinary zip or the notebook."
            )
        most = min(MOST_MEMBER_BYTES, self._budget.left)
        # paid before it is read: ten thousand members that turn out too large or damaged cost too
        self._budget.left -= min(info.file_size, most)
        try:
            with self._zip.open(info) as file:
                data = file.read(most + 1)  # the size written in the archive is not believed
        except Exception as error:  # as above
            raise _damaged(error) from error
        if len(data) > most:
            raise SubmissionError(
                f"it is too large (more than {most >> 20} MiB once unpacked); ask the student to "
                "clear the outputs and to hand it in again."
            )
        return data

    @property
    def budget(self) -> Budget:
        """What may still be read."""
        return self._budget


def owners(members: Iterable[Member]) -> Mapping[Member, str]:
    """Say whose file each member is, by the names that Canvas, Moodle and Blackboard give.

    Empty for an archive that none of them made. Two people of the same name are told apart by the
    number that the system gave them.
    """
    members = list(members)
    for system, pattern in ((_moodle, _MOODLE), (_blackboard, _BLACKBOARD), (_canvas, _CANVAS)):
        found = {member: system(member, pattern) for member in members}
        people = {member: person for member, person in found.items() if person}
        # a student's own zip may hold one file that happens to look right: all must
        if people and len(people) == len(members):
            return _told_apart(people)
    return {}


@dataclass(frozen=True)
class _Person:
    name: str
    id: str


def _moodle(member: Member, pattern: re.Pattern[str]) -> _Person | None:
    top = (*member.folders, member.name)[0]
    match = pattern.fullmatch(top)
    return _Person(match["name"], match["id"]) if match else None


def _blackboard(member: Member, pattern: re.Pattern[str]) -> _Person | None:
    match = None if member.folders else pattern.fullmatch(member.name)
    return _Person(match["name"], match["name"]) if match else None


def _canvas(member: Member, pattern: re.Pattern[str]) -> _Person | None:
    match = None if member.folders else pattern.fullmatch(member.name)
    if not match:
        return None
    return _Person(match["anon"] or match["name"], match["id"] or match["anon"])


def _told_apart(people: Mapping[Member, _Person]) -> dict[Member, str]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for person in people.values():
        ids[person.name].add(person.id)
    return {
        member: tidy_name(
            f"{person.name}_{person.id}" if len(ids[person.name]) > 1 else person.name
        )
        for member, person in people.items()
    }


class _Opening:
    """A file of which `zipfile` reads the directory, which has a limit while it does so.

    It reads all entries at once and makes an object of each; where the directory is, and how long,
    can be said in several places that contradict each other, so what it reads is what counts.
    """

    def __init__(self, file: io.BufferedReader | io.BytesIO) -> None:
        self._file = file
        self.limit: int | None = _MOST_DIRECTORY_BYTES
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read as a file does, but never more than the limit at once."""
        if self.limit is not None and size > self.limit:
            raise _too_many()
        return self._file.read(size)


def _damaged(error: Exception) -> SubmissionError:
    what = str(error) or type(error).__name__
    return SubmissionError(f"the zip file is damaged ({what}); ask for it to be handed in again.")


def _too_many() -> SubmissionError:
    return SubmissionError(
        f"the zip file holds more than {MOST_MEMBERS:,} files; ask for the notebook alone."
    )


def _repaired(info: zipfile.ZipInfo) -> str:
    """Decode the name of a member: not flagged as UTF-8, it is UTF-8 or cp949 all the same."""
    text = info.filename
    if not info.flag_bits & 0x800:
        raw = text.encode("cp437", "replace")
        for encoding in ("utf-8", "cp949"):
            try:
                text = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return text if "/" in text else text.replace("\\", "/")
