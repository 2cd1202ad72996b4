"""Asks whether a value of a notebook follows from other values of it, or was typed in.

The cell that left the value runs again with other data: where an earlier cell bound the data, the
cell finds them multiplied by a factor; where the cell itself binds them, they are multiplied before
its next statement. Other numbers can also take their place wherever torch is used.

Here: running again, and reading what a cell calls. Not here: what the outcome means (the checks).
Not covered: a cell that computes with the data to no purpose.
"""

import ast
from math import prod

import torch

from grader.checks import StudentError, parse_python

GRADIENT = {"backward", "grad", "step", "fit", "lstsq", "solve", "pinv", "inv"}


def run_again(student, left, data, factor, *, fits, first=None):
    """Return what the cell of a value binds to its name when the data are others.

    Args:
        student: the notebook.
        left: the value, with its name and cell.
        data: tensors that hold these numbers are multiplied,
        factor: by this, or each number by its own.
        fits: shapes of the tensors to return.
        first: an earlier cell, from which on the cells run too: one may only unpack.

    Returns:
        The values; None where the cell cannot run again.
    """
    alike = student.values(kinds=("tensor",), fits=lambda shape: prod(shape) == data.numel())
    given = {
        entry.name: times(entry.value, factor)
        for entry in alike
        if entry.cell < (left.cell if first is None else first) and holds(entry.value, data)
    }
    try:
        return student.rerun(
            left.cell, given, left.name, scaled=(data, factor), first=first, fits=fits
        )
    except StudentError:
        return None


def times(value, factor):
    """Multiply a tensor by a number, or by a tensor of as many numbers in another shape."""
    return value * (factor.reshape(value.shape) if isinstance(factor, torch.Tensor) else factor)


def run_with(student, left, data, others, *, fits):
    """Return what the cell of a value binds to its name when torch finds other numbers for data.

    Where the statements that the name depends on cannot run alone, the whole cell runs.

    Returns:
        The values; None where the cell cannot run again.
    """
    for name in (left.name, None):
        try:
            return student.rerun(left.cell, {}, name, instead=(data, others), fits=fits)
        except StudentError:
            continue
    return None


def descends(student, cell):
    """Return whether a cell's losses, as its first run sent them back, fell by half or more."""
    losses = dict(student.curves()).get(cell, [])
    return len(losses) > 2 and losses[-1] < losses[0] / 2


def holds(value, data):
    """Return whether a value is a real tensor of the numbers of `data`, in any shape."""
    return (
        isinstance(value, torch.Tensor)
        and not value.is_complex()
        and value.numel() == data.numel()
        and torch.equal(value.detach().flatten().to(data.dtype), data.flatten())
    )


def has_a_source(student, cell):
    """Return whether the Python of a cell is known."""
    return bool(statements(student.sources().get(cell, "")))


def own_calls(student, cell):
    """Return the names of the notebook's own functions and classes that a cell calls."""
    own = {e.name for e in student.catalog() if e.kind not in ("tensor", "plain", "module")}
    tree = statements(student.sources().get(cell, ""))
    called = [n.func for s in tree for n in ast.walk(s) if isinstance(n, ast.Call)]
    return own & {getattr(f, "attr", getattr(f, "id", "")) for f in called}


def use_gradients(student, names):
    """Return whether one of these functions, or one that it calls, uses a gradient."""
    used = {}
    for source in student.sources().values():
        for node in [n for s in statements(source) for n in ast.walk(s)]:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                words = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(node)}
                used[node.name] = used.get(node.name, set()) | words
    reached, todo = set(), set(names)
    while todo:
        reached |= todo
        todo = {word for name in todo for word in used.get(name, ())} - reached
    return bool(reached & GRADIENT)


def statements(source):
    """Return the statements of a cell; none where it cannot be parsed."""
    tree = parse_python(source)
    return tree.body if tree else []
