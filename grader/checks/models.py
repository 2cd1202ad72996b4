"""Compares a student's model with a right one after loading the same numbers into both.

A forward that returns several results is judged by the logits among them.
Any start of the weights, any attribute names, any order of registration, nesting, and layers that
are lazy or explicit are fair. Layers are matched in the order in which they are called, by the
shapes of their parameters; then results are compared by value. A model is compared by its shapes
too, at the book's own size, which costs nothing (`Student.outline`).

Here: numbers, matching, and the comparisons that exercises share. Not here: making a model
(`making.py`), what a model should be (`exercises/`, `reference/`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call

from grader.checks.compare import assert_close, assert_equal, fail
from grader.checks.weights import (
    Shape,
    assert_parameters,
    groups_of,
    narrow,
    numbered,
    shapes_of,
    transplant,
)
from grader.errors import BadAnswer, StudentRaised
from grader.guest.layers import NothingIsDrawn, logits_in, run_layers
from grader.kernel.handle import Handle
from grader.kernel.observations import Outline

__all__ = [
    "assert_gradients",
    "assert_outline",
    "assert_result_shape",
    "assert_same_results",
    "assert_same_values",
    "numbered",
    "outline_of",
    "transplant",
]


_MOST_RESULTS = 8  # that are kept of a reference
_DROPS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


# --------------------------------------------------------------------------- shapes


def outline_of(model: nn.Module, shape: Shape) -> Outline:
    """Return the shapes of a reference model, as `Student.outline` does for the student's."""
    with torch.no_grad(), NothingIsDrawn():
        calls, output = run_layers(model.eval(), [torch.zeros(0, *shape[1:])])
    layers = [(shapes_of(part.parameters()), out) for part, out in calls]
    return Outline(
        tuple(layer for layer in layers if layer[0]),
        shapes_of(model.parameters()),
        tuple(output.shape),
    )


def assert_outline(got: Outline, right: Outline, *, call: str) -> None:
    """Require the same shapes of layer outputs, parameters and result.

    Layers may be called in any order. A layer written without a module shows no output; its effect
    shows in later layers and in the values.

    Raises:
        Mismatch: a shape differs; the message names the layer by the shape of its weight.
    """
    due: dict[tuple[Shape, ...], list[Shape]] = {}
    for shapes, out in right.layers:
        due.setdefault(shapes, []).append(_one_image(out))
    for shapes, out in got.layers:
        possible = due.get(shapes)
        if possible and _one_image(out) not in possible:
            wanted = " or ".join(str(shape) for shape in dict.fromkeys(possible))
            fail(
                f"{call}: the layer with a weight of shape {shapes[0]} gives the shape "
                f"{_one_image(out)}, expected {wanted}",
                call=call,
                got=f"shape {_one_image(out)}",
                expected=f"shape {wanted}",
            )
        if possible:  # each output counts for one layer
            possible.remove(_one_image(out))
    assert_parameters(Counter(got.parameters), Counter(right.parameters), call)
    assert right.output is not None, "a reference model returns a tensor"
    assert_result_shape(got, right.output[1:], call=call)


def assert_result_shape(got: Outline, shape: Shape, *, call: str) -> None:
    """Require a result of `shape` for each image.

    Raises:
        BadAnswer: it returns no tensor.
        Mismatch: another shape.
    """
    if got.output is None:
        raise BadAnswer(call, "no tensor", f"a tensor {(1, *shape)}")
    if got.output[1:] != shape or not got.output:
        text = f"shape {_one_image(got.output)}"
        fail(
            f"{call} has the wrong shape: got {_one_image(got.output)}, expected {(1, *shape)}",
            call=call,
            got=text,
            expected=f"shape {(1, *shape)}",
        )


def _one_image(shape: Shape) -> Shape:
    """Return the shape of an empty batch as that of one image, for messages."""
    return (1, *shape[1:]) if shape[:1] == (0,) else shape


# --------------------------------------------------------------------------- comparisons


def assert_same_values(
    model: Handle,
    reference: nn.Module,
    x: Tensor,
    *,
    call: str,
    training: bool = False,
    kept: bool = True,
) -> None:
    """Load the reference's numbers into a model and require the same results.

    Args:
        model: the student's.
        reference: the right model, with its numbers.
        x: input, (N, C, H, W).
        call: the call that makes the model, as it would be typed.
        training: whether both are in training mode.
        kept: whether the model must also leave its input unchanged.

    Raises:
        Mismatch: other layers, other values, or a changed input.
        StudentError: the student's model raised.
    """
    transplant(model, reference, x, call=call)
    assert_same_results(model, reference, x, call=call, training=training, kept=kept)


def assert_same_results(
    model: Handle,
    reference: nn.Module,
    x: Tensor,
    *,
    call: str,
    training: bool = False,
    kept: bool = True,
) -> None:
    """Compare results as `assert_same_values` does, for a model with the numbers loaded."""
    mode = "in training mode" if training else "in evaluation mode"
    expected = _results_of(reference, x, training=training)
    answer = model.forward(x, training=training)
    said = f"{call}, {mode} and with the same weights as the book's, on an input {tuple(x.shape)}"
    assert_close(logits_in(answer.value), expected, call=said)
    if kept:
        try:
            assert_equal(answer.arguments[0], x, call=call)
        except AssertionError:
            text = f"{call} writes into the images it is given"
            fail(text, call=f"{call}(X)", got="other numbers in X", expected="X as it came")


@dataclass(frozen=True)
class _Known:
    """A result of a reference, for an input and a state of its numbers."""

    state: Hashable
    held: list[Tensor]
    """The numbers, kept so that no others get their identity."""
    x: Tensor
    result: Tensor


_known: WeakKeyDictionary[nn.Module, list[_Known]] = WeakKeyDictionary()
"""By reference: every notebook of a class is compared with the same results."""


def _results_of(reference: nn.Module, x: Tensor, *, training: bool) -> Tensor:
    """Return the result of a reference, which is computed once as long as nothing changes it."""
    held = [*reference.parameters(), *reference.buffers()]
    state = training, *((id(value), float(narrow(value.detach()).sum())) for value in held)
    known = _known.setdefault(reference, [])
    for one in known:
        if one.state == state and one.x.dtype == x.dtype and torch.equal(one.x, x):
            return one.result.clone()
    averages = {name: value.clone() for name, value in reference.named_buffers()}
    with torch.no_grad():  # on copies of the moving averages, which training changes
        result: Tensor = functional_call(reference.train(training), averages, x)
    reference.eval()
    if not (training and any(isinstance(part, _DROPS) for part in reference.modules())):
        known.append(_Known(state, held, x.clone(), result.clone()))
        del known[:-_MOST_RESULTS]
    return result


def assert_gradients(model: Handle, x: Tensor, *, call: str) -> None:
    """Require a gradient other than 0 for every parameter of the layers that are called.

    In training mode, weights only: a bias before a batch norm has no gradient there.

    Raises:
        Mismatch: a gradient is missing; the message names the parameters.
        StudentError: the student's model raised.
    """
    for training in (False, True):
        said = f"{call} in training mode" if training else call
        try:
            reached = model.reached(x, training=training)
        except StudentRaised as error:
            model.structure(x)  # which says so if the way forward raises already
            backward = f"the gradient of {said}"
            raise StudentRaised(backward, error.kind, error.message, error.where) from None
        missed = [name for name, arrived in reached.items() if not arrived]
        if missed:
            due = _called_parameters(model, x)
            missed = [name for name in missed if due.get(name, -1) > (1 if training else -1)]
        if missed:
            _fail_without_gradients(missed, said)


def _called_parameters(model: Handle, x: Tensor) -> dict[str, int]:
    """Return how many axes the parameters have that are not aside, by name."""
    structure = model.structure(x)
    _, aside = groups_of(structure)
    return {name: len(shape) for name, shape in structure.sizes.items() if name not in aside}


def _fail_without_gradients(missed: Sequence[str], call: str) -> None:
    shown = ", ".join(missed[:6]) + (", ..." if len(missed) > 6 else "")
    fail(
        f"{call}: no gradient reaches {shown}",
        call=f"the gradient of {call}",
        got=f"none in {shown}",
        expected="one in every parameter",
    )
