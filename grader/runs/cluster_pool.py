"""The workers of a cluster that can be used: probed when they come, refused with a remedy.

Workers whose machine would give results under another key (`Plan.of_machine`) than that of most
are refused too, so that a run has results of one kind.

Here: which workers there are. Not here: what they are sent (`cluster.py`), the probe itself
(`cluster_worker.py`).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from grader.errors import KernelLost, UsageError
from grader.grading.plan import Isolation
from grader.runs import cluster_worker as there
from grader.runs.deferred_signals import raise_if_asked
from grader.text import one_line

log = logging.getLogger(__name__)

_START = "dask worker ADDRESS --nthreads 1 --no-nanny --memory-limit 0"
_MOST_WAIT_S = 120.0
"""For a first worker, and for another one when all are gone."""


class Pool:
    """The workers of a scheduler.

    Args:
        client: of dask, an extra without types.
        isolation: that each worker must be able to build.
        device: auto, cpu or cuda: on what they compute.
        tell: called with a sentence about each worker that is refused.
    """

    def __init__(
        self, client: Any, isolation: Isolation, device: str, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._isolation = isolation
        self._device = device
        self._tell = tell
        self._seen: set[str] = set()
        self._names: dict[str, str] = {}
        self._able: set[str] = set()
        self._first_refusal = ""
        self.inputs: tuple[tuple[str, str], ...] = ()
        """What the machines of all usable workers have."""

    def look(self) -> frozenset[str]:
        """Probe workers that have come; return the addresses of all that can be used now.

        Raises:
            KernelLost: the scheduler is gone.
        """
        here = set(self._on_scheduler())
        self._able &= here
        self._seen &= here
        if new := sorted(here - self._seen):
            self._seen |= set(new)
            self._admit(new)
        return frozenset(self._able)

    def dismiss(self, address: str, reason: str) -> None:
        """Use a worker no more."""
        self._able.discard(address)
        self._refuse(address, reason)

    def run_on(self, addresses: Sequence[str], function: Callable[..., Any], *args: Any) -> Any:
        """Run a function on workers; return the answers by address, errors among them."""
        return self._client.run(function, *args, workers=list(addresses), on_error="return")

    def _on_scheduler(self) -> Mapping[str, int]:
        try:
            found: Mapping[str, int] = self._client.nthreads()
        except (OSError, TimeoutError, ValueError) as error:
            raise KernelLost(no_scheduler(error)) from None
        return found

    def wait(self, problem: str) -> frozenset[str]:
        """Return the workers that can be used, waiting for one where there is none.

        Args:
            problem: begins the sentence, should none come.

        Raises:
            UsageError: none came.
            KernelLost: all that came first were refused, or the scheduler is gone.
        """
        end = time.monotonic() + _MOST_WAIT_S
        while not (able := self.look()):
            raise_if_asked()
            if not self.inputs and self._first_refusal:
                raise KernelLost(f"{self._first_refusal} No other worker can be used.")
            if time.monotonic() > end:
                raise UsageError(
                    f"{problem}, for {_MOST_WAIT_S:g} s. Start some with `{_START}`, and give the "
                    "same command again: what is stored is not graded twice."
                )
            time.sleep(0.2)
        return able

    def _admit(self, addresses: Sequence[str]) -> None:
        answers = self.run_on(addresses, there.probe, self._isolation, self._device)
        machines: dict[str, there.Machine] = {}
        for address in addresses:
            answer = answers.get(address)
            if isinstance(answer, there.Machine):
                machines[address] = answer
                self._names[address] = answer.name
                if answer.grader != there.grader_identity():
                    answer = replace(answer, refusal=_other_grader(answer.grader))
                if answer.refusal:
                    self._refuse(address, answer.refusal)
                    del machines[address]
            elif not isinstance(answer, OSError):  # it is gone again, and looked at when it is back
                self._refuse(address, _no_answer(answer))
        if machines and not self.inputs:
            ((self.inputs, _),) = Counter(one.inputs for one in machines.values()).most_common(1)
        for address, machine in machines.items():
            if machine.inputs == self.inputs:
                self._able.add(address)
                log.info("worker %s: %s", machine.name, dict(machine.inputs))
            else:
                self._refuse(address, _difference(machine.inputs, self.inputs))

    def _refuse(self, address: str, reason: str) -> None:
        name = self._names.get(address, address)
        named = name if name == address else f"{name} ({address})"
        told = f"worker {one_line(named)} is not used: {one_line(reason, limit=600)}"
        self._first_refusal = self._first_refusal or told
        self._tell(told)


def no_scheduler(error: BaseException | None) -> str:
    """Return the sentence for a scheduler that does not answer."""
    told = f" ({one_line(str(error))})" if error and str(error) else ""
    return (
        f"the scheduler of the cluster is gone{told}. Start it and its workers again, and give the "
        "same command: what is stored is not graded twice."
    )


def _other_grader(found: str) -> str:
    ours, other = there.grader_identity().split(), found.split()
    which = f"version {other[0]}" if other and other[0] != ours[0] else "other sources"
    return f"its grader has {which}. Install there what is installed here."


def _no_answer(answer: object) -> str:
    if isinstance(answer, ImportError):
        return (
            f"the grader is not installed there ({answer}). Run there: "
            "pip install 'notebook-grader[cluster]'"
        )
    return f"it cannot be probed: {answer}" if answer else "it cannot be probed"


def _difference(found: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> str:
    other = dict(wanted)
    parts = [f"its {name}: {value}, not {other.get(name)}" for name, value in found
             if other.get(name) != value]  # fmt: skip
    return f"{'; '.join(parts)}. Results of one run come from equal machines: grade on it apart."
