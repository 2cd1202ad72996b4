"""One grader over a small course, for tests that need a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.reading.submissions import find_submissions
from grader.records import SubmissionResult

DOUBLE = """
@check(points=4)
def test_values(student):
    "Every number is doubled."
    x = torch.tensor([1.0, 2.0])
    assert_equal(student.double(x), 2 * x, call="double([1, 2])")

@check(points=1)
def test_zero(student):
    "Zero stays zero."
    assert_equal(student.double(torch.zeros(1)), torch.zeros(1), call="double([0])")

@check(points=1)
def test_negative(student):
    "A negative number is doubled too."
    assert_equal(student.double(-torch.ones(1)), -2 * torch.ones(1), call="double([-1])")

@check(points=1)
def test_empty(student):
    "No numbers are no numbers."
    assert_equal(student.double(torch.ones(0)), torch.ones(0), call="double([])")
"""
BANK = """
from grader.checks import mistake

@mistake("the number is squared", hint="Add it to itself.",
         caught_by=("test_values", "test_negative"))
def squares(x): return x * x

@mistake("a list is multiplied", hint="Multiply the tensor.",
         caught_by=("test_values", "test_zero", "test_negative", "test_empty"))
def multiplies_a_list(x): return 2.0 * x.tolist()
"""
QUADRUPLE = """
@check(points=3)
def test_values(student):
    "Every number is multiplied by 4."
    assert_equal(student.quadruple(torch.ones(1)), 4 * torch.ones(1), call="quadruple([1])")
"""
TRUSTING = """
@check(points=2)
def test_first(student):
    "The first number is 1."
    assert student.ones(3)[0] == 1

@check(points=1)
def test_shape(student):
    "There are as many as asked for."
    assert len(student.ones(3)) == 3
"""
ESSAY = 'title = "Essay"\nsection = "1"\nkind = "answers"\n'
BLUR = """
@check(points=2)
def test_it(student):
    "It blurs."
    student.blur(torch.ones(1))
"""


@pytest.fixture(scope="session")
def small_course(
    tmp_path_factory: pytest.TempPathFactory, write_course: Callable[..., Path]
) -> Path:
    """`double`, `quadruple`, `ones` (its check trusts what it gets), optional `blur`, `essay`."""
    folder = write_course(
        tmp_path_factory.mktemp("course"),
        {
            "double": (DOUBLE, 'names = ["double", "twice*"]\n'),
            "quadruple": QUADRUPLE,
            "ones": TRUSTING,
            "blur": (BLUR, "optional = true\n"),
        },
        'forbid = ["torch.add"]\n[limits]\ncall_s = 1.0\ncell_s = 2.0\nexercise_s = 20\n',
    )
    (folder / "double" / "bank.py").write_text(BANK)
    (folder / "essay").mkdir()
    (folder / "essay" / "exercise.toml").write_text(ESSAY)
    settings = folder / "assignment.toml"
    settings.write_text(settings.read_text().replace('"blur"]', '"blur", "essay"]'))
    return folder


@pytest.fixture(scope="session")
def grader(small_course: Path) -> Iterator[Grader]:
    with Grader(Plan(str(small_course))) as grader:
        yield grader


@pytest.fixture
def grade(
    grader: Grader, tmp_path: Path, write_notebook: Callable[..., Path]
) -> Callable[..., SubmissionResult]:
    """Grade a notebook of these cells."""

    def run(*sources: str) -> SubmissionResult:
        path = write_notebook(tmp_path / "kim.ipynb", *sources)
        (submission,) = find_submissions([path], assignment=grader.plan.assignment.name)
        return grader.grade(submission)

    return run
