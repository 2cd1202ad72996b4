"""A file tree like that of a machine with GPUs, and devices that stand in for a GPU's nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.kernel.execution import RunNotebook, run_notebook
from grader.kernel.gpus import Gpu
from grader.kernel.processes import WarmParent

INFORMATION = """Model: \t\t {name}
IRQ:   \t\t 24
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.a5.00.01
Bus Type: \t PCIe
Bus Location: \t 0000:{bus:02x}:00.0
Device Minor: \t {minor}
GPU Excluded:\t No
"""
LEASED = Gpu(0, "Stand-in", "/dev/full", "GPU-00000000-aaaa")
OTHER = Gpu(1, "Stand-in", "/dev/tty", "GPU-11111111-bbbb")


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Path]:
    """Make a tree with GPUs: (minor, bus, name, uuid) each; `nodes` are files of `/dev`."""

    def make(
        *gpus: tuple[int, int, str, str],
        nodes: tuple[str, ...] = ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1"),
    ) -> Path:
        (tmp_path / "dev").mkdir()
        for name in nodes:
            (tmp_path / "dev" / name).touch()
            (tmp_path / "dev" / name).chmod(0o666)
        for minor, bus, name, uuid in gpus:
            folder = tmp_path / "proc/driver/nvidia/gpus" / f"0000:{bus:02x}:00.0"
            folder.mkdir(parents=True)
            text = INFORMATION.format(name=name, uuid=uuid, bus=bus, minor=minor)
            (folder / "information").write_text(text)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def warm_with_stand_ins() -> Iterator[WarmParent]:
    """A warm parent whose kernels may be given one of two devices that every Linux has."""
    parent = WarmParent(gpus=[LEASED, OTHER])
    try:
        parent.wait()
        yield parent
    finally:
        parent.close()


@pytest.fixture
def run_on(
    warm_with_stand_ins: WarmParent, small_limits: Any, cells: Any
) -> Iterator[Callable[..., RunNotebook]]:
    """Run cells in a kernel that was given a stand-in for a GPU, or None."""
    opened: list[RunNotebook] = []

    def run(gpu: Gpu | None, *sources: str, **limits: Any) -> RunNotebook:
        spending = replace(small_limits, **limits)
        opened.append(run_notebook(cells(*sources), warm_with_stand_ins, spending, seed=1, gpu=gpu))
        return opened[-1]

    yield run
    for notebook in opened:
        notebook.close()
