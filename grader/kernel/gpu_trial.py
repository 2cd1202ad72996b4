"""Tests that a GPU computes inside the walls, before any student's code depends on it.

A driver that does not start in the sandbox raises an error in the first code that uses it. Without
this trial, that would be the correct `net.to(device)` of a student.

Here: one kernel, one cell. Not here: which GPU (`devices.py`), what is open to it
(`sandbox/policy.py`).
"""

from __future__ import annotations

from grader.errors import GpuUnavailable
from grader.kernel.execution import run_notebook
from grader.kernel.gpus import Gpu
from grader.kernel.processes import WarmParent
from grader.records import Cell, Limits

# `init` first: where CUDA does not start, `cuda` would stand for the CPU (`guest/stand_in_gpu.py`)
_COMPUTE = """
import torch
torch.cuda.init()
assert torch.ones(8, device="cuda").sum().item() == 8
"""
# CUDA takes seconds to start, more where there are many GPUs and no persistence daemon
_LIMITS = Limits(cell_s=120.0, notebook_s=120.0)


def try_out(warm: WarmParent | None, gpu: Gpu) -> None:
    """Add numbers on a GPU, in a kernel like a student's.

    Raises:
        GpuUnavailable: the computation failed; the message says how.
        KernelLost: no kernel could be started.
    """
    run = run_notebook((Cell(0, "code", _COMPUTE),), warm, _LIMITS, seed=0, gpu=gpu)
    run.close()
    if run.cells[0].status != "ok":
        raise GpuUnavailable(
            f"{gpu.name} ({gpu.node}) does not compute in a kernel: {run.cells[0].error}. "
            "`python -c 'import torch; torch.ones(1).cuda()'` says whether it does outside the "
            "walls. Give --device cpu, or --isolation process for notebooks you trust."
        )
