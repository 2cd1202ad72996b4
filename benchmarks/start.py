"""How long until a kernel has run its first cell: warm and locked, against a cold stock kernel.

Both are measured in turn in one run, on the same machine under the same load; medians and their
ratio are printed. The cold kernel is nbclient's own: ipykernel in a fresh process, over TCP.

    python benchmarks/start.py [--repeats 10]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

import nbformat
from nbclient import NotebookClient

from grader.course import load_course
from grader.kernel.execution import run_notebook
from grader.kernel.processes import WarmParent
from grader.records import Cell, Limits
from grader.sandbox.policy import GUEST_LIBRARY, PACKAGE

CELLS = {
    "plain torch": "import torch; torch.ones(2) + 1",
    "course library": (
        "import torch\nfrom torch import nn\nfrom d2l import torch as d2l\n"
        "torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)"
    ),
}


def cold(source: str) -> tuple[float, float]:
    """Seconds until a stock kernel has run one cell, and until it has ended."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        shutdown_kernel="immediate",
        extra_arguments=["--IPKernelApp.log_level=50"],
    )
    places = (load_course().environment.folder, GUEST_LIBRARY, PACKAGE.parent)
    started = time.perf_counter()
    with client.setup_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}):
        client.execute_cell(notebook.cells[0], 0)
        ran = time.perf_counter() - started
    return ran, time.perf_counter() - started


def warm(source: str, parent: WarmParent) -> tuple[float, float]:
    """Seconds until a forked, locked kernel has run one cell, and until it has ended."""
    started = time.perf_counter()
    run = run_notebook([Cell(0, "code", source)], parent, Limits(), seed=0)
    ran = time.perf_counter() - started
    run.close()
    assert run.cells[0].status == "ok", run.cells[0].error
    return ran, time.perf_counter() - started


def medians(
    ways: dict[str, Callable[[], tuple[float, float]]], repeats: int
) -> dict[str, list[float]]:
    """Measure every way in turn, so that a change of load meets all of them."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            found[name].append(way())
    return {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in found.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")  # ipykernel's, about TCP
    brought = load_course().environment
    locked = WarmParent(environment=brought)
    open_ = WarmParent(environment=brought, isolate=False)
    try:
        ready = locked.wait()
        open_.wait()
        print(f"warm parent ready in {ready.seconds:.2f} s, once; medians of {repeats}")
        print(f"{'cell':16}{'kernel':16}{'first cell':>12}{'to its end':>12}")
        for title, source in CELLS.items():
            ways = {
                "cold": lambda source=source: cold(source),
                "warm, locked": lambda source=source: warm(source, locked),
                "warm, no walls": lambda source=source: warm(source, open_),
            }
            rows = medians(ways, repeats)
            for name, (ran, ended) in rows.items():
                print(f"{title:16}{name:16}{ran * 1000:9.0f} ms{ended * 1000:9.0f} ms")
            first, end = (a / b for a, b in zip(rows["cold"], rows["warm, locked"], strict=True))
            lockdown = rows["warm, locked"][0] - rows["warm, no walls"][0]
            print(f"{title:16}cold / warm, locked: {first:.1f} times, to the end {end:.1f} times")
            print(f"{title:16}walls: {lockdown * 1000:.1f} ms a kernel")
    finally:
        locked.close()
        open_.close()


if __name__ == "__main__":
    main()
