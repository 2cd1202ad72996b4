"""What many tests need: fixed Hypothesis settings, small notebooks and courses, real kernels.

One thread, and the same examples every time. One warm parent serves a whole run of kernels with
small limits.
"""

from __future__ import annotations

import atexit
import builtins
import getpass
import itertools
import json
import logging
import os
import resource
import socket
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from grader.course import load_course
from grader.grading import warm as warm_parents
from grader.guest import notebook_shell
from grader.kernel.execution import RunNotebook, run_notebook
from grader.kernel.pristine import Pristine
from grader.kernel.processes import WarmParent
from grader.kernel.student import Student
from grader.records import Cell, Limits
from grader.runs import worker_memory

torch.set_num_threads(1)  # the other cores run other tests
settings.register_profile(
    "project",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be busy
)
settings.load_profile("project")

_numbers = itertools.count(1)
_held = [0]  # the fewest bytes of memory since the last collection
STATM = Path("/proc/self/statm")
WORTH_A_COLLECTION = 256 << 20
IMPORTS = (
    "import torch\nfrom hypothesis import given\nfrom hypothesis import strategies as st\n"
    "from grader.checks import assert_equal, check, expect_tensor, whole_numbers\n\n"
)
SMALL = Limits(
    cell_s=2.0, interrupt_s=2.0, notebook_s=30.0, call_s=1.0, exercise_s=10.0, cpu_s=60,
    wall_factor=2.0,
    memory_bytes=1 << 30, scratch_bytes=32 << 20, scratch_files=1_000, file_bytes=16 << 20,
    processes=24, open_files=256, output_bytes=1 << 20, kernel_restarts=2,
)  # fmt: skip


def pytest_collection_finish() -> None:
    """Set apart what the collection of all tests has loaded, as a worker does."""
    worker_memory.settle()
    _held[0] = _resident()


def pytest_runtest_logfinish() -> None:
    """Return the memory of networks, which refer to themselves: gigabytes of a whole run otherwise.

    A collection takes longer than most tests, so it waits for what is worth it.
    """
    held = _resident()
    if held > _held[0] + WORTH_A_COLLECTION:
        worker_memory.give_back()
        _held[0] = _resident()
    _held[0] = min(_held[0], held)


def _resident() -> int:
    """Return how many bytes of memory this process holds, 0 where that is not told."""
    with suppress(OSError):
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return 0


def make_cells(*sources: str) -> tuple[Cell, ...]:
    return tuple(Cell(i, "code", textwrap.dedent(source)) for i, source in enumerate(sources))


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Put back where the log goes: a command that runs in this process changes it."""
    logger = logging.getLogger("grader")
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def cache_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the sheets of these tests apart from those of the user."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GRADER_CACHE", str(folder))
        yield folder


def values_of(run: RunNotebook) -> dict[str, Any]:
    """The last value of every plain name or tensor the cells bound."""
    return {entry.name: entry.value for entry in Student(run.connection, {}).values()}


class LateForks:
    """Where warm parents are forked, as for the workers of a run: started at the first order."""

    left_out: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.pristine: Pristine | None = None

    def ask(self, control: socket.socket) -> None:
        self.pristine = self.pristine or Pristine()
        self.pristine.forks.ask(control)


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[LateForks]:
    """Let each grader of this process fork its warm parent, which takes two seconds otherwise."""
    made = LateForks()
    warm_parents.use(made)
    yield made
    warm_parents.use(None)
    if made.pristine is not None:
        made.pristine.close()


@pytest.fixture
def started_alone(forks: LateForks) -> Iterator[None]:
    """Let a grader of this process start its warm parent, as `grader check` does."""
    warm_parents.use(None)
    yield
    warm_parents.use(forks)


@pytest.fixture(scope="session")
def small_limits() -> Limits:
    return SMALL


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmParent]:
    parent = WarmParent(environment=load_course().environment)
    try:
        parent.wait()
        yield parent
    finally:
        parent.close()


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real IPython shell with our commands in it; what it changes outside is put back."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """A kernel has no event loop to switch either."""

    before = builtins.input, getpass.getpass, sys.excepthook, sys.displayhook, dict(os.environ)
    main = sys.modules["__main__"]
    os.environ["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    made = Shell.instance(config=config)
    notebook_shell.install(made)
    sys.modules["__main__"] = main  # it puts its own there, which no process can be spawned from
    yield made
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
    Shell.clear_instance()
    builtins.input, getpass.getpass, sys.excepthook, sys.displayhook = before[:4]
    os.environ.clear()
    os.environ.update(before[4])


@pytest.fixture
def run(warm: WarmParent) -> Iterator[Callable[..., RunNotebook]]:
    """Run cells in a fresh kernel; limits may be given by name."""
    opened: list[RunNotebook] = []

    def run_cells(*sources: str, **limits: Any) -> RunNotebook:
        cells = make_cells(*sources)
        opened.append(run_notebook(cells, warm, replace(SMALL, **limits), seed=1))
        return opened[-1]

    yield run_cells
    for notebook in opened:
        notebook.close()


@pytest.fixture
def values() -> Callable[[RunNotebook], dict[str, Any]]:
    return values_of


@pytest.fixture
def cells() -> Callable[..., tuple[Cell, ...]]:
    return make_cells


@pytest.fixture(scope="session")
def write_notebook() -> Callable[..., Path]:
    """Write a notebook of code cells; a cell that begins with `#%` is Markdown."""

    def write(path: Path, *sources: str) -> Path:
        cells = [
            {
                "cell_type": "markdown" if source.startswith("#%") else "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source.removeprefix("#%"),
                **({} if source.startswith("#%") else {"outputs": [], "execution_count": None}),
            }
            for number, source in enumerate(sources)
        ]
        whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(whole), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def write_course() -> Callable[..., Path]:
    """Write an assignment; an exercise is the text of its checks, or that and its settings.

    Every assignment of a folder has a name of its own.
    """

    def write(
        folder: Path, exercises: dict[str, str | tuple[str, str]], assignment: str = ""
    ) -> Path:
        here = folder / "exercises" / f"small{next(_numbers)}"
        here.mkdir(parents=True)
        (here.parent / "course.toml").write_text('title = "A small course"\n')
        for name, given in exercises.items():
            checks, more = given if isinstance(given, tuple) else (given, "")
            (here / name).mkdir(parents=True)
            (here / name / f"test_{name}.py").write_text(IMPORTS + checks)
            kind = "" if "kind =" in more else 'kind = "function"\n'
            names = "" if "names =" in more else f'names = ["{name}"]\n'
            toml = f'title = "{name}"\nsection = "1"\n{kind}{names}{more}'
            (here / name / "exercise.toml").write_text(toml)
        listed = json.dumps(list(exercises))
        toml = f'title = "Small"\nexercises = {listed}\n{assignment}'
        (here / "assignment.toml").write_text(toml)
        return here

    return write
