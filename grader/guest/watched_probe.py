"""Inside the sandbox: the probe network that records its steps.

It stands in the place of a notebook's model: as a whole, or in parts where the notebook calls the
parts of its model one by one (`carried.py`).

Here: what happens when it is called or copied. Not here: putting it in a model's place
(`training_replay.py`), what is recorded of a step (`step_log.py`).
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn

from grader.guest.carried import carry, share_of
from grader.guest.probe_network import ProbeNetwork, ProbeShape, small
from grader.guest.step_log import StepLog


class Replay(Protocol):
    """What a probe knows of the training that it is made for."""

    probe: ProbeShape
    rows: int
    probes: list[Watched]

    def check_end(self) -> None:
        """End the cell when the loop takes far more steps than are recorded."""


class Watched(ProbeNetwork):
    """A probe that records its steps and ends a loop that runs too long."""

    def __init__(self, replay: Replay, tail: str, *, layers: nn.Sequential | None = None) -> None:
        super().__init__(replay.probe, tail)
        self.layers = layers or self.layers
        self.log = StepLog(rows=replay.rows)
        self._replay = (replay,)  # in a tuple, since it is no part of the module
        self._images: Tensor | None = None
        replay.probes.append(self)
        for part in self._places():
            vars(part)["forward"] = self._computes(part)
        for place, parameter in enumerate(self.parameters()):
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                self._note(place)
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Watched:
        # the copied model holds copies of the same layers: `memo` has them, or will
        layers = copy.deepcopy(self.layers, memo)
        copied = Watched(self._replay[0], self.tail, layers=layers)
        memo[id(self)] = copied
        # a copy of a model is trained separately
        copied.log = StepLog(rows=self.log.rows, start=self.log.start)
        return copied

    def parts(self) -> list[nn.Module]:
        """Return the layers that replace a model's: each with the norm that follows it."""
        first, second, last = self._places()
        first.add_module("norm", self.layers[1])
        second.add_module("norm", self.layers[4])
        return [first, second, last]

    def _places(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        return self.layers[0], self.layers[3], self.layers[7]

    def _computes(self, part: nn.Module) -> Callable[..., Tensor]:
        """Return the forward of a part, for a notebook that calls its model's parts one by one."""

        def forward(x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
            inside = list(part.modules())
            for number, place in enumerate(self._places()):
                if place in inside:
                    x = self._share(number, x)
            return x

        return forward

    def _share(self, number: int, x: Tensor) -> Tensor:
        if number == 0:
            self._replay[0].check_end()
            x = self._images = small(x, self.shape)
        if number < 2:
            return carry(share_of(self.layers, number, x))
        if self._images is not None:
            self.log.forward(self, self._images)
        answers = share_of(self.layers, number, x)
        if self._images is not None:
            self.log.answers(self._images, answers)
        return answers * self.shape.head

    def through(self, images: Tensor) -> Tensor:
        """Apply the layers in order; ignore their own forward methods."""
        for layer in self.layers:
            images = type(layer).forward(layer, images)
        return images

    def forward(self, x: Tensor) -> Any:
        """Compute a forward pass for a question, without recording."""
        return self.ends_with(self.through(small(x, self.shape)))

    def watched(self, x: Tensor) -> Any:
        """Compute the notebook's forward pass, and record the step."""
        self._replay[0].check_end()
        images = small(x, self.shape)
        self.log.forward(self, images)
        answers = self.through(images)
        self.log.answers(images, answers)
        return self.ends_with(answers)

    def _note(self, place: int) -> Callable[[Tensor], None]:
        # Python cannot collect a circle through a hook of a parameter: torch hides its reference
        watched = weakref.ref(self)

        def note(parameter: Tensor) -> None:
            if (probe := watched()) is not None:
                probe.log.gradient_arrived(place, parameter)

        return note
