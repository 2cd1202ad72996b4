"""Inside the sandbox: replays training cells, with a small network in the model's place.

The student's loop, data and optimiser stay; the model becomes a `ProbeNetwork`, whose gradients and
parameters are recorded at the first steps. The records are untrusted like every answer. The verdict
is computed outside, from gradients of the same images, and from the answers to held-out images
whose labels never enter the sandbox.

Here: replacing the model, ending endless loops. Not here: which cells run again
(`checks/training/cells.py`), what is right (`checks/training/claims.py`), what is recorded of a
probe (`watched_probe.py`), shorter passes over data (`short_passes.py`).
Not covered: student code shares this process and can change everything here.
"""

from __future__ import annotations

import ast
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from grader.guest import environment
from grader.guest.model_names import is_model_name
from grader.guest.model_shell import dress
from grader.guest.placeholder_models import complete, stand_ins
from grader.guest.probe_network import ProbeShape
from grader.guest.recorder import HOOK, Recorder, StatementReporter, may_change
from grader.guest.short_passes import short_passes
from grader.guest.slices import slice_of
from grader.guest.step_log import MOST_SEEN
from grader.guest.watched_probe import Watched

_MOST_MODELS = 6
_ENOUGH_CPU_S = 8.0
_MORE_CPU_S = 24.0
_FEW_STEPS = 200  # more are asked for where a low rate needs them


class _Enough(BaseException):
    """The watched loop took far too many steps."""


class _Understudy:
    """Mixin placed first in the MRO; delegates `forward` to the probe network."""

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        probe = _probe_of(self)
        if probe is None:  # some layers of it alone, `net[1:]`
            return super().forward(x, *args, **kwargs)  # type: ignore[misc]
        return probe.watched(x)


class TrainingReplay:
    """One run of some cells with probes in the place of models.

    Args:
        recorder: of the notebook.
        patterns: names of the classes and factories whose models are replaced, `*name*`.
        variables: names that hold such a model.
        steps: after so many, passes over data become short; after four times as many and some
        more seconds, the cell is ended.
        tail: what the model's own forward ends with, one of `probe_network.TAILS`.
        probe: the sizes of the network that takes its place.
        past_errors: whether to go on after a statement that raises: one that looks at the sizes of
            the model may fail with the probe.
        rows: a seed: of which rows of a batch the answers are noted.
    """

    def __init__(
        self, recorder: Recorder, patterns: Sequence[str], variables: Sequence[str], *,
        steps: int, tail: str, probe: ProbeShape, past_errors: bool = False, rows: int = 0,
    ) -> None:  # fmt: skip
        self.probe, self.rows = probe, rows
        self._cpu_s = _ENOUGH_CPU_S if steps <= _FEW_STEPS else _MORE_CPU_S
        self._recorder = recorder
        self._patterns = tuple(patterns)
        self._variables = frozenset(variables)
        self._steps = steps
        self._tail = tail
        self.probes: list[Watched] = []
        self._stands: list[nn.Module] = []
        self._past_errors = past_errors
        self._depth = 0
        self._goes_on = False
        self._ends_at = float("inf")
        self._patched: dict[type, Any] = {}

    def run(self, cells: Sequence[int]) -> dict[str, Any]:
        """Run cells, in order, in the namespace of that time, and restore it afterwards.

        Returns:
            `raised`: how the last cell ended, in words; empty where it ran through.
            `passes`: of each pass over a loader: its batches, its steps, whether it was cut short
            here, whether the loop left it early.
            `models`: of each model that was trained or is still named: its names, how many
            gradients reached it, its first and last parameters, the steps that were noted, and the
            module itself.
        """
        namespace = self._recorder.namespace
        before = dict(namespace)
        world = self._recorder.world_before(cells[0])
        raised = ""
        self._ends_at = time.process_time() + self._cpu_s
        self._goes_on = True
        try:
            namespace.clear()
            namespace.update(world)
            namespace.update(stand_ins(self._recorder.sources, cells, world, self._fits))
            namespace[HOOK] = self._bound
            short = short_passes(
                self._spent, steps=self._steps, seconds=self._cpu_s / 2, taken=self._taken
            )
            with self._recorder.kept_classes(), self._replaced(), short as passes:
                for cell in cells:
                    raised = self._run_cell(cell, whole=cell != cells[-1])
            return {
                "raised": raised,
                "passes": [(p.batches, p.steps, p.cut, p.left) for p in passes[:MOST_SEEN]],
                "models": self._found(namespace),
            }
        finally:
            self._goes_on = False
            namespace.clear()
            namespace.update(before)

    def check_end(self) -> None:
        """End the cell when the loop takes far more steps than are recorded."""
        if not self._goes_on:  # a question about what was learned
            return
        over = self._taken() > 4 * self._steps
        if over or time.process_time() > self._ends_at:
            raise _Enough

    def _run_cell(self, cell: int, *, whole: bool) -> str:
        tree, names = ast.parse(self._recorder.sources[cell]), self._recorder.namespace
        if not whole:  # the cell may train other networks too
            tree.body = slice_of(tree, self._is_wanted, lambda name: may_change(names.get(name)))
        StatementReporter().visit(tree)
        raised, file = "", f"<cell {cell}>"
        for part in [[one] for one in tree.body] if self._past_errors else [tree.body]:
            taken = self._taken()
            try:
                # without asserts: they may count the parameters of the model, which is a probe now
                code = compile(ast.Module(part, []), file, "exec", optimize=1)
                exec(code, self._recorder.namespace)
            except _Enough:
                return ""
            except Exception as error:
                raised = _in_words(error, file)
                if self._taken() > taken:  # the training itself ends here
                    break
        return raised

    def _is_wanted(self, name: str) -> bool:
        return name in self._variables or self._fits(name)

    def _taken(self) -> int:
        return sum(probe.log.steps for probe in self.probes)

    def _spent(self) -> bool:
        late = time.process_time() > self._ends_at - self._cpu_s / 2
        return late or self._taken() >= self._steps

    # ------------------------------------------------------------------ taking the model's place

    @contextmanager
    def _replaced(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(self._restore)
            hook = register_optimizer_step_pre_hook(self._stepping)
            stack.callback(hook.remove)
            homes = [(home.__name__, home) for home in environment.current.method_homes()]
            for name, value in [*homes, *self._recorder.namespace.items()]:
                self._replace(name, value)
            yield

    def _stepping(self, optimiser: torch.optim.Optimizer, *_: object) -> None:
        for probe in self.probes:
            probe.log.stepping(probe, optimiser)

    def _restore(self) -> None:
        for made, init in self._patched.items():
            made.__init__ = init  # type: ignore[misc]
        self._patched.clear()

    def _bound(self, names: tuple[str, ...]) -> None:
        """Inspect the names that a statement has just bound."""
        for name in names:
            value = self._recorder.namespace.get(name)
            if (
                name in self._variables
                and isinstance(value, nn.Module)
                and any(True for _ in value.parameters())  # a loss is a module too
            ):
                self._stand_in(value)
            self._replace(name, value)

    def _replace(self, name: str, value: Any) -> None:
        if not isinstance(name, str) or not self._fits(name):
            return
        if isinstance(value, type):
            if issubclass(value, nn.Module) and value not in self._patched:
                self._patch(value)
        elif callable(value) and not isinstance(value, nn.Module) and not hasattr(value, "_made"):
            self._recorder.namespace[name] = self._factory(value)

    def _fits(self, name: str) -> bool:
        return not name.startswith("_") and is_model_name(name, self._patterns)

    def _patch(self, made: type) -> None:
        original = made.__init__  # type: ignore[misc]
        self._patched[made] = original

        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            self._depth += 1
            try:
                original(module, *args, **kwargs)
            except Exception:  # a wrong model is charged in its own exercise
                complete(module, kwargs)
            finally:
                self._depth -= 1
            if self._depth == 0:  # a constructor may call that of its parent
                self._stand_in(module)

        made.__init__ = init  # type: ignore[misc]

    def _factory(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, **kwargs: Any) -> Any:
            made = function(*args, **kwargs)
            if isinstance(made, nn.Module):
                self._stand_in(made)
            return made

        make._made = True  # type: ignore[attr-defined]
        return make

    def _stand_in(self, module: nn.Module) -> None:
        parts = (part for probe in self.probes for part in probe.modules())
        if self._only_wraps(module) or any(module is part for part in parts):
            return
        probe = Watched(self, self._tail)
        for whole in dress(module, probe.parts()):
            vars(whole)["_probe"] = (probe,)  # in a tuple, since it is no part of the module
            kind = type(whole)
            if not issubclass(kind, _Understudy):
                # loss, training step and optimiser stay its own; the forward becomes the probe's
                forward = {"forward": _Understudy.forward}
                whole.__class__ = type(kind.__name__, (_Understudy, kind), forward)
        module.train()
        self._stands.append(module)

    def _only_wraps(self, module: nn.Module) -> bool:
        """Return whether a module is made of models that were replaced, or of layers of theirs.

        `nn.DataParallel(model)`, `AveragedModel(model)` and `nn.Sequential(normalise, model)` have
        no parameters but the model's; nor has `model.net[:6]`.
        """
        held = {id(parameter) for probe in self.probes for parameter in probe.parameters()}
        own = [id(parameter) for parameter in module.parameters()]
        inside = any(isinstance(part, _Understudy) for part in module.modules())
        return (inside or bool(own)) and all(parameter in held for parameter in own)

    # ------------------------------------------------------------------ what became of them

    def _found(self, namespace: dict[str, Any]) -> list[dict[str, Any]]:
        holders: dict[int, tuple[nn.Module, Watched, list[str]]] = {}
        for name, value in list(namespace.items()):
            if isinstance(value, nn.Module) and not name.startswith("_"):
                self._hold(holders, value, name)
        for stand in self._stands:
            self._hold(holders, stand.cpu(), "")  # questions come from the CPU
        for probe in self.probes:  # probes of copies without a name
            holders.setdefault(id(probe), (probe.cpu(), probe, []))
        rows: list[dict[str, Any]] = [
            {
                "names": sorted(filter(None, names)),
                "steps": probe.log.steps,
                "start": probe.log.start,
                "end": [p.detach().clone() for p in probe.parameters()],
                "noted": [
                    (s.number, s.x, s.before, s.grads, s.used, s.rate) for s in probe.log.noted
                ],
                "changes": probe.log.changes,
                "seen": [torch.stack(probe.log.seen)] if probe.log.seen else [],
                "answered": probe.log.answered,
                "module": holder,
            }
            for holder, probe, names in holders.values()
        ]
        rows = [row for row in rows if row["names"] or row["steps"]]
        return sorted(rows, key=lambda row: int(row["steps"]), reverse=True)[:_MOST_MODELS]

    @staticmethod
    def _hold(
        holders: dict[int, tuple[nn.Module, Watched, list[str]]], module: nn.Module, name: str
    ) -> None:
        for part in module.modules():
            if (found := _probe_of(part)) is not None:
                # not what wraps it: that may change images before it passes them on
                holders.setdefault(id(found), (part, found, []))[2].append(name)
                return


def _in_words(error: Exception, file: str) -> str:
    """Return an error and the line of the cell that led to it."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__)
             if frame.f_code.co_filename == file]  # fmt: skip
    place = f" (line {lines[-1]} of the cell)" if lines else ""
    return f"{type(error).__name__}: {str(error)[:300]}{place}"


def _probe_of(module: object) -> Watched | None:
    """Return the probe that computes a module's forward, if any."""
    found: tuple[Watched | None] = vars(module).get("_probe", (None,))
    return found[0]
