"""Runs a notebook's cells, top to bottom, past errors, each under a deadline.

A cell that hangs is interrupted. A cell that ends the process or ignores interrupts fails alone:
the notebook runs again in a fresh kernel without it, a bounded number of times.
Output is received up to a limit and then dropped: no verdict depends on what a cell printed.

Here: cells, deadlines, output, and the kernel that is left for questions. Not here: the questions
(`student.py`), how a kernel starts (`provisioner.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict

from grader.course import BARE, Environment
from grader.errors import KernelLost
from grader.kernel.cell_errors import line_of, told
from grader.kernel.client import Garbled, SandboxClient, SandboxManager
from grader.kernel.connection import SocketConnection
from grader.kernel.deadlines import Deadline, Spent
from grader.kernel.gpus import Gpu
from grader.kernel.jupyter_internals import PatientNotebookClient
from grader.kernel.processes import WarmParent
from grader.kernel.provisioner import SandboxProvisioner
from grader.records import Cell, CellRun, Limits

log = logging.getLogger(__name__)

FLOODED = "flooded"  # as in `sandbox/output.py`, which loads ipykernel
_GRACE_S = 2.0  # from the interrupt of a flood until its kernel is killed
_TURN_S = 0.05
_USE_PARTS = "__import__('sys').modules['grader.sandbox.kernel_process'].use_parts({!r})"
_SERVE = "__import__('sys').modules['grader.sandbox.kernel_process'].serve_questions"


@dataclass
class RunNotebook:
    """A notebook whose cells have run, with the kernel they left, ready for questions."""

    cells: tuple[CellRun, ...]
    connection: SocketConnection
    ended_by: frozenset[int]
    """Cells that ended a kernel and were left out of the last run."""
    _kernel: _Kernel = field(repr=False)
    _before: Spent = field(default_factory=Spent, repr=False)
    """What the kernels that have ended spent."""

    def spent(self) -> Spent:
        """Return what all kernels of the notebook have spent, as last measured."""
        return self._before + self._kernel.spent()

    def close(self) -> None:
        """End the kernel."""
        self._kernel.close()


def run_notebook(
    cells: Sequence[Cell],
    warm: WarmParent | None,
    limits: Limits,
    *,
    seed: int,
    skip: frozenset[int] = frozenset(),
    gpu: Gpu | None = None,
    environment: Environment = BARE,
    data: Path | None = None,
    files: Mapping[str, bytes] | None = None,
    parts: Mapping[str, str] | None = None,
) -> RunNotebook:
    """Run the code cells of a notebook and keep its kernel.

    Args:
        cells: the notebook.
        warm: where kernels are forked from; None for a cold start.
        limits: what the notebook may spend.
        seed: of the random state of the kernel and of every call.
        skip: cells to leave out, known to end the kernel.
        gpu: what the notebook may compute on; the caller holds the lease.
        environment: of the course, for a cold start; a warm process has it.
        data: folder of the data sets, for a cold start; a warm process has its own.
        files: what lies beside the notebook, by relative path.
        parts: right definitions in place of the notebook's own, by name, as Python.

    Raises:
        SandboxError: no kernel could be started: an internal error.
    """
    runs: dict[int, CellRun] = {}
    skipped = set(skip)
    before = Spent()
    while True:
        kernel = _Kernel(warm, limits, seed, gpu, environment, data, files, parts)
        try:
            found, killer = kernel.run(cells, frozenset(skipped))
            runs = {**found, **{i: run for i, run in runs.items() if i in skipped}}
            if killer is None or len(skipped) >= limits.kernel_restarts:
                if killer is not None:  # once too often: what came after it does not run
                    runs |= _not_run(cells, killer)
                    before += kernel.spent()
                    kernel.close()
                    kernel = _Kernel(warm, limits, seed, gpu, environment, data, files, parts)
                    kernel.run([c for c in cells if c.index < killer], frozenset(skipped))
                connection = kernel.serve(_texts_of_unrun(cells, runs))
                ordered = tuple(run for _, run in sorted(runs.items()))
                return RunNotebook(ordered, connection, frozenset(skipped), kernel, before)
        except BaseException:
            kernel.close()
            raise
        skipped.add(killer)
        before += kernel.spent()
        kernel.close()


def _not_run(cells: Sequence[Cell], killer: int) -> dict[int, CellRun]:
    """Return a row for each cell after the last one that ended a kernel."""
    message = "not run: cells before it ended the notebook's process too often"
    return {
        cell.index: CellRun(cell.index, "not_run", error=message)
        for cell in cells
        if cell.index > killer and cell.kind == "code" and cell.source.strip()
    }


def _texts_of_unrun(cells: Sequence[Cell], runs: Mapping[int, CellRun]) -> dict[int, str]:
    unrun = {i for i, run in runs.items() if run.status in ("died", "not_run")}
    return {cell.index: cell.source for cell in cells if cell.index in unrun}


class _Kernel:
    """One kernel from its start to its end, with the event loop its sockets belong to."""

    def __init__(
        self, warm: WarmParent | None, limits: Limits, seed: int, gpu: Gpu | None,
        environment: Environment, data: Path | None, files: Mapping[str, bytes] | None,
        parts: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._limits = limits
        self._parts = dict(parts or {})
        self._runner = asyncio.Runner()
        self._provisioner = SandboxProvisioner(
            warm, limits, seed, data=data, gpu=gpu, environment=environment, files=files
        )
        self._manager: SandboxManager | None = None
        self._client: SandboxClient | None = None

    def run(
        self, cells: Sequence[Cell], skip: frozenset[int]
    ) -> tuple[dict[int, CellRun], int | None]:
        """Run the cells; return how each ran, and the cell that ended the kernel, if any."""
        return self._runner.run(self._run(cells, skip))

    def serve(self, not_run: dict[int, str]) -> SocketConnection:
        """Let the kernel answer questions; it knows the cells that did not run by their text."""
        assert self._client is not None
        self._client.execute(f"{_SERVE}({not_run!r})", silent=True, store_history=False)
        self._runner.run(asyncio.sleep(0))  # lets the message be sent
        assert self._provisioner.questions is not None
        limits = self._limits
        return SocketConnection(
            self._provisioner.questions, self._provisioner, limits.call_s, limits.wall_factor
        )

    def spent(self) -> Spent:
        """Return what the kernel has spent, as of the watchdog's last look."""
        return self._provisioner.lately_spent()

    def close(self) -> None:
        """End the kernel and remove everything of it."""
        if self._client is not None:
            self._client.stop_channels()
        self._provisioner.close()
        if self._manager is not None:
            self._manager.context.destroy(linger=0)
        self._runner.close()

    async def _run(
        self, cells: Sequence[Cell], skip: frozenset[int]
    ) -> tuple[dict[int, CellRun], int | None]:
        self._manager = SandboxManager(self._provisioner)
        await self._manager.start_kernel()
        runner = _CellRunner(_as_notebook(cells), self._manager, self._provisioner, self._limits)
        # closed first: a socket that stays open would keep its context from ending
        self._client = runner.connect()
        await self._client.wait_for_ready()
        if self._parts:
            made = _USE_PARTS.format(self._parts)
            self._client.execute(made, silent=True, store_history=False)
        runs: dict[int, CellRun] = {}
        limits = self._limits
        whole = Deadline(self.spent, limits.notebook_s, limits.total_wall_factor)
        for position, cell in enumerate(cells):
            if cell.kind != "code" or not cell.source.strip():
                continue
            if cell.index in skip:
                runs[cell.index] = CellRun(cell.index, "died")
                continue
            if whole.left() <= 0:
                message = f"not run: the notebook had used its {whole.what}"
                runs[cell.index] = CellRun(cell.index, "not_run", error=message)
                continue
            self._client.cell_id = str(cell.index)
            run = await runner.run(position, cell.index, whole)
            runs[cell.index] = run
            if run.status == "died":
                return runs, cell.index
        self._client.cell_id = ""
        return runs, None


def _as_notebook(cells: Sequence[Cell]) -> NotebookNode:
    """Return a notebook as nbclient takes it, without the checks of `nbformat` for each cell."""
    nodes = [
        {"cell_type": cell.kind, "source": cell.source, "metadata": {}, "outputs": []}
        for cell in cells
    ]
    made: NotebookNode = from_dict({"cells": nodes, "metadata": {}})  # type: ignore[no-untyped-call]
    return made


class _CellRunner(PatientNotebookClient):
    """nbclient with deadlines, a limit on output, and immediate notice of a dead kernel."""

    def __init__(
        self,
        notebook: NotebookNode,
        manager: SandboxManager,
        provisioner: SandboxProvisioner,
        limits: Limits,
    ) -> None:
        super().__init__(
            notebook, km=manager, allow_errors=True,
            store_widget_state=False, record_timing=False,
            iopub_timeout=_GRACE_S, raise_on_iopub_timeout=False,
        )  # fmt: skip
        self.log.setLevel("CRITICAL")
        self._manager = manager
        self._provisioner = provisioner
        self._limits = limits
        self._received = 0
        self._flooded = False
        self._late = False
        self._time = self._deadline_after(limits.cell_s)
        self._error: dict[str, Any] | None = None

    def connect(self) -> SandboxClient:
        """Connect to the kernel, which has been started."""
        client = self._manager.client(context=self._manager.context)
        assert isinstance(client, SandboxClient)
        client.start_channels()
        self.kc = client
        return client

    async def run(self, position: int, index: int, whole: Deadline) -> CellRun:
        """Run one cell within its own deadline and that of the notebook; return how it ran."""
        self._received, self._flooded, self._late, self._error = 0, False, False, None
        self._time = self._deadline_after(self._limits.cell_s)
        self._flood = asyncio.Event()  # wakes the timer
        assert isinstance(self.kc, SandboxClient)
        self.kc.begin_cell(self._limits.output_bytes)
        started = time.perf_counter()
        watch = self._notice_death()
        self._end = asyncio.timeout(None)
        timer = asyncio.create_task(self._end_in_time(whole))
        try:
            async with self._end:
                await self.async_execute_cell(self.nb.cells[position], position)
        except (TimeoutError, CellTimeoutError, DeadKernelError):
            # nbclient reports a cancellation by our deadline as a dead kernel
            message = self._why_it_died()
            if self._end.expired():
                self._provisioner.kill_now()
                did = self._flood_message if self._flooded else self._took_longer
                message = f"{did} and could not be interrupted"
            return CellRun(index, "died", time.perf_counter() - started, message)
        except Garbled:
            self._provisioner.kill_now()
            message = "sent malformed messages to the grader, and was ended"
            return CellRun(index, "died", time.perf_counter() - started, message)
        finally:
            timer.cancel()
            watch()
        run = self._ended(index, time.perf_counter() - started)
        log.debug("cell %d: %s in %.2f s", index, run.status, run.seconds)
        if (self._late or self._flooded) and not self._provisioner.end_descendants():
            self._provisioner.kill_now()
            message = f"{run.error}, and left processes without end"
            return CellRun(index, "died", run.seconds, message)
        return run

    @property
    def _flood_message(self) -> str:
        return f"printed more than {self._limits.output_bytes >> 20} MiB"

    @property
    def _took_longer(self) -> str:
        return f"ran longer than {self._time.what}"

    def _ended(self, index: int, seconds: float) -> CellRun:
        if self._late:
            line = line_of(self._error) if self._error else 0
            return CellRun(index, "timed_out", seconds, self._took_longer, line)
        if self._flooded:
            return CellRun(index, "raised", seconds, f"{self._flood_message}, and was ended")
        if self._error is not None:
            return CellRun(index, "raised", seconds, told(self._error), line_of(self._error))
        return CellRun(index, "ok", seconds)

    def _why_it_died(self) -> str:
        return self._provisioner.ended_for or "ended the notebook's process"

    def _deadline_after(self, limit_s: float) -> Deadline:
        return Deadline(self._provisioner.spent, limit_s, self._limits.wall_factor)

    async def _end_in_time(self, whole: Deadline) -> None:
        """Interrupt the cell once it is late or floods; end its kernel where that is not enough.

        nbclient's own timeout counts whole seconds of the wall clock.
        """
        while not self._flooded and (left_s := min(self._time.left(), whole.left())) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._flood.wait(), left_s)
        self._late = not self._flooded
        if self._late and whole.left() <= 0:
            self._time = whole
        grace = self._deadline_after(_GRACE_S if self._flooded else self._limits.interrupt_s)
        interrupted = float("-inf")
        while grace.left() > 0:
            # repeatedly: some code catches the first interrupts and goes on
            if time.monotonic() - interrupted > self._limits.cell_s:
                self._provisioner.signal(signal.SIGINT)
                interrupted = time.monotonic()
            await asyncio.sleep(_TURN_S)
        self._end.reschedule(asyncio.get_running_loop().time())

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> None:
        """Read from a message whether the cell is done, failed or floods; keep nothing else.

        Raises:
            CellExecutionComplete: it is done.
        """
        kind, content = msg["msg_type"], msg["content"]
        if kind == "status":
            if content.get("execution_state") == "idle":
                raise CellExecutionComplete
            return
        if kind == "error":
            self._error = content
        self._received += len(str(content)) + sum(map(len, msg.get("buffers", ())))
        if kind == FLOODED or self._received > self._limits.output_bytes:
            self._flooded = True
            self._flood.set()

    def _notice_death(self) -> Any:
        """Stop waiting for a reply once the kernel is dead; return how to undo that."""
        process = self._provisioner.process
        if process is None:
            raise KernelLost("there is no kernel")
        loop = asyncio.get_running_loop()
        descriptor = process.alive

        def dead() -> None:
            loop.remove_reader(descriptor)
            self.stop_waiting()

        loop.add_reader(descriptor, dead)

        def stop() -> None:
            with contextlib.suppress(ValueError, OSError):
                loop.remove_reader(descriptor)

        return stop
