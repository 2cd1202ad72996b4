"""With some exercises asked for, the cells that these need run first; verdicts are the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from grader.course import Exercise
from grader.grading.grader import Grader
from grader.grading.needed_cells import needed_cells, saves_work
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions
from grader.records import Cell
from grader.verdict import Status

IMPORTS = "import torch\nfrom torch import nn"
ANSWER = "def add(a, b):\n    return helper(a) + b"


def asked(kind="function", *names):
    return Exercise("add", "", "", kind, names or ("add",), False, Path())


def needed(*sources, exercise=None):
    cells = [Cell(index, "code", source) for index, source in enumerate(sources)]
    found = needed_cells(cells, [exercise or asked()])
    return None if found is None else sorted(found)


def test_an_answer_needs_the_imports_and_what_it_uses_in_turn():
    cells = [IMPORTS, "net = nn.Linear(2, 2)", "k = 2", "def helper(x): return k * x", ANSWER]
    assert needed(*cells) == [0, 2, 3, 4]


def test_every_definition_of_the_answer_and_of_what_it_uses_is_needed():
    assert needed("helper = abs", ANSWER, "net = 1", "helper = float", ANSWER) == [0, 1, 3, 4]


def test_names_inside_functions_are_their_own():
    local = "def other(k):\n    helper = k\n    return [add for add in helper]"
    assert needed("k = 1", local, "helper = abs", ANSWER) == [2, 3]


@pytest.mark.parametrize(
    "change",
    [
        "helper.scale = 2",
        "table['x'] = 3",
        "table.append(4)",
        "fill(table)",
        "for i in range(3):\n    table.append(i)",
        "@patch(helper)\ndef g(): pass",
        "table = table + [1]",
        "table += [1]",
        "if True:\n    table = []",
        "with open('x') as table: pass",
    ],
)
def test_a_cell_that_changes_what_the_answer_uses_is_needed(change):
    cells = ["table = []", "def helper(x): return x + len(table)", ANSWER, change, "other = 1"]
    assert 3 in needed(*cells)
    assert 4 not in needed(*cells)


@pytest.mark.parametrize(
    "cell",
    [
        "torch.set_default_dtype(torch.float64)",
        "%matplotlib inline",
        "!pip install einops",
        "%%writefile helper.py\nx = 1",
        "nn.Linear.forward = None\n",
        "exec('helper = abs')",
        "globals()['helper'] = abs",
        "def broken(:",
        "import random\nrandom.seed(0)",
    ],
)
def test_a_cell_whose_text_does_not_say_what_it_does_is_needed(cell):
    uses_torch = "def helper(x): return nn.functional.relu(torch.as_tensor(x))"
    assert 1 in needed(IMPORTS, cell, uses_torch, ANSWER, "other = 1")


@pytest.mark.parametrize(
    "cell", ["fit(net, data)", "print(add(1, 2))", "y = add(1, 2)", "add(1, 2)"]
)
def test_a_cell_that_only_uses_the_answer_is_not_needed(cell):
    assert needed("helper = abs", ANSWER, cell) == [0, 1]


def test_all_cells_are_needed_where_no_definition_answers():
    assert needed("helper = abs", "x = 1") is None
    assert needed("add = 1", "x = 1", exercise=asked("values")) is None
    assert needed(ANSWER, "x = 1", exercise=asked("answers")) == []


@pytest.mark.parametrize(
    ("left_out", "saves"),
    [
        ("number = 3", False),
        ("sizes: tuple = (2, -3)", False),
        ("# a remark", False),
        ('"a text"', False),
        ("def other(x): return train(x)", False),
        ("def other(x=train()): return x", True),
        ("@register\ndef other(x): return x", True),
        ("train(net)", True),
        ("y = 2 ** 100_000_000", True),
        ("for i in (1, 2): pass", True),
        ("class Net:\n    x = train()", True),
        ("broken(", True),
    ],
)
def test_cells_are_left_out_where_they_may_take_time(left_out, saves):
    cells = [Cell(index, "code", source) for index, source in enumerate((ANSWER, left_out))]
    assert saves_work(cells, frozenset({0})) is saves


CHECK = """
@check(points=2)
def test_it(student):
    "It adds."
    assert_equal(student.add(torch.ones(1), torch.ones(1)), 2 * torch.ones(1), call="add(1, 1)")
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory, write_course, write_notebook):
    """Grade a notebook for one of two exercises; return the result."""
    folder = write_course(tmp_path_factory.mktemp("two"), {"add": CHECK, "double": CHECK})
    with Grader(Plan(str(folder), only=("add",))) as grader:

        def run(*cells):
            path = write_notebook(tmp_path_factory.mktemp("hw") / "hw.ipynb", *cells)
            (found,) = find_submissions([path], assignment="small")
            return grader.grade(found)

        yield run


def statuses(result):
    return [run.status for run in result.cells]


def test_a_right_answer_leaves_the_other_cells_alone(graded):
    result = graded("x = 1 / 0", "def add(a, b): return a + b", "y = add(1, 2)")
    assert statuses(result) == ["not_needed", "ok", "not_needed"]
    assert (result.status, int(result.points)) == (Status.GRADED, 2)


def test_a_wrong_answer_is_judged_in_the_whole_notebook(graded):
    result = graded("x = 1", "def add(a, b): return a - b")
    assert (statuses(result), int(result.points)) == (["ok", "ok"], 0)


def test_an_answer_that_only_the_whole_notebook_makes_right_keeps_its_points(graded):
    hidden = "import builtins\ndef g(): pass\ng.__globals__['setattr'](builtins, 'one', 1.0)"
    result = graded(hidden.replace("import builtins\n", ""), "import builtins", "z = 3",
                    "def add(a, b): return (a + b) * one if z else 0",
                    "def later(): builtins.one = 1.0", "done = later()")  # fmt: skip
    assert int(result.points) == 2
    assert set(statuses(result)) <= {"ok", "raised"}  # the first cell raises in any run


def test_the_sample_class_has_the_verdicts_of_a_full_run(monkeypatch):
    names = ("corr2d", "Conv2D", "pool2d", "init_cnn", "vgg_block", "Residual", "LeNet")
    # no verdict depends on the length of a training
    limits = replace(Plan("cnn").spending, training_s=0.2, training_most_s=1.0, training_steps=5)
    plan = Plan("cnn", only=names, limits=limits)
    place = plan.assignment.course.root / "submissions" / "cnn"
    waits = {"gita-r"}  # for the deadline of a cell, which takes a minute
    places = [folder for folder in sorted(place.iterdir()) if folder.name not in waits]
    with Grader(plan) as grader:
        for one in find_submissions(places, assignment="cnn"):
            short = grader.grade(one)
            with monkeypatch.context() as patched:
                patched.setattr("grader.grading.grader.needed_cells", lambda *_: None)
                whole = grader.grade(one)
            assert verdicts(short) == verdicts(whole)


def verdicts(result):
    return [
        (check.exercise, check.check, check.verdict, check.points, check.message)
        for exercise in result.exercises
        for check in replace(exercise).checks
    ]
