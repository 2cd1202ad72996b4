"""The record of what was asked of a notebook and answered, by which a mistake is recognised.

Here: how an answer is kept in a record. Not here: who records (`student.py`), comparing two records
(`grading/diagnosis.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.kernel.handle import Handle

Transcript = list[tuple[str, Any]]
"""Every operation and its answer, in order."""

NOT_COMPARED = frozenset(
    ("parameters", "buffers", "catalog", "select", "attribute", "mode", "load", "layers")
)
"""Operations whose answers differ between two right constructors: random numbers, names, order."""


@dataclass(frozen=True)
class Inside:
    """Stands in a record for an object that stays in the sandbox."""

    is_module: bool


def rows_of(op: str, answer: Any) -> Transcript:
    """Return how a question and its answer are noted; the two parts of a structure one by one.

    Of these the shapes of parameters are compared, and the order of layers is not.
    """
    if op != "structure":
        return [(op, as_noted(op, answer))]
    sizes = answer[1:2] if type(answer) is tuple else ()
    return [("layers", None), *(("sizes", as_noted("sizes", found)) for found in sizes)]


def as_noted(op: str, answer: Any) -> Any:
    """Return an answer as a record keeps it: nothing that is never compared, and no handles.

    A handle would keep a network of this process alive, 500 MB for a known mistake in a large one.
    """
    return None if op in NOT_COMPARED else _without_handles(answer)


def _without_handles(answer: Any) -> Any:
    kind = type(answer)
    if kind in (list, tuple):
        return kind(map(_without_handles, answer))
    if kind is dict:
        return {key: _without_handles(value) for key, value in answer.items()}
    return Inside(answer.is_module) if isinstance(answer, Handle) else answer
