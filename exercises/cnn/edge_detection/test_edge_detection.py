"""The checks of the edge detector: the image, the kernel and the result after the cells ran.

Values are judged, not the way to them or their names: a notebook binds `X`, `Y` and `K` many times,
so each value is copied after its statement, and one right value is enough.
One fault, one charge: beside a wrong `corr2d` the cells run again with a right one (`builds_on`).
"""

import ast
from math import prod

import torch

from exercises.cnn.follows import has_a_source, holds, own_calls, run_again, statements
from exercises.cnn.working import correlated
from grader.checks import assert_close, check, fail
from reference import edge_image, edge_kernel, edges


def assert_left(student, name, expected, working=None):
    """Require that some cell bound `expected`, with or without axes of batch and channel.

    Raises:
        NotAttempted: no cell binds such a tensor to `name`, and none is right under another name.
        Mismatch: with the value of `name` that comes nearest.
    """
    named = tensors(student, name, expected)
    for values in (named, None):  # asking for all values is expensive
        found = tensors(student, None, expected) if values is None else values
        if any(is_right(value, expected) for value in found):
            return
    if not named:
        rows, columns = expected.shape
        raise student.not_attempted(name, f"{name} for this exercise, {rows} x {columns} numbers")
    # of all values of the name, the last one of the right shape is shown
    shapes = shapes_of(expected)
    alike = [v.reshape(expected.shape) for v in named if tuple(v.shape) in shapes] or named
    pictures = {f"Your {name}": alike[-1], f"{name} as it should be": expected}
    assert_close(alike[-1], expected, call=name, images=pictures, working=working)


def shapes_of(expected):
    """Return the shapes a value may have: as it is, or as a batch of one image."""
    return (tuple(expected.shape), (1, 1, *expected.shape))


def is_left(student, expected):
    return any(is_right(value, expected) for value in tensors(student, None, expected))


def tensors(student, name, expected):
    """Return the values that may belong to this exercise: other sections use the same names."""
    found = student.values(name, kinds=("tensor",), fits=lambda s: prod(s) == expected.numel())
    return [c.value for c in found if isinstance(c.value, torch.Tensor)]


def is_right(value, expected):
    if tuple(value.shape) not in shapes_of(expected) or value.is_complex():
        return False
    got = value.detach().reshape(expected.shape).to(expected.dtype)
    return torch.allclose(got, expected, rtol=1e-4, atol=1e-4)


@check(points=1, feedback="Start from torch.ones((6, 8)) and set columns 2 to 5 to 0.")
def test_the_image(student):
    """X is an image of 6 rows and 8 columns: 1 everywhere, except 0 in columns 2 to 5."""
    assert_left(student, "X", edge_image())


@check(points=1, feedback="One row, two columns: the left neighbour minus the right one.")
def test_the_kernel(student):
    """K is the kernel [[1, -1]]; if the edges are right, it may be written in the call itself."""
    if not is_left(student, edges()):
        assert_left(student, "K", edge_kernel())


@check(
    points=2,
    needs=("test_the_image", "test_the_kernel"),
    feedback="Y = corr2d(X, K), with this X and K.",
)
def test_the_edges(student):
    """Y, 6 rows and 7 columns, is 1 in column 1, -1 in column 5 and 0 elsewhere."""
    assert_left(student, "Y", edges(), working=correlated(edge_image(), edge_kernel()))
    student.note(typed_in := are_typed_in(student))
    if typed_in:
        fail(
            "Y does not follow from X: it was written down, not computed from the image",
            call="Y, computed again from another image X",
            got="other numbers than its edges",
            expected=other_edges(),
        )


# the columns differ, and the largest number stays 1
KEPT = torch.tensor([1.0, 0, 1, 1, 1, 1, 1, 0]).repeat(6, 1)
KEPT[::2, 0], KEPT[1::3, 7] = 0, 1


def other_edges():
    image = edge_image() * KEPT
    return image[:, :-1] - image[:, 1:]


def are_typed_in(student):
    """Return whether no cell that leaves the edges follows another image when it runs again."""
    for name in ("Y", None):  # asking for all values is expensive
        left = [c for c in student.values(name, fits=may_be_edges) if is_edges(c.value)]
        if any(not is_typed_in(student, value) for value in left):
            return False
    return True


def may_be_edges(shape):
    return prod(shape) == edges().numel()


def is_edges(value, expected=None):
    expected = edges() if expected is None else expected
    return isinstance(value, torch.Tensor) and is_right(value, expected)


def are_made_together(student, image, left):
    """Return whether one statement binds image and edges, and functions of the notebook ran."""
    for statement in statements(student.sources().get(left.cell, "")):
        stored = {
            n.id
            for n in ast.walk(statement)
            if isinstance(getattr(n, "ctx", None), ast.Store) and isinstance(n, ast.Name)
        }
        if {image.name, left.name} <= stored:
            return any(own_calls(student, cell) for cell in student.sources() if cell <= left.cell)
    return False


def is_typed_in(student, left):
    """Return whether a value does not follow from the image.

    Its cell runs again alone, then with those before it: a cell may only unpack what others
    computed. A cell that cannot run again is believed, and so is a function of the notebook that
    makes the image and the edges together.
    """
    if not has_a_source(student, left.cell):
        return False
    alike = student.values(kinds=("tensor",), fits=lambda s: prod(s) == edge_image().numel())
    images = [c for c in alike if holds(c.value, edge_image()) and c.cell <= left.cell]
    if not images or any(are_made_together(student, image, left) for image in images):
        return False
    for first in (left.cell, images[0].cell, min(student.sources())):
        again = run_again(student, left, edge_image(), KEPT, first=first, fits=may_be_edges)
        if again is None or any(is_edges(c.value, other_edges()) for c in again):
            return False
    return True
