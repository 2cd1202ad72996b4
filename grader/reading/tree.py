"""Folders and files as they were handed in, on disk and inside archives alike: names, no bytes.

Here: listing, what is passed over wherever it lies (files of systems and editors), and kinds of
files by their endings. Not here: whose a file is (`owners.py`), its bytes (`sources.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

from grader.errors import SubmissionError
from grader.reading.sources import INSIDE, Sources, is_special
from grader.records import PassedOver
from grader.text import clean
from grader.text import name as tidy_name

Kind = Literal["notebook", "archive", "document", "other"]

# a browser that does not know the type appends an ending of its own
_NOTEBOOK = re.compile(r"(?:\.ipynb)+(?:\.(?:txt|json))?$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.zip$", re.IGNORECASE)
DOCUMENTS = {
    ".pdf": "PDF",
    ".html": "web page",
    ".htm": "web page",
    ".docx": "Word document",
    ".doc": "Word document",
    ".hwp": "Hangul document",
    ".hwpx": "Hangul document",
    ".odt": "text document",
    ".py": "Python file",
    ".7z": "7z archive",
    ".rar": "RAR archive",
    ".tar": "tar archive",
    ".tgz": "tar archive",
    ".gz": "gzip archive",
}
_OF_SYSTEMS = {
    "__macosx": "macOS keeps its own notes there",
    "desktop.ini": "Windows keeps the look of a folder there",
    "thumbs.db": "Windows keeps small pictures there",
    "__pycache__": "Python keeps compiled modules there",
    "node_modules": "installed packages",
    "site-packages": "installed packages",
    "icon\r": "macOS keeps a picture there",
}


@dataclass(frozen=True, eq=False)
class File:
    """One file. Two are equal only where they are the same one."""

    name: str
    shown: str
    """Its path for people: on disk, or `archive.zip!member`."""
    path: str
    member: str = ""
    """Where its bytes are; see `Attachment`."""
    size: int = 0
    mark: str = ""
    problem: str = ""
    """Why it is not read at all: a link, a pipe."""
    asked_for: bool = False
    """Its very path was given."""

    @property
    def kind(self) -> Kind:
        """What its ending promises."""
        return kind_of(self.name)

    @property
    def stem(self) -> str:
        """Its name without the ending: `.ipynb`, once or doubled, or any other."""
        return stem_of(self.name)


@dataclass(eq=False)
class Folder:
    """A folder, or the inside of an archive."""

    name: str
    shown: str
    key: str
    """Where it is, exactly; two with one key are one folder."""
    folders: list[Folder] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    asked_for: bool = False
    above: str = ""
    """The name of the folder above one that was not asked for itself."""

    @property
    def entries(self) -> list[Folder | File]:
        """Return what lies right in it."""
        return [*self.folders, *self.files]

    def all_files(self) -> Iterator[tuple[tuple[str, ...], File]]:
        """Yield every file inside, with the folders on the way down to it."""
        for file in self.files:
            yield (), file
        for below in self.folders:
            for way, file in below.all_files():
                yield (below.name, *way), file


def kind_of(name: str) -> Kind:
    """Return what a name's ending promises."""
    if _NOTEBOOK.search(name):
        return "notebook"
    if _ARCHIVE.search(name):
        return "archive"
    return "document" if PurePath(name).suffix.lower() in DOCUMENTS else "other"


def stem_of(name: str) -> str:
    """Return a file's name without its ending."""
    stem = _NOTEBOOK.sub("", name)
    return stem if stem != name else PurePath(name).stem


class Lister:
    """Lists paths and archives; each file once, and each stray with its reason."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._seen: set[str] = set()
        self.passed_over: list[PassedOver] = []

    def named(self, paths: Sequence[Path]) -> list[Folder]:
        """List the paths that were given, those of one folder together: it knows what they are."""
        parents: dict[Path, Folder] = {}
        for path in paths:
            whole = Path(os.path.abspath(path))
            above = whole.parent
            made = Folder(tidy_name(above.name), clean(str(above)), str(above))
            folder = parents.setdefault(above, made)
            folder.above = tidy_name(above.parent.name)
            if path.is_dir():
                if self._is_new(str(whole)):
                    self._on_disk(whole, str(path), folder).asked_for = True
            elif self._is_new(str(whole)):
                folder.files.append(self._file(whole, str(path), asked_for=True))
        return list(parents.values())

    def inside(self, archive: File) -> Folder:
        """List the inside of an archive.

        Raises:
            SubmissionError: it cannot be read.
        """
        if archive.problem:
            raise SubmissionError(archive.problem)
        at = f"{archive.path}{INSIDE}{archive.member}"
        root = Folder(archive.stem, archive.shown, at)
        below: dict[tuple[str, ...], Folder] = {(): root}
        strays: set[tuple[str, ...]] = set()
        for member in self._sources.archive(archive.path, archive.member).members():
            way = member.folders
            parts = (*way, member.name)
            stray = next((i for i, part in enumerate(parts) if why_passed_over(part)), None)
            if stray is not None:
                if (top := parts[: stray + 1]) not in strays:
                    strays.add(top)
                    self.pass_over(f"{archive.shown}!{'/'.join(top)}", why_passed_over(top[-1]))
                continue
            for depth in range(1, len(way) + 1):
                if way[:depth] not in below:
                    inner = "/".join(way[:depth])
                    made = Folder(
                        way[depth - 1], clean(f"{archive.shown}!{inner}"), f"{at}{INSIDE}{inner}"
                    )
                    below[way[:depth]] = made
                    below[way[: depth - 1]].folders.append(made)
            place = f"{archive.member}{INSIDE}{member.key}" if archive.member else member.key
            below[way].files.append(
                File(
                    member.name, clean(f"{archive.shown}!{member.path}"), archive.path, place,
                    member.info.file_size, f"{member.info.CRC:08x}",
                )
            )  # fmt: skip
        return root

    def pass_over(self, name: str, reason: str) -> None:
        """Note what has no row, and why."""
        self.passed_over.append(PassedOver(clean(name), reason))

    def _on_disk(self, whole: Path, shown: str, parent: Folder) -> Folder:
        """List a folder into its parent; two spellings of one name there are one folder."""
        name = tidy_name(whole.name)
        made = next((one for one in parent.folders if one.name == name), None)
        if made is None:
            made = Folder(name, clean(shown), str(whole))
            parent.folders.append(made)
        try:
            entries = sorted(
                os.scandir(whole), key=lambda entry: (tidy_name(entry.name), entry.name)
            )
        except OSError as error:
            self.pass_over(shown, f"the folder cannot be opened ({error.strerror})")
            return made
        files: list[File] = []
        for entry in entries:
            path, inner = Path(entry.path), os.path.join(shown, entry.name)
            if why := why_passed_over(entry.name):
                self.pass_over(inner, why)
            elif entry.is_dir(follow_symlinks=False) and not _stands_for_a_notebook(path):
                self._on_disk(path, inner, made)
            elif path.is_dir() and path.is_symlink() and kind_of(tidy_name(entry.name)) == "other":
                self.pass_over(inner, "it is a symbolic link to a folder")
            else:
                files.append(self._file(path, inner, asked_for=False))
        made.files += [file for file in files if file.problem or self._is_new(file.path)]
        return made

    def _file(self, path: Path, shown: str, *, asked_for: bool) -> File:
        name, problem, size = tidy_name(path.name), "", 0
        # a link leads to the notebook of another, or out of what was to be searched
        if path.is_symlink() and not asked_for:
            problem = "it is a symbolic link; hand in the file itself."
        elif path.is_dir():
            problem = "it is a folder; hand in the file itself."
        elif is_special(str(path)):
            problem = "it is no regular file; hand in the file itself."
        else:
            size = path.stat().st_size
        return File(name, clean(shown), str(path), "", size, "", problem, asked_for)

    def _is_new(self, path: str) -> bool:
        real = os.path.realpath(path)
        if real in self._seen:
            return False
        self._seen.add(real)
        return True


def why_passed_over(name: str) -> str:
    """Return why a file or folder of this name is no one's homework; empty where it may be."""
    if why := _OF_SYSTEMS.get(name.lower()):
        return why
    if name == ".ipynb_checkpoints":
        return "Jupyter keeps older states of notebooks there"
    if name.startswith("~$"):
        return "an office program locks a file with it"
    return "its name begins with a dot, as hidden files do" if name.startswith(".") else ""


def _stands_for_a_notebook(folder: Path) -> bool:
    """Return whether a folder is named as a notebook and holds none: it was handed in as one."""
    if not _NOTEBOOK.search(folder.name):
        return False
    inside = (name for _, _, names in os.walk(folder) for name in names)
    return all(kind_of(tidy_name(name)) == "other" for name in inside)
