"""Lays out the files that were handed in beside a notebook, where the notebook runs.

They lie in the kernel's own folder until its scratch folder is mounted over it. Here: reading and
writing them. Not here: which files count as handed in (`reading/sources.py`).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from grader.sandbox import messages


def read(folder: str) -> dict[str, bytes]:
    """Read what lies beside the notebook, before the scratch folder is mounted over it."""
    root = Path(folder, messages.BESIDE)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def lay_out(beside: dict[str, bytes]) -> None:
    """Write files into the folder that the notebook runs in, as far as there is room.

    A file of the course stays where one of the same name was handed in.
    """
    for name, data in beside.items():
        with contextlib.suppress(OSError):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            if not Path(name).exists():
                Path(name).write_bytes(data)
