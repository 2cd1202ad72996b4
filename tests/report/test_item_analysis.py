"""Which results count for the statistics of exercises and checks."""

from fractions import Fraction

import pytest

from grader.records import CellRun
from grader.report.item_analysis import analyse
from grader.report.pages import report_page
from grader.verdict import Status, Verdict

NAMES = ("corr2d", "pool2d")


@pytest.fixture
def graded(make, exercise, check):
    """Make a student with given verdicts of one check of each exercise."""

    def made(student, *verdicts, **more):
        pairs = zip(NAMES, verdicts, strict=True)
        return make(student, *(exercise(n, check(n, verdict=v)) for n, v in pairs), **more)

    return made


@pytest.fixture
def class_of_24(graded):
    ways = [(Verdict.PASSED, Verdict.PASSED), (Verdict.FAILED, Verdict.FAILED)]
    return [graded(f"s{n}", *ways[n % 2]) for n in range(24)]


def test_facility_discrimination_and_fifths_of_a_class(class_of_24):
    found = analyse(class_of_24, NAMES)
    item = found.exercises["corr2d"]
    assert (item.passed, item.judged, item.facility) == (12, 24, 0.5)
    assert item.discrimination == pytest.approx(1)
    assert item.word == "good"
    assert found.reliability.alpha == pytest.approx(1)
    assert not found.is_small


def test_broken_and_unreadable_submissions_take_no_part_in_correlations(class_of_24, graded, make):
    broken = graded("b", Verdict.BROKEN, Verdict.PASSED)
    unreadable = make("u", status=Status.UNREADABLE, problem="a PDF")
    found = analyse([*class_of_24, broken, unreadable], NAMES)
    assert found.complete == 24
    assert found.exercises["corr2d"].judged == 24
    assert found.exercises["pool2d"].judged == 25


def test_a_small_class_is_told_why_it_has_no_correlations(class_of_24):
    few = class_of_24[:19]
    found = analyse(few, NAMES)
    assert found.is_small
    assert found.reliability is None
    assert found.exercises["corr2d"].discrimination is None
    page = report_page(few, exercises=NAMES, max_points=Fraction(8), files=["x"] * 19)
    assert "No discrimination and no fifths: 19 complete submissions, and below 20" in page


def test_checks_are_counted_by_how_they_end(class_of_24, graded):
    found = analyse([*class_of_24, graded("x", Verdict.MISSING, Verdict.RAISED)], NAMES).checks
    assert [(one.exercise, one.item.passed, one.item.judged) for one in found] == [
        ("corr2d", 12, 25), ("pool2d", 12, 25),
    ]  # fmt: skip
    assert found[1].endings == ((Verdict.FAILED, 12), (Verdict.RAISED, 1))


def test_checks_that_fail_together_are_named(class_of_24):
    found = analyse(class_of_24, NAMES).co_failures
    ((one, other, value),) = found.pairs
    assert {one.exercise, other.exercise} == set(NAMES)
    assert value == pytest.approx(1)


def test_what_is_missing_or_not_asked_fails_together_with_nothing(graded):
    both = [Verdict.MISSING, Verdict.SKIPPED]
    results = [graded(f"s{n}", *both) for n in range(12)]
    results += [graded(f"p{n}", Verdict.PASSED, Verdict.PASSED) for n in range(12)]
    assert analyse(results, NAMES).co_failures is None


def test_cells_that_failed_for_this_machines_reasons_are_on_the_report(make, exercise):
    run = CellRun(4, "raised", error="FileNotFoundError: cat.jpg", excused=True, note="no file")
    page = report_page(
        [make("kim", exercise(), cells=(run,)), make("lee", exercise())], exercises=NAMES,
        max_points=Fraction(4), files=["kim.html", "lee.html"],
    )  # fmt: skip
    part = page[page.index("because of this machine") :]
    assert "FileNotFoundError: cat.jpg" in part
    assert 'href="feedback/kim.html"' in part
