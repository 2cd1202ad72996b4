"""Inside the sandbox: answers questions about the notebook's functions, values and modules.

Our one file beside student code. It lives on `wire`, `recorder`, the standard library and torch,
holds no expected value and decides nothing; the trusted side believes none of its answers.
Here: one method per operation (`op_...`). Not here: the loop that serves them over a socket
(`serving.py`), deadlines and verdicts (`student.py`), capturing definitions (`recorder.py`).
Not covered: student code shares this process and can change everything here.
"""

from __future__ import annotations

import io
import traceback
import types
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from grader.guest import environment, layers, losses, missing_modules
from grader.guest.fresh_state import FreshState, set_seeds
from grader.guest.gradients import reached_from
from grader.guest.held_models import maker_of, rows
from grader.guest.layers import (
    NothingIsDrawn,
    layer_size,
    logits_in,
    repeats_to,
    run_for_order,
    run_layers,
)
from grader.guest.library_answers import LibraryAnswers
from grader.guest.probe_network import ProbeShape
from grader.guest.recorder import Recorder
from grader.guest.short_training import fit, tail_of
from grader.guest.training_replay import TrainingReplay
from grader.text import with_article
from grader.wire import messages
from grader.wire.codec import Decoder, Encoder, plain_text
from grader.wire.messages import Request

_MOST_PRINTED = 64_000
_MOST_OUTLINED = 300  # layers; with channels for their number, a model may have thousands
_ITS_OWN = type.__dict__["__dict__"].__get__  # `vars` asks the class, which may override it
# numbers of methods begin here, and those of what a cell bound that ran again
_METHODS, _AGAIN = 1_000_000, 2_000_000


class Refused(Exception):
    """The guest cannot carry out a request; the message says why."""


class _Printed(io.StringIO):
    """Keeps the first characters of what is printed and drops the rest."""

    def write(self, text: str) -> int:
        room = _MOST_PRINTED - self.tell()
        if room > 0:
            super().write(str(text)[:room])
        return len(text)


class Guest:
    """Answers requests about one notebook.

    Args:
        recorder: what its cells bound.
        library: the course's library; empty if left out.
    """

    def __init__(self, recorder: Recorder, library: LibraryAnswers | None = None) -> None:
        self.recorder = recorder
        self.kept: dict[int, Any] = {}
        self.methods: list[types.FunctionType] = []
        self.fresh = FreshState()
        self.library = LibraryAnswers() if library is None else library

    def answer(self, request: Request, payload: bytearray) -> list[memoryview]:
        """Carry out one request and return its reply as the parts of a frame."""
        numbers = iter(range(request.keep, request.keep + 64)) if request.keep >= 0 else iter(())

        def keep(value: object) -> messages.HandleNode | messages.RefusalNode:
            number = next(numbers, None)
            if number is None or not _is_worth_keeping(value):
                return messages.RefusalNode(_describe(value))
            self.kept[number] = value
            name = plain_text(_type_name(value), 200)
            return messages.HandleNode(number, name, isinstance(value, nn.Module))

        encoder = Encoder(keep)
        printed = _Printed()
        reply = messages.Reply(request.number)
        missing_modules.take_notes()
        try:
            operation: Callable[[Request, list[Any], dict[str, Any]], Any]
            operation = getattr(self, f"op_{request.op}")
            self.fresh.put_back()
            with redirect_stdout(printed), torch.inference_mode(False), torch.enable_grad():
                decoder = Decoder(payload, self._object)
                args = [decoder.value(node) for node in request.args]
                kwargs = {key: decoder.value(node) for key, node in request.kwargs.items()}
                set_seeds(request.seed)
                with self.library.copies.watched(self.recorder.sources):
                    value = operation(request, args, kwargs)
            reply.value = encoder.node(value)
            if request.back:
                reply.arguments = [encoder.node(arg) for arg in args]
        except BaseException as error:  # SystemExit and KeyboardInterrupt are answers too
            encoder = Encoder(keep)
            reply = messages.Reply(request.number, failure=self._failure(error))
        reply.missing = [plain_text(name, 60) for name in missing_modules.take_notes()]
        if request.printed:
            reply.printed = plain_text(printed.getvalue(), _MOST_PRINTED)
        try:
            return messages.pack(reply, encoder.payload)
        except messages.WireError:
            return failed(request.number, Refused("more came back than one answer may hold"))

    # ------------------------------------------------------------------ operations

    def op_catalog(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """List every captured definition, methods last: number, name, cell, kind, imported."""
        made = [(d.number, d.name, d.cell, d.kind, d.imported) for d in self.recorder.definitions]
        methods = enumerate(self._find_methods(), _METHODS)
        return made + [(number, name, cell, "method", False) for number, (name, cell) in methods]

    def op_select(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Restore all names as they stood after cell `args[0]`; hide the library's `args[1:]`."""
        self.kept.clear()
        self.recorder.namespace.update(self.recorder.history.at(int(args[0])))
        self.library.hide(args[1:])

    def op_value(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a definition was bound to."""
        return self._target(request)

    def op_shapes(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the shapes of the tensors among definitions `args[0]`, None for other values."""
        values = map(self._defined, args[0])
        return [tuple(v.shape) if isinstance(v, torch.Tensor) else None for v in values]

    def op_call(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call a definition, a kept object, or a method of one."""
        target = self._target(request)
        if request.method:
            target = getattr(target, request.method)
        return target(*args, **kwargs)

    def op_forward(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call a module's forward in the mode `request.method`, train or eval."""
        self._module(request).train(request.method == "train")
        return self._module(request).forward(*args)

    def op_make(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call a class or factory; of a model that the notebook holds, make a copy."""
        return maker_of(self._target(request))(*args, **kwargs)

    def op_models(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """List the models that names hold (`held_models.py`)."""
        return rows(self.recorder.definitions)

    def op_build(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make a layer of `torch.nn`, to be passed to the student's code."""
        return getattr(nn, request.method)(*args, **kwargs)

    def op_attribute(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return an attribute of a kept object."""
        return getattr(self._target(request), request.method)

    def op_mode(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Put a module in training or evaluation mode."""
        self._module(request).train(bool(args[0]))

    def op_parameters(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the parameters by name, in module order."""
        return dict(self._module(request).named_parameters())

    def op_buffers(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the buffers by name, in module order."""
        return dict(self._module(request).named_buffers())

    def op_sizes(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the shapes of parameters by name, in module order, without their values."""
        return {k: layer_size(p) for k, p in self._module(request).named_parameters()}

    def op_load(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Write values into the parameters (`args[0]`) and buffers (`args[1]`), in module order.

        A value may have axes of length 1 where the same numbers repeat. A lazy parameter that no
        forward has filled stays as it is.
        """
        module = self._module(request)
        for what, values, places in (
            ("parameters", args[0], list(module.parameters())),
            ("buffers", args[1], list(module.buffers())),
        ):
            if values is None:
                continue
            if len(values) != len(places):
                raise Refused(f"it has {len(places)} {what}, not {len(values)}")
            for number, (place, value) in enumerate(zip(places, values, strict=True)):
                if is_lazy(place):
                    continue
                if not repeats_to(value, place):
                    shapes = f"shape {tuple(place.shape)}, not {tuple(value.shape)}"
                    raise Refused(f"number {number} of its {what} has {shapes}")
                with torch.no_grad():
                    place.copy_(value)

    def op_gradients(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Back-propagate `kwargs['upstream']` through `module(*args)`; return gradients by name."""
        module, upstream = self._module(request), kwargs["upstream"]
        module.zero_grad(set_to_none=True)
        y = logits_in(module(*args))
        (y.sum() if upstream is None else (y * upstream).sum()).backward()
        return {name: parameter.grad for name, parameter in module.named_parameters()}

    def op_reached(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return by parameter name whether a gradient other than 0 reaches it.

        `kwargs['through']` is a function that gets the module, for the result of that one.
        """
        module, through, mode = self._module(request), kwargs.get("through"), kwargs.get("training")
        if mode is not None:
            module.train(mode)
        module.zero_grad(set_to_none=True)
        y = module(*args) if through is None else self._defined(through)(module, *args)
        return reached_from(logits_in(y), module)

    def op_layers(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a module and list its innermost modules in the order in which they are called."""
        module = self._module(request)
        names = {id(part): name for name, part in module.named_modules()}
        calls, _ = run_layers(module, args)
        return [(names.get(id(part), ""), type(part).__name__, shape) for part, shape in calls]

    def op_structure(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a module in evaluation mode on `args[0]`, of which no image need be computed.

        Returns the paths of its innermost modules in the order of calls, the shapes of parameters
        by name, and the buffers by name. With `kwargs['undrawn']` lazy weights stay
        uninitialised: the caller writes them next.
        """
        module = self._module(request).eval()
        names = {id(part): name for name, part in module.named_modules()}
        with NothingIsDrawn() if kwargs.get("undrawn") else nullcontext():
            calls, _ = run_for_order(module, args[0])
        return (
            [names.get(id(part), "") for part, _ in calls],
            self.op_sizes(request, [], {}),
            self.op_buffers(request, [], {}),
        )

    def op_outline(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make a module and run it on an input of shape `args[0]`, almost without computing.

        Returns the first innermost modules with parameters in the order of calls (shapes of
        parameters, shape of output), how many parameters have each shape, and the shape of the
        result.
        """
        make = maker_of(self._target(request), shared=True)
        module, calls, y = layers.run_on_nothing(lambda: make(*args[1:], **kwargs), args[0])
        if not isinstance(module, nn.Module):
            return _describe(module)
        found = [([layer_size(p) for p in part.parameters()], shape) for part, shape in calls]
        return (
            [layer for layer in found if layer[0]][:_MOST_OUTLINED],
            list(Counter(map(layer_size, module.parameters())).items()),
            tuple(y.shape) if isinstance(y, torch.Tensor) else _describe(y),
        )

    def op_rerun(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run cell `args[0]` again for the name `args[1]`, with names replaced by `kwargs`.

        The cells from `args[2]` on run too. `args[4:]` are a tensor, and for `args[3]` "scaled" a
        factor: what the cell binds to its numbers is multiplied; for "instead" a second tensor,
        whose numbers take the place of the first one's.
        Returns what it bound, as the catalog does; no catalog lists it.
        """
        cell, name, first, kind, *pair = args
        given = {str(kind): (pair[0], pair[1]) if pair else None}
        again = self.recorder.rerun(int(cell), kwargs, str(name), first=int(first), **given)
        found = enumerate(again, _AGAIN)
        return [(number, d.name, d.cell, d.kind, d.imported) for number, d in found]

    def op_sources(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the cells that ran, number and Python."""
        return list(self.recorder.sources.items())

    def op_curves(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the losses of the cells' trainings, by cell."""
        return [(cell, list(values)) for cell, values in losses.curves.items()]

    def op_lacking(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """List what is not here: packages that cells used, and the first import of each."""
        first = self.recorder.packages.first_seen
        return (
            [(cell, names) for cell, names in self.recorder.lacking.items()],
            [(name, cell, error) for name, (cell, error) in first.items()],
        )

    def op_replay(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Replay cells `args[0]` with a small network in place of models (`training_replay.py`).

        `args[1]` are patterns of names that make such a model, `args[2]` names that hold one.
        """
        cells, patterns, variables = args
        options = kwargs | {"probe": ProbeShape(*kwargs["probe"])}
        return TrainingReplay(self.recorder, patterns, variables, **options).run(cells)

    def op_tail(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a model's forward ends with: logits, softmax or log_softmax."""
        return tail_of(self._module(request), args[0])

    def op_fit(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Train a module for a short while on images and labels `args`; return the losses."""
        return fit(self._module(request), *args, **kwargs)

    # ------------------------------------------------------------------ helpers

    def _target(self, request: Request) -> Any:
        if request.handle >= 0:
            return self.kept[request.handle]
        return self._defined(request.definition)

    def _defined(self, number: int) -> Any:
        if number >= _AGAIN:
            return self.recorder.again[number - _AGAIN].value
        if number >= _METHODS:
            return self.methods[number - _METHODS]
        return self.recorder.definitions[number].value

    def _find_methods(self) -> list[tuple[str, int]]:
        """Return the methods that cells added to classes; `@add_to_class` binds no name."""
        made = self.recorder.definitions
        classes = [d.value for d in made if d.kind == "class"]
        classes += environment.current.method_homes()
        known = {(d.name, id(d.value)) for d in made}
        found: dict[tuple[str, int], tuple[types.FunctionType, int]] = {}
        for name, value in (pair for c in classes for pair in _ITS_OWN(c).items()):
            if isinstance(value, types.FunctionType) and (name, id(value)) not in known:
                cell = self.recorder.files.get(value.__code__.co_filename)
                if cell is not None and not name.startswith("_"):
                    found.setdefault((name, id(value)), (value, cell))
        self.methods = [value for value, _ in found.values()]
        return [(name, cell) for (name, _), (_, cell) in found.items()]

    def _module(self, request: Request) -> nn.Module:
        target = self._target(request)
        if not isinstance(target, nn.Module):
            raise Refused(f"{_describe(target)} is no nn.Module")
        return target

    def _object(self, node: messages.HandleNode) -> Any:
        return self.kept[node.number]

    def _failure(self, error: BaseException) -> messages.Failure:
        where = ""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            cell = self.recorder.files.get(frame.filename)
            if cell is not None:
                where = f"cell {cell}, line {frame.lineno}, in {frame.name}"
                break
        return _in_words(error, where)


def failed(number: int, error: BaseException) -> list[memoryview]:
    """Return the reply to a request that could not be answered, as the parts of a frame."""
    return messages.pack(messages.Reply(number, failure=_in_words(error)), messages.Payload())


def _is_worth_keeping(value: object) -> bool:
    """Return whether a handle to an object is useful: modules, optimisers, classes, instances."""
    known = nn.Module | torch.optim.Optimizer | type
    return isinstance(value, known) or type(value).__module__ == "__main__" or callable(value)


def _describe(value: object) -> str:
    return with_article(_type_name(value))


def _type_name(value: object) -> str:
    return str(type(value).__name__)[:200]


def _in_words(error: BaseException, where: str = "") -> messages.Failure:
    try:
        message = str(error)
    except BaseException:
        message = "(its message cannot be read)"
    return messages.Failure(
        plain_text(_type_name(error), 200),
        plain_text(message, 2_000),
        plain_text(where, 200),
        refused=isinstance(error, Refused),
    )
