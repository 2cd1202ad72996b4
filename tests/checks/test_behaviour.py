"""Functions that give the same answers to the same questions have one digest."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.grading.behaviour import _rounded, _step, behaviour_of
from grader.grading.diagnosis import Diagnosis
from grader.grading.in_process import grade_in_process

CHECKS = """
@check(points=1)
def test_one(student):
    "The mean of a row."
    assert_equal(student.answer(torch.ones(1, 3)), torch.ones(1), call="answer(1)")

@check(points=3)
@given(whole_numbers((2, 3)))
def test_any(student, x):
    "The mean of every row."
    assert_equal(student.answer(x), x.mean(1), call=f"answer({x.tolist()})")
"""


@pytest.fixture
def digest_of(course):
    small = course(CHECKS)
    diagnosis = Diagnosis(small.session)

    def digest(answer):
        results = grade_in_process(small.session, small.exercise, answer)
        found = diagnosis.diagnose(small.exercise, results, lambda: small.student(answer))
        assert found.mistake is None  # there is no bank
        return found.behaviour

    return digest


def raises(kind):
    def answer(x):
        raise kind("in words of its own")

    return answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x.mean(0), lambda x: x.sum(0) / len(x)),
        (lambda x: x.sum(1), lambda x: x[:, 0] + x[:, 1] + x[:, 2]),
        (lambda x: x.sum(1) / 7, lambda x: (x.double() / 7).sum(1).float()),
        (lambda x: x.mean(1).tolist(), lambda x: [float(row.sum() / 3) for row in x]),
        (lambda x: x[:, 9], lambda x: x.t()[12]),
        (lambda x: None, print),
    ],
)
def test_a_mistake_written_differently_has_the_same_digest(digest_of, one, other):
    assert digest_of(one) == digest_of(other) != ""


def test_other_answers_and_other_kinds_of_error_have_other_digests(digest_of):
    wrong = [
        lambda x: x.mean(0), lambda x: x.sum(1), lambda x: x.mean(1) + 0.01,
        lambda x: torch.where(x.mean(1) == 2, -x.mean(1), x.mean(1)), lambda x: x.mean(),
        lambda x: x.mean(1).tolist(), lambda x: None, raises(ValueError), raises(TypeError),
    ]  # fmt: skip
    digests = [digest_of(one) for one in wrong]
    assert len(set(digests)) == len(wrong)


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x * 12) / 12), min_size=1, max_size=50))
def test_rounding_errors_of_float32_do_not_count(numbers):
    exact = torch.tensor(numbers, dtype=torch.float64)
    digests = {
        behaviour_of([("call", answer)])
        for answer in (exact, exact.float(), exact * (1 + 2e-7), exact * (1 - 2e-7))
    }
    assert len(digests) == 1


@given(st.lists(st.floats(width=32), max_size=50))
def test_numbers_of_a_list_count_as_those_of_a_tensor_do(numbers):
    of_tensor = _rounded(torch.tensor(numbers, dtype=torch.float64))
    assert ",".join(map(_step, numbers)) == of_tensor


def test_infinities_and_nan_are_told_apart():
    values = [float("nan"), float("inf"), float("-inf"), 0.0]
    assert len({behaviour_of([("call", torch.tensor(v))]) for v in values}) == 4


def test_without_answers_there_is_no_digest():
    assert behaviour_of([]) == ""
