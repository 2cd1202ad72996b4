"""Names defined by a student's own files: modules beside the notebook, and those cells write.

Here: names, read from text. Not here: the files' bytes (`reading/sources.py`), which definition
is judged (`candidates.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from grader.errors import SubmissionError
from grader.grading.candidates import read_source
from grader.reading.self_checks import is_handed_out
from grader.reading.sources import read_attachment
from grader.records import Attachment, Cell, Submission

_WRITTEN = re.compile(r"\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?(?P<path>[^\"'\n]+\.py)\b")
_MODULES = (".py", ".ipynb")
_MOST_TEXT = 4 << 20


def files_of(attachments: Sequence[Attachment]) -> dict[str, bytes]:
    """Return what lies beside a notebook, by relative path; what cannot be read is left out.

    So are the files of a handout, of which nothing is an answer.
    """
    found = {}
    for attachment in attachments:
        path = PurePosixPath(attachment.name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            continue
        try:
            content = read_attachment(attachment)
        except SubmissionError:
            continue
        if not is_handed_out(attachment.name, content):
            found[attachment.name] = content
    return found


def sources_of(submission: Submission) -> list[str]:
    """Return all Python of a submission: the code cells of its notebooks, and its own modules."""
    cells = [cell.source for one in submission.notebooks for cell in one.cells]
    beside = [_text(name, data) for name, data in files_of(submission.attachments).items()]
    return [*cells, *beside]


def names_in_modules(
    files: Mapping[str, bytes], cells: Sequence[Cell]
) -> dict[str, frozenset[str]]:
    """Return the names that each of the student's own modules defines, by the module's name.

    A module of a package, `lib/layers.py`, counts under its own name and the package's.
    """
    found: dict[str, frozenset[str]] = {}
    sources = [(name, _text(name, data)) for name, data in files.items()]
    for cell in cells:
        if cell.kind == "code" and (match := _WRITTEN.match(cell.source)):
            sources.append((match["path"], cell.source[match.end() :]))
    for name, source in sources:
        path = PurePosixPath(name)
        if path.suffix not in _MODULES:
            continue
        binds = read_source(source).binds
        for module in {*path.parts[:-1], path.stem} - {"", "/", "."}:
            found[module] = found.get(module, frozenset()) | binds
    return found


def _text(name: str, data: bytes) -> str:
    text = data[:_MOST_TEXT].decode("utf-8", "replace")
    if not name.endswith(".ipynb"):
        return text if name.endswith(".py") else ""
    try:
        cells = json.loads(text)["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return "\n".join("".join(source) for source in code)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
