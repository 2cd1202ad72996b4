"""Inside the sandbox: records the steps of a probe network's training.

Of some steps the batch, the parameters and the gradients are kept; of all steps, which parameters
changed, and of some rows of the batch the answers and the gradient of the loss by them, which tells
the label that the loss was given. Not here: who calls this (`training_replay.py`), what is right
(`checks/training`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

MOST_SEEN = 200
_MOST_ANSWERED = 150  # batches whose answers are kept; of more, every second one, and so on
_ROWS = 4  # of each
# steps whose batch, parameters and gradients are noted; the last shows whether batches change
_NOTED = (1, 2, 3, 4, 5, 6, 40)


@dataclass
class Step:
    """One step: its batch, the parameters before it, and the gradients."""

    number: int
    x: Tensor
    before: list[Tensor]
    grads: list[Tensor]
    used: list[Tensor] = field(default_factory=list)
    """The gradients as the optimiser got them; empty where none of torch took the step."""
    rate: float = 0.0
    """The learning rate of that optimiser; 0 where unknown."""


@dataclass
class StepLog:
    """The record of one probe.

    Args:
        rows: a seed: of which rows of a batch the answers are noted.
    """

    rows: int = 0
    steps: int = 0
    noted: list[Step] = field(default_factory=list)
    seen: list[Tensor] = field(default_factory=list)
    """The first image of each step."""
    start: list[Tensor] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    """For each parameter, between how many forward passes it changed."""
    answered: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
    """Of some batches, a few images, the network's answers and the gradient by them."""
    arrived: int = 0
    """Of how many batches the gradient by the answers has arrived."""
    apart: int = 1
    """How many of these batches lie between two whose answers are kept."""
    waiting: tuple[Tensor, list[Tensor]] | None = None
    current: Step | None = None
    last: list[Tensor] = field(default_factory=list)

    def forward(self, probe: nn.Module, x: Tensor) -> None:
        """Note a forward pass."""
        if torch.is_grad_enabled():
            before = [p.detach().clone() for p in probe.parameters()]
            self.start = self.start or before
            # of most steps no more than the first image is kept
            kept = x if self.steps + 1 in _NOTED else x[:1]
            self.waiting = (kept.clone(), before)
            if self.steps:  # an initialisation before the first step is no training
                pairs = zip(self.changes or [0] * len(before), before, self.last, strict=True)
                self.changes = [n + (not torch.equal(now, then)) for n, now, then in pairs]
            self.last = before

    def answers(self, x: Tensor, y: Tensor) -> None:
        """Note the gradient that will arrive at the answers `y` for images `x`.

        The batches that are kept are spread evenly over all steps, the last ones included.
        """
        if not y.requires_grad or not len(y):
            return
        draw = torch.Generator().manual_seed(self.rows + self.arrived)
        chosen = torch.randperm(len(y), generator=draw)[:_ROWS].to(y.device)
        images, given = x[chosen].detach(), y.detach()[chosen]

        def note(gradient: Tensor) -> None:
            self.arrived += 1
            if self.arrived % self.apart:
                return
            self.answered.append((images.clone(), given, gradient.detach()[chosen]))
            if len(self.answered) > _MOST_ANSWERED:
                self.answered = self.answered[1::2]
                self.apart *= 2

        y.register_hook(note)  # type: ignore[no-untyped-call]

    def stepping(self, probe: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Note the gradients and the rate that an optimiser takes a step with."""
        step = self.current
        if step is None or step.used:
            return
        own = list(probe.parameters())
        held = {id(p) for p in own}
        groups = [g for g in optimiser.param_groups if any(id(p) in held for p in g["params"])]
        if groups:
            with suppress(TypeError, ValueError):  # an optimiser of the notebook's own
                step.rate = max(float(group.get("lr", 0.0)) for group in groups)
            step.used = [
                torch.zeros_like(p) if p.grad is None else p.grad.detach().clone() for p in own
            ]

    def gradient_arrived(self, place: int, parameter: Tensor) -> None:
        """Note the gradient of one parameter; the first one after a forward begins a step."""
        if self.waiting is not None:
            self.steps += 1
            x, before = self.waiting
            self.waiting, self.current = None, None
            if self.steps == 1:  # `apply_init` initialises again after a first forward
                self.start = before
            if len(x) and len(self.seen) < MOST_SEEN:
                self.seen.append(x[0])
            if self.steps in _NOTED:
                self.current = Step(self.steps, x, before, [torch.zeros_like(p) for p in before])
                self.noted.append(self.current)
        if self.current is not None and parameter.grad is not None:
            self.current.grads[place] = parameter.grad.detach().clone()
