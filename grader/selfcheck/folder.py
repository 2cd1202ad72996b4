"""The folder of a handout: what students get, written as a whole.

Here: which files, their content, and that nothing else is overwritten. Not here: the questions
(`exercises.py`), the words of the command (`cli/handing_out.py`).
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.course import Assignment
from grader.errors import CourseError, UsageError
from grader.reading.self_checks import DATA

if TYPE_CHECKING:  # it loads torch, and a folder may be refused before that
    from grader.selfcheck.exercises import SelfChecks

MODULE, README = "selfcheck.py", "README.txt"
_SOURCE = Path(__file__).with_name("student_file.py")
_FILES = """{title}

What is here
{files}
"""
_SELF_CHECK = """
Check your functions while you work
    Put selfcheck.py and selfcheck.dat beside your notebook (on Colab: upload both).
    In a cell, after the cell with your function:

        import selfcheck
        {example}  # one function
        {everything}  # all that you have defined

    You see that all answers are right, or the smallest call that goes wrong.
    You need PyTorch and nothing else. It runs in your own Python: a function that never
    ends is ended with Ctrl-C, or Interrupt.

It asks about
{asked}
{others}
Right on all its questions is no promise of full points. The grader asks other questions, and
also whether a function does what the assignment forbids.
You may hand in your notebook with its cells of self-checks; they cost nothing.
"""
_OTHERS = """\
It does not ask about the following; `grader check` asks what is not graded by hand:
{others}
"""
_GRADER = """
With the grader installed, `grader check {notebook}` asks all that you may see.
"""


def files_of(assignment: Assignment, checks: SelfChecks) -> dict[str, bytes]:
    """Return the files of a handout, by their paths in its folder.

    Raises:
        CourseError: a file of the course cannot be read, or has the name of one of the handout's.
    """
    found: dict[str, bytes] = {}
    notebook = assignment.folder / f"{assignment.name}.ipynb"
    if notebook.is_file():
        found[notebook.name] = _without_outputs(notebook)
    beside = assignment.course.environment.beside
    for path in sorted(beside.rglob("*")) if beside else ():
        if path.is_file() and "__pycache__" not in path.parts:
            found[path.relative_to(beside or path).as_posix()] = _read(path)
    ours = {
        MODULE: _read(_SOURCE),
        DATA: checks.content,
    }
    for name in (*ours, README):
        if name in found:
            raise CourseError(
                f"the course has a file {name} beside its notebooks, and a handout writes one of "
                "that name. Give that of the course another name."
            )
    asked = any(one.questions for one in checks.exercises)
    found |= ours if asked else {}
    found[README] = _readme(assignment, checks, found).encode()
    return found


def names_of(assignment: Assignment) -> set[str]:
    """Return the names that a handout may write in its folder."""
    beside = assignment.course.environment.beside
    theirs = (path.name for path in beside.iterdir()) if beside else ()
    return {f"{assignment.name}.ipynb", MODULE, DATA, README, *theirs}


def require_room(out: Path, ours: Set[str], *, force: bool) -> None:
    """Refuse a folder in which something else lies.

    Raises:
        UsageError: it is no folder, or holds other files and `force` is not given.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder. Give a new folder with --out.")
    try:
        others = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    except OSError as error:
        raise UsageError(f"cannot read {out}: {error.strerror}.") from error
    strange = [name for name in others if name not in ours]
    if strange and not force:
        raise UsageError(
            f"{out} holds other files, such as {strange[0]}. Give an empty folder, or --force to "
            "write the handout among them."
        )


def write(out: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files, each as a whole or not at all; return their paths.

    Raises:
        UsageError: one cannot be written.
    """
    for name, content in files.items():
        path = out / name
        part = path.with_name(f".{os.getpid()}.writing")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(content)
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot write {path}: {error.strerror}. Give another folder with --out."
            ) from error
    return [out / name for name in files]


def _without_outputs(path: Path) -> bytes:
    """Return a notebook with empty outputs.

    Raises:
        CourseError: it is no notebook.
    """
    try:
        found: Any = json.loads(_read(path))
        for cell in found["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
                cell.get("metadata", {}).pop("execution", None)
        found.get("metadata", {}).pop("widgets", None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CourseError(
            f"{path} cannot be read as a notebook of nbformat 4: {type(error).__name__}: {error}. "
            "Save it again with Jupyter."
        ) from error
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _listed(names: Sequence[str]) -> str:
    return textwrap.indent(textwrap.fill(", ".join(names), 88), "    ")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from error


def _readme(assignment: Assignment, checks: SelfChecks, files: Mapping[str, bytes]) -> str:
    asked = [one.exercise.name for one in checks.exercises if one.questions]
    others = [one.exercise.name for one in checks.exercises if not one.questions]
    notebook = f"{assignment.name}.ipynb"
    told = {
        notebook: "the notebook to fill in",
        MODULE: "checks your functions",
        DATA: "its questions, as numbers",
    }
    listed = [f"    {name}  {told.get(name, '')}".rstrip() for name in (*files, README)]
    text = _FILES.format(title=assignment.title, files="\n".join(listed))
    if asked:
        one, everything = f"selfcheck.check({asked[0]})", "selfcheck.check()"
        text += _SELF_CHECK.format(
            example=one,
            everything=everything.ljust(len(one)),
            asked=_listed(asked),
            others=_OTHERS.format(others=_listed(others)) if others else "",
        )
    return text + _GRADER.format(notebook=notebook if notebook in files else "NOTEBOOK.ipynb")
