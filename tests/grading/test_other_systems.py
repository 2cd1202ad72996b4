"""Systems that are not Linux, as far as this one can stand for them: no walls, other modules."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import KernelLost, SandboxUnavailable
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.kernel import provisioner
from grader.reading.submissions import find_submissions
from grader.runs import pipeline
from grader.verdict import Status


@pytest.fixture
def plan(small_course, monkeypatch) -> Plan:
    monkeypatch.setattr(sys, "platform", "darwin")
    return Plan(str(small_course), only=("double",))


@pytest.fixture
def submissions(tmp_path, write_notebook):
    write_notebook(tmp_path / "class" / "kim" / "hw.ipynb", "def double(x): return 2 * x")
    return find_submissions([tmp_path / "class"], assignment="")


def test_a_system_without_walls_grades_nothing_unless_told_to(plan, submissions, tmp_path):
    with pytest.raises(SandboxUnavailable, match="--isolation process"):
        Grader(plan).__enter__()
    with pytest.raises(SandboxUnavailable, match="--isolation process"):
        pipeline.grade_and_store(plan, submissions, tmp_path / "out", jobs=1)
    with pytest.raises(SandboxUnavailable, match="--isolation process"):
        pipeline.check_one(tmp_path / "class", plan)


def test_data_reaches_kernels_that_start_cold(plan, submissions, tmp_path, monkeypatch):
    orders = []

    def refuse(scratch, order, descriptors, environment):
        orders.append(order)
        raise KernelLost("started by nobody")

    monkeypatch.setattr(provisioner, "ColdProcess", refuse)
    with Grader(replace(plan, isolation="process", data=tmp_path)) as grader:
        result = grader.grade(submissions[0])
    assert result.status is Status.BROKEN
    assert {order.data for order in orders} == {str(tmp_path.resolve())}


IMPORTS_WITHOUT_UNIX = """
import os, pkgutil, sys
# what belongs to others finds its own way; ours is imported after these are gone
import hypothesis, ipykernel, jupyter_client, nbclient, nbformat, pandas, pytest, rich, torch, typer
import starlette.applications, uvicorn, dask
import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker, zmq.asyncio, matplotlib
from grader.errors import GraderError
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("sysconf", "getuid", "geteuid", "pidfd_open", "fork", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
sys.platform = "win32"
import grader
skipped = ("grader.sandbox", "grader.inside", "grader.guest", "grader.course.", "grader.__main__")
for module in pkgutil.walk_packages(grader.__path__, "grader."):
    if not module.name.startswith(skipped):
        __import__(module.name)
from grader.kernel import gpus
assert not gpus.look().gpus
from grader.kernel.scratch import remove_abandoned
remove_abandoned()
"""


def test_every_module_of_the_trusted_side_imports_without_what_only_unix_has():
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_WITHOUT_UNIX], capture_output=True, text=True, check=False,
        cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
