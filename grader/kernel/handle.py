"""The trusted side of an object that stays in the sandbox: `Handle`.

A check calls a handle like the object itself, and asks it for parameters, layers, gradients.
Here: what can be asked of one object. Not here: names of a notebook (`student.py`), what comes
back (`observations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from grader.kernel import observations
from grader.kernel.describe import CallText
from grader.kernel.observations import Call, Layer, Structure
from grader.text import one_line, with_article
from grader.wire import messages

_MOST_NAME = 100
"""Characters of a name from the sandbox that are shown."""


class Handle:
    """An object that stays in the sandbox: a module, a class, an instance of one."""

    def __init__(
        self,
        ask: Callable[..., Call],
        node: messages.HandleNode,
        unrecorded: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._ask_student = ask
        self._node = node
        self.unrecorded = unrecorded
        """Leaves what is asked inside the context out of the student's record."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it: forward for a module, an instance for a class."""
        return self._ask("call", args, kwargs).value

    def __repr__(self) -> str:
        return self.description

    @property
    def type_name(self) -> str:
        """The name of its class, as the sandbox reports it."""
        return one_line(self._node.type_name[:_MOST_NAME])

    @property
    def is_module(self) -> bool:
        """Whether it is an `nn.Module`."""
        return self._node.is_module

    @property
    def description(self) -> str:
        """The object in words, for a message."""
        return with_article(f"{self.type_name} object")

    def call(self, method: str, *args: Any, **kwargs: Any) -> Call:
        """Call a method."""
        return self._ask("call", args, kwargs, method=method)

    def forward(self, x: Tensor, *, training: bool) -> Call:
        """Put the module in training or evaluation mode, and call its forward."""
        return self._ask("forward", (x,), {}, method="train" if training else "eval")

    def attribute(self, name: str) -> Any:
        """Return an attribute."""
        return self._ask("attribute", (), {}, method=name).value

    def parameters(self) -> dict[str, Tensor]:
        """Return copies of the parameters by name, in module order."""
        return observations.tensors_of(self._ask("parameters", (), {}).value)

    def buffers(self) -> dict[str, Tensor]:
        """Return copies of the buffers by name, in module order."""
        return observations.tensors_of(self._ask("buffers", (), {}).value)

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters by name, in module order."""
        found = self._ask("sizes", (), {}).value
        return observations.read_sizes(f"{self.type_name}.sizes", found)

    def load(
        self,
        parameters: Sequence[Tensor] | dict[str, Tensor] | None,
        buffers: Sequence[Tensor] | dict[str, Tensor] | None = None,
    ) -> None:
        """Write values into parameters and buffers, in module order; names play no part.

        Raises:
            StudentRaised: their number or their shapes are not those of the module.
        """
        self._ask("load", (observations.in_order(parameters), observations.in_order(buffers)), {})

    def gradients(self, *args: Any, upstream: Tensor | None = None) -> dict[str, Tensor | None]:
        """Back-propagate `upstream` (ones by default); return gradients by parameter name.

        None where no gradient reached a parameter.
        """
        found = self._ask("gradients", args, {"upstream": upstream}).value
        with observations.believed(f"{self.type_name}.gradients", "tensors by name"):
            return {name: x if isinstance(x, Tensor) else None for name, x in found.items()}

    def fit(
        self, x: Tensor, labels: Tensor, *, limit_s: float = 60.0, **options: Any
    ) -> list[float]:
        """Train a classifier inside for a short while (`short_training.fit`); return the losses."""
        answer = self._ask("fit", (x, labels), options, limit_s=limit_s).value
        return [loss for loss in answer if type(loss) is float] if type(answer) is list else []

    def tail(self, x: Tensor) -> str:
        """Return what the forward ends with: logits, softmax or log_softmax."""
        return str(self._ask("tail", (x,), {}).value)[:_MOST_NAME]

    def reached(self, *args: Any, training: bool | None = None) -> dict[str, bool]:
        """Return by parameter name whether a gradient other than 0 reaches the parameter.

        Args:
            args: of the call.
            training: the mode that the module is put in before; None leaves it as it is.
        """
        found = self._ask("reached", args, {}, unshown={"training": training}).value
        with observations.believed(f"{self.type_name}.reached", "yes or no by name"):
            return {name: value is True for name, value in found.items()}

    def reached_through(self, definition: int, *args: Any) -> dict[str, bool]:
        """Return the same for the result of a function that gets this module and `args`."""
        found = self._ask("reached", args, {"through": definition}).value
        with observations.believed(f"{self.type_name}.reached", "yes or no by name"):
            return {name: value is True for name, value in found.items()}

    def structure(self, x: Tensor, *, undrawn: bool = False) -> Structure:
        """Put the module in evaluation mode, run it, and list what it is made of.

        `undrawn` skips the initialisation of lazy weights, for callers that load others next.
        """
        found = self._ask("structure", (x,), {"undrawn": undrawn}).value
        return observations.read_structure(f"{self.type_name}.layers", found)

    def layers(self, *args: Any) -> list[Layer]:
        """Run the module and list its innermost layers in the order in which they are called."""
        rows = self._ask("layers", args, {}).value
        with observations.believed(f"{self.type_name}.layers", "layers"):
            return [
                Layer(str(path)[:_MOST_NAME], str(kind)[:_MOST_NAME], tuple(map(int, n)))
                for path, kind, n in rows
            ]

    def train(self, mode: bool = True) -> Handle:
        """Put the module in training mode."""
        self._ask("mode", (mode,), {})
        return self

    def eval(self) -> Handle:
        """Put the module in evaluation mode."""
        return self.train(False)

    def _ask(
        self, op: str, args: Sequence[Any], kwargs: dict[str, Any], method: str = "",
        limit_s: float | None = None, unshown: dict[str, Any] | None = None,
    ) -> Call:  # fmt: skip
        """Ask the student's side; `unshown` are options of ours that no message shows."""
        what = f"{self.type_name}.{method}" if method else self.type_name
        if op != "call":
            what = f"{self.type_name}.{op}"
        number = self._node.number
        call = CallText(what, args, kwargs) if unshown else ""
        return self._ask_student(
            op, what, args, kwargs | (unshown or {}),
            handle=number, method=method, call=call, limit_s=limit_s,
        )  # fmt: skip


def handle_nodes(value: object) -> messages.HandleNode | messages.RefusalNode:
    """Return how an argument that is no plain value is sent: a handle as its number."""
    if isinstance(value, Handle):
        return value._node
    if isinstance(value, torch.nn.Module):
        raise TypeError("a module cannot be sent; make one inside with student.build(...)")
    raise TypeError(f"{with_article(type(value).__name__)} cannot be sent to the student's code")
