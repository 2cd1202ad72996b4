"""The files beside a notebook whose own path was given: `grader check hw2.ipynb`.

A folder with one notebook is its student's, with all that lies in it. In a folder with several,
the others may be another student's: only files that the notebook names go along.

Here: which files of a folder on disk. Not here: folders that are searched (`owners.py`), their
bytes (`sources.py`).
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from grader.reading.tree import File
from grader.records import Cell

_MOST_LOOKED_AT = 2_000
_LEFT_OUT = frozenset({"__MACOSX", "__pycache__", "node_modules", "site-packages"})


def siblings(notebook: File, cells: Sequence[Cell]) -> list[tuple[str, File]]:
    """Return the files beside a notebook on disk, with their paths from its folder.

    Args:
        notebook: whose own path was given.
        cells: what it says.
    """
    folder = Path(notebook.path).parent
    files = list(itertools.islice(_files_below(folder), _MOST_LOOKED_AT))
    others = [path for path in files if path != Path(notebook.path)]
    if any(path.suffix.lower() == ".ipynb" for path in others if path.parent == folder):
        text = "\n".join(cell.source for cell in cells)
        others = [path for path in others if path.name in text or path.stem in text]
    return [
        (
            PurePath(path.relative_to(folder)).as_posix(),
            File(path.name, str(path), str(path), size=path.stat().st_size),
        )
        for path in others
    ]


def is_named(name: str, cells: Sequence[Cell]) -> bool:
    """Return whether cells name a file: its name as it is, or a module as a word."""
    module = name.removesuffix(".py")
    word = re.compile(rf"\b{re.escape(module)}\b")
    return any(
        name in cell.source or (module != name and word.search(cell.source)) for cell in cells
    )


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield regular files; no links, and nothing in hidden folders or those of tools."""
    for here, below, names in os.walk(folder):
        below[:] = sorted(n for n in below if not n.startswith(".") and n not in _LEFT_OUT)
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path
