"""Notebooks that are read when their submission is graded, and not before.

While a class is listed, a notebook is looked at for what its row needs (`look`): its digest, and
whether it can be read. No cells are kept; of a large file only the digest is computed, in pieces.
The process that grades reads the cells (`load`), of one student at a time.

Here: when a notebook is read. Not here: parsing it (`notebook_file.py`), where its bytes are
(`sources.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grader.errors import SubmissionError
from grader.reading.notebook_file import MOST_BYTES, read_notebook
from grader.reading.sources import Sources
from grader.records import Attachment, Cell, NotebookFile, Submission

LARGE_BYTES = 4 << 20
"""A larger notebook is parsed by the process that grades it, never while a class is listed."""
_MOST_CHARACTERS = 64 << 20
"""In the cells of all notebooks of one student together."""
_CHANGED = "the file changed after it was found; grade it again."


@dataclass(frozen=True)
class Look:
    """What is known about one notebook without its cells."""

    digest: str
    """sha256 of its bytes, hexadecimal; of nothing where they cannot be read."""
    content: str = ""
    """Hash of its cells without their outputs; of a large one, and where empty, `digest` is it."""
    notes: tuple[str, ...] = ()
    problem: str = ""


def look(notebook: Attachment, sources: Sources) -> Look:
    """Return the digest of a notebook, and of a small one whether it can be graded."""
    try:
        if notebook.size > LARGE_BYTES:
            return Look(sources.digest(notebook.path, notebook.member, most=MOST_BYTES))
        data = sources.read(notebook.path, notebook.member, most=MOST_BYTES)
    except SubmissionError as error:
        return Look(hashlib.sha256().hexdigest(), problem=str(error))
    cells, notes, problem = read_notebook(data)
    content = "" if problem else _hash_cells(cells)
    return Look(hashlib.sha256(data).hexdigest(), content, notes, problem)


def load(submission: Submission) -> Submission:
    """Return a submission with its cells; the same one where nothing is due."""
    if not submission.due:
        return submission
    notes, problems = list(submission.notes), []
    files: list[NotebookFile] = []
    left = _MOST_CHARACTERS
    with Sources() as sources:
        for one in submission.due:
            cells, noted, problem = _read(one, sources)
            left -= sum(len(cell.source) for cell in cells)
            if not problem and left < 0:
                problem = "the notebooks are too large together; hand in the homework alone."
            if problem:
                problems.append((one.name, problem))
                continue
            if one.size > LARGE_BYTES:  # of a small one, they are among the notes already
                several = len(submission.due) > 1
                notes += [f"{one.name}: {note}" if several else note for note in noted]
            files.append(NotebookFile(one.name, cells, one.mark))
    if not files:
        return replace(submission, problem=problems[0][1], due=())
    notes += [f"{name} is not graded: {problem}" for name, problem in problems]
    return replace(
        submission, cells=files[0].cells, notes=tuple(notes), due=(),
        files=tuple(files) if len(submission.due) > 1 else (),
    )  # fmt: skip


def cells_of(notebook: Attachment) -> Sequence[Cell]:
    """Return the cells of one notebook; none of one that cannot be read."""
    with Sources() as sources:
        return _read(notebook, sources)[0]


def _hash_cells(cells: Sequence[Cell]) -> str:
    total = hashlib.sha256()
    for cell in cells:
        text = cell.source.encode("utf-8", "surrogatepass")
        total.update(f"{cell.index} {cell.kind} {len(text)} ".encode() + text)
    return total.hexdigest()


def _read(notebook: Attachment, sources: Sources) -> tuple[tuple[Cell, ...], tuple[str, ...], str]:
    try:
        data = sources.read(notebook.path, notebook.member, most=MOST_BYTES)
    except SubmissionError as error:
        return (), (), str(error)
    if hashlib.sha256(data).hexdigest() != notebook.mark:
        return (), (), _CHANGED
    return read_notebook(data)
