"""Zip files as a learning management system or a student hands them out: members, and whose.

An archive is untrusted data: never unpacked to disk, every member read under a bound, the
number and the sum bounded too. Names are repaired (`zip_names.py`, backslashes, NFC).

Here: the members of one zip and their bytes. Not here: archives inside archives and when a member
is read (`sources.py`), whose a member is (`owners.py`).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import SubmissionError
from grader.reading.zip_names import decode_names
from grader.text import name as tidy_name

MOST_MEMBERS = 10_000
MOST_MEMBER_BYTES = 64 << 20
MOST_BYTES = 1 << 30
# a directory entry is 46 bytes, its name and extras; 1 KiB each is generous
_MOST_DIRECTORY_BYTES = MOST_MEMBERS << 10
_PIECE_BYTES = 1 << 20
# LZMA is left out: its header may ask for a dictionary of 4 GiB, and no system hands it out
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


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
    def key(self) -> str:
        """Return the name under which the zip file itself has it."""
        return self.info.filename

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

    def __init__(
        self, source: Path | bytes, *, budget: Budget | None = None, encoding: str = ""
    ) -> None:
        self._budget = budget or Budget()
        self._encoding = encoding
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
        for info, text in zip(infos, decode_names(infos, self._encoding), strict=True):
            parts = _parts(text)
            if parts and not info.is_dir():
                found.append(Member(tuple(parts[:-1]), parts[-1], self, info))
        return sorted(found, key=lambda member: (member.folders, member.name))

    def read_key(self, key: str) -> bytes:
        """Return the bytes of the member with this key; see `Member.read`."""
        return b"".join(self.pieces_of_key(key))

    def read(self, info: zipfile.ZipInfo) -> bytes:
        """Return the bytes of one member; see `Member.read`."""
        return b"".join(self.pieces(info))

    def pieces_of_key(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of the member with this key; see `Member.read`."""
        try:
            info = self._zip.getinfo(key)
        except KeyError as error:
            raise _damaged(error) from error
        yield from self.pieces(info)

    def pieces(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield the bytes of one member in pieces; see `Member.read`."""
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
        read = 0
        try:
            with self._zip.open(info) as file:
                # the size written in the archive is not believed
                while read <= most and (data := file.read(min(_PIECE_BYTES, most + 1 - read))):
                    read += len(data)
                    yield data
        except Exception as error:  # as above
            raise _damaged(error) from error
        if read > most:
            raise SubmissionError(
                f"it is too large (more than {most >> 20} MiB once unpacked); ask the student to "
                "clear the outputs and to hand it in again."
            )

    @property
    def budget(self) -> Budget:
        """What may still be read."""
        return self._budget


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


def _parts(text: str) -> list[str]:
    """Split a decoded name into its folders and file name; `..` and empty parts are left out."""
    text = text if "/" in text else text.replace("\\", "/")
    return [tidy_name(part) for part in text.split("/") if part.strip(". ")]
