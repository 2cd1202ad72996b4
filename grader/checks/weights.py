"""Loads the same numbers into a student's model and a reference model.

Layers are matched in the order in which they are called, by the shapes of their parameters, so
that attribute names, the order of registration, nesting and laziness do not matter.

Here: numbers on which every layer has an effect, matching, loading. Not here: the comparison
(`models.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from grader.checks.compare import fail
from grader.guest.layers import NothingIsDrawn, run_layers
from grader.kernel.handle import Handle
from grader.kernel.observations import Structure

Shape = tuple[int, ...]
_SEED = 8
# A weight with more numbers than this gets the same ones for all inputs of an output: they cross
# the wire once. 4,096 x 4,096 numbers would be 67 MB and half of the time of a whole exercise.
_MOST_NUMBERS = 1 << 20


@dataclass(frozen=True)
class Part:
    """One layer with parameters, and the numbers that are put into it, by name within the layer."""

    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]


def numbered(model: nn.Module, shape: Shape, *, gain: float = 2**0.5) -> nn.Module:
    """Fill a reference model with numbers on which every layer has an effect, and return it.

    Weights are normal with the spread `gain` / sqrt(fan in): the root of 2 keeps the size of what
    goes through layers of ReLU, 3 of what goes through sigmoids. Biases, and the scales, shifts,
    means and variances of batch norm are far from 0 and 1.

    Args:
        model: fresh from its constructor.
        shape: of an input.
        gain: size of the weights.
    """
    leaves = _leaves(model, shape)
    parts = drawn([_part_of(leaf) for leaf in leaves], gain)
    for leaf, part in zip(leaves, parts, strict=True):
        for name, value in part.parameters.items():
            leaf.register_parameter(name, nn.Parameter(value, requires_grad=False))
        for name, value in part.buffers.items():
            leaf.register_buffer(name, value)
    return model.eval()


_known: WeakKeyDictionary[nn.Module, tuple[Hashable, list[str]]] = WeakKeyDictionary()
"""By reference: the paths of its leaves, and what they were found for."""


def _leaves(model: nn.Module, shape: Shape) -> list[nn.Module]:
    """Return the innermost modules with parameters in the order of their first calls.

    The calls are looked at once for a reference, as long as it holds the same modules.
    """
    paths = {id(part): path for path, part in model.named_modules()}
    state = (shape[1:], *paths.items())
    found = _known.get(model)
    if found is None or found[0] != state:
        found = _known[model] = (state, [paths[id(part)] for part in _called(model, shape)])
    return [model.get_submodule(path) for path in found[1]]


def _called(model: nn.Module, shape: Shape) -> list[nn.Module]:
    with torch.no_grad(), NothingIsDrawn():
        calls, _ = run_layers(model.eval(), [torch.zeros(0, *shape[1:])])
    parts = dict.fromkeys(part for part, _ in calls)
    return [part for part in parts if any(True for _ in part.parameters())]


def _part_of(leaf: nn.Module) -> Part:
    parameters = {name: value.detach() for name, value in leaf.named_parameters()}
    return Part(parameters, dict(leaf.named_buffers()))


def drawn(parts: Sequence[Part], gain: float) -> list[Part]:
    """Return parts of the same shapes with drawn numbers."""
    generator = torch.Generator().manual_seed(_SEED)

    def draw(name: str, old: Tensor) -> Tensor:
        shape = tuple(old.shape)
        if not old.is_floating_point():
            return torch.zeros_like(old)
        if name == "running_var" or (name == "weight" and len(shape) == 1):  # batch norm's
            return 0.5 + torch.rand(shape, generator=generator)
        if len(shape) < 2:
            return 0.3 * torch.randn(shape, generator=generator)
        fan_in, columns = math.prod(shape[1:]), shape[1]
        if old.numel() > _MOST_NUMBERS:
            # a sum over inputs with one weight grows with their number, not with its root
            fan_in, columns = fan_in * columns, 1
        numbers = torch.randn((shape[0], columns, *shape[2:]), generator=generator)
        return (gain / math.sqrt(fan_in) * numbers).expand(shape)

    return [
        Part(*({k: draw(k, v) for k, v in d.items()} for d in (part.parameters, part.buffers)))
        for part in parts
    ]


def transplant(model: Handle, reference: nn.Module, x: Tensor, *, call: str) -> None:
    """Load the reference's numbers into the student's model, and set it to evaluation mode.

    Both run on `x` first, so that lazy layers get their parameters. For each layer of the reference
    in the order of calls, the student's first layer with the same shapes of parameters gets its
    numbers. Where no layer fits, parameters that a module holds directly, and those of layers that
    are never called, are used.

    Raises:
        Mismatch: a layer has no counterpart, or a called layer is left over.
        StudentError: the student's model raised.
    """
    put(model, [_part_of(leaf) for leaf in _leaves(reference, tuple(x.shape))], x, call)


def put(model: Handle, parts: Sequence[Part], x: Tensor, call: str) -> None:
    """Load the numbers of parts into the student's model, as `transplant` does."""
    structure = model.structure(x, undrawn=True)
    called, aside = groups_of(structure)
    buffers = structure.buffers
    values: dict[str, Tensor] = {}
    for part in parts:
        wanted = Counter(shapes_of(part.parameters.values()))
        found = next((group for group in called if Counter(group.values()) == wanted), None)
        if found is not None:
            called.remove(found)
        else:
            # by themselves: a layer written without modules, or in several of them
            found = _first_of_shapes([aside, *called], wanted)
        values.update(_by_shape(found, part))
        for name, value in part.buffers.items():
            own = ".".join([*next(iter(found), "").split(".")[:-1], name])
            if own in buffers and buffers[own].shape == value.shape:
                buffers[own] = value
    left = Counter(shape for group in called for shape in group.values())
    placed = Counter(shapes_of(values.values()))
    due = Counter(s for part in parts for s in shapes_of(part.parameters.values()))
    assert_parameters(placed + left, due, call)
    unused = {name: torch.zeros(shape) for name, shape in aside.items()}
    numbers = values | unused
    model.load([narrow(numbers[name]) for name in structure.sizes], list(buffers.values()))


def groups_of(model: Structure) -> tuple[list[dict[str, Shape]], dict[str, Shape]]:
    """Return parameters with their shapes: layer by layer in the order of calls, and all others."""
    groups: dict[str, dict[str, Shape]] = {path: {} for path in model.order}
    aside: dict[str, Shape] = {}
    for name, shape in model.sizes.items():
        groups.get(name.rpartition(".")[0], aside)[name] = shape
    return [group for group in groups.values() if group], aside


def _first_of_shapes(
    groups: Sequence[dict[str, Shape]], wanted: Counter[Shape]
) -> dict[str, Shape]:
    """Take the first parameters of the wanted shapes out of groups, as many as exist."""
    taken: dict[str, Shape] = {}
    for shape in wanted.elements():
        for group in groups:
            name = next((n for n, s in group.items() if s == shape), None)
            if name is not None:
                taken[name] = group.pop(name)
                break
    return taken


def _by_shape(names: dict[str, Shape], part: Part) -> dict[str, Tensor]:
    """Give each named parameter the numbers of its own name, or the first of its shape."""
    left = dict(part.parameters)
    values = {}
    for name, shape in names.items():
        fitting = [key for key, value in left.items() if tuple(value.shape) == shape]
        own = name.rpartition(".")[2]
        values[name] = left.pop(own if own in fitting else fitting[0])
    return values


def narrow(value: Tensor) -> Tensor:
    """Reduce rows that repeat one number to that number, so that it is sent once."""
    for axis, (step, size) in enumerate(zip(value.stride(), value.shape, strict=True)):
        if step == 0 and size > 1:
            value = value.narrow(axis, 0, 1)
    return value


def parts_of(model: Handle, x: Tensor) -> list[Part]:
    """Return the layers of the student's model by shape, without their numbers."""
    structure = model.structure(x)
    called, _ = groups_of(structure)

    def part(group: dict[str, Shape]) -> Part:
        path = next(iter(group)).rpartition(".")[0] + "."
        own = {k.removeprefix(path): v for k, v in structure.buffers.items() if k.startswith(path)}
        return Part({k.removeprefix(path): torch.empty(v) for k, v in group.items()}, own)

    return [part(group) for group in called]


def shapes_of(tensors: Iterable[Tensor]) -> tuple[Shape, ...]:
    """Return the shapes of tensors."""
    return tuple(tuple(tensor.shape) for tensor in tensors)


def assert_parameters(got: Counter[Shape], right: Counter[Shape], call: str) -> None:
    """Require the expected number of parameters of each shape.

    Raises:
        Mismatch: the numbers differ.
    """
    missing, surplus = right - got, got - right
    if not missing and not surplus:
        return
    counts = [sum(math.prod(shape) * n for shape, n in c.items()) for c in (got, right)]
    said = [f"{call} has {counts[0]:,} parameters, expected {counts[1]:,}"]
    if missing:
        said.append(f"missing are parameters of shapes {_listed(missing)}")
    if surplus:
        said.append(f"not expected are parameters of shapes {_listed(surplus)}")
    fail(
        "; ".join(said),
        call=f"{call}.parameters()",
        got=_listed(got) or "no parameters",
        expected=_listed(right),
    )


def _listed(shapes: Counter[Shape], most: int = 6) -> str:
    texts = [f"{n} times {shape}" if n > 1 else f"{shape}" for shape, n in shapes.items()]
    rest = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return ", ".join(texts[:most] + rest)
