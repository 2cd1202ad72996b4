"""Asks whether a value of a notebook follows from other values of it, or was typed in.

The cell that left the value runs again with other data: where an earlier cell bound the data, the
cell finds them multiplied by a factor; where the cell itself binds them, they are multiplied before
its next statement.

Here: running again, and reading what a cell calls. Not here: what the outcome means (the checks).
Not covered: a cell that computes with the data to no purpose.
"""

import ast

import torch

from grader.checks import StudentError

_TENSORS, _MOST_NUMBERS = "small tensors of the notebook", 1_000
GRADIENT = {"backward", "grad", "step", "fit", "lstsq", "solve", "pinv", "inv"}


def run_again(student, cell, data, factor):
    """Return what a cell binds when the tensors that hold `data` are multiplied by `factor`.

    None where the cell cannot run again.
    """
    if _TENSORS not in student.remembered:  # asking for all values is expensive
        found = student.values(kinds=("tensor",))
        student.remembered[_TENSORS] = [e for e in found if is_small(e.value)]
    given = {
        entry.name: entry.value * factor
        for entry in student.remembered[_TENSORS]
        if entry.cell < cell and holds(entry.value, data)
    }
    try:
        return student.rerun(cell, given, scaled=(data, factor))
    except StudentError:
        return None


def is_small(value):
    return isinstance(value, torch.Tensor) and value.numel() <= _MOST_NUMBERS


def holds(value, data):
    """Return whether a value is a real tensor of the numbers of `data`, in any shape."""
    return (
        isinstance(value, torch.Tensor)
        and not value.is_complex()
        and value.numel() == data.numel()
        and torch.equal(value.detach().flatten().to(data.dtype), data.flatten())
    )


def has_a_source(student, cell):
    """Return whether the Python of a cell is known, and is not the text of a cell magic."""
    source = student.sources().get(cell, "")
    return "run_cell_magic" not in source and bool(statements(source))


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
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return []
