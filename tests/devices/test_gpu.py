"""What only a GPU can show: CUDA starts in a locked kernel, computes, and stays within its share.

Skipped where there is none; on a machine with one they run with all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from grader.course import load_course
from grader.errors import GpuOutOfMemory
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.kernel.execution import run_notebook
from grader.kernel.gpu_trial import try_out
from grader.kernel.gpus import Gpu, leased, look
from grader.kernel.processes import WarmParent
from grader.kernel.student import Student
from grader.records import Cell, Limits, Submission

FOUND = look()
pytestmark = [
    pytest.mark.skipif(not FOUND.gpus, reason=FOUND.missing),
]
# CUDA takes seconds to start, in the first cell or the first call that uses it
LIMITS = Limits(cell_s=120.0, call_s=60.0, exercise_s=120.0, gpu_memory_fraction=0.25)
TRAIN = """
import torch
from torch import nn
from d2l import torch as d2l

device = d2l.try_gpu()
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)).to(device)
X = torch.randn(64, 1, 28, 28, device=device)
y = torch.arange(64, device=device) % 10
net(X)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
losses = []
for _ in range(30):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(X), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
where, first, last = device.type, losses[0], losses[-1]
"""
FILL = """
import torch
total = torch.cuda.get_device_properties(0).total_memory
def take(part):
    return torch.empty(int(total * part), dtype=torch.uint8, device="cuda").numel() / total
"""


@pytest.fixture
def gpu() -> Iterator[Gpu]:
    with leased(FOUND.gpus) as held:
        assert held is not None
        yield held


@pytest.fixture(scope="module")
def parent() -> Iterator[WarmParent]:
    made = WarmParent(environment=load_course().environment, gpus=FOUND.gpus)
    try:
        made.wait()
        yield made
    finally:
        made.close()


@pytest.fixture
def run(parent, cells):
    """Run cells in a kernel with or without the GPU."""
    opened = []

    def make(gpu: Gpu | None, *sources: str):
        opened.append(run_notebook(cells(*sources), parent, LIMITS, seed=1, gpu=gpu))
        return opened[-1]

    yield make
    for notebook in opened:
        notebook.close()


def test_cuda_computes_inside_the_walls(parent, gpu):
    try_out(parent, gpu)


def test_a_training_loop_of_the_book_learns_on_the_gpu(run, gpu, values):
    notebook = run(gpu, TRAIN)
    assert [cell.error for cell in notebook.cells] == [""]
    found = values(notebook)
    assert found["where"] == "cuda"
    assert found["last"] < found["first"] / 2


def test_a_tensor_on_the_gpu_is_an_answer(run, gpu):
    notebook = run(gpu, "import torch\ndef double(x):\n    return 2 * x.to('cuda')")
    connection = notebook.connection
    student = Student(connection, {e.name: e for e in Student(connection, {}).catalog()})
    assert torch.equal(student.double(torch.ones(3)), 2 * torch.ones(3))


def test_more_than_the_share_of_its_memory_is_out_of_memory_and_the_kernel_lives_on(run, gpu):
    connection = run(gpu, FILL).connection
    student = Student(connection, {e.name: e for e in Student(connection, {}).catalog()})
    assert student.take(0.2) == pytest.approx(0.2, rel=0.01)
    with pytest.raises(GpuOutOfMemory, match="memory of the GPU"):
        student.take(0.3)
    assert student.take(0.1) == pytest.approx(0.1, rel=0.01)


def test_one_gpu_is_seen_and_the_nodes_of_others_are_not_there(run, gpu, values):
    source = f"""
    import os, stat, torch
    seen = torch.cuda.device_count()
    name = torch.cuda.get_device_name(0)
    others = {[other.node for other in FOUND.gpus if other != gpu]}
    there = [n for n in others if os.path.exists(n) and stat.S_ISCHR(os.stat(n).st_mode)]
    """
    found = values(run(gpu, source))
    assert (found["seen"], found["there"]) == (1, [])
    assert found["name"]


def test_a_kernel_without_a_lease_sees_no_gpu(run, values):
    source = """
    import torch
    seen, there = torch.cuda.device_count(), torch.cuda.is_available()
    """
    assert values(run(None, source)) == {"seen": 0, "there": False}


def test_what_a_kernel_held_is_free_when_it_is_gone(parent, cells, gpu):
    limits = replace(LIMITS, gpu_memory_fraction=0.9)
    hold = FILL + "held = torch.empty(int(total * 0.6), dtype=torch.uint8, device='cuda')"
    for _ in range(2):
        notebook = run_notebook(cells(hold), parent, limits, seed=1, gpu=gpu)
        notebook.close()
        assert [cell.error for cell in notebook.cells] == [""]


def test_a_notebook_is_graded_on_the_gpu_and_the_result_names_it(
    tmp_path: Path, write_course, started_alone
):
    check = """
@check(points=2)
def test_where(student):
    "It computes on the GPU."
    assert student.where() == "cuda"
"""
    plan = Plan(str(write_course(tmp_path, {"where": check})), limits=LIMITS, gpus=FOUND.gpus)
    source = "import torch\ndef where():\n    return torch.ones(1).cuda().device.type"
    submission = Submission("kim", "kim.ipynb", "0" * 64, (Cell(0, "code", source),))
    with Grader(plan) as grader:
        result = grader.grade(submission)
    assert result.points == 2
    assert result.facts["device"].startswith("cuda: ")


def test_without_walls_the_cap_and_the_choice_hold_as_well(gpu, cells, values):
    parent = WarmParent(isolate=False, gpus=FOUND.gpus)
    limits = replace(LIMITS, gpu_memory_fraction=0.1)
    try:
        parent.wait()
        source = FILL + "seen = torch.cuda.device_count()\nheld = take(0.05)\ntake(0.2)"
        notebook = run_notebook(cells(source), parent, limits, seed=1, gpu=gpu)
        assert "memory of the GPU" in notebook.cells[0].error
        assert values(notebook)["seen"] == 1
        notebook.close()
    finally:
        parent.close()
