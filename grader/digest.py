"""Hashes of the files that a stored result depends on; their place on the disk does not count.

An exercise depends on its own folder, on the modules that its Python imports (and those import in
turn), on what notebooks may import, and on files that are no Python and lie in no exercise's
folder, since a check may read them. It does not depend on another exercise, unless it imports it.

Here: which files of a course count, and their hash. Not here: versions of libraries and data
(`grading/inputs.py`), the key of a result (`grading/plan.py`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

MOST_HASHED = 64 << 20
_OF_A_RUN = "gradebook.sqlite"
"""In the folder of `--out`, which may lie in a course; no report of a run decides a grade."""
_NO_PART = ("~", ".pyc", ".md", ".rst")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<base>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n]*)"
    r"|import[ \t]+(?P<modules>[^\n]+))",
    re.MULTILINE,
)
_LOADS_BY_NAME = re.compile(r"\bimportlib\b|\b__import__\b|\brunpy\b")


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
    if state.st_size > MOST_HASHED:
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
            elif path != folder and _counts(path) and not any(
                (path / name).is_file() for name in ("assignment.toml", _OF_A_RUN)
            ):  # fmt: skip
                yield from _files_below(path)
    yield from filter(Path.is_file, [root / "conftest.py"])
    if reference is not None and not reference.is_relative_to(course):
        yield from _files_below(reference)


def _files_below(folder: Path) -> Iterator[Path]:
    runs = {path.parent for path in folder.rglob(_OF_A_RUN)} - {folder}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        # a dangling link is an error; a pipe or device is left out
        if not (path.is_file() or (path.is_symlink() and not path.exists())):
            continue
        if runs.isdisjoint(path.parents) and all(_counts(Path(part)) for part in inside.parts):
            yield path


def _counts(path: Path) -> bool:
    """Return whether a file or folder can decide a grade: no cache, no hidden file, no notes."""
    name = path.name
    return not name.startswith(".") and name != "__pycache__" and not name.endswith(_NO_PART)


class ExerciseFiles:
    """The files that each exercise of an assignment depends on.

    Args:
        folder: of the assignment.
        course: of its course; the same where the assignment stands alone.
        root: the folder from which modules of the course are imported.
        reference: of the right answers, where there is one.
        exercises: the folders of all exercises of the assignment.
        notebooks: the folder of what notebooks import, where there is one.
        apart: files that count for no exercise, by their path.
    """

    def __init__(
        self, folder: Path, course: Path, root: Path, reference: Path | None, *,
        exercises: Collection[Path], notebooks: Path | None, apart: Collection[Path],
    ) -> None:  # fmt: skip
        self._all = tuple(assignment_files(folder, course, root, reference))
        self._exercises = frozenset(exercises)
        self._notebooks = notebooks
        self._apart = frozenset(apart)
        self._roots = [root] if reference is None else [root, reference.parent]
        self._root = root
        self._modules = {str(path): path for path in self._all}
        self._imports: dict[Path, frozenset[Path]] = {}
        """What each module imports, as far as it was asked for."""

    def digest(self, exercise: Path, more: Sequence[Path] = ()) -> str:
        """Hash the files of one exercise, by its folder, and of the modules `more`.

        Raises:
            OSError: a file cannot be read.
        """
        return hash_files(sorted(self._of(exercise, more)), self._root)

    def _of(self, exercise: Path, more: Sequence[Path]) -> set[Path]:
        own = {path for path in self._all if path.is_relative_to(exercise)}
        found = own | self._shared
        todo = [path for path in (*own, *self._shared, *more) if path.suffix == ".py"]
        while todo:
            path = todo.pop()
            found.add(path)
            text = _text_of(path)
            # which modules, the text does not say; what notebooks import counts in any case, and
            # it runs where the rest of the course cannot be read
            if _LOADS_BY_NAME.search(text) and not self._is_of_notebooks(path):
                return set(self._all)
            if path not in self._imports:
                self._imports[path] = frozenset(self._imported(path, text))
            todo += self._imports[path] - found
        return found

    @cached_property
    def _shared(self) -> set[Path]:
        """What counts for every exercise: no Python, except what no import leads to."""
        return {
            path
            for path in self._all
            if path not in self._apart
            and not any(path.is_relative_to(exercise) for exercise in self._exercises)
            and (path.suffix != ".py" or path.name == "conftest.py" or self._is_of_notebooks(path))
        }

    def _is_of_notebooks(self, path: Path) -> bool:
        return self._notebooks is not None and path.is_relative_to(self._notebooks)

    def _imported(self, path: Path, text: str) -> Iterator[Path]:
        """Yield the files of the course that a module imports."""
        for place, dotted in _imports_of(path, text):
            for root in [place] if place else self._roots:
                module = str(root)
                for part in ("", *filter(None, dotted.split("."))):
                    module = f"{module}{os.sep}{part}" if part else module
                    for name in (f"{module}.py", f"{module}{os.sep}__init__.py"):
                        if name in self._modules:
                            yield self._modules[name]


def _imports_of(path: Path, text: str) -> Iterator[tuple[Path | None, str]]:
    """Yield each imported name, dotted, and for a relative import the folder it starts from."""
    for match in _IMPORT.finditer(text):
        if match["modules"]:
            yield from (
                (None, one.split()[0]) for one in match["modules"].split(",") if one.split()
            )
            continue
        base = match["base"].lstrip(".")
        dots = len(match["base"]) - len(base)
        place = path.parents[dots - 1] if dots else None
        for one in match["names"].strip("()").replace("\n", " ").split(","):
            name = one.split()[0] if one.split() else ""
            yield place, ".".join(part for part in (base, name) if part)


@lru_cache(maxsize=512)
def _read(path: Path, _changed_ns: int) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _text_of(path: Path) -> str:
    return _read(path, path.stat().st_mtime_ns)
