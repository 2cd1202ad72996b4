"""What was handed in -> `Submission` records, one for each file, whatever state it is in.

Paths may be notebooks, folders and zip files (`archives.py`). Whose a notebook is:

1. the name Canvas, Moodle or Blackboard gave it inside their zip;
2. the folder in `<assignment>/<student>/`, on disk or inside a zip;
3. otherwise the file's name without its ending. Where files of several folders share one name
   (`kim/hw2.ipynb`, `lee/hw2.ipynb`), the folder that tells them apart.

A student without any notebook who handed in something else (a PDF export) gets a record that says
so; other stray files are passed over. Here: finding, and who. Not here: reading the cells
(`notebooks.py`). Nothing is run.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal

from grader.errors import SubmissionError, UsageError
from grader.reading.archives import Archive, Budget, Member, owners
from grader.reading.notebook_file import MOST_BYTES, read_notebook
from grader.records import Cell, Submission
from grader.text import clean
from grader.text import name as tidy_name

__all__ = ["find_submissions", "read_notebook"]

# a browser that does not know the type appends an ending of its own
_NOTEBOOK = re.compile(r"(?:\.ipynb)+(?:\.(?:txt|json))?$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.zip$", re.IGNORECASE)
_DOCUMENTS = {
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
_PASSED_OVER = {"__MACOSX", "__pycache__", "node_modules", "site-packages"}
_MOST_OF_ONE = 50  # notebooks in a student's own zip: each may take minutes of everybody's time
_NOTHING_INSIDE = "the zip file holds no notebook; ask the student for the .ipynb file."


@dataclass(frozen=True)
class _Found:
    """One file that may become a submission."""

    shown: str
    folders: tuple[str, ...]
    name: str
    kind: Literal["notebook", "document", "archive"] = "notebook"
    student: str = ""
    """Empty where only the file's name can tell."""
    digest: str = ""
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    group: int = 0
    """Files of one group are told apart by folder where their names do not: what one path held,
    and all files that were named one by one."""


def find_submissions(paths: Sequence[Path], *, assignment: str) -> list[Submission]:
    """Read everything that was handed in.

    Args:
        paths: notebooks, folders (searched, hidden ones left out) and zip files.
        assignment: its name, which folders of submissions may bear.

    Returns:
        In the order of `paths`, inside a folder or zip by name. Two files of one student are two
        submissions with the same `student`.

    Raises:
        UsageError: a path does not exist, or there is nothing to grade.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"{clean(str(path))} does not exist; check the path.")
    seen: set[str] = set()
    found: list[_Found] = []
    for group, path in enumerate(paths, start=1):
        if path.is_dir():
            inside = _in_folder(path, assignment, seen)
            found += [replace(one, group=group) for one in inside]
        else:
            found += _file(path, str(path), assignment, seen, asked_for=True)
    found = _told_apart(found)
    kept = _without_strays(found)
    if all(one.kind == "archive" for one in kept):
        named = ", ".join(clean(str(path)) for path in paths) or "no path"
        reason = f": {kept[0].problem}" if kept else "; looked for .ipynb and .zip files."
        raise UsageError(f"nothing to grade in {named}{reason}")
    return [_submission(one) for one in kept]


def _submission(one: _Found) -> Submission:
    student, shown = tidy_name(one.student or _stem(one.name)), clean(one.shown)
    digest = one.digest or hashlib.sha256().hexdigest()
    return Submission(student, shown, digest, one.cells, one.problem, one.notes)


def _stem(file_name: str) -> str:
    """Take the ending off: `.ipynb`, once or doubled, or whatever it is."""
    stem = _NOTEBOOK.sub("", file_name)
    return stem if stem != file_name else PurePath(file_name).stem


# ---- on disk


def _in_folder(root: Path, assignment: str, seen: set[str]) -> Iterator[_Found]:
    for folder, below, names in os.walk(root):
        below[:] = sorted(filter(_is_searched, below), key=tidy_name)
        names += [name for name in below if _stands_for_a_notebook(Path(folder, name))]
        for file_name in sorted(filter(_is_searched, names), key=tidy_name):
            path = Path(folder, file_name)
            yield from _file(path, str(path), assignment, seen, root=root)


def _stands_for_a_notebook(folder: Path) -> bool:
    """Return whether a folder without notebooks has the name of one: it was handed in as one."""
    if not _NOTEBOOK.search(folder.name):
        return False
    inside = (name for _, _, names in os.walk(folder) for name in names)
    return not any(_kind(tidy_name(name)) for name in inside)


def _is_searched(name: str) -> bool:
    return not name.startswith(".") and name not in _PASSED_OVER


def _file(
    path: Path,
    shown: str,
    assignment: str,
    seen: set[str],
    *,
    root: Path | None = None,
    asked_for: bool = False,
) -> list[_Found]:
    """Look at one file on disk; an archive may hold many submissions."""
    name = tidy_name(path.name)
    kind = _kind(name)
    if kind is None and not asked_for:
        return []
    whole = Path(os.path.abspath(path))
    folders = tuple(tidy_name(part) for part in whole.parts[1:-1])
    depth = len(Path(os.path.abspath(root)).parts) - 1 if root else len(folders)
    student = _folder_of_student(folders, assignment, depth)
    one = _Found(shown, folders, name, kind or "document", student)
    # a link leads to the notebook of another, or out of what was to be searched
    if root and kind in ("notebook", "archive") and (path.is_symlink() or path.is_dir()):
        what = "a symbolic link" if path.is_symlink() else "a folder"
        return [replace(one, kind="notebook", problem=f"it is {what}; hand in the file itself.")]
    if (real := os.path.realpath(whole)) in seen:
        return []
    seen.add(real)
    if kind == "archive":
        return _in_archive(one, whole, assignment, asked_for=asked_for)
    if one.kind == "document":
        one = _as_document(one, asked_for=asked_for)
    return [_read(one, lambda: _bytes_of(path))]


def _kind(name: str) -> Literal["notebook", "document", "archive"] | None:
    if _NOTEBOOK.search(name):
        return "notebook"
    if _ARCHIVE.search(name):
        return "archive"
    return "document" if PurePath(name).suffix.lower() in _DOCUMENTS else None


def _folder_of_student(folders: Sequence[str], assignment: str, depth: int) -> str:
    """Name the folder in `<assignment>/<student>/`, empty without one.

    The file lies right in it; or deeper, when the assignment's folder is the one that was asked
    for or lies inside that one (`depth` folders down), so that a home folder that happens to bear
    the assignment's name does not count.
    """
    assignment = tidy_name(assignment)
    if len(folders) >= 2 and folders[-2] == assignment:
        return folders[-1]
    for index in range(max(depth, 1), len(folders)):
        if folders[index - 1] == assignment:
            return folders[index]
    return ""


def _bytes_of(path: Path) -> bytes:
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a named pipe would be waited for
        raise SubmissionError("it is no regular file; hand in the file itself.")
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)  # one more than `read_notebook` accepts


def _as_document(one: _Found, *, asked_for: bool = False) -> _Found:
    """Describe what is no notebook; `asked_for` on the command line, it is never a stray file."""
    what = _DOCUMENTS.get(PurePath(one.name).suffix.lower(), "")
    problem = f"handed in as a {what}; ask the student for the .ipynb file."
    if not what:
        problem = "this is no notebook; ask the student for the .ipynb file."
    return replace(
        one, student=one.student or (_stem(one.name) if asked_for else ""), problem=problem
    )


# ---- inside an archive


def _in_archive(one: _Found, path: Path, assignment: str, *, asked_for: bool) -> list[_Found]:
    try:
        with Archive(path) as archive:
            found = _members(archive, one, assignment, nested=False)
    except SubmissionError as error:
        # a student's own zip has a row of its own; the zip of a whole class is our user's matter
        return [replace(one, kind="notebook" if one.student else "archive", problem=str(error))]
    if one.student and (too_many := _too_many(found)):
        return [replace(one, kind="notebook", problem=too_many)]
    if any(inner.kind != "document" or inner.student for inner in found):
        return found
    if one.student:  # a student's own zip: no notebook inside is like handing in a PDF
        return [replace(one, kind="document", problem=_NOTHING_INSIDE)]
    return [replace(one, problem=_NOTHING_INSIDE)] if asked_for else []


def _members(archive: Archive, outer: _Found, assignment: str, *, nested: bool) -> list[_Found]:
    members = [
        member
        for member in archive.members()
        if all(map(_is_searched, (*member.folders, member.name)))
    ]
    whose = {} if outer.student else owners(members)
    found: list[_Found] = []
    for member in members:
        kind = _kind(member.name)
        if kind is None:
            continue
        student = (
            outer.student
            or whose.get(member, "")
            or _folder_of_student((_stem(outer.name), *member.folders), assignment, 1)
        )
        folders = (*outer.folders, _stem(outer.name), *member.folders)
        one = _Found(f"{outer.shown}!{member.path}", folders, member.name, kind, student)
        if kind == "document":
            found.append(_read(_as_document(one), member.read))
        elif kind == "notebook":
            found.append(_read(one, member.read))
        elif not nested:  # a zip handed in to a system that hands out zips; no deeper
            found += _in_inner_archive(one, member, archive.budget, assignment)
    return found


def _in_inner_archive(one: _Found, member: Member, budget: Budget, assignment: str) -> list[_Found]:
    try:
        with Archive(member.read(), budget=budget) as archive:
            found = _members(archive, one, assignment, nested=True)
    except SubmissionError as error:
        return [replace(one, kind="notebook", problem=str(error))]
    if one.student and (too_many := _too_many(found)):
        return [replace(one, kind="notebook", problem=too_many)]
    if any(inner.kind == "notebook" for inner in found):
        return found
    return [replace(one, kind="document", problem=_NOTHING_INSIDE)]


def _too_many(found: Sequence[_Found]) -> str:
    """Say what is wrong with a student's zip that holds far more than a homework; empty if none."""
    count = sum(inner.kind == "notebook" for inner in found)
    if count <= _MOST_OF_ONE:
        return ""
    return (
        f"the zip file holds {count:,} notebooks, and at most {_MOST_OF_ONE} of one student are "
        "graded; ask the student for this homework alone."
    )


def _read(one: _Found, read: Callable[[], bytes]) -> _Found:
    """Read a file at once down to its cells: a class's outputs together would fill the memory."""
    try:
        data = read()
    except SubmissionError as error:
        return replace(one, problem=str(error))
    except OSError as error:
        why = f"the file cannot be opened ({error.strerror}); check its permissions."
        return replace(one, problem=why)
    one = replace(one, digest=hashlib.sha256(data).hexdigest())
    if one.problem:
        return one
    cells, notes, problem = read_notebook(data)
    return replace(one, cells=cells, notes=notes, problem=problem)


# ---- who, where the name does not say


def _told_apart(found: list[_Found]) -> list[_Found]:
    """Give files that share a name in several folders the folder that tells them apart."""
    folders_of: defaultdict[tuple[int, str], set[tuple[str, ...]]] = defaultdict(set)
    for one in filter(_is_nobodys, found):
        folders_of[one.group, _stem(one.name)].add(one.folders)
    confused: defaultdict[int, set[tuple[str, ...]]] = defaultdict(set)
    for (group, _), folders in folders_of.items():
        if len(folders) > 1:
            confused[group] |= folders
    common = {group: _common_start(folders) for group, folders in confused.items()}
    return [_named_by_folder(one, common.get(one.group)) for one in found]


def _is_nobodys(one: _Found) -> bool:
    return one.kind == "notebook" and not one.student


def _common_start(folders: set[tuple[str, ...]]) -> tuple[str, ...]:
    first, last = min(folders), max(folders)  # what these two share, all between them share
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return tuple(part for part, _ in alike)


def _named_by_folder(one: _Found, common: tuple[str, ...] | None) -> _Found:
    if common is None or not _is_nobodys(one) or one.folders[: len(common)] != common:
        return one
    return replace(one, student=next(iter(one.folders[len(common) :]), ""))


def _without_strays(found: list[_Found]) -> list[_Found]:
    """Drop what is no notebook, but keep one file of a student who has none."""
    settled = {one.student for one in found if one.kind == "notebook"}
    kept = []
    for one in found:
        if one.kind == "document":
            if not one.student or one.student in settled:
                continue
            settled.add(one.student)
        kept.append(one)
    return kept
