"""Counterexamples as small matrices: what was given, what came back, what was expected.

A counterexample is stored as text, as a message shows it: `corr2d([[0.0, 1.0]], [[1.0]])`, or with
what is set before, `layer.weight = [[2.0]]; layer([[1.0]])`. Here it is read back into numbers,
where it holds any, and entries that differ are marked. Text that holds no numbers stays text.

Here: from text to rows of entries, and pictures as runs of pixels. Not here: the markup
(`templates/macros.html`).
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.records import Counterexample, Picture
from grader.shades import SHADES, picture_of
from grader.text import clip, parse_python

TOLERANCE = 1e-4  # that of the checks
_MOST_TEXT = 6_000
_MOST_NUMBERS = 64
_MOST_SLICES = 8
_LEAST_SIDE = 4  # from which a matrix is also seen as a picture

Nested = float | list["Nested"]


@dataclass(frozen=True)
class Entry:
    """One number of a matrix."""

    text: str
    differs: bool = False


@dataclass(frozen=True)
class Panel:
    """One tensor: matrices one below the other, each with the indices that lead to it."""

    label: str
    shape: str
    slices: tuple[tuple[str, tuple[tuple[Entry, ...], ...]], ...]
    text: str = ""
    """In place of the matrices, where the value is no tensor of a few numbers."""
    note: str = ""


@dataclass(frozen=True)
class Example:
    """A counterexample, laid out."""

    inputs: tuple[Panel, ...]
    got: Panel | None
    expected: Panel | None
    differing: int
    """How many entries are marked."""
    pictures: tuple[tuple[str, int, int, tuple[Pixel, ...]], ...]

    @property
    def is_drawn(self) -> bool:
        """Whether anything is shown as a matrix; otherwise the text says all there is."""
        return any(panel.slices for panel in (*self.inputs, self.got, self.expected) if panel)


Pixel = tuple[int, int, int, str]
"""Column, row, width and colour of a run of equal pixels."""


def lay_out(example: Counterexample) -> Example:
    """Lay out a counterexample."""
    got, expected = _value(example.got), _value(example.expected)
    marks = _marks(got, expected)
    arguments = tuple(_arguments(example.call))
    pictures = tuple(map(_picture, example.pictures))
    return Example(
        tuple(panel for panel, _ in arguments),
        None if got is None else _panel("Yours", got, marks),
        None if expected is None else _panel("Expected", expected, marks),
        len(marks),
        pictures or tuple(_drawn(one.label, value) for one, value in arguments if _is_image(value)),
    )  # fmt: skip


def _arguments(call: str) -> Iterator[tuple[Panel, Nested | None]]:
    """Yield the arguments of a call as panels, after what the statements before it set.

    Nothing where the text is no call.
    """
    statements = _statements(call)
    node = statements[-1].value if statements and isinstance(statements[-1], ast.Expr) else None
    if not isinstance(node, ast.Call):
        return
    bound = set()
    for statement in statements[:-1]:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            bound.add(target := ast.unparse(statement.targets[0]))
            value, note = _tensor_of(statement.value)
            yield _argument(target, statement.value, value, note)
    # what was bound just before is shown already
    given = [one for one in node.args if not (isinstance(one, ast.Name) and one.id in bound)]
    for number, argument in enumerate(given, start=1):
        value, note = _tensor_of(argument)
        label = f"Input {number}" if len(given) > 1 else "Input"
        yield _argument(label, argument, value, note)
    for keyword in node.keywords:
        value, note = _tensor_of(keyword.value)
        yield _argument(f"{keyword.arg}", keyword.value, value, note)


def _argument(
    label: str, node: ast.expr, value: Nested | None, note: str
) -> tuple[Panel, Nested | None]:
    if isinstance(value, list):
        shape = _shape(value) or ()
        few: Nested = value
        if len(shape) > 3 and shape[-2:] == (1, 1):  # a 1x1 kernel is a matrix of its channels
            few, note = _without_last_two(value, len(shape)), "as a matrix of channels"
        panel = _panel(label, few, frozenset())
        words = " x ".join(map(str, shape))
        return Panel(label, words, panel.slices, note=note or panel.note), value
    return Panel(label, "", (), clip(ast.unparse(node), limit=400)), None


def _tensor_of(node: ast.expr) -> tuple[Nested | None, str]:
    """Return the numbers of an argument; a transposed view is named as one."""
    match node:
        case (
            ast.Call(func=ast.Attribute(value=inner, attr="t"))
            | ast.Attribute(value=inner, attr="mT")
        ):
            value, _ = _tensor_of(inner)
            return _transposed(value), "a transposed view"
        case ast.Call(func=ast.Attribute(attr="tensor"), args=[inner]):
            return _numbers(inner), ""
    return _numbers(node), ""


def _statements(text: str) -> list[ast.stmt]:
    tree = parse_python(text.strip()) if 0 < len(text) <= _MOST_TEXT else None
    return [] if tree is None else tree.body


def _value(text: str) -> Nested | None:
    match _statements(text):
        case [ast.Expr(value=node)]:
            return _numbers(node)
    return None


def _numbers(node: ast.expr) -> Nested | None:
    """Return nested lists of numbers, all rows of one length; None for anything else."""
    value = _read(node)
    if value is None or not 0 < _count(value) <= _MOST_NUMBERS or _shape(value) is None:
        return None
    return value


def _read(node: ast.expr) -> Nested | None:
    match node:
        case ast.List(elts=items):
            read = [_read(item) for item in items]
            return None if None in read else [one for one in read if one is not None]
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as number):
            return float(number) if abs(number) < 1e300 else math.copysign(math.inf, number)
        case ast.Name(id="nan" | "inf" as name):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            value = _read(inner)
            return -value if isinstance(value, float) else None
    return None


def _count(value: Nested) -> int:
    return sum(map(_count, value)) if isinstance(value, list) else 1


def _shape(value: Nested) -> tuple[int, ...] | None:
    """Return the sizes of nested lists; None where rows differ in length."""
    if isinstance(value, float):
        return ()
    inner = {_shape(item) for item in value}
    (only,) = inner if len(inner) == 1 else (None,)
    return None if only is None else (len(value), *only)


def _transposed(value: Nested | None) -> Nested | None:
    shape = None if value is None else _shape(value)
    if not isinstance(value, list) or shape is None or len(shape) != 2:
        return None
    return [[_at(value, (row, column)) for row in range(shape[0])] for column in range(shape[1])]


def _without_last_two(value: Nested, axes: int) -> Nested:
    """Drop the last two axes, of length 1."""
    if axes == 2:
        return _at(value, (0, 0))
    assert isinstance(value, list)
    return [_without_last_two(item, axes - 1) for item in value]


def _at(value: Nested, index: Sequence[int]) -> float:
    for place in index:
        assert isinstance(value, list)
        value = value[place]
    assert isinstance(value, float)
    return value


def _marks(got: Nested | None, expected: Nested | None) -> frozenset[tuple[int, ...]]:
    """Return the places where two tensors of one shape differ."""
    if got is None or expected is None or (shape := _shape(got)) != _shape(expected):
        return frozenset()
    places = itertools.product(*(range(size) for size in shape or ()))
    return frozenset(p for p in places if not _alike(_at(got, p), _at(expected, p)))


def _alike(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= TOLERANCE * (1 + abs(other))


def _panel(label: str, value: Nested, marks: frozenset[tuple[int, ...]]) -> Panel:
    shape = _shape(value) or ()
    words = " x ".join(map(str, shape)) if shape else "a number"
    rows, columns = (shape[-2] if len(shape) > 1 else 1), (shape[-1] if shape else 1)
    slices = []
    for lead in itertools.product(*(range(size) for size in shape[:-2])):
        matrix = []
        for row in range(rows):
            before = (*lead, row) if len(shape) > 1 else ()
            places = [(*before, column) if shape else () for column in range(columns)]
            matrix.append(tuple(Entry(f"{_at(value, p):.6g}", p in marks) for p in places))
        slices.append((str(list(lead)) if lead else "", tuple(matrix)))
    left = len(slices) - _MOST_SLICES
    note = f"and {left} more" if left > 0 else ""
    return Panel(label, words, tuple(slices[:_MOST_SLICES]), note=note)


# ---- pictures


def _is_image(value: Nested | None) -> bool:
    shape = None if value is None else _shape(value)
    return shape is not None and len(shape) == 2 and min(shape) >= _LEAST_SIDE


def _drawn(label: str, value: Nested | None) -> tuple[str, int, int, tuple[Pixel, ...]]:
    shape = (_shape(value) if value is not None else None) or (0, 0)
    numbers = [_at(value or [], (r, c)) for r in range(shape[0]) for c in range(shape[1])]
    return _picture(picture_of(label, shape[0], shape[1], numbers))


def _picture(picture: Picture) -> tuple[str, int, int, tuple[Pixel, ...]]:
    """Return title, sizes and runs of equal pixels of a picture."""
    pixels: list[Pixel] = []
    for row in range(picture.height):
        line = picture.shades[row * picture.width : (row + 1) * picture.width]
        column = 0
        for shade, run in itertools.groupby(line):
            width = len(list(run))
            colour = "#d33" if shade not in SHADES else f"#{shade * 3}"
            pixels.append((column, row, width, colour))
            column += width
    return picture.title, picture.width, picture.height, tuple(pixels)
