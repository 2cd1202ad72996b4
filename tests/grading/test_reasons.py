"""Reasons of a failure are worked out for the results that count, and for no others."""

import re

import pytest

from grader.checks.properties import Properties
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions
from grader.verdict import Verdict

PARTS = """
def double(x):
    return 2 * x
"""
ASKS = """
@check(points=1)
def test_zero(student):
    "Zero stays zero."
    assert_equal(student.answer(torch.zeros(1)), torch.zeros(1), call="{name}([0])")

@check(points=3)
@given(whole_numbers((2,)))
def test_any(student, x):
    "Every number is multiplied."
    assert_equal(student.answer(x), {due} * x, call=f"{name}({{x.tolist()}})")
"""
BUILDS = 'builds_on = ["double"]'
DOUBLE = "def double(x): return 2 * x"
TRIPLES = "def double(x): return 3 * x"
QUADRUPLE = "def quadruple(x): return double(double(x))"


@pytest.fixture(scope="module")
def grader(tmp_path_factory, write_course):
    folder = write_course(
        tmp_path_factory.mktemp("reasons"),
        {
            "double": ASKS.format(name="double", due=2),
            "quadruple": (ASKS.format(name="quadruple", due=4), BUILDS),
        },
    )
    (folder / "parts.py").write_text(PARTS)
    with Grader(Plan(str(folder))) as grader:
        yield grader


RIGHT = """
from grader.checks import rewrite

@rewrite
def doubles(x):
    return 2 * x
"""


@pytest.fixture
def graded(grader, watched):
    """Grade cells; return the results by exercise, and whose failures were shrunk."""
    return watched(grader)


@pytest.fixture
def watched(monkeypatch, tmp_path, write_notebook):
    shrunk = []
    original = Properties._shrunk

    def counted(self, check, body, fixtures, first):
        shrunk.append(fixtures["student"]._answer)
        return original(self, check, body, fixtures, first)

    monkeypatch.setattr(Properties, "_shrunk", counted)

    def watching(grader):
        def run(*cells):
            path = write_notebook(tmp_path / "hw.ipynb", *cells)
            (found,) = find_submissions([path], assignment="small")
            result = grader.grade(found)
            return {one.exercise: one for one in result.exercises}, shrunk

        return run

    return watching


def verdicts(result):
    return [check.verdict for check in result.checks]


def largest(result):
    """Return the largest number of the failing example."""
    return max(map(float, re.findall(r"-?[\d.]+", result.checks[1].counterexample.call)))


def test_a_failure_that_a_right_part_excuses_is_not_shrunk(graded):
    results, shrunk = graded(TRIPLES, QUADRUPLE)
    assert shrunk == ["double"]
    assert results["quadruple"].is_solved
    assert largest(results["double"]) == 1


def test_a_failure_beside_a_right_part_is_shrunk_once(graded):
    results, shrunk = graded(TRIPLES, "def quadruple(x): return double(double(x)) + x")
    assert shrunk == ["double", "quadruple"]
    assert largest(results["quadruple"]) == 1
    assert results["quadruple"].notes


def test_a_result_that_counts_as_it_was_without_the_right_part_has_its_reasons_too(graded):
    picky = "def quadruple(x):\n    assert double(1) == 3\n    return double(x)"
    results, _ = graded(TRIPLES, picky)
    assert verdicts(results["quadruple"]) == [Verdict.PASSED, Verdict.FAILED]
    assert largest(results["quadruple"]) == 1
    assert not results["quadruple"].notes
    assert results["quadruple"].behaviour


def test_of_several_definitions_only_the_best_is_shrunk(graded):
    nearly = "def quadruple(x): return 4 * x.clamp(max=5)"
    results, shrunk = graded(DOUBLE, nearly, "def quadruple(x): return x + 1")
    assert (shrunk, results["quadruple"].cell) == (["quadruple"], 1)
    assert largest(results["quadruple"]) == 6


def test_a_mistake_is_shrunk_once_for_all_notebooks_of_all_runs(tmp_path, write_course, watched):
    folder = write_course(tmp_path / "course", {"double": ASKS.format(name="double", due=2)})
    (folder / "double" / "bank.py").write_text(RIGHT)
    plan = Plan(str(folder), cache=tmp_path / "cache")
    with Grader(plan) as one:
        run = watched(one)
        for _ in range(2):
            run(DOUBLE)  # the sheets are learned
        first, shrunk = run(TRIPLES)
        again, _ = run("import torch", "def double(x):\n    return x + x + x")
    with Grader(plan) as other:
        later, _ = watched(other)(TRIPLES)
    assert shrunk == ["double"]
    assert largest(first["double"]) == 1
    for results in (again, later):
        assert results["double"].behaviour == first["double"].behaviour
        assert [(c.verdict, c.message) for c in results["double"].checks] == [
            (c.verdict, c.message) for c in first["double"].checks
        ]
