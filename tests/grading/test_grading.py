"""One submission, from what was handed in to its result, with a real kernel."""

import os
import signal
from dataclasses import replace

import msgspec
import pytest

from grader.errors import KernelLost
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.points import standing_of
from grader.reading.submissions import find_submissions
from grader.records import LossCurve, Submission
from grader.verdict import Status, Verdict

DOUBLE = "def double(x): return 2 * x"
REST = "import torch\ndef quadruple(x): return 4 * x\ndef ones(n): return torch.ones(n)"


def verdicts(result, exercise="double"):
    (found,) = (one for one in result.exercises if one.exercise == exercise)
    return [str(check.verdict) for check in found.checks]


def test_right_answers_earn_everything_and_say_where_they_are(grade):
    result = grade("#%# Homework", REST, DOUBLE)
    assert result.status is Status.GRADED
    assert result.points == result.max_points == 13
    double = result.exercises[0]
    assert (double.name, double.cell, double.source) == ("double", 2, DOUBLE)
    assert [run.status for run in result.cells] == ["ok", "ok"]
    assert result.facts["isolation"] == "sandbox"


def test_a_name_that_is_missing_is_partial(grade):
    result = grade(DOUBLE)
    assert result.status is Status.PARTIAL
    assert verdicts(result, "quadruple") == ["missing"]
    assert result.exercises[1].checks[0].message == "quadruple is not defined in this notebook."
    assert result.points == 7


def test_an_optional_name_may_be_missing(grade):
    assert verdicts(result := grade(REST, DOUBLE), "blur") == ["missing"]
    assert result.status is Status.GRADED


def test_a_cell_that_failed_is_partial_and_costs_no_points(grade):
    result = grade(REST, "1 / 0", DOUBLE)
    assert (result.status, result.points) == (Status.PARTIAL, 13)
    assert result.cells[1].error == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\n\n1 / 0", 3),
        ("x = 1\ny = = 2", 2),
        ("%%time\nx = 1\n1 / 0", 3),
        ("ones(1)\nones('many')", 2),  # of the cell, not of the function it calls
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    nothing", 4),
        ("x = 1\nwhile True: pass", 2),
        ("raise ValueError('\\nCell In[9], line 77')", 1),
    ],
)
def test_the_line_of_a_cell_that_failed_is_known(grade, source, line):
    (_, failed) = grade(REST, source).cells
    assert (failed.line, "(1" in failed.error) == (line, False)


def test_written_text_is_a_row_of_0_points_whatever_it_says(grade):
    result = grade(REST, DOUBLE, "#%## 7.2 Discussion\n\nIt doubles.", "#%## 7.3 Summary")
    essay = result.exercises[-1]
    assert (essay.exercise, essay.by_hand, essay.points, essay.max_points) == ("essay", True, 0, 0)
    assert verdicts(result, "essay") == ["passed"]
    assert essay.checks[0].message == (
        "1 answer in 1 section (7.2: 1); 1 left empty; nothing written in 7.3"
    )


def test_nothing_written_is_neither_missing_nor_partial(grade):
    result = grade(REST, DOUBLE)
    assert (result.status, verdicts(result, "essay")) == (Status.GRADED, ["passed"])
    assert result.exercises[-1].checks[0].message.startswith("no written answer was found")


def test_written_text_alone_can_be_asked_for(small_course, write_notebook, tmp_path):
    path = write_notebook(tmp_path / "kim.ipynb", "#%## 7.2 Discussion\n\nIt doubles.")
    (submission,) = find_submissions([path], assignment="small")
    with Grader(Plan(str(small_course), only=("essay",))) as grader:
        result = grader.grade(submission)
    assert (result.status, len(result.exercises)) == (Status.GRADED, 1)


def test_the_losses_of_a_training_are_kept_with_their_cell(grade):
    training = (
        "w = torch.ones(1, requires_grad=True)\n"
        "for factor in (1.0, 0.5, float('nan')):\n"
        "    (w * factor).sum().backward()"
    )
    assert grade(REST, "x = 1", training).curves == (LossCurve(2, (1.0, 0.5, None)),)


@pytest.mark.parametrize(
    "answer",
    ["1 / 0", "[('x', [1.0])]", "[(0, ['x'])]", "[(99, [1.0])]", "[(0, [])]", "time.sleep(60)"],
)
def test_losses_that_are_none_are_not_believed(grade, answer):
    ours = "guest = sys.modules['grader.sandbox.kernel_process']._guest\n"
    result = grade(f"import sys, time\n{ours}guest.op_curves = lambda *_: {answer}", REST, DOUBLE)
    assert result.curves == ()
    assert result.max_points == 13


def test_an_error_of_a_known_mistake_is_named_too(grade):
    result = grade(REST, "def double(x): return x.tolist() * 2.0")
    assert verdicts(result) == ["raised"] * 4
    assert result.exercises[0].mistake.title == "a list is multiplied"


def test_the_best_definition_counts_and_the_others_are_named(grade):
    result = grade("def double(x): return x", DOUBLE, "def double(x): return x + 1", REST)
    double = result.exercises[0]
    assert (double.cell, double.points) == (1, 7)
    assert double.other_cells == (0, 2)


def test_of_definitions_that_are_all_wrong_the_better_counts(grade):
    result = grade(REST, "def double(x): return x", "def double(x): return x * 0 + 2")
    assert result.exercises[0].cell == 1
    assert verdicts(result) == ["failed", "passed", "failed", "passed"]


def test_a_name_that_fits_a_pattern_is_judged(grade):
    result = grade(REST, "def twice_as_much(x): return 2 * x")
    assert (result.exercises[0].name, result.exercises[0].points) == ("twice_as_much", 7)


@pytest.mark.parametrize(
    "answer",
    [
        "class Double(nn.Module):\n    def forward(self, x): return 2 * x\ndouble = Double()",
        "class Double:\n    def __call__(self, x): return 2 * x\ndouble = Double()",
        "class double:\n    def __new__(cls, x): return 2 * x",
    ],
)
def test_an_object_or_a_class_that_answers_the_call_counts(grade, answer):
    later = "double = nn.MaxPool2d(3)"
    result = grade(REST, f"from torch import nn\n{answer}", later)
    assert (result.exercises[0].cell, result.exercises[0].points) == (1, 7)


def test_a_module_whose_name_is_used_again_is_the_module_for_what_came_before(grade):
    answer = "import torch.nn.functional as F\ndef double(x): return F.relu(x) - F.relu(-x) + x"
    assert grade(REST, answer, "F = 3").exercises[0].points == 7


def test_an_import_is_no_answer(grade):
    assert verdicts(grade("from torch import square as double"))[0] == "missing"


def test_a_known_mistake_is_named(grade):
    result = grade(REST, "def double(x): return x ** 2")
    assert result.exercises[0].mistake.title == "the number is squared"
    assert verdicts(result) == ["failed", "passed", "failed", "passed"]


def test_a_forbidden_name_costs_the_exercise_and_says_so(grade):
    result = grade(REST, "def double(x): return torch.add(x, x)")
    assert verdicts(result) == ["failed"] * 4
    assert result.exercises[0].points == 0
    assert result.exercises[0].notes == ("This assignment asks you not to use torch.add.",)
    assert result.exercises[1].points == 3


def test_a_function_that_ends_its_process_once_costs_one_check(grade):
    result = grade(
        "import os\ndef double(x):\n    if not x.any() and len(x): os._exit(0)\n    return 2 * x",
        REST,
    )
    assert verdicts(result) == ["passed", "raised", "passed", "passed"]
    assert verdicts(result, "quadruple") == ["passed"]
    assert "double([0.0]) ended the notebook's process" in result.exercises[0].checks[1].message
    assert result.status is Status.GRADED


def test_a_function_that_always_ends_its_process_is_given_up_and_the_next_is_asked(grade):
    result = grade("import os\ndef double(x): os._exit(1)", REST)
    assert verdicts(result) == ["raised"] * 4
    assert "not started again after 2 times" in result.exercises[0].checks[3].message
    assert verdicts(result, "quadruple") == ["passed"]


def test_a_function_that_always_needs_too_much_memory_is_told_so_to_the_last_check(
    grader, grade, monkeypatch
):
    # more time than it takes to write a gigabyte on a busy machine
    small = replace(grader.plan.spending, memory_bytes=1 << 30, call_s=5.0)
    monkeypatch.setattr(grader, "plan", replace(grader.plan, limits=small))
    greedy = "import time\ndef double(x):\n    held = b'x' * (1200 << 20)\n    time.sleep(9)"
    result = grade(greedy, REST)
    assert verdicts(result) == ["out_of_memory"] * 4
    assert verdicts(result, "quadruple") == ["passed"]


def test_a_notebook_that_closes_its_way_to_the_grader_is_told_that_it_answers_nothing(grade):
    result = grade("def double(x): return 2 * x\nimport os; os.close(4)", REST)
    assert verdicts(result) == ["missing"] * 4
    message = result.exercises[0].checks[0].message
    assert message.startswith("The kernel stopped responding after the last cell:")


def test_a_function_that_hangs_is_timed_out_and_the_next_is_asked(grade):
    result = grade("def double(x):\n    while len(x) == 0: pass\n    return 2 * x", REST)
    assert verdicts(result) == ["passed", "passed", "passed", "timed_out"]
    assert verdicts(result, "quadruple") == ["passed"]


def test_a_check_that_breaks_leaves_its_points_open_and_asks_for_a_person(grade):
    result = grade(DOUBLE, REST.replace("torch.ones(n)", "5"))
    assert result.status is Status.BROKEN
    assert verdicts(result, "ones") == ["broken", "broken"]
    standing = standing_of(result)
    assert (standing.points, standing.max_points, standing.open) == (10, 10, 3)
    assert "The check itself failed: TypeError" in result.exercises[2].checks[0].message
    assert "test_ones.py" in result.exercises[2].checks[0].traceback
    assert {check.traceback for one in result.exercises[:2] for check in one.checks} == {""}


def test_what_cannot_be_read_has_a_result_without_a_kernel(grader):
    submission = Submission("kim", "kim.ipynb", "ab", problem="the file is empty; ask again.")
    result = grader.grade(submission)
    assert (result.status, result.problem) == (Status.UNREADABLE, submission.problem)
    assert result.exercises == result.cells == ()
    assert result.finished_at


@pytest.mark.parametrize(
    "tampering",
    [
        "guest.op_catalog = lambda *_: 1 / 0",
        "guest.op_select = lambda *_: 1 / 0",
        "guest.op_catalog = lambda *_: time.sleep(60)",
        "guest.answer = lambda *_: [memoryview(b'nonsense' * 9)]",
        "guest.answer = lambda *_: os._exit(0)",
        "threading.Timer(0.1, os.kill, (os.getpid(), 19)).start()",
    ],
)
def test_tampering_with_our_side_of_the_kernel_costs_ones_own_points(
    grader, grade, monkeypatch, tampering
):
    limits = replace(grader.plan.spending, exercise_s=2.0)  # a silent guest is waited for
    monkeypatch.setattr(grader, "plan", replace(grader.plan, limits=limits))
    imports = "import os, sys, threading, time\n"
    ours = "guest = sys.modules['grader.sandbox.kernel_process']._guest\n"
    result = grade(REST, DOUBLE, imports + ours + tampering)
    assert result.status in (Status.GRADED, Status.PARTIAL)
    assert result.max_points == 13


def test_a_notebook_without_code_is_partial(grade):
    result = grade("#%# Nothing")
    assert (result.status, result.points, result.max_points) == (Status.PARTIAL, 0, 13)


def test_a_kernel_that_cannot_be_had_is_tried_again_and_the_first_try_is_logged(
    grade, grader, monkeypatch, caplog
):
    original, failures = type(grader).open, [KernelLost("it was lost")]

    def sometimes(self, submission, gpu, limits=None, **_):
        if failures:
            raise failures.pop()
        return original(self, submission, gpu)

    monkeypatch.setattr(type(grader), "open", sometimes)
    assert grade(REST, DOUBLE).points == 13
    (record,) = (r for r in caplog.records if r.exc_info)
    assert "KernelLost: it was lost" in caplog.text
    assert record.name == "grader.grading.grader"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KernelLost("no kernel could be had"), "no kernel could be had"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero (test_grading.py, line"),
    ],
)
def test_a_fault_of_ours_leaves_all_points_open(grade, grader, monkeypatch, error, words):
    def never(self, submission, gpu, limits=None, **_):
        raise error

    monkeypatch.setattr(type(grader), "open", never)
    result = grade(REST, DOUBLE)
    assert result.status is Status.BROKEN
    assert result.problem.startswith(f"Internal error, no points are lost: {words}")
    assert {check.verdict for one in result.exercises for check in one.checks} == {Verdict.BROKEN}
    assert standing_of(result).open == 13
    assert "in never" in result.traceback
    assert type(error).__name__ in result.traceback


def test_a_warm_process_that_died_is_replaced(grade, grader):
    os.kill(grader._warm._process.pid, signal.SIGKILL)
    grader._warm._process.wait()
    assert grade(REST, DOUBLE).points == 13


def test_two_gradings_of_one_notebook_agree(grade):
    first, again = (grade(REST, "def double(x): return x") for _ in range(2))

    def stripped(result):
        checks = tuple(replace(c, seconds=0) for e in result.exercises for c in e.checks)
        return result.key, result.status, checks

    assert stripped(first) == stripped(again)


def test_the_walls_that_stand_are_told(grade):
    assert grade(DOUBLE).facts["walls"].startswith("all")


def test_a_wall_that_is_missing_is_named(grader, grade, monkeypatch):
    ready = msgspec.structs.replace(grader._warm.ready, missing={"Landlock": "too old"})
    monkeypatch.setattr(grader._warm, "ready", ready)
    assert grade(DOUBLE).facts["walls"] == "all but Landlock"


def test_a_notebook_has_so_much_time_for_all_its_questions(grader, grade, monkeypatch):
    spending = replace(grader.plan.spending, submission_s=0.0)
    monkeypatch.setattr(grader, "plan", replace(grader.plan, limits=spending))
    result = grade("#%# Homework", REST, DOUBLE)
    assert set(verdicts(result, "double")) == {"timed_out"}
    assert result.status is Status.GRADED


def test_notebooks_of_one_student_are_judged_one_by_one_and_the_best_answer_counts(
    grader, tmp_path, write_notebook
):
    folder = tmp_path / grader.plan.assignment.name / "kim"
    write_notebook(folder / "ch7.ipynb", DOUBLE, "raise ValueError")
    write_notebook(folder / "ch8.ipynb", "def double(x): return x", REST, "#%# ## 1 Notes\n\nmine")
    (submission,) = find_submissions([tmp_path], assignment=grader.plan.assignment.name)
    result = grader.grade(submission)
    assert result.points == 13
    judged = {one.exercise: one.file for one in result.exercises if not one.by_hand}
    assert (judged["double"], judged["quadruple"]) == ("ch7.ipynb", "ch8.ipynb")
    assert [(run.file, run.index) for run in result.cells if run.status != "ok"] == [
        ("ch7.ipynb", 1)
    ]
    assert [answer.file for answer in result.answers] == ["ch8.ipynb"]
