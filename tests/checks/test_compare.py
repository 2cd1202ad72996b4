import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import inf, nan, tensor

from grader.checks import (
    assert_close,
    assert_equal,
    assert_shape,
    expect_number,
    expect_tensor,
    floats,
    whole_numbers,
)
from grader.checks.compare import TOLERANCE, Mismatch, fail
from grader.errors import BadAnswer
from grader.kernel.describe import call_text, describe, show

CALL = "f(x)"


def mismatch(compare, got, expected) -> Mismatch:
    with pytest.raises(Mismatch) as caught:
        compare(got, expected, call=CALL)
    return caught.value


def test_the_message_says_call_place_and_both_numbers():
    error = mismatch(assert_equal, tensor([[1.0, 2.0], [3.5, 4.0]]), tensor([[1, 2], [3, 5]]))
    assert str(error) == ("f(x) is wrong at (1, 0): got 3.5, expected 3 (2 of 4 numbers are wrong)")
    facts = error.counterexample
    assert (facts.call, facts.where) == (CALL, "(1, 0)")
    assert facts.got == "[[1.0, 2.0], [3.5, 4.0]]"
    assert facts.expected == "[[1, 2], [3, 5]]"


def test_a_call_is_written_as_a_person_would_type_it():
    x = tensor([[1.0, 2.0], [3.0, 4.0]])
    assert call_text("f", [x, 2], {"mode": "max"}) == "f([[1.0, 2.0], [3.0, 4.0]], 2, mode='max')"
    assert call_text("f", [x.t()], {}) == "f(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).t())"


def test_one_wrong_number_is_not_counted():
    assert str(mismatch(assert_equal, tensor([1.0]), tensor([2.0]))) == (
        "f(x) is wrong at (0): got 1, expected 2"
    )


def test_a_number_has_a_value_in_place_of_a_place():
    assert "wrong at its value: got 1" in str(mismatch(assert_equal, tensor(1.0), tensor(2.0)))


@given(st.lists(st.integers(0, 3), max_size=3), st.lists(st.integers(0, 3), max_size=3))
def test_another_shape_is_wrong_even_where_it_would_broadcast(one, other):
    got, expected = torch.zeros(one), torch.zeros(other)
    if one == other:
        assert_equal(got, expected, call=CALL)
        assert_shape(got, tuple(other), call=CALL)
        return
    shapes = f"got {tuple(one)}, expected {tuple(other)}"
    for error in (
        mismatch(assert_equal, got, expected),
        mismatch(assert_close, got, expected),
        mismatch(assert_shape, got, tuple(other)),
    ):
        assert str(error) == f"f(x) has the wrong shape: {shapes}"
        assert error.counterexample.where == "its shape"


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.float16, torch.uint8])
def test_the_dtype_may_differ(dtype):
    assert_equal(tensor([1, 2], dtype=dtype), tensor([1.0, 2.0]), call=CALL)


def test_a_tensor_that_requires_grad_is_compared_too():
    assert_equal(torch.ones(2, requires_grad=True), torch.ones(2), call=CALL)


def test_a_complex_tensor_is_no_answer():
    with pytest.raises(BadAnswer, match=r"a complex64 tensor \(1,\), expected a real tensor"):
        assert_equal(tensor([1j]), tensor([1.0]), call=CALL)


def test_nan_equals_nothing_unless_it_was_due():
    assert "got nan, expected 1" in str(mismatch(assert_close, tensor([nan]), tensor([1.0])))
    assert "got 1, expected nan" in str(mismatch(assert_close, tensor([1.0]), tensor([nan])))
    assert_equal(tensor([nan]), tensor([nan]), call=CALL)


def test_infinities_are_equal_when_their_signs_are():
    assert_close(tensor([inf, -inf]), tensor([inf, -inf]), call=CALL)
    assert "got inf, expected -inf" in str(mismatch(assert_close, tensor([inf]), tensor([-inf])))
    assert "got 1, expected inf" in str(mismatch(assert_close, tensor([1.0]), tensor([inf])))
    assert "got inf, expected 1e+30" in str(mismatch(assert_close, tensor([inf]), tensor([1e30])))


@given(floats((3,)))
def test_close_has_the_tolerance_it_says_it_has(x):
    x = x.double()
    room = TOLERANCE * (1 + x.abs())
    assert_close(x + 0.99 * room, x, call=CALL)
    mismatch(assert_close, x + 1.01 * room, x)


@given(whole_numbers((2, 2)), whole_numbers((2, 2)))
def test_equal_raises_exactly_when_a_number_differs(x, y):
    if torch.equal(x, y):
        assert_equal(x, y, call=CALL)
    else:
        mismatch(assert_equal, x, y)


def test_empty_tensors_of_one_shape_are_equal():
    assert_equal(torch.zeros(0, 3), torch.ones(0, 3), call=CALL)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        ([1.0, 2.0], "a list of 2"),
        ((), "a tuple of 0"),
        ("text", "'text'"),
        (3, "3"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        (object(), "an object"),
    ],
)
def test_what_is_no_tensor_is_described(value, words):
    with pytest.raises(BadAnswer) as caught:
        expect_tensor(value, call=CALL)
    assert str(caught.value) == f"f(x) returned {words}, expected a tensor"


def test_a_large_tensor_is_described_in_place_of_written_out():
    error = mismatch(assert_equal, torch.zeros(100), torch.ones(100))
    assert error.counterexample.got == "a float32 tensor (100,)"


def test_a_number_may_be_a_tensor_of_one_element():
    assert expect_number(2, call=CALL) == expect_number(tensor([[2.0]]), call=CALL) == 2.0


@pytest.mark.parametrize("value", [True, None, "2", torch.zeros(2), [2.0]])
def test_other_things_are_no_number(value):
    with pytest.raises(BadAnswer, match="expected a number"):
        expect_number(value, call=CALL)


def test_a_check_may_fail_in_its_own_words():
    with pytest.raises(Mismatch, match="it must shrink") as caught:
        fail("it must shrink", call=CALL, got=tensor([1.0]), expected="less")
    assert caught.value.counterexample.got == "[1.0]"
    assert caught.value.counterexample.expected == "less"


def test_values_are_written_as_a_person_types_them():
    assert show((tensor([0.1]), None, 1.0, "a", True)) == "([0.1], None, 1, 'a', True)"
    assert show((1,)) == "(1,)"
    assert show([tensor(2), [3.0]]) == "[2, [3]]"
    assert describe(torch.zeros(2, 3, dtype=torch.int32)) == "an int32 tensor (2, 3)"


def test_the_author_of_a_check_says_how_the_first_wrong_entry_is_worked_out():
    got, due = torch.tensor([[1.0, 5.0]]), torch.tensor([[1.0, 2.0]])
    with pytest.raises(Mismatch) as caught:
        assert_close(
            got, due, call="f(x)", working=lambda at: f"entry {at}", images={"x": torch.eye(3)}
        )
    example = caught.value.counterexample
    assert example.working == "entry (0, 1)"
    assert [(one.title, one.shades) for one in example.pictures] == [("x", "f000f000f")]


def test_a_sentence_that_cannot_be_worked_out_changes_no_verdict():
    with pytest.raises(Mismatch) as caught:
        assert_close(torch.ones(1), torch.zeros(1), call="f(x)", working=lambda at: 1 / 0)
    assert caught.value.counterexample.working == ""


def test_a_wrong_shape_has_no_entry_to_work_out():
    with pytest.raises(Mismatch) as caught:
        assert_close(torch.ones(1), torch.zeros(2), call="f(x)", working=lambda at: "never")
    assert caught.value.counterexample.working == ""
