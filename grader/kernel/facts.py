"""What the sandbox tells of a notebook, as records: definitions, calls, layers, shapes.

Here: the records, and how an answer is read that claims to be one; nothing in it is believed
beyond its form. Not here: who asks (`student.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.errors import BadAnswer


@dataclass(frozen=True)
class Captured:
    """A definition as the catalog of the sandbox lists it."""

    number: int
    name: str
    cell: int
    kind: str
    """function, class, method, module, tensor or plain."""
    imported: bool
    value: Any = None
    """Its value, where values were asked for: a tensor, a number, or a `Handle`."""


@dataclass(frozen=True)
class Call:
    """What a call left behind."""

    value: Any
    arguments: tuple[Any, ...] = ()
    """The positional arguments as they were after the call."""
    printed: str = ""


@dataclass(frozen=True)
class Layer:
    """One innermost module of a model, as it was called."""

    path: str
    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Outline:
    """The shapes of a model: what can be known of it without computing."""

    layers: tuple[tuple[tuple[tuple[int, ...], ...], tuple[int, ...]], ...]
    """Of each innermost module with parameters, as called: shapes of parameters, and of output."""
    parameters: tuple[tuple[int, ...], ...]
    """Of all parameters, those of layers that were not called included."""
    output: tuple[int, ...] | None
    """Of the result; None where it is no tensor."""


def read_catalog(rows: object) -> list[Captured]:
    """Read what the guest lists, leaving out whatever is not an entry of a catalog."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        match row:
            case (int(number), str(name), int(cell), str(kind), bool(imported)):
                found.append(Captured(number, name[:200], cell, kind, imported))
    return found


def read_outline(call: str, value: Any) -> Outline:
    """Read what the guest says of a model's shapes.

    Raises:
        BadAnswer: it is no outline.
    """
    if isinstance(value, str):
        raise BadAnswer(call, value, "a module")
    try:
        layers, parameters, output = value
        return Outline(
            tuple((tuple(_shape(p) for p in shapes), _shape(out)) for shapes, out in layers),
            tuple(_shape(p) for p in parameters),
            None if isinstance(output, str) else _shape(output),
        )
    except (TypeError, ValueError) as error:
        raise BadAnswer(call, "no shapes", "a model") from error


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in value)
