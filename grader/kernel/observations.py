"""What the sandbox reports about a notebook, as records: definitions, calls, layers, shapes.

Here: the records, and how answers are parsed into them; only the form of an answer is trusted.
Not here: who asks (`student.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.errors import BadAnswer
from grader.guest import probe_network
from grader.guest.probe_network import ProbeShape

_MOST_LACKING, _MOST_NAME = 2_000, 60
_MOST_PARAMETERS = 100_000  # of a model


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
class HeldModel:
    """A model that a name of the notebook holds, as the sandbox describes it."""

    number: int
    """Of its definition in the catalog."""
    type_name: str
    origins: frozenset[str]
    """Where the classes of its parts come from: `torch`, `__main__`, a library."""
    layers: str
    """Kernels of convolutions and linear layers, in module order: `5x5 linear`."""


@dataclass(frozen=True)
class Call:
    """The result of a call."""

    value: Any
    arguments: tuple[Any, ...] = ()
    """The positional arguments as they were after the call."""
    printed: str = ""


@dataclass(frozen=True)
class Lacking:
    """What a notebook used that this machine lacks, as the sandbox reports it."""

    by_cell: dict[int, tuple[str, ...]]
    """Names of packages, or of the network."""
    imports: dict[str, tuple[int, str]]
    """By package: the cell of the first import that failed, and its error."""


@dataclass(frozen=True)
class Layer:
    """One innermost module of a model, as it was called."""

    path: str
    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Structure:
    """What a module is made of, and the order of its layers."""

    order: list[str]
    """Paths of its innermost modules, as they were called."""
    sizes: dict[str, tuple[int, ...]]
    """Shapes of the parameters by name, in module order."""
    buffers: dict[str, Tensor]
    """By name, in module order."""


@dataclass(frozen=True)
class Outline:
    """The shapes of a model, found without computing."""

    layers: tuple[tuple[tuple[tuple[int, ...], ...], tuple[int, ...]], ...]
    """Of the first innermost modules with parameters, as called: shapes of parameters, and of
    output."""
    parameters: tuple[tuple[int, ...], ...]
    """Of all parameters, those of layers that were not called included; by shape."""
    output: tuple[int, ...] | None
    """Of the result; None where it is no tensor."""


@dataclass(frozen=True)
class NotedStep:
    """One step of a probe network's training, before and after `backward`."""

    number: int
    x: Tensor
    """Inputs, in the size of the probe network."""
    before: list[Tensor]
    """The parameters when the images went in."""
    gradients: list[Tensor]
    """What the parameters held after `backward`."""
    used: list[Tensor] = field(default_factory=list)
    """What they held when an optimiser took the step; empty where none of torch did."""
    rate: float = 0.0
    """The learning rate of that optimiser; 0 where unknown."""


@dataclass(frozen=True)
class Trained:
    """One model that a training replay trained."""

    names: tuple[str, ...]
    """Names of the notebook that hold it at the end."""
    steps: int
    """How often gradients reached it."""
    start: list[Tensor]
    end: list[Tensor]
    noted: tuple[NotedStep, ...]
    seen: Tensor
    """The first input of each step."""
    module: Any
    """A handle, to ask it about held-out images."""
    changes: tuple[int, ...] = ()
    """For each parameter, after how many of the steps it was another; empty for none."""
    answered: tuple[tuple[Tensor, Tensor, Tensor], ...] = ()
    """Of each batch a few inputs, the network's last numbers for them, the gradient by these."""


@dataclass(frozen=True)
class Pass:
    """One pass over a loader during a training replay."""

    batches: int
    """How many the loop took."""
    steps: int
    cut: bool
    """Whether the replay ended it."""
    left: bool
    """Whether the loop left it before its data ended."""


@dataclass(frozen=True)
class ReplayFacts:
    """What a training replay showed, as the sandbox reports it."""

    raised: str
    models: tuple[Trained, ...]
    passes: tuple[Pass, ...] = ()


@contextmanager
def believed(call: str, expected: str) -> Iterator[None]:
    """Turn any error while an answer is parsed into a `BadAnswer`.

    Raises:
        BadAnswer: the answer has another form.
    """
    try:
        yield
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
        raise BadAnswer(call, "something else", expected) from error


def read_catalog(rows: object) -> list[Captured]:
    """Parse the catalog that the guest sends; drop entries of another form."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        match row:
            case (int(number), str(name), int(cell), str(kind), bool(imported)):
                found.append(Captured(number, name[:200], cell, kind[:20], imported))
    return found


def read_models(rows: object) -> list[HeldModel]:
    """Parse the models that names hold; drop entries of another form."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        match row:
            case (int(number), str(kind), [*origins], str(layers)):
                found.append(
                    HeldModel(number, kind[:200], frozenset(map(str, origins)), layers[:4_000])
                )
    return found


def read_shapes(shapes: object, number: int) -> list[tuple[int, ...] | None]:
    """Parse the shapes of so many values; None for one that is no tensor, or of another form."""
    rows = shapes if isinstance(shapes, list) else []
    read = [
        row if isinstance(row, tuple) and all(type(side) is int and side >= 0 for side in row)
        else None
        for row in rows[:number]
    ]  # fmt: skip
    return read + [None] * (number - len(read))


def read_outline(call: str, value: Any) -> Outline:
    """Parse a model's shapes.

    Raises:
        BadAnswer: it is no outline.
    """
    if isinstance(value, str):
        raise BadAnswer(call, value[:300], "a module")
    try:
        layers, parameters, output = value
        if sum(int(n) for _, n in parameters) > _MOST_PARAMETERS:
            raise ValueError
        return Outline(
            tuple((tuple(_shape(p) for p in shapes), _shape(out)) for shapes, out in layers),
            tuple(shape for p, n in parameters for shape in [_shape(p)] * int(n)),
            None if isinstance(output, str) else _shape(output),
        )
    except (TypeError, ValueError, OverflowError) as error:  # int(inf) overflows
        raise BadAnswer(call, "a model whose layers cannot be listed", "a model") from error


def read_sizes(call: str, found: Any) -> dict[str, tuple[int, ...]]:
    """Parse the shapes of parameters by name.

    Raises:
        BadAnswer: the answer has another form.
    """
    with believed(call, "shapes by name"):
        return {name: _shape(shape) for name, shape in found.items()}


def read_structure(call: str, found: Any) -> Structure:
    """Parse the order of a module's layers, shapes of its parameters, and buffers.

    Raises:
        BadAnswer: the answer has another form.
    """
    with believed(call, "layers"):
        order, sizes, buffers = found
        paths = [str(path)[:_MOST_NAME] for path in order]
        return Structure(paths, read_sizes(call, sizes), tensors_of(buffers))


def read_sources(rows: object) -> dict[int, str]:
    """Parse the cells that the guest sends; drop entries of another form."""
    pairs = rows if isinstance(rows, list) else []
    return {
        row[0]: row[1]
        for row in pairs
        if isinstance(row, tuple | list) and [type(part) for part in row] == [int, str]
    }


def read_curves(rows: object) -> list[tuple[int, list[float]]]:
    """Parse the losses by cell that the guest sends; drop entries of another form."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        match row:
            case (int(cell), [*values]) if all(type(value) is float for value in values):
                found.append((cell, list(values)))
    return found


def read_lacking(value: object) -> Lacking:
    """Parse the packages that cells lacked; drop entries of another form."""
    cells: list[Any] = []
    firsts: list[Any] = []
    match value:
        case ([*rows], [*others]):
            cells, firsts = rows, others
    by_cell: dict[int, tuple[str, ...]] = {}
    for row in cells[:_MOST_LACKING]:
        match row:
            case (int(cell), [*names]) if all(isinstance(name, str) for name in names):
                by_cell[cell] = tuple(name[:_MOST_NAME] for name in names[:_MOST_LACKING])
    imports: dict[str, tuple[int, str]] = {}
    for row in firsts[:_MOST_LACKING]:
        match row:
            case (str(name), int(cell), str(error)):
                imports[name[:_MOST_NAME]] = cell, error[:200]
    return Lacking(by_cell, imports)


def read_replay(call: str, value: Any, probe: ProbeShape) -> ReplayFacts:
    """Parse the answer to a training replay; its tensors must have the probe network's shapes.

    Raises:
        BadAnswer: the answer has another form.
    """
    sizes = probe_network.shapes(probe)

    def numbers(values: Any) -> list[Tensor]:
        read = [v.detach().float() for v in values]
        if [tuple(v.shape) for v in read] not in (sizes, []):
            raise ValueError
        return read

    def images(x: Tensor) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[1:]) != probe.image:
            raise ValueError
        return x.detach().float()

    def answers(row: Any) -> tuple[Tensor, Tensor, Tensor]:
        x, y, gradient = images(row[0]), row[1].detach().float(), row[2].detach().float()
        if not tuple(y.shape) == tuple(gradient.shape) == (len(x), probe.classes):
            raise ValueError
        return x, y, gradient

    try:
        models = tuple(
            Trained(
                tuple(str(name)[:200] for name in row["names"]),
                int(row["steps"]),
                numbers(row["start"]),
                numbers(row["end"]),
                tuple(
                    NotedStep(
                        int(n),
                        images(x),
                        numbers(before),
                        numbers(gradients),
                        numbers(used),
                        float(rate),
                    )
                    for n, x, before, gradients, used, rate in row["noted"]
                ),
                images(torch.cat([torch.zeros(0, *probe.image), *row["seen"]])),
                row["module"],
                tuple(int(n) for n in row["changes"]),
                tuple(map(answers, row["answered"])),
            )
            for row in value["models"]
        )
        passes = tuple(
            Pass(int(batches), int(steps), cut is True, left is True)
            for batches, steps, cut, left in value["passes"]
        )
        return ReplayFacts(str(value["raised"])[:500], models, passes)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RuntimeError) as error:
        raise BadAnswer(call, "something else", "the steps of a training") from error


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in value)


def in_order(values: Sequence[Tensor] | dict[str, Tensor] | None) -> list[Tensor] | None:
    """Return values by name as a list, in the order of the module."""
    if values is None:
        return None
    return list(values.values()) if isinstance(values, dict) else list(values)


def tensors_of(value: object) -> dict[str, Tensor]:
    """Parse tensors by name; drop entries of another form."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {str(name): tensor for name, tensor in pairs if isinstance(tensor, Tensor)}
