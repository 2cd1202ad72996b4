import subprocess
import sys

import pytest

from grader.grading.plan import Plan
from grader.grading.warm import unneeded, unneeded_by_all, warm_parent
from grader.kernel.execution import run_notebook
from grader.records import Cell, Limits, Submission

SLOW = ("torch._dynamo",)


@pytest.mark.parametrize(
    ("source", "left_out"),
    [
        ("import torch\ndef corr2d(x, k): ...", SLOW),
        ("torch.optim.SGD(net.parameters(), lr=0.1)", ()),
        ("from torch import optim", ()),
        ("net = torch.compile(net)", ()),
        ("optimism = compiled = 1", SLOW),
        ("%matplotlib inline\nfrom d2l import torch as d2l", SLOW),
    ],
)
def test_a_single_notebook_waits_only_for_what_it_uses(source, left_out):
    assert unneeded([Cell(0, "markdown", "torch.optim"), Cell(1, "code", source)]) == left_out


@pytest.mark.parametrize(
    ("sources", "left_out"),
    [
        (["import torch\ndef corr2d(x, k): ..."] * 3, SLOW),
        (["x = 1", "torch.optim.SGD(net.parameters(), lr=0.1)"], ()),
        (["x = 1", "from d2l import torch as d2l"], ()),
        (["x = 1", "import torchvision"], ()),
        (["x = 1"] * 100, ()),
        ([], SLOW),
    ],
)
def test_a_small_class_waits_only_for_what_a_notebook_of_it_uses(sources, left_out):
    handed_in = [
        Submission(f"s{i}", f"s{i}.ipynb", "0", (Cell(0, "code", source),))
        for i, source in enumerate(sources)
    ]
    assert unneeded_by_all(Plan("cnn"), handed_in) == left_out


def test_what_was_left_out_can_be_imported_and_used_by_a_cell(started_alone):
    code = (
        "import sys\nbefore = 'torch._dynamo' in sys.modules\nimport torch\n"
        "import torchvision.transforms\n"
        "made = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), lr=0.1)\n"
        "boxes = torch.tensor([[0, 0, 0, 4.0, 4.0]])\n"
        "mean = torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), boxes, 1)\n"
        "assert not before and 'torch._dynamo' in sys.modules and mean == 1"
    )
    told = Submission("ann", "ann.ipynb", "0", (Cell(0, "code", "import torch"),))
    warm = warm_parent(Plan("cnn"), told)
    try:
        warm.wait()
        run = run_notebook([Cell(0, "code", code)], warm, Limits(), seed=0)
        run.close()
    finally:
        warm.close()
    assert run.cells[0].status == "ok", run.cells[0].error


def test_a_command_starts_the_warm_process_before_it_loads_torch():
    code = (
        "import grader.cli, grader.runs.pipeline, grader.grading.warm, sys\n"
        "print({'torch', 'numpy', 'hypothesis', 'pandas'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
