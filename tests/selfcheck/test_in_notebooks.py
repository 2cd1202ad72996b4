"""A self-check in a student's own kernel, and the same notebook graded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import nbformat
import pytest
from nbclient import NotebookClient

from grader.grading.grader import Grader
from grader.grading.needed_cells import needed_cells
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions
from grader.records import Cell
from grader.verdict import Status

RIGHT = "import torch\ndef double(x):\n    return x + x"
WRONG = "def fourfold(x):\n    y = double(x)\n    return torch.cat(y, 3)"
CHECKS = [
    "import selfcheck\nselfcheck.check(double)",
    "selfcheck.check()",
    "from selfcheck import check\ncheck('fourfold')",
]


def test_it_works_in_a_notebook(handed_out, write_notebook):
    path = write_notebook(handed_out / "hw.ipynb", RIGHT, WRONG, *CHECKS)
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, resources={"metadata": {"path": str(handed_out)}}).execute()
    first, second, third = (
        "".join(output["text"] for output in cell["outputs"]) for cell in notebook.cells[2:]
    )
    assert first.splitlines()[0] == "double: right on all 9 questions."
    assert "fourfold: not right on 1 of 1 questions." in second
    assert "line 3 of fourfold: return torch.cat(y, 3)" in second
    assert third in second


@pytest.fixture(scope="module")
def grader(course) -> Iterator[Grader]:
    with Grader(Plan(str(course))) as grader:
        yield grader


def graded(grader, path):
    (submission,) = find_submissions([path], assignment=grader.plan.assignment.name)
    return grader.grade(submission)


def told(result):
    return [
        (check.exercise, check.check, check.verdict, check.points, check.message)
        for exercise in result.exercises
        for check in exercise.checks
    ]


BESIDE = {
    "nothing": (),
    "both files": ("selfcheck.py", "selfcheck.dat"),
    "the module alone": ("selfcheck.py",),
    "the data alone": ("selfcheck.dat",),
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
def test_cells_of_self_checks_cost_nothing(grader, tmp_path, handed_out, write_notebook, beside):
    plain = graded(grader, write_notebook(tmp_path / "a" / "kim.ipynb", RIGHT, WRONG))
    path = write_notebook(tmp_path / "b" / "kim.ipynb", RIGHT, WRONG, *CHECKS)
    for name in beside:
        shutil.copy(handed_out / name, path.parent)
    checked = graded(grader, path)
    assert told(checked) == told(plain)
    assert checked.status == plain.status
    assert [run.status for run in checked.cells] == ["ok"] * 5
    assert (checked.notes, checked.answers) == (plain.notes, plain.answers)


def test_a_module_of_the_student_that_is_named_so_is_used(grader, tmp_path, write_notebook):
    path = write_notebook(tmp_path / "kim" / "kim.ipynb", "from selfcheck import double")
    (path.parent / "selfcheck.py").write_text("def double(x):\n    return x + x\n")
    result = graded(grader, path)
    assert result.status is Status.PARTIAL  # fourfold is not there
    assert all(check.points == check.max_points for check in result.exercises[0].checks)


def test_a_self_check_is_no_needed_cell(grader):
    cells = [Cell(i, "code", text) for i, text in enumerate(["import torch", RIGHT, *CHECKS])]
    assert needed_cells(cells, [grader.plan.assignment.exercises[0]]) == {0, 1}


@pytest.mark.parametrize(
    "sources",
    [
        ["from selfcheck import check", f"{RIGHT}\ncheck(double)"],
        ["from selfcheck import *", f"{RIGHT}\ncheck(double)"],
        ["import selfcheck as s\ns.check()", f"{RIGHT}\ns.check(double)"],
        ["import selfcheck", "f = 3", f"{RIGHT}\nselfcheck.check(double)\nselfcheck.check(f)"],
    ],
)
def test_what_a_needed_cell_takes_for_its_self_check_is_needed(grader, sources):
    cells = [Cell(i, "code", text) for i, text in enumerate(["x = open('x')", *sources])]
    needed = needed_cells(cells, [grader.plan.assignment.exercises[0]])
    assert needed == set(range(1, len(cells)))
