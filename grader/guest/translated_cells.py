"""Inside the sandbox: translates the text of a running cell into Python once.

ipykernel, IPython and the recorder each ask for the same text, before the cell runs.
Here: what is kept, and for how long. Not here: the translation of magics (`magics.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class TranslatedCells:
    """A shell's `transform_cell` that remembers its last text.

    Args:
        translate: the shell's own method.
    """

    def __init__(self, translate: Callable[[str], str]) -> None:
        self._translate = translate
        self._last: tuple[str, str] | None = None

    def __call__(self, raw_cell: str) -> str:
        """Return a cell as Python."""
        if self._last is None or self._last[0] != raw_cell:
            self._last = raw_cell, self._translate(raw_cell)
        return self._last[1]

    def forget(self, *_: object) -> None:
        """Translate the next text afresh: a cell may have changed the translation."""
        self._last = None


def install(shell: Any) -> TranslatedCells:
    """Let a shell translate each of its cells once; return what translates."""
    cells = TranslatedCells(shell.transform_cell)
    shell.transform_cell = cells
    shell.events.register("post_execute", cells.forget)  # of silent cells too
    return cells
