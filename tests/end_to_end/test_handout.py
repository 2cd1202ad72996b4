"""`grader handout`, as it is typed."""

from __future__ import annotations

import pytest

CHECKS = """
from hypothesis import settings

@check(points=1)
@given(whole_numbers((2,)))
@settings(max_examples=4)
def test_negates(student, x):
    "Every number changes its sign."
    assert_equal(student.negate(x), -x, call="negate(x)")
"""
BANK = """
from grader.checks import mistake, rewrite

@rewrite
def right(x): return -x

@mistake("the number stays as it is", hint="Look.", caught_by="test_negates")
def stays(x): return x
"""


@pytest.fixture
def course(write_course, tmp_path):
    folder = write_course(tmp_path, {"negate": CHECKS, "open": CHECKS.replace("negate", "open")})
    (folder / "negate" / "bank.py").write_text(BANK)
    return folder


def test_what_was_written_is_printed_with_what_it_asks(grader, course, tmp_path):
    out = tmp_path / "out"
    done = grader("handout", course, "--out", out)
    assert done.out.splitlines() == [
        str(out / "selfcheck.py"),
        str(out / "selfcheck.dat"),
        str(out / "README.txt"),
        "",
        "negate    4 questions, call 1 of 1 known mistakes wrong, name 1",
        "no self-check, because its bank holds no right answer: open",
    ]
    assert (done.code, done.err) == (0, "Trying the checks on known answers ...\n")
    assert all((out / name).is_file() for name in ("selfcheck.py", "selfcheck.dat", "README.txt"))

    data = (out / "selfcheck.dat").read_bytes()
    (out / "mine.txt").write_text("")
    refused = grader("handout", course, "--out", out)
    assert refused.code == 2
    assert refused.err.startswith(f"{out} holds other files, such as mine.txt. Give an empty")
    forced = grader("handout", course, "--out", out, "--force", "--seed", 20_240)
    assert forced.code == 0
    assert "students know them now" in forced.err
    assert (out / "selfcheck.dat").read_bytes() != data


def test_an_unknown_assignment_is_a_sentence(grader, tmp_path):
    done = grader("handout", "nothing", "--out", tmp_path / "out")
    assert done.code == 2
    assert done.err.startswith("there is no assignment 'nothing'. The course has: cnn")
    assert not (tmp_path / "out").exists()
