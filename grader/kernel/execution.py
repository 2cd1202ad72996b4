"""Runs a notebook's cells, top to bottom, past errors, each under a deadline.

A cell that hangs is interrupted; one that ends the process, or does not react, costs itself and no
more: the notebook is run again in a fresh kernel without that cell, a bounded number of times.
Output is received up to a limit and then let go: nothing is inferred from what a cell printed.

Here: cells, deadlines, output, and the kernel that is left for questions. Not here: the questions
(`student.py`), how a kernel starts (`provisioner.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from grader.errors import KernelLost
from grader.kernel.client import SandboxClient, SandboxManager
from grader.kernel.connection import SocketConnection
from grader.kernel.processes import WarmParent
from grader.kernel.provisioner import SandboxProvisioner
from grader.records import Cell, CellRun, Limits

_GRACE_S = 2.0  # from the interrupt of a cell until its kernel is killed
_MOST_ERROR = 500
_SERVE = "__import__('sys').modules['grader.sandbox.kernel_process'].serve_questions()"


@dataclass
class RunNotebook:
    """A notebook whose cells have run, with the kernel they left, ready for questions."""

    cells: tuple[CellRun, ...]
    connection: SocketConnection
    ended_by: frozenset[int]
    """Cells that ended a kernel and were left out of the last run."""
    _kernel: _Kernel = field(repr=False)

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
) -> RunNotebook:
    """Run the code cells of a notebook and keep its kernel.

    Args:
        cells: the notebook.
        warm: where kernels are forked from; None for a cold start.
        limits: what the notebook may spend.
        seed: of the random state of the kernel and of every call.
        skip: cells to leave out, known to end the kernel.

    Raises:
        SandboxError: no kernel could be had; the fault is ours.
    """
    runs: dict[int, CellRun] = {}
    skipped = set(skip)
    while True:
        kernel = _Kernel(warm, limits, seed)
        try:
            found, killer = kernel.run(cells, frozenset(skipped))
            runs = {**found, **{i: run for i, run in runs.items() if i in skipped}}
            if killer is None or len(skipped) >= limits.kernel_restarts:
                if killer is not None:  # once too often: what came after it does not run
                    kernel.close()
                    kernel = _Kernel(warm, limits, seed)
                    last = [cell for cell in cells if cell.index < killer]
                    kernel.run(last, frozenset(skipped))
                connection = kernel.serve()
                ordered = tuple(run for _, run in sorted(runs.items()))
                return RunNotebook(ordered, connection, frozenset(skipped), kernel)
        except BaseException:
            kernel.close()
            raise
        skipped.add(killer)
        kernel.close()


class _Kernel:
    """One kernel from its start to its end, with the event loop its sockets belong to."""

    def __init__(self, warm: WarmParent | None, limits: Limits, seed: int) -> None:
        self._limits = limits
        self._runner = asyncio.Runner()
        self._provisioner = SandboxProvisioner(warm, limits, seed)
        self._manager: SandboxManager | None = None
        self._client: SandboxClient | None = None

    def run(
        self, cells: Sequence[Cell], skip: frozenset[int]
    ) -> tuple[dict[int, CellRun], int | None]:
        """Run the cells; return how each ran, and the cell that ended the kernel, if one did."""
        return self._runner.run(self._run(cells, skip))

    def serve(self) -> SocketConnection:
        """Let the kernel answer questions from now on."""
        assert self._client is not None
        self._client.execute(_SERVE, silent=True, store_history=False)
        self._runner.run(asyncio.sleep(0))  # lets the message go
        assert self._provisioner.questions is not None
        return SocketConnection(self._provisioner.questions, self._provisioner, self._limits.call_s)

    def close(self) -> None:
        """End the kernel; nothing of it is left."""
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
        await self._manager._async_start_kernel()
        notebook = new_notebook(cells=[new_code_cell(cell.source) for cell in cells])  # type: ignore[no-untyped-call]
        for cell, node in zip(cells, notebook.cells, strict=True):
            node.cell_type = cell.kind
        runner = _CellRunner(notebook, self._manager, self._provisioner, self._limits)
        self._client = await runner.connect()
        runs: dict[int, CellRun] = {}
        deadline = time.monotonic() + self._limits.notebook_s
        for position, cell in enumerate(cells):
            if cell.kind != "code" or not cell.source.strip():
                continue
            if cell.index in skip:
                runs[cell.index] = CellRun(cell.index, "died")
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                message = f"not run: the notebook had used its {self._limits.notebook_s:g} s"
                runs[cell.index] = CellRun(cell.index, "not_run", error=message)
                continue
            self._client.cell_id = str(cell.index)
            run = await runner.run(position, cell.index, min(self._limits.cell_s, left))
            runs[cell.index] = run
            if run.status == "died":
                return runs, cell.index
        self._client.cell_id = ""
        return runs, None


class _CellRunner(NotebookClient):
    """nbclient, with our deadlines, our limit on output, and the end of a kernel seen at once."""

    def __init__(
        self,
        notebook: NotebookNode,
        manager: SandboxManager,
        provisioner: SandboxProvisioner,
        limits: Limits,
    ) -> None:
        super().__init__(
            notebook, km=manager, allow_errors=True, interrupt_on_timeout=True,
            error_on_timeout={"ename": "CellTimeoutError", "evalue": "", "traceback": []},
            store_widget_state=False, record_timing=False, iopub_timeout=_GRACE_S,
            raise_on_iopub_timeout=False,
        )  # fmt: skip
        self.log.setLevel("CRITICAL")
        self._provisioner = provisioner
        self._limits = limits
        self._received = 0
        self._flooded = False
        self._late = False
        self._limit_s = limits.cell_s

    async def connect(self) -> SandboxClient:
        """Connect to the kernel, which has been started, and wait until it answers."""
        assert isinstance(self.km, SandboxManager)
        client = self.km.client()
        assert isinstance(client, SandboxClient)
        client.start_channels()
        await client.wait_for_ready()
        self.kc = client
        return client

    async def run(self, position: int, index: int, limit_s: float) -> CellRun:
        """Run one cell and say how it went."""
        self._received, self._flooded, self._late = 0, False, False
        self._limit_s = limit_s
        cell = self.nb.cells[position]
        started = time.perf_counter()
        watch = self._notice_death()
        deadline = asyncio.timeout(limit_s + _GRACE_S)
        try:
            async with deadline:
                await self.async_execute_cell(cell, position)
        except (TimeoutError, CellTimeoutError, DeadKernelError):
            # nbclient takes the end of our deadline, a cancellation, for the end of the kernel
            message = self._why_it_died()
            if deadline.expired():
                self._provisioner.kill_now()
                message = f"ran longer than {limit_s:g} s and could not be interrupted"
            return CellRun(index, "died", time.perf_counter() - started, message)
        finally:
            watch()
        return self._ended(cell, index, limit_s, time.perf_counter() - started)

    def _ended(self, cell: NotebookNode, index: int, limit_s: float, seconds: float) -> CellRun:
        if self._late:
            return CellRun(index, "timed_out", seconds, f"ran longer than {limit_s:g} s")
        if self._flooded:
            most = self._limits.output_bytes >> 20
            return CellRun(index, "raised", seconds, f"printed more than {most} MiB, and was ended")
        for output in cell.outputs:
            if output.output_type == "error":
                error = f"{output.ename}: {output.evalue}"[:_MOST_ERROR]
                return CellRun(index, "raised", seconds, error)
        return CellRun(index, "ok", seconds)

    def _why_it_died(self) -> str:
        watchdog = self._provisioner.watchdog
        if watchdog is not None and watchdog.out_of_memory:
            return f"needed more than {watchdog.out_of_memory >> 20} MiB of memory"
        return "ended the notebook's process"

    def _get_timeout(self, cell: NotebookNode | None) -> int | None:
        # nbclient's own setting takes whole seconds only, and waits as well with a fraction
        return cast(int, self._limit_s)

    async def _async_handle_timeout(
        self, timeout: int, cell: NotebookNode | None = None
    ) -> dict[str, Any] | None:
        self._late = True
        self._provisioner.signal(signal.SIGINT)
        return None

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Keep a message of a cell, as long as the cell has not printed too much."""
        kind = msg["msg_type"]
        if kind == "status":
            return super().process_message(msg, cell, cell_index)
        self._received += len(str(msg["content"])) + sum(map(len, msg.get("buffers", ())))
        if self._received > self._limits.output_bytes:
            if not self._flooded:
                self._flooded = True
                self._provisioner.signal(signal.SIGINT)
            return None
        if kind not in ("stream", "error", "display_data", "execute_result", "execute_input"):
            return None
        return super().process_message(msg, cell, cell_index)

    def _notice_death(self) -> Any:
        """End the waiting for a reply as soon as the kernel is dead; returns how to stop that."""
        process = self._provisioner.process
        if process is None:
            raise KernelLost("there is no kernel")
        loop = asyncio.get_running_loop()
        descriptor = process.alive

        def dead() -> None:
            loop.remove_reader(descriptor)
            if self.task_poll_for_reply is not None:
                self.task_poll_for_reply.cancel()

        loop.add_reader(descriptor, dead)

        def stop() -> None:
            with contextlib.suppress(ValueError, OSError):
                loop.remove_reader(descriptor)

        return stop
