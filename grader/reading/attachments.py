"""The files beside a notebook: which of them are the student's, and their bytes.

A folder is the student's own where it holds one notebook; otherwise only files that the notebook
names are taken. Links are left out, and what there is, is bounded. Here: files on disk and in zip
archives. Not here: what the files mean (`grading/own_files.py`), where they are laid out
(`sandbox/kernel_process.py`).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.errors import SubmissionError
from grader.records import Attachment, Cell

MOST_FILES = 50
MOST_BYTES = 64 << 20
_MOST_LOOKED_AT = 2_000
_LEFT_OUT = frozenset({"__MACOSX", "__pycache__", "node_modules", "site-packages"})


def beside(notebook: Path, cells: Sequence[Cell], *, asked_for: bool) -> tuple[Attachment, ...]:
    """Return the files that lie beside a notebook on disk, the smallest first where they are many.

    Args:
        notebook: its path.
        cells: what it says; in a folder with other notebooks, only files that it names count.
        asked_for: whether the notebook's own path was given, rather than a folder above it.
    """
    folder = notebook.parent
    try:
        own = sum(path.suffix.lower() == ".ipynb" for path in folder.iterdir()) == 1
    except OSError:
        return ()
    if not own and not asked_for:
        return ()
    code = "\n".join(cell.source for cell in cells if cell.kind == "code")
    found: list[tuple[int, Attachment]] = []
    for path in _files(folder):
        name = path.relative_to(folder)
        if path == notebook or not (own or _is_named(name.parts[0], code)):
            continue
        found.append((path.lstat().st_size, Attachment(name.as_posix(), str(path))))
    kept, room = [], MOST_BYTES
    for size, attachment in sorted(found, key=lambda pair: (pair[0], pair[1].name))[:MOST_FILES]:
        room -= size
        if room < 0:
            break
        kept.append(attachment)
    return tuple(sorted(kept, key=lambda attachment: attachment.name))


def read_attachment(attachment: Attachment) -> bytes:
    """Return the bytes of a file that lies beside a notebook.

    Raises:
        SubmissionError: it is gone, or is no regular file any more.
    """
    try:
        if attachment.member:
            with (
                zipfile.ZipFile(attachment.path) as archive,
                archive.open(attachment.member) as member,
            ):
                data = member.read(MOST_BYTES + 1)
        else:
            if not stat.S_ISREG(os.lstat(attachment.path).st_mode):
                raise SubmissionError(f"{attachment.name} is no regular file.")
            with open(attachment.path, "rb") as file:
                data = file.read(MOST_BYTES + 1)
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
        raise SubmissionError(f"{attachment.name} cannot be read: {error}.") from error
    if len(data) > MOST_BYTES:
        raise SubmissionError(f"{attachment.name} is larger than {MOST_BYTES >> 20} MiB.")
    return data


def digest_of(digest: str, attachments: Sequence[Attachment]) -> str:
    """Return the digest of a notebook with its files: another helper is another submission."""
    if not attachments:
        return digest
    total = hashlib.sha256(digest.encode())
    for attachment in attachments:
        total.update(attachment.name.encode("utf-8", "surrogatepass"))
        try:
            total.update(hashlib.sha256(read_attachment(attachment)).digest())
        except SubmissionError:
            total.update(b"?")
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, without links and hidden ones, a bounded number."""
    looked_at = 0
    for here, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if _is_plain(Path(here, name), name))
        for name in sorted(names):
            looked_at += 1
            if looked_at > _MOST_LOOKED_AT:
                return
            path = Path(here, name)
            if _is_plain(path, name) and stat.S_ISREG(path.lstat().st_mode):
                yield path


def _is_plain(path: Path, name: str) -> bool:
    return not name.startswith(".") and name not in _LEFT_OUT and not path.is_symlink()


def _is_named(name: str, code: str) -> bool:
    stem = re.escape(Path(name).stem)
    return name in code or re.search(rf"\b{stem}\b", code) is not None
