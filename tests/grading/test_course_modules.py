"""Two courses in one process have the same names for their modules, and never share one."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import pytest

from grader.course import load_assignment
from grader.grading.check_session import CheckSession
from grader.verdict import Verdict

CHECK = """
from grader.checks import check
from reference import VALUE
from exercises.one.parts import NAME


@check(points=1)
def test_it(student):
    "The modules are the course's own, those of the top and those of a function."
    from reference.deeper import DEEPER
    from exercises.one import late

    assert (VALUE, NAME, DEEPER, late.LATE) == (student.value,) * 4, (VALUE, NAME, DEEPER)
"""


class Student:
    def __init__(self, value):
        self.value = value


def write(root, value, *, reference="reference"):
    """Write a course whose every module knows one value."""
    here = root / "exercises" / "one" / "add"
    here.mkdir(parents=True)
    (root / "exercises" / "course.toml").write_text('title = "Small"\n')
    (here / "test_add.py").write_text(CHECK)
    (here / "exercise.toml").write_text(
        'title = "add"\nsection = "1"\nkind = "function"\nnames = ["add"]\n'
    )
    (here.parent / "assignment.toml").write_text('title = "One"\nexercises = ["add"]\n')
    (here.parent / "parts.py").write_text(f"NAME = {value}\n")
    (here.parent / "late.py").write_text(f"LATE = {value}\n")
    (root / reference).mkdir()
    (root / reference / "__init__.py").write_text(f"VALUE = {value}\n")
    (root / reference / "deeper.py").write_text(f"DEEPER = {value}\n")
    return load_assignment(here.parent)


@pytest.fixture(params=["reference", "exercises/reference"])
def two(request, tmp_path):
    return [write(tmp_path / str(n), n, reference=request.param) for n in (1, 2)]


def session(assignment):
    return CheckSession(assignment.exercises, course=assignment.course)


def passes(opened, assignment, value):
    (result,) = opened.run(assignment.exercises[0], Student(value))
    assert result.verdict is Verdict.PASSED, result.message


def test_two_courses_one_after_the_other_share_no_module(two):
    for value in (1, 2, 1):
        with session(two[value - 1]) as opened:
            passes(opened, two[value - 1], value)


def test_two_courses_that_are_open_at_once_share_no_module(two):
    with ExitStack() as stack:
        opened = [stack.enter_context(session(assignment)) for assignment in two]
        for value in (1, 2, 1, 2):
            passes(opened[value - 1], two[value - 1], value)


def test_a_course_leaves_the_path_as_it_was(two):
    before = list(sys.path)
    with session(two[0]):
        assert sys.path == before
    assert sys.path == before


def test_the_modules_of_the_process_are_back_when_a_course_is_done(two):
    import reference  # of this project

    with session(two[0]) as opened:
        passes(opened, two[0], 1)
    assert sys.modules["reference"] is reference


def test_a_flat_folder_is_a_course_by_itself(tmp_path):
    flat = tmp_path / "hw"
    (flat / "add").mkdir(parents=True)
    (flat / "reference").mkdir()
    (flat / "reference" / "__init__.py").write_text("VALUE = 3\n")
    (flat / "add" / "exercise.toml").write_text(
        'title = "add"\nsection = "1"\nkind = "function"\nnames = ["add"]\n'
    )
    (flat / "add" / "test_add.py").write_text(
        "from grader.checks import check\nfrom reference import VALUE\n\n\n@check(points=1)\n"
        "def test_it(student):\n    'It holds.'\n    assert VALUE == student.value\n"
    )
    (flat / "assignment.toml").write_text('title = "Flat"\nexercises = ["add"]\n')
    assignment = load_assignment(flat)
    assert assignment.course.folder == flat
    assert assignment.course.reference == flat / "reference"
    with session(assignment) as opened:
        passes(opened, assignment, 3)
