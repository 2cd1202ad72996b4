"""A reason that fails many checks is told once, and the top of the page names what cost most."""

from fractions import Fraction

from grader.records import CellRun, Counterexample
from grader.report.costs import costs
from grader.report.pages import feedback_page
from grader.report.reasons import reasons_of
from grader.verdict import Verdict

LOST = "f([1.0]) ended the notebook's process: it did not stop when a call took too long"


def groups(checks):
    return [[one.check.check, *(o.check for o in one.others)] for one in reasons_of(checks)]


def raised(check, name, call, got="ValueError: size 3", where="cell 4, line 2, in f", **more):
    example = Counterexample(call, got, "", where)
    return check(name=name, verdict=Verdict.RAISED, counterexample=example, **more)


def test_checks_that_stop_with_the_same_error_at_the_same_line_are_one_reason(check):
    checks = [
        raised(check, "a", "f([1.0])"),
        raised(check, "b", "f([1.0, 2.0])", "ValueError: size 7"),
        raised(check, "c", "f([1.0])", "TypeError: no"),
        raised(check, "d", "f([1.0])", where="cell 4, line 9, in f"),
    ]
    assert groups(checks) == [["a", "b"], ["c"], ["d"]]


def test_wrong_numbers_and_shapes_are_one_reason_for_one_and_the_same_call_only(check):
    def wrong(name, call, got, expected):
        example = Counterexample(call, got, expected, "(0)")
        return check(name=name, verdict=Verdict.FAILED, counterexample=example)

    checks = [
        wrong("a", "f([1.0])", "[1.0]", "[2.0]"), wrong("b", "f([1.0])", "[1.0]", "[2.0]"),
        wrong("c", "f([3.0])", "[1.0]", "[2.0]"), wrong("d", "f([1.0])", "[4.0]", "[2.0]"),
        wrong("e", "f([1.0])", "shape (1, 2)", "shape (1,)"),
        wrong("f", "f([1.0, 2.0])", "shape (1, 3)", "shape (2,)"),
    ]  # fmt: skip
    assert groups(checks) == [["a", "b"], ["c"], ["d"], ["e"], ["f"]]


def test_a_hidden_check_does_not_tell_which_other_check_it_fails_like(check):
    checks = [
        raised(check, "a", "f([1.0])"),
        raised(check, "secret", "f([7.25])", hidden=True, message="f([7.25]) raised ValueError"),
    ]
    (_, secret) = reasons_of(checks)
    assert groups(checks) == [["a"], ["secret"]]
    assert "7.25" not in secret.cause


def test_a_call_without_end_is_one_reason_with_advice_of_its_own(make, exercise, check):
    late = Counterexample("f([1.0])", "no answer in 5 s of processor time", "")
    checks = [
        check(name="a", verdict=Verdict.TIMED_OUT, counterexample=late, hint="Divide by h * w."),
        check(name="b", verdict=Verdict.RAISED, message=LOST, claim="The second claim."),
    ]
    assert groups(checks) == [["a", "b"]]
    page = feedback_page(make("kim", exercise("f", *checks)))
    assert "Look for a loop that does not end" in page
    assert "Divide by h * w." not in page
    assert page.index("Not right for the same reason") < page.index("The second claim.")


def test_the_reason_that_cost_most_is_named_at_the_top(make, exercise, check):
    checks = [
        check(name="a", verdict=Verdict.FAILED, max_points=Fraction(3),
              message="f([1.0]) is wrong at (0): got 1, "
              "expected 2", counterexample=Counterexample("f([1.0])", "[1.0]", "[2.0]", "(0)")),
        raised(check, "b", "f([1.0])", max_points=Fraction(2)),
        raised(check, "c", "f([3.0])", max_points=Fraction(2)),
    ]  # fmt: skip
    page = feedback_page(make("kim", exercise("f", *checks)))
    top = page[: page.index("At a glance")]
    assert "ValueError: size 3 (cell 4, line 2, in f)" in top


def test_a_cause_too_long_for_a_line_becomes_the_claim(check):
    (reason,) = reasons_of([check(verdict=Verdict.FAILED, message="x " * 200, claim="Any image.")])
    assert reason.cause == "not right yet in the check “Any image.”"


def test_all_that_is_not_in_the_notebook_is_one_cost(make, exercise, check):
    def lacks(name):
        return exercise(name, check(name, verdict=Verdict.MISSING, message=f"no {name}"))

    wrong = exercise("g", check("g", verdict=Verdict.FAILED, max_points=Fraction(9)))
    result = make("kim", lacks("a"), wrong, lacks("b"), lacks("c"))
    first, second = costs(result)
    assert (first.points, first.exercises, first.is_missing) == (12, (0, 2, 3), True)
    assert (second.points, second.exercises, second.is_missing) == (9, (1,), False)
    page = feedback_page(result)
    assert page.index("3 exercises were not found in the notebook") < page.index("&minus;9")


def test_a_failed_cell_that_cost_nothing_stands_below_what_cost_points(make, exercise, check):
    wrong = exercise("g", check("g", verdict=Verdict.FAILED))
    page = feedback_page(make("kim", wrong, cells=(CellRun(13, "died"),)))
    assert page.index("What cost most") < page.index("Cell 13 ended the kernel.")
    assert "Start here" not in page
    assert "ran again without this cell" in page
