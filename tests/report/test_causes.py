"""A page leads with what failed first, and says why something is missing or wrong."""

import pytest
from rich.console import Console

from grader.records import CellRun, Counterexample
from grader.report.failed_cells import first_cause, to_see_the_same
from grader.report.pages import feedback_page
from grader.report.terminal import check_view
from grader.verdict import Verdict

FIRST = CellRun(2, "raised", error="ModuleNotFoundError: No module named 'mine'", line=1)
NEXT = CellRun(5, "raised", error="NameError: name 'helper' is not defined", line=3, cause=2)
LAST = CellRun(9, "raised", error="NameError: name 'model' is not defined", line=1, cause=5)
OTHER = CellRun(7, "raised", error="ValueError: too small", line=1)
EXCUSED = CellRun(1, "raised", error="FileNotFoundError: a.csv", excused=True, note="no file")
REASON = "LeNet is defined in cell 2, which raised ModuleNotFoundError: No module named 'mine'."


def test_the_first_failed_cell_comes_before_all_exercises(make, exercise):
    page = feedback_page(make("kim", exercise(), cells=(EXCUSED, FIRST, NEXT, OTHER, LAST)))
    lead = page.index("Start here: Cell 2, line 1 failed.")
    assert lead < page.index("At a glance")
    assert "fail for that reason: 5 and 9." in page
    assert "follows from cell 2" in page


@pytest.mark.parametrize("runs", [(), (CellRun(1, "ok"),), (EXCUSED, CellRun(2, "ok"))])
def test_without_a_failed_cell_of_the_student_nothing_leads(make, exercise, runs):
    assert first_cause(runs) is None
    assert "Start here" not in feedback_page(make("kim", exercise(), cells=runs))


def test_a_cell_that_follows_from_another_file_is_no_consequence():
    beside = CellRun(5, "raised", file="b.ipynb", cause=2)
    found = first_cause((CellRun(2, "raised", file="a.ipynb"), beside))
    assert found.followers == ""


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ((FIRST, NEXT), "Restart the kernel and run all cells to see the same."),
        ((FIRST, EXCUSED), "Restart the kernel and run all cells to see the same in cell 2."),
        (
            (FIRST, OTHER, CellRun(8, "timed_out")),
            "Restart the kernel and run all cells to see the same in cells 2 and 7.",
        ),
        ((EXCUSED,), ""),
        ((CellRun(3, "died"), CellRun(4, "not_run")), ""),
        ((CellRun(3, "raised", error="x", note="not installed here: cv2"),), ""),
    ],
)
def test_a_restart_is_advised_only_where_it_shows_the_same(make, exercise, runs, told):
    assert to_see_the_same(runs) == told
    page = feedback_page(make("kim", exercise(), cells=runs))
    assert ("Restart the kernel" in page) == bool(told)


def test_why_something_is_missing_is_on_the_page_and_on_the_terminal(make, exercise, check, capsys):
    missing = check("LeNet", verdict=Verdict.MISSING, message=REASON)
    result = make("kim", exercise("LeNet", missing, missing))
    assert feedback_page(result).count("LeNet is defined in cell 2, which raised") == 1
    console = Console(width=60)
    with console.capture() as printed:
        console.print(check_view(result))
    assert "which raised ModuleNotFoundError" in " ".join(printed.get().split())


def test_a_message_that_says_more_than_its_example_is_on_the_page(make, exercise, check):
    text = "Net(): the layer with a weight of shape (6, 1, 5, 5) gives another shape"
    example = Counterexample("Net()", "shape (1, 6)", "shape (1, 7)")
    found = check(verdict=Verdict.FAILED, message=text, counterexample=example)
    assert text in feedback_page(make("kim", exercise("corr2d", found)))


def test_a_message_that_only_repeats_its_example_is_not(make, exercise, check):
    text = "f([1.0]) is wrong at (0): got 1, expected 2 (1 of 1 numbers are wrong)"
    example = Counterexample("f([1.0])", "[1.0]", "[2.0]", "(0)")
    found = check(verdict=Verdict.FAILED, message=text, counterexample=example)
    page = feedback_page(make("kim", exercise("corr2d", found)))
    assert text not in page[page.index("Exercise by exercise") :]


def test_no_smallest_input_is_promised_for_a_call_that_raised(make, exercise, check):
    example = Counterexample("f([1.0])", "ValueError: no", "")
    found = check(verdict=Verdict.RAISED, message="f([1.0]) raised ValueError: no",
                  counterexample=example)  # fmt: skip
    assert "smallest input" not in feedback_page(make("kim", exercise("corr2d", found)))
