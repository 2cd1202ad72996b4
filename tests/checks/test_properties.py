"""Examples are drawn once and replayed; a failing one is shrunk against the student it fails."""

import pytest
import torch

from grader import errors
from grader.checks.properties import Properties
from grader.records import DEFAULT_SEED
from grader.verdict import Verdict

NEGATES = """
@check(points=4, feedback="Turn the sign.")
@given(whole_numbers((2, 3)))
def test_negates(student, x):
    "Every number changes its sign."
    assert_equal(student.answer(x), -x, call=f"answer({x.tolist()})")
"""


class Recorded:
    """A function that keeps what it was asked."""

    def __init__(self, function):
        self.function = function
        self.asked = []

    def __call__(self, x):
        self.asked.append(x.clone())
        return self.function(x)

    def as_function(self):
        def answer(x):
            return self(x)

        return answer


def test_every_student_is_asked_the_same(course):
    small = course(NEGATES)
    one, other = Recorded(torch.neg), Recorded(lambda x: 0 - x)
    assert small.grade(one.as_function())["test_negates"].verdict is Verdict.PASSED
    assert small.grade(other.as_function())["test_negates"].verdict is Verdict.PASSED
    assert len(one.asked) > 30
    assert all(map(torch.equal, one.asked, other.asked))


def test_a_student_cannot_change_what_the_next_one_is_asked(course):
    small = course(NEGATES)
    before = Recorded(torch.neg)
    small.grade(before.as_function())
    small.grade(lambda x: x.zero_())
    after = Recorded(torch.neg)
    assert small.grade(after.as_function())["test_negates"].verdict is Verdict.PASSED
    assert all(map(torch.equal, before.asked, after.asked))


def test_examples_are_drawn_once(course):
    counted = "whole_numbers((2, 3)).map(lambda x: (drawn.append(1), x)[1])"
    small = course("drawn = []\n" + NEGATES.replace("whole_numbers((2, 3))", counted))
    small.grade(torch.neg)
    (item,) = small.session._items["answer"]
    count = len(item.module.drawn)
    small.grade(torch.neg)
    assert len(item.module.drawn) == count > 0


def test_another_seed_asks_other_questions(course):
    (item,) = course(NEGATES).session._items["answer"]
    fixtures = {"student": None}
    first, again, other = (
        Properties(seed).examples(item.obj, fixtures) for seed in (DEFAULT_SEED, DEFAULT_SEED, 1)
    )
    same = [torch.equal(a["x"], b["x"]) for a, b in zip(first, again, strict=True)]
    assert all(same)
    assert not all(torch.equal(a["x"], b["x"]) for a, b in zip(first, other, strict=False))


def test_a_failing_example_is_shrunk_against_the_student(course):
    result = course(NEGATES).grade(lambda x: -x.clamp(max=5))["test_negates"]
    assert result.verdict is Verdict.FAILED
    assert result.hint == "Turn the sign."
    # the smallest number that is wrong is 6, wherever it stands
    numbers = torch.tensor(eval(result.counterexample.call.removeprefix("answer")))
    assert set(numbers.flatten().tolist()) <= {0.0, 6.0}
    assert "got -5, expected -6" in result.message


def test_a_shrunk_example_is_the_same_for_every_run(course):
    small = course(NEGATES)
    first = small.grade(lambda x: -x.clamp(max=5))["test_negates"]
    again = small.grade(lambda x: -x.clamp(max=5))["test_negates"]
    assert (first.message, first.counterexample) == (again.message, again.counterexample)


def test_an_exception_of_the_student_is_shrunk_too(course):
    def fragile(x):
        if x.max() > 3:
            raise ValueError(f"cannot take {x.max():g}")
        return -x

    result = course(NEGATES).grade(fragile)["test_negates"]
    assert result.verdict is Verdict.RAISED
    assert "ValueError: cannot take 4" in result.message


def test_a_student_whose_answer_changes_keeps_the_first_counterexample(course):
    calls = []

    def wrong_once(x):
        calls.append(1)
        return 1 - x if len(calls) == 1 else -x

    result = course(NEGATES).grade(wrong_once)["test_negates"]
    assert result.verdict is Verdict.FAILED
    assert result.counterexample is not None


def test_a_student_who_is_wrong_at_random_is_failed_and_not_broken(course):
    generator = torch.Generator().manual_seed(0)
    # the guest seeds torch for every call, so the chance has a generator of its own
    result = course(NEGATES).grade(
        lambda x: -x + (torch.rand(1, generator=generator) < 0.3).float()
    )["test_negates"]
    assert result.verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "error",
    [
        errors.CallTimedOut("answer(x)", 5.0),
        errors.KernelDied("answer(x)", "the process exited"),
        errors.OutOfMemory("answer(x)", 1 << 30),
        errors.KernelLost("the machine"),
    ],
)
def test_what_costs_a_deadline_or_a_kernel_is_not_shrunk(course, error):
    class Costly:
        calls = 0

        def answer(self, x):
            self.calls += 1
            if self.calls == 3:
                raise error
            return -x

    small, student = course(NEGATES), Costly()
    (result,) = small.session.run(small.exercise, student)
    assert student.calls == 3
    assert str(error) in result.message


def test_shrinking_ends_when_its_time_is_over(course):
    (item,) = course(NEGATES).session._items["answer"]

    class Wrong:
        calls = 0

        def answer(self, x):
            self.calls += 1
            return x

    student = Wrong()
    with pytest.raises(AssertionError, match="is wrong at"):
        Properties(DEFAULT_SEED, shrink_s=0.0).run(item.obj, {"student": student})
    assert student.calls < 5


@pytest.mark.parametrize("strategy", ["st.integers(3, 1)", "st.nothing()", "st.just(1).map(len)"])
def test_a_broken_strategy_is_the_courses_fault(course, strategy):
    result = course(NEGATES.replace("whole_numbers((2, 3))", strategy)).grade(torch.neg)
    assert result["test_negates"].verdict is Verdict.BROKEN
    assert "test_negates cannot draw its examples" in result["test_negates"].message


def test_a_broken_body_is_the_courses_fault(course):
    result = course(NEGATES.replace("-x,", "-x / nothing,")).grade(torch.neg)["test_negates"]
    assert result.verdict is Verdict.BROKEN
    assert "NameError: name 'nothing' is not defined" in result.message


def test_a_failure_that_is_shrunk_later_has_the_verdict_and_the_example_of_one_shrunk_at_once(
    course,
):
    small = course(NEGATES)

    def answer(x):
        return -x.clamp(max=2)

    at_once = small.grade(answer)["test_negates"]
    first = small.session.run(small.exercise, small.student(answer), shrinks=False)
    later = small.session.shrunk(small.exercise, first, lambda: small.student(answer))
    assert first[0].counterexample != at_once.counterexample
    assert (first[0].verdict, first[0].points) == (at_once.verdict, at_once.points)
    assert [(r.message, r.counterexample) for r in later] == [
        (at_once.message, at_once.counterexample)
    ]


def test_a_check_that_passes_when_it_is_asked_again_keeps_its_result(course):
    small = course(NEGATES)
    first = small.session.run(small.exercise, small.student(lambda x: x), shrinks=False)
    assert small.session.shrunk(small.exercise, first, lambda: small.student(torch.neg)) == first


def test_what_passed_is_not_asked_again(course):
    small = course(NEGATES)
    first = small.session.run(small.exercise, small.student(torch.neg), shrinks=False)
    assert small.session.shrunk(small.exercise, first, lambda: 1 / 0) == first
