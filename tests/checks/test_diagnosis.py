"""A mistake is named only when every answer agrees with it."""

import gc

import pytest
import torch

from grader.errors import CallTimedOut, CourseError
from grader.grading.diagnosis import Diagnosis, same_answers
from grader.grading.in_process import grade_in_process
from grader.kernel.handle import Handle
from grader.kernel.transcript import Inside, as_noted, rows_of
from grader.verdict import Verdict
from grader.wire.messages import HandleNode

CHECKS = """
@check(points=1)
def test_one(student):
    "One is negated."
    assert_equal(student.answer(torch.ones(1)), -torch.ones(1), call="answer(1)")

@check(points=3)
@given(whole_numbers((2,)))
def test_any(student, x):
    "Every number is negated."
    assert_equal(student.answer(x), -x, call=f"answer({x.tolist()})")
"""
BANK = """
import torch
from grader.checks import mistake

BOTH = ("test_one", "test_any")

@mistake("nothing is done", hint="Turn the sign.", caught_by=BOTH)
def identity(x): return x

@mistake("the number is off by one", hint="Turn the sign only.", caught_by=BOTH)
def off_by_one(x): return 1 - x

@mistake("the sign of positive numbers stays", hint="Zero has no sign.", caught_by="test_any")
def is_right_at_one(x): return torch.where(x == 1, -x, x)

@mistake("a list comes back", hint="Return a tensor.", caught_by=BOTH)
def as_list(x): return (-x).tolist()

@mistake("a list is negated", hint="Negate the tensor.", caught_by=BOTH)
def negates_a_list(x): return -x.tolist()

@mistake("a second argument is asked for", hint="One is enough.", caught_by=BOTH)
def takes_two(x, y): return -x
"""


def takes_two(z, y):
    return z.neg() + y


takes_two.__qualname__ = "answer"  # as a student's function is named, and in no test's body


@pytest.fixture
def name_of(course):
    small = course(CHECKS, bank=BANK)
    diagnosis = Diagnosis(small.session)

    def named(answer):
        results = grade_in_process(small.session, small.exercise, answer)
        found = diagnosis.name_mistake(small.exercise, results, lambda: small.student(answer))
        return found and found.title

    return named


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (lambda x: x + 0, "nothing is done"),
        (lambda x: -(x - 1), "the number is off by one"),
        (lambda x: x * (1 - 2 * (x == 1).float()), "the sign of positive numbers stays"),
        (lambda x: [-float(v) for v in x], "a list comes back"),
        (lambda x: [-list(x.tolist())], "a list is negated"),
        (takes_two, "a second argument is asked for"),
    ],
)
def test_a_known_mistake_written_differently_is_named(name_of, answer, title):
    assert name_of(answer) == title


@pytest.mark.parametrize(
    "answer",
    [
        torch.neg,
        lambda x: 2 * x,
        lambda x: torch.where(x == 3, 0 * x, x),  # one answer of many differs
        lambda x: x.tolist(),
        lambda x: x[:1],
        lambda x: None,
        lambda x: 1 / 0,
        lambda x: -str(x),  # a TypeError too, in other words
        lambda x, z: -x,
    ],
)
def test_whatever_differs_in_one_answer_has_no_name(name_of, answer):
    assert name_of(answer) is None


REMEMBERS = """
from grader.checks import mistake

BOTH = ("test_one", "test_any")
asked, seen = [], {}

@mistake("what came before is added", hint="Start afresh.", caught_by=BOTH)
def adds_up(x):
    seen[len(x)] = seen.get(len(x), 1.0) + x
    return -seen[len(x)]

@mistake("nothing is done", hint="Turn the sign.", caught_by=BOTH)
def identity(x):
    asked.append(x)
    return x
"""


def adds_up():
    seen = {}

    def answer(x):
        seen[len(x)] = seen.get(len(x), 1.0) + x
        return -seen[len(x)]

    return answer


def test_a_known_mistake_is_asked_up_to_its_first_other_answer_and_afresh_when_more_is_compared(
    course,
):
    small = course(CHECKS, bank=REMEMBERS)
    diagnosis = Diagnosis(small.session)
    asked = diagnosis._banks["answer"].mistakes[1].answer.__globals__["asked"]

    def named(make):
        results = grade_in_process(small.session, small.exercise, make())
        found = diagnosis.name_mistake(small.exercise, results, lambda: small.student(make()))
        return found and found.title

    assert named(lambda: lambda x: 2 * x) is None
    assert len(asked) == 1
    assert named(lambda: lambda x: 2.5 * x) is None
    assert len(asked) == 1
    assert named(lambda: lambda x: 1 * x) == "nothing is done"
    assert named(adds_up) == "what came before is added"
    assert named(adds_up) == "what came before is added"


LAYER_CHECKS = """
@check(points=1)
def test_it(student):
    "A layer with a weight of ones comes back."
    layer = student.answer(3)
    assert_equal(layer(torch.ones(3)), torch.full((1,), 3.0), call="answer(3)(x)")
"""
LAYER_BANK = """
import torch
from torch import nn
from grader.checks import mistake

@mistake("the weight is 2", hint="Fill it with 1.", caught_by="test_it")
def twos(n):
    layer = nn.Linear(n, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return layer
"""


def test_naming_a_mistake_keeps_no_module_of_it(course):
    small = course(LAYER_CHECKS, bank=LAYER_BANK)
    diagnosis = Diagnosis(small.session)

    def wrong(n):
        layer = torch.nn.Linear(n, 1, bias=False)
        layer.weight.data[:] = 2
        return layer

    def modules():
        gc.collect()
        return sum(type(thing) is torch.nn.Linear for thing in gc.get_objects())

    before = modules()
    results = grade_in_process(small.session, small.exercise, wrong)
    found = diagnosis.name_mistake(small.exercise, results, lambda: small.student(wrong))
    assert found.title == "the weight is 2"
    small.grade(lambda n: None)  # the session holds its last student
    assert modules() == before


def test_a_record_keeps_the_kind_of_an_object_and_not_the_object():
    handle = Handle(lambda *_, **__: None, HandleNode(1, "Net", is_module=True))
    assert as_noted("call", [handle, {"a": (handle, 1.0)}]) == [
        Inside(True),
        {"a": (Inside(True), 1.0)},
    ]
    assert as_noted("parameters", {"weight": torch.ones(9)}) is None


def test_a_record_compares_the_shapes_of_a_structure_and_not_its_order():
    structure = (["a", "b"], {"a.weight": (2, 3)}, {"b.mean": torch.ones(9)})
    assert rows_of("structure", structure) == [("layers", None), ("sizes", {"a.weight": (2, 3)})]
    assert rows_of("structure", "ValueError") == [("layers", None)]


def test_a_student_who_hangs_while_probed_has_no_name(course):
    small = course(CHECKS, bank=BANK)
    results = grade_in_process(small.session, small.exercise, lambda x: x)

    def hangs():
        raise CallTimedOut("answer(x)", 5.0)

    assert Diagnosis(small.session).name_mistake(small.exercise, results, hangs) is None


def test_a_known_mistake_warns_nobody(course):
    bank = BANK.replace("def identity(x): return x", "def identity(x): warn('odd'); return x")
    small = course(CHECKS, bank="from warnings import warn\n" + bank)

    def answer(x):
        return x + 0

    results = grade_in_process(small.session, small.exercise, answer)
    named = Diagnosis(small.session).name_mistake(
        small.exercise, results, lambda: small.student(answer)
    )
    assert named.title == "nothing is done"


def test_without_a_bank_nothing_is_named(course):
    small = course(CHECKS)
    results = grade_in_process(small.session, small.exercise, lambda x: x)
    named = Diagnosis(small.session).name_mistake(
        small.exercise, results, lambda: small.student(lambda x: x)
    )
    assert named is None


def test_a_bank_that_cannot_be_imported_is_told_before_anything_is_graded(course):
    small = course(CHECKS, bank="import no_such_module")
    with pytest.raises(CourseError, match=r"bank\.py cannot be imported"):
        Diagnosis(small.session)


VALUES = """
@check(points=1)
def test_total(student):
    "y is 6."
    (found,) = student.values("y")
    assert found.value == 6, f"y is {found.value}"
"""
VALUES_BANK = """
from grader.checks import mistake

@mistake("one is missing", hint="Count again.", caught_by="test_total")
def five(): return {"y": 5}
"""


@pytest.mark.parametrize(("value", "title"), [(5, "one is missing"), (4, None)])
def test_values_are_named_by_what_the_checks_said(course, value, title):
    small = course(VALUES, 'kind = "values"', bank=VALUES_BANK)

    def answer():
        return {"y": value}

    results = grade_in_process(small.session, small.exercise, answer)
    assert results[0].verdict is Verdict.FAILED
    named = Diagnosis(small.session).name_mistake(
        small.exercise, results, lambda: small.student(answer)
    )
    assert (named and named.title) == title


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (torch.ones(2), torch.ones(2) + 1e-6, True),
        (torch.ones(2), torch.ones(2) + 1e-2, False),
        (torch.ones(2), torch.ones(1), False),
        (torch.ones(2), None, False),
        (torch.tensor([torch.nan]), torch.tensor([torch.nan]), True),
        ((1, 2.0), [1, 2.0], True),
        ((1, 2.0), (1, 2.5), False),
        ({"a": 1}, {"b": 1}, True),
        (None, None, True),
        ("ValueError", "TypeError", False),
        (1.0, "1.0", False),
    ],
)
def test_answers_are_compared_within_rounding(one, other, same):
    assert same_answers([("call", one)], [("call", other)]) is same
    assert same_answers([("call", other)], [("call", one)]) is same


def test_random_parameters_are_not_compared_but_asking_for_them_is():
    assert same_answers([("parameters", 1)], [("parameters", 2)])
    assert not same_answers([("parameters", 1)], [("buffers", 1)])
    assert not same_answers([("parameters", 1)], [])
