"""Notebooks run as they come: past errors, under deadlines, with capped output, in real kernels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grader.course import load_course
from grader.errors import CallTimedOut, KernelDied, KernelLost, OutOfMemory, StudentRaised
from grader.kernel.execution import run_notebook
from grader.kernel.process_tree import tree_of
from grader.kernel.processes import WarmParent
from grader.kernel.student import Student

UNINTERRUPTIBLE = """
    import time
    while True:
        try:
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:
            pass
"""


def statuses(notebook) -> list[str]:
    return [cell.status for cell in notebook.cells]


@pytest.fixture
def asked(run) -> Callable[..., Student]:
    """Run cells and return a student that knows every function of theirs."""

    def make(*sources: str, **limits) -> Student:
        connection = run(*sources, **limits).connection
        return Student(connection, {e.name: e for e in Student(connection, {}).catalog()})

    return make


# ------------------------------------------------------------------------------------- cells


def test_cells_run_past_an_error(run, values):
    notebook = run("x = 1", "1 / 0", "y = x + 1")
    assert statuses(notebook) == ["ok", "raised", "ok"]
    assert notebook.cells[1].error == "ZeroDivisionError: division by zero"
    assert values(notebook) == {"x": 1, "y": 2}


def test_a_cell_that_takes_too_long_is_interrupted(run, values):
    notebook = run("x = 1", "while True:\n    x += 0", "y = x + 1", cell_s=0.5)
    assert statuses(notebook) == ["ok", "timed_out", "ok"]
    assert notebook.cells[1].error == "ran longer than 0.5 s of processor time"
    assert values(notebook)["y"] == 2


def test_a_cell_that_sleeps_has_several_times_as_long(run):
    sleeps = "import time; time.sleep({0})"
    notebook = run(sleeps.format(0.6), sleeps.format(60), cell_s=0.3, wall_factor=4.0)
    assert statuses(notebook) == ["ok", "timed_out"]
    assert notebook.cells[1].error == "ran longer than 1.2 s"


def test_a_cell_whose_processes_work_at_once_is_late_for_them_together(run):
    work = """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                while True: pass
        time.sleep(60)
    """
    late, after = run(work, "x = 1", cell_s=0.5, wall_factor=40.0).cells
    # on a busy machine its processes have no end in time, which ends the kernel
    assert late.status in ("timed_out", "died")
    assert late.error.startswith("ran longer than 0.5 s of processor time")
    assert after.status == "ok"


def test_a_cell_that_cannot_be_interrupted_costs_itself_only(run, values):
    notebook = run("x = 1", UNINTERRUPTIBLE, "y = x + 1", cell_s=0.3)
    assert statuses(notebook) == ["ok", "died", "ok"]
    assert notebook.cells[1].error == "ran longer than 0.6 s and could not be interrupted"
    assert notebook.ended_by == {1}
    assert values(notebook) == {"x": 1, "y": 2}


def test_a_cell_that_ends_the_process_costs_itself_only(run, values):
    notebook = run("x = 1", "import os; os._exit(0)", "y = x + 1")
    assert statuses(notebook) == ["ok", "died", "ok"]
    assert notebook.cells[1].error == "ended the notebook's process"
    assert values(notebook) == {"x": 1, "y": 2}


def test_what_comes_before_one_killer_too_many_is_kept(run, values):
    die = "import os; os._exit(0)"
    notebook = run("x = 1", die, die, die, "y = 2", kernel_restarts=2)
    assert statuses(notebook) == ["ok", "died", "died", "died", "not_run"]
    assert "too often" in notebook.cells[4].error
    assert values(notebook) == {"x": 1}


def test_a_notebook_that_has_used_its_time_leaves_the_rest_out(run):
    slow = """
        import time
        try:
            time.sleep(10)
        except KeyboardInterrupt:
            time.sleep(0.1)
    """
    notebook = run(slow, "x = 1", notebook_s=0.3)
    assert statuses(notebook) == ["timed_out", "not_run"]


@pytest.mark.parametrize(
    "flood",
    [
        "print('x' * 50_000_000)",
        "for i in range(1_000_000): print(i)",
        "from IPython.display import HTML; HTML('x' * 20_000_000)",
        "import sys\nfor i in range(200): print('x' * 100_000, file=sys.stderr)",
        "import os\nfor i in range(200): os.write(1, b'x' * 100_000)",
    ],
)
def test_a_flood_of_output_is_capped_and_later_cells_run_and_fail_as_they_do(run, values, flood):
    notebook = run(flood, "y = 2", "1 / 0")
    assert statuses(notebook)[1:] == ["ok", "raised"]
    assert notebook.cells[2].error.startswith("ZeroDivisionError")
    assert values(notebook)["y"] == 2


def test_input_is_refused(run):
    notebook = run("input('your name: ')", "x = 1")
    assert statuses(notebook) == ["raised", "ok"]


def test_installers_in_any_form_do_nothing(run):
    notebook = run("!pip install d2l==1.0.3", "%pip install torch", "pip install torch")
    assert statuses(notebook) == ["ok", "ok", "ok"]


def test_what_notebooks_of_the_course_import_is_there(run, values):
    notebook = run(
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "%matplotlib inline\nimport torch\nfrom torch import nn\nfrom d2l import torch as d2l",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)\ndone = 1",
    )
    assert statuses(notebook) == ["ok"] * 4
    assert values(notebook)["done"] == 1


def test_a_figure_that_is_shown_is_closed_and_never_drawn(run, values):
    show = (
        "import matplotlib.pyplot as plt\ndrawn = globals().get('drawn', [])\n"
        "plt.plot([1, 2])\nplt.gcf().canvas.mpl_connect('draw_event', drawn.append)\nplt.show()"
    )
    notebook = run(show, f"%matplotlib inline\n{show}", "count = len(drawn + plt.get_fignums())")
    assert statuses(notebook) == ["ok"] * 3
    assert values(notebook)["count"] == 0


def test_a_shell_command_and_a_top_level_await_work(run, values):
    notebook = run(
        "out = !echo hello\nword = out[0]", "import asyncio\nn = await asyncio.sleep(0, 5)"
    )
    assert (values(notebook)["word"], values(notebook)["n"]) == ("hello", 5)


def test_a_name_that_is_rebound_is_captured_with_both_its_values(run):
    notebook = run(
        "def pool2d(X, size):\n    return X",
        "from torch import nn\npool2d = nn.MaxPool2d(3)",
    )
    catalog = Student(notebook.connection, {}).catalog()
    assert [(e.cell, e.kind) for e in catalog if e.name == "pool2d"] == [
        (0, "function"), (1, "module"),
    ]  # fmt: skip


def test_two_runs_with_one_seed_draw_the_same_numbers(run, values):
    draw = "import torch, random, numpy\nx = [torch.rand(()).item(), random.random()]"
    assert values(run(draw)) == values(run(draw))


# ------------------------------------------------------------------------------------- calls


def test_a_call_that_raises_says_where(asked):
    student = asked("x = 1", "def f(n):\n    return 1 // n")
    with pytest.raises(StudentRaised) as caught:
        student.f(0)
    assert caught.value.where == "cell 1, line 2, in f"


def test_a_call_that_hangs_is_interrupted_and_the_next_one_answers(asked):
    student = asked("def hangs():\n    while True: pass", "def f():\n    return 3", call_s=0.3)
    with pytest.raises(CallTimedOut, match=r"took longer than 0\.3 s of processor time"):
        student.hangs()
    assert student.f() == 3


def test_a_call_that_sleeps_has_several_times_as_long(asked):
    sleeps = "import time\ndef naps(s):\n    time.sleep(s)\n    return 3"
    student = asked(sleeps, call_s=0.3, wall_factor=4.0)
    assert student.naps(0.6) == 3
    with pytest.raises(CallTimedOut, match=r"took longer than 1\.2 s$"):
        student.naps(60)


def test_a_call_that_cannot_be_interrupted_ends_the_kernel(asked):
    body = "\n".join(f"    {line}" for line in UNINTERRUPTIBLE.splitlines())
    student = asked(f"def hangs():{body}", "def f():\n    return 3", call_s=0.3)
    with pytest.raises(CallTimedOut):
        student.hangs()
    with pytest.raises(KernelDied):
        student.f()


def test_a_call_that_ends_the_process_is_the_students(asked):
    with pytest.raises(KernelDied, match="exited"):
        asked("import os\ndef f():\n    os._exit(0)").f()


def test_a_call_that_needs_too_much_memory_says_so(asked):
    # many processes: each is within its own limit
    student = asked(
        """
        import os, time, torch
        def f():
            for _ in range(4):
                if os.fork() == 0:
                    held = torch.ones(1 << 26)
                    time.sleep(60)
            time.sleep(60)
        """,
        call_s=20.0,
        memory_bytes=512 << 20,
    )
    with pytest.raises(OutOfMemory, match="512 MiB"):
        student.f()


def test_an_answer_too_large_to_send_leaves_the_kernel_standing(asked):
    student = asked(
        "import torch\ndef f():\n    return torch.zeros(1).expand(10 << 30)",
        "def g():\n    return [0.5] * 1_000_000",
        "def h():\n    return 3",
    )
    assert "too large" in student.f().description
    assert "too many" in student.g().description
    assert student.h() == 3


# ------------------------------------------------------------------------------------- processes


def test_a_cold_start_runs_the_same_notebook(small_limits, cells, values):
    notebook = run_notebook(
        cells("x = 1", "1 / 0", "from d2l import torch as d2l\ny = x + 1"), None,
        replace(small_limits, cell_s=30.0), seed=1, environment=load_course().environment,
    )  # fmt: skip
    try:
        assert statuses(notebook) == ["ok", "raised", "ok"]
        assert values(notebook) == {"x": 1, "y": 2}
    finally:
        notebook.close()


def test_nothing_is_left_of_a_kernel_after_it_was_closed(run, warm):
    notebook = run(
        "import subprocess\np = subprocess.Popen(['sleep', '100'], start_new_session=True)"
    )
    pids = tree_of(notebook._kernel._provisioner.process.pid)
    assert len(pids) == 2
    notebook.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not list(warm.scratch.glob("k*"))


def test_a_library_below_a_shared_folder_is_seen_and_the_folder_can_be_written(
    small_limits, cells, values, forks
):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep/images").write_text("whole")
        Path(folder).chmod(0o755)
        parent = WarmParent(data=Path(folder) / "deep", forks=forks)
        try:
            notebook = run_notebook(
                cells(
                    f"seen = open('{folder}/deep/images').read()",
                    "open('/tmp/mine', 'w').write('x'); mine = open('/tmp/mine').read()",
                    f"open('{folder}/deep/images', 'w')",
                    f"open('{folder}/deep/more', 'w')",
                ),
                parent, small_limits, seed=1,
            )  # fmt: skip
            assert statuses(notebook) == ["ok", "ok", "raised", "raised"]
            assert values(notebook) == {"seen": "whole", "mine": "x"}
            notebook.close()
        finally:
            parent.close()
        assert [path.name for path in Path(folder).rglob("*")] == ["deep", "images"]


def test_a_warm_parent_that_dies_is_noticed_and_leaves_nothing(small_limits, cells):
    parent = WarmParent()
    try:
        parent.wait()
        notebook = run_notebook(cells("x = 1"), parent, small_limits, seed=1)
        pid = notebook._kernel._provisioner.process.pid
        os.kill(parent._process.pid, signal.SIGKILL)
        parent._process.wait()
        notebook.close()
        with pytest.raises(KernelLost):
            run_notebook(cells("x = 1"), parent, small_limits, seed=1)
        assert not parent.is_alive()
        assert not Path(f"/proc/{pid}").exists()
    finally:
        parent.close()
    assert not parent.scratch.exists()


def test_hashes_of_strings_are_the_same_in_every_run(run, values):
    code = "print(hash('corr2d'))"
    seeded = {"PATH": "", "PYTHONHASHSEED": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=seeded, capture_output=True, text=True, check=True
    )
    assert str(values(run("h = hash('corr2d')"))["h"]) == ran.stdout.strip()
