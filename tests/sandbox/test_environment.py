"""What a course brings is there in a kernel, and nothing else of the course."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.course import Environment, load_assignment
from grader.kernel.execution import run_notebook
from grader.kernel.processes import WarmParent

SETUP = """
steps = ["imported"]

def prepare():
    steps.append("prepared")

def configure():
    steps.append("configured")
"""


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # of root, where pytest's are closed
        course = Path(folder) / "signs"
        for name in ("library", "files/img", "one"):
            (course / name).mkdir(parents=True)
        (course / "library" / "signs.py").write_text("STOP = 1\n")
        (course / "library" / "signs_setup.py").write_text(SETUP)
        (course / "files" / "img" / "stop.txt").write_text("octagon")
        (course / "one" / "assignment.toml").write_text('title = "One"\nexercises = []\n')
        (course / "course.toml").write_text(
            'title = "Signs"\n[environment]\nfolder = "library"\nsetup = "signs_setup"\n'
            'preload = ["json.tool"]\nbeside = "files"\n'
        )
        Path(folder).chmod(0o755)
        yield load_assignment(course / "one").course.environment


@pytest.fixture(scope="module")
def parent(environment: Environment, forks: Any) -> Iterator[WarmParent]:
    made = WarmParent(environment=environment, forks=forks)
    try:
        made.wait()
        yield made
    finally:
        made.close()


def test_a_second_course_brings_its_library_its_preparation_and_its_files(
    parent, environment, small_limits, cells, values
):
    secret = environment.folder.parent / "one" / "assignment.toml"
    notebook = run_notebook(
        cells(
            """
            import sys, signs, signs_setup
            names = signs_setup.steps
            shape = open("img/stop.txt").read()
            early = "json.tool" in sys.modules
            """,
            "open('img/stop.txt', 'w').write('mine'); own = open('img/stop.txt').read()",
            f"open({str(secret)!r})",
            # an import would bind a placeholder, as for any package that is not there
            "import importlib; assert importlib.util.find_spec('d2l') is not None",
        ),
        parent, small_limits, seed=1,
    )  # fmt: skip
    try:
        assert [run.status for run in notebook.cells] == ["ok", "ok", "raised", "raised"]
        found = values(notebook)
        assert found["names"] == ["imported", "prepared", "configured"]
        assert (found["shape"], found["early"], found["own"]) == ("octagon", True, "mine")
    finally:
        notebook.close()
    assert (environment.beside / "img" / "stop.txt").read_text() == "octagon"


def test_a_progress_bar_prints_nothing(run, values):
    if importlib.util.find_spec("tqdm") is None:
        pytest.skip("tqdm is not installed")
    notebook = run(
        """
        import contextlib, io
        import threading
        before = threading.active_count()
        from tqdm import auto, notebook, tqdm, trange
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown), contextlib.redirect_stdout(shown):
            bars = tqdm, auto.tqdm, notebook.tqdm
            seen = [list(bar([3, 4], desc="epoch", leave=False)) for bar in bars]
            with notebook.tqdm(total=5, unit="image") as bar:
                bar.update(2)
                bar.set_postfix(loss=0.1)
            counted = list(notebook.trange(2))
        printed, threads = shown.getvalue(), threading.active_count() - before
        """
    )
    assert notebook.cells[0].status == "ok"
    found = values(notebook)
    assert (found["seen"], found["counted"]) == ([[3, 4]] * 3, [0, 1])
    assert (found["printed"], found["threads"]) == ("", 0)
