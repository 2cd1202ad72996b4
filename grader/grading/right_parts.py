"""Asks exercises again that failed beside a wrong part, with a right part in its place.

One fault, one charge: a part that is wrong, raises, hangs or is missing loses points in its own
exercise. An exercise that builds on it (`builds_on` in its `exercise.toml`) is asked again in a
fresh kernel that runs the notebook with the right part. It keeps its points if it is right there;
nothing else excuses it.

A part counts as wrong if its exercise has lost points. A run judges what the asked exercises build
on, too, so that points do not depend on what else is asked. A part enters a kernel only after its
exercise has been judged for good: every definition in every notebook of the submission, and again
with the right parts that it builds on itself. The kernel it enters answers the exercises that build
on it and no others. So a notebook that keeps what enters cannot earn anything by it.

Here: what is asked again, in which order, with which parts; the text of a part. Not here: asking
(`grader.py`), the parts themselves (`parts.py` of the assignment), how they enter a kernel
(`guest/right_parts.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from grader.course import Assignment, Exercise
from grader.errors import CourseError
from grader.grading.candidates import read_source
from grader.grading.pooling import merit
from grader.records import CheckResult, ExerciseResult, NotebookFile
from grader.verdict import Verdict


@dataclass(frozen=True)
class Round:
    """What is asked next: exercises, and the right parts that the kernel runs with."""

    parts: Mapping[str, str]
    exercises: tuple[Exercise, ...]


class SecondChances:
    """The exercises of one submission that are asked again, round by round.

    Args:
        exercises: those that are judged; a part of any other counts as right.
        parts: the source of each right part, by the name of its exercise.
        sources: the Python of the submission: cells, and modules beside them.
        done: exercises that were judged for good before.
    """

    def __init__(
        self,
        exercises: Sequence[Exercise],
        parts: Mapping[str, str],
        sources: Sequence[str],
        done: Collection[str] = (),
    ) -> None:
        self._exercises = [one for one in exercises if one.name not in done]
        used = {last for source in sources for last in _last_names(source)}
        self._parts = {name: source for name, source in parts.items() if name in used}
        self._had: dict[str, frozenset[str]] = {}

    def next(self, results: Mapping[str, Sequence[CheckResult]]) -> Round | None:
        """Return what to ask next, given the results so far by exercise; None at the end."""
        wrong = {name for name in self._parts if is_wrong(results.get(name, ()))}
        missing = {
            exercise.name: frozenset(exercise.builds_on) & wrong - self._had_by(exercise.name)
            for exercise in self._exercises
            if is_wrong(results.get(exercise.name, ()))
        }
        final = frozenset(name for name in wrong if not missing.get(name))
        again = [e for e in self._exercises if missing.get(e.name, frozenset()) & final]
        if not again:
            return None
        entering = frozenset(name for e in again for name in e.builds_on) & final
        for exercise in again:
            self._had[exercise.name] = self._had_by(exercise.name) | entering
        return Round({name: self._parts[name] for name in sorted(entering)}, tuple(again))

    def may_ask(self, exercise: Exercise, results: Mapping[str, Sequence[CheckResult]]) -> bool:
        """Return whether an exercise may be asked again if it is wrong, given the results so far.

        Asked while its answers are judged: a part that enters its kernel has been judged before.
        """
        had = self._had_by(exercise.name)
        lacking = (frozenset(exercise.builds_on) & self._parts.keys()) - had
        return any(is_wrong(results.get(name, ())) for name in lacking)

    def _had_by(self, exercise: str) -> frozenset[str]:
        return self._had.get(exercise, frozenset())


@dataclass(frozen=True)
class Place:
    """Where an exercise was judged: a notebook, and the right parts that its kernel ran with."""

    notebook: NotebookFile
    parts: Mapping[str, str] = field(default_factory=dict)


def with_reasons(first: ExerciseResult, again: ExerciseResult) -> ExerciseResult:
    """Return a result with what was found when it was judged again, where that ended alike."""
    if [check.verdict for check in again.checks] != [check.verdict for check in first.checks]:
        return first
    return replace(first, checks=again.checks, mistake=again.mistake, behaviour=again.behaviour)


def is_wrong(checks: Sequence[CheckResult]) -> bool:
    """Return whether an exercise has lost points by the student's doing."""
    return any(check.verdict.is_wrong for check in checks)


def better(
    first: ExerciseResult, again: ExerciseResult, parts: Mapping[str, str]
) -> ExerciseResult:
    """Return the result that counts: the second one, unless it is worse."""
    if merit(again.checks) < merit(first.checks):
        return first
    if all(check.verdict is Verdict.MISSING for check in again.checks):
        return first
    named = " and ".join(sorted(parts))
    charged = "which is charged on its own" if len(parts) == 1 else "which are charged on their own"
    note = f"Asked again with a right {named} in place of yours, {charged}."
    return replace(again, notes=(*again.notes, note))


def read_parts(assignment: Assignment) -> dict[str, str]:
    """Return the source of each right part that an assignment's `parts.py` defines, by name.

    Those of exercises that a run does not judge are among them.
    """
    path = assignment.parts_file
    if not path.is_file():
        return {}
    defined = [node.name for node in _body(path) if isinstance(node, _DEFINITIONS)]
    return {name: definition_of(name, path) for name in defined}


def definition_of(name: str, parts: Path) -> str:
    """Return the Python of one definition of a file, of the imports, and of what it uses.

    Raises:
        CourseError: the file does not define it.
    """
    body = _body(parts)
    defined = {node.name: node for node in body if isinstance(node, _DEFINITIONS)}
    if name not in defined:
        raise CourseError(f"{parts} defines no {name}.")
    wanted, todo = set[str](), {name}
    while todo:
        wanted |= todo
        used = {n.id for w in todo for n in ast.walk(defined[w]) if isinstance(n, ast.Name)}
        todo = used & defined.keys() - wanted
    kept = [n for n in body if not isinstance(n, _DEFINITIONS) or n.name in wanted]
    return ast.unparse(ast.Module(kept, []))


_DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def _body(path: Path) -> list[ast.stmt]:
    try:
        return ast.parse(path.read_text(encoding="utf-8")).body
    except SyntaxError as error:
        raise CourseError(f"{path} cannot be read: {error}") from error


@lru_cache(maxsize=256)
def _last_names(source: str) -> frozenset[str]:
    """Return the last parts of the names that code uses: `corr2d` of `utils.corr2d`."""
    return frozenset(name.rpartition(".")[2] for name in read_source(source).mentions)
