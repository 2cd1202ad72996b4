"""A question is handed out only where its check accepts no other answer than the right one."""

from __future__ import annotations

import pytest

from grader.grading.plan import Plan
from grader.records import HANDOUT_SEED
from grader.selfcheck import exercises
from grader.selfcheck.exercises import self_checks
from tests.selfcheck.conftest import build, text_of

BANK = """
import torch
from grader.checks import mistake, rewrite

@rewrite
def right(x): return x.sort().values
"""
X = "x = torch.tensor([3.0, 1.0, 2.0])\n    "
FREE = {
    "looks at the shape alone": "assert student.sort(x).shape == x.shape",
    "looks at one number": "assert abs(student.sort(x)[1] - 2) < 1e-4",
    "looks at the first and the last number":
        "y = student.sort(x)\n    assert abs(y[0] - 1) < 1e-6 and abs(y[-1] - 3) < 1e-6",
    "compares sets": "assert set(student.sort(x).tolist()) == {1.0, 2.0, 3.0}",
    "compares two answers": "assert torch.equal(student.sort(x), student.sort(x.flip(0)))",
    "compares an answer with a multiple":
        "assert torch.allclose(student.sort(2 * x), 2 * student.sort(x))",
    "ignores axes of length 1":
        "assert_equal(student.sort(x).reshape(-1), x.sort().values, call='sort')",
    "ignores the sign": "assert_equal(student.sort(x).abs(), x.sort().values, call='sort')",
    "lets NaN through": "assert not (student.sort(x) - x.sort().values).abs().max() > 1e-4",
    "takes a list as well":
        "assert_equal(torch.as_tensor(student.sort(x)), x.sort().values, call='sort')",
    "lets an error through":
        "try:\n        y = student.sort(x)\n    except StudentError:\n        return\n"
        "    assert_equal(y, x.sort().values, call='sort')",
    "tries two ways":
        "try:\n        y = student.sort(x)\n    except StudentError:\n"
        "        y = student.sort(x[None])[0]\n"
        "    assert_equal(y, x.sort().values, call='sort')",
    "asks twice and looks at the second answer":
        "student.sort(x)\n    assert_equal(student.sort(x), x.sort().values, call='sort')",
}  # fmt: skip


def one_check(write_course, tmp_path, body, bank=BANK, more=""):
    text = f"from grader.errors import StudentError\n\n@check(points=1{more})\n"
    text += f'def test_it(student):\n    "It sorts."\n    {X}{body}\n'
    folder = write_course(tmp_path, {"sort": text})
    if bank:
        (folder / "sort" / "bank.py").write_text(bank)
    return build(folder)["sort"]


FREE_NUMBERS = {
    "takes both roots": ("x.sum().item()", "assert abs(abs(student.sort(x)) - 6) < 1e-4"),
    "takes any order": ("[1.0, 2.0, 3.0]", "assert sorted(student.sort(x)) == [1.0, 2.0, 3.0]"),
    "takes any order of a pair": ("(3, 1)", "assert set(student.sort(x)) == {1, 3}"),
    "takes either sign of one part": (
        "(3, 1)", "y = student.sort(x)\n    assert (abs(y[0]), y[1]) == (3, 1)"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "body"), FREE_NUMBERS.values(), ids=FREE_NUMBERS)
def test_so_it_is_with_answers_that_are_numbers(write_course, tmp_path, answer, body):
    found = one_check(write_course, tmp_path, body, BANK.replace("x.sort().values", answer))
    assert (found.questions, found.reason) == ((), exercises.FREEDOM)


@pytest.mark.parametrize("body", FREE.values(), ids=FREE)
def test_a_check_that_accepts_other_answers_hands_out_no_question(write_course, tmp_path, body):
    found = one_check(write_course, tmp_path, body)
    assert (found.questions, found.reason) == ((), exercises.FREEDOM)


@pytest.mark.parametrize(
    ("comparison", "tolerance"),
    [
        ("assert_equal(student.sort(x), x.sort().values, call='sort')", 1e-4),
        ("assert_close(student.sort(x), x.sort().values, call='sort')", 1e-4),
        ("assert_close(student.sort(x), x.sort().values, call='sort', tolerance=0.05)", 0.1),
    ],
)
def test_numbers_are_compared_no_stricter_than_the_check_does(
    write_course, tmp_path, comparison, tolerance
):
    found = one_check(
        write_course, tmp_path, "from grader.checks import assert_close\n    " + comparison
    )
    assert [one["tolerance"] for one in found.questions] == [tolerance]


def test_a_tolerance_beyond_all_bounds_hands_out_nothing(write_course, tmp_path):
    body = "assert ((student.sort(x) - x.sort().values).abs() < 9).all()"
    assert one_check(write_course, tmp_path, body).reason == exercises.FREEDOM


def test_arguments_must_be_left_alone_only_where_the_check_says_so(write_course, tmp_path):
    asks = "answer = student.call('sort', x)\n    "
    asks += "assert_equal(answer.value, x.sort().values, call='sort')"
    (free,) = one_check(write_course, tmp_path / "a", asks).questions
    asks += "\n    assert_equal(answer.arguments[0], x, call='after sort(x), x')"
    (strict,) = one_check(write_course, tmp_path / "b", asks).questions
    assert (free["kept"], strict["kept"]) == ([], [0])


RIGHT = "assert_equal(student.sort(x), x.sort().values, call='sort')"
OTHERWISE = """
@rewrite
def otherwise(x): return x.sort().values + (1 if len(x) == 3 else 0)
"""


def test_a_question_on_which_right_answers_differ_is_not_handed_out(write_course, tmp_path):
    assert one_check(write_course, tmp_path, RIGHT).questions
    found = one_check(write_course, tmp_path, RIGHT, bank=BANK + OTHERWISE)
    assert found.reason == exercises.FREEDOM


def test_hidden_checks_are_left_out_whole(checks):
    found = {one.exercise.name: one for one in checks.exercises}["double"]
    assert {one["check"] for one in found.questions} == {"test_doubles", "test_leaves_x_alone"}
    assert "Every number is doubled." in text_of(checks.content)
    assert "Large numbers" not in text_of(checks.content)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"more": ", hidden=True"}, exercises.HIDDEN),
        ({"bank": ""}, exercises.NO_RIGHT_ANSWER),
        ({"body": "assert student.has('sort')"}, exercises.NEEDS_OBJECTS),
        ({"body": "assert student.build('ReLU') is not None"}, exercises.NEEDS_OBJECTS),
    ],
)
def test_the_reason_is_said_where_there_are_no_questions(write_course, tmp_path, change, reason):
    found = one_check(write_course, tmp_path, **{"body": RIGHT, **change})
    assert (found.questions, found.reason) == ((), reason)


def test_answers_in_tuples_numbers_and_words_are_asked(write_course, tmp_path):
    bank = "from grader.checks import rewrite\n\n@rewrite\n"
    bank += "def right(x): return float(x.max()), {'n': len(x)}, 'words', [x]\n"
    body = "found = student.sort(x)\n    "
    body += "assert found == (3.0, {'n': 3}, 'words', found[3])\n    "
    body += "assert type(found[0]) is float and isinstance(found, tuple)\n    "
    body += "assert_equal(found[3][0], x, call='sort')\n    assert len(found[3]) == 1"
    found = one_check(write_course, tmp_path, body, bank=bank)
    assert len(found.questions) == 1


def test_mistakes_are_named_only_where_no_other_one_answers_alike(checks):
    found = {one.exercise.name: one for one in checks.exercises}["double"]
    assert [one["title"] for one in found.mistakes] == [
        "the numbers are squared", "nothing comes back", "x itself is doubled",
    ]  # fmt: skip
    assert (found.noticed, found.known) == (5, 6)  # one is caught by the hidden check alone


def test_the_same_course_gives_the_same_bytes(course, checks):
    assert self_checks(Plan(str(course), seed=HANDOUT_SEED)).content == checks.content


def test_known_mistakes_are_left_out_of_a_file_that_grows_too_large(course, monkeypatch):
    monkeypatch.setattr(exercises, "MOST_BYTES", 1)
    found = self_checks(Plan(str(course)))
    assert not found.names_mistakes
    assert "squared" not in text_of(found.content)
