"""Properties: drawn once, replayed for every student, shrunk on failure.

Drawing a hundred examples costs far more than asking a function about them. So the examples of a
`@given` check are drawn once with the run's seed, kept, and replayed. Only when a
replayed example fails does Hypothesis run live against that student, from the same seed, and
shrinks the failure. The example shown comes from the exception, never from printed text.
A verdict needs no shrinking, so a caller that only compares verdicts can leave it out.

Here: drawing, replaying, shrinking. Not here: fixtures and points (`plugin.py`).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
from hypothesis.errors import Flaky, HypothesisException

from grader.errors import (
    CallTimedOut,
    CourseError,
    GraderError,
    KernelDied,
    NameNotDefined,
    OutOfMemory,
    SandboxError,
)
from grader.kernel.student import Student

PROFILE = "grader"
SHRINK_S = 2.0
"""Processor seconds of the grader for one failure: four times what the slowest of the known wrong
answers to six exercises took (98 failures, 0.03 s in the median)."""
_WALL_FACTOR = 3.0
# each of these takes a whole deadline or a kernel: such an example is shown unshrunk
_NOT_WORTH_SHRINKING = (CallTimedOut, KernelDied, OutOfMemory, NameNotDefined, SandboxError)

hypothesis.settings.register_profile(
    PROFILE,
    max_examples=60,
    database=None,
    deadline=None,
    derandomize=True,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(hypothesis.HealthCheck),
    # without `explain`, which runs a failing example some hundred times more
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.shrink),
)


class _Stop(BaseException):
    """Ends a live run at once; not an Exception, so that Hypothesis lets it through."""


class Properties:
    """The drawn examples of all properties, for one seed."""

    def __init__(self, seed: int, *, shrink_s: float = SHRINK_S) -> None:
        self._seed = seed
        self._shrink_s = shrink_s
        self.shrinks = True
        """Whether a failure is shrunk; its verdict is the same without."""
        self.smallest: dict[str, Any] | None = None
        """The example of the last search that came to its end, without fixtures."""
        self._looks = False
        self._only: dict[str, Any] | None = None
        self._drawn: dict[Callable[..., Any], list[dict[str, Any]]] = {}
        self.stored: Callable[[Callable[..., Any]], list[dict[str, Any]] | None] = lambda check: (
            None
        )
        """Returns the examples of a property that an earlier run has drawn, if there are any."""

    def examples(self, check: Callable[..., Any], fixtures: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the examples of a property, drawing them the first time.

        Raises:
            CourseError: a strategy of the check fails.
        """
        if check not in self._drawn and (stored := self.stored(check)) is not None:
            self._drawn[check] = stored
        if check not in self._drawn:
            found: list[dict[str, Any]] = []

            def collect(**arguments: Any) -> None:
                found.append({k: v for k, v in arguments.items() if k not in fixtures})

            try:
                _run_with(check, collect, fixtures, self._seed)
            except (HypothesisException, Exception) as error:
                name = getattr(check, "__name__", "a check")
                raise CourseError(f"{name} cannot draw its examples: {error}") from error
            self._drawn[check] = found
        return self._drawn[check]

    def drawn(self, check: Callable[..., Any]) -> list[dict[str, Any]] | None:
        """Return the examples of a property; None before they are drawn."""
        return self._drawn.get(check)

    @contextmanager
    def looking(self, example: dict[str, Any] | None) -> Iterator[None]:
        """Let properties look for the smallest failing example only, or ask this one alone."""
        self._looks, self._only, self.smallest = True, example, None
        try:
            yield
        finally:
            self._looks, self._only = False, None

    def run(self, check: Callable[..., Any], fixtures: dict[str, Any]) -> None:
        """Ask one student every example; raise what the smallest failing one raises."""
        body = check.hypothesis.inner_test  # type: ignore[attr-defined]
        if self._only is not None:
            body(**fixtures, **copy.deepcopy(self._only))
            return
        if self._looks:
            if (error := self._shrunk(check, body, fixtures, None)) is not None:
                raise error from None
            return
        for example in self.examples(check, fixtures):
            try:
                body(**fixtures, **copy.deepcopy(example))
            except (AssertionError, GraderError) as error:
                if not self.shrinks or isinstance(error, _NOT_WORTH_SHRINKING):
                    raise
                raise (self._shrunk(check, body, fixtures, error) or error) from None

    def _shrunk(
        self,
        check: Callable[..., Any],
        body: Callable[..., Any],
        fixtures: dict[str, Any],
        first: BaseException | None,
    ) -> BaseException | None:
        """Return the error of the smallest failing example found within the time for it.

        Without one, return the first error. A check that breaks at its first failing example is not
        shrunk: that says nothing of the answer.
        """
        for one in fixtures.values():
            if isinstance(one, Student):
                one.ask_live()
        smallest, last = first, dict[str, Any]()
        broken: Exception | None = None
        began, spent = time.monotonic(), time.process_time()

        def live(**arguments: Any) -> None:
            nonlocal smallest, last, broken
            # a busy machine shrinks as far as a quiet one; a slow answer is no reason to wait long
            if (
                time.process_time() - spent > self._shrink_s
                or time.monotonic() - began > _WALL_FACTOR * self._shrink_s
            ):
                raise _Stop
            try:
                body(**arguments)
            except _NOT_WORTH_SHRINKING as error:
                raise _Stop from error
            except (AssertionError, GraderError) as error:
                # each failing example of the shrinker is smaller than the one before
                smallest, last = error, arguments
                raise
            except HypothesisException:
                raise
            except Exception as error:
                if smallest is None:
                    broken = error
                    raise _Stop from error
                raise

        try:
            _run_with(check, live, fixtures, self._seed)
        except (_Stop, Flaky):
            return broken or smallest
        except (AssertionError, GraderError) as error:
            self.smallest = {k: v for k, v in last.items() if k not in fixtures}
            return error
        return first  # it did not fail again: the answer differs between calls


def is_property(check: Callable[..., Any]) -> bool:
    """Return whether a test function is a Hypothesis property."""
    return bool(getattr(check, "is_hypothesis_test", False))


def _run_with(
    check: Callable[..., Any], body: Callable[..., None], fixtures: dict[str, Any], seed: int
) -> None:
    handle = check.hypothesis  # type: ignore[attr-defined]
    original = handle.inner_test
    handle.inner_test = body
    try:
        hypothesis.seed(seed)(check)(**fixtures)
    finally:
        handle.inner_test = original
