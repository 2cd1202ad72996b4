"""A counterexample is read back into matrices, and the entries that differ are marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.records import Counterexample
from grader.report.matrices import lay_out
from grader.shades import picture_of


def numbers(panel):
    return [[[entry.text for entry in row] for row in rows] for _, rows in panel.slices]


def marked(panel):
    return [[entry.differs for entry in row] for _, rows in panel.slices for row in rows]


def test_inputs_result_and_expected_result_stand_side_by_side():
    drawn = lay_out(
        Counterexample("f([[0.0, 1.5]], [[2.0]], size=(2, 2))", "[[1.0, 3.0]]", "[[0.0, 3.0]]")
    )
    assert [panel.label for panel in drawn.inputs] == ["Input 1", "Input 2", "size"]
    assert numbers(drawn.inputs[0]) == [[["0", "1.5"]]]
    assert drawn.inputs[2].text == "(2, 2)"
    assert marked(drawn.got) == marked(drawn.expected) == [[True, False]]
    assert drawn.differing == 1


def test_a_transposed_view_is_shown_as_the_function_saw_it():
    (panel,) = lay_out(Counterexample("f(torch.tensor([[1.0, 2.0]]).t())", "", "")).inputs
    assert numbers(panel) == [[["1"], ["2"]]]
    assert "transposed" in panel.note


def test_results_of_other_shapes_have_no_marks():
    drawn = lay_out(Counterexample("f([1.0])", "[[1.0], [2.0]]", "[[1.0, 2.0]]"))
    assert drawn.differing == 0
    assert (drawn.got.shape, drawn.expected.shape) == ("2 x 1", "1 x 2")


def test_more_axes_are_several_matrices():
    drawn = lay_out(Counterexample("f()", "[[[1.0]], [[2.0]]]", "[[[1.0]], [[5.0]]]"))
    assert [lead for lead, _ in drawn.got.slices] == ["[0]", "[1]"]
    assert marked(drawn.got) == [[False], [True]]


def test_nan_and_infinity_are_numbers():
    drawn = lay_out(Counterexample("f()", "[nan, inf, -inf]", "[nan, inf, 1.0]"))
    assert marked(drawn.got) == [[False, False, True]]


@pytest.mark.parametrize(
    "text",
    ["", "shape (1, 2)", "a float32 tensor (3, 3)", "[[1.0], [2.0, 3.0]]", "__import__('os')",
     "[", "[True]", "'x'", "[[" * 400 + "1" + "]]" * 400, "[]", "f(*[1])", "1" * 5000],
)  # fmt: skip
def test_anything_else_stays_text(text):
    drawn = lay_out(Counterexample(text, text, text))
    assert drawn.got is None
    assert not drawn.is_drawn


@given(st.text(max_size=60), st.text("[]()0123456789.,- naif", max_size=60))
def test_no_text_breaks_the_page(call, got):
    lay_out(Counterexample(call, got, got))


def test_an_input_of_some_size_is_drawn_as_a_picture_too():
    rows = str([[float(r * c) for c in range(5)] for r in range(5)])
    ((title, width, height, pixels),) = lay_out(Counterexample(f"f({rows})", "", "")).pictures
    assert (title, width, height) == ("Input", 5, 5)
    assert pixels[0] == (0, 0, 5, "#000")  # a run of equal pixels is one
    assert pixels[-1] == (4, 4, 1, "#fff")


def test_the_pictures_of_the_author_come_first():
    picture = picture_of("the image", 1, 3, [0.0, float("nan"), 1.0])
    assert picture.shades == "0xf"
    drawn = lay_out(Counterexample("f(x)", "", "", pictures=(picture,)))
    assert drawn.pictures[0][0] == "the image"


def test_what_is_set_before_a_call_is_shown_beside_its_arguments():
    call = "layer = Conv2D((1, 2)); layer.weight = [[2.0, -1.0]]; bias = 0.5; layer([[3.0, 4.0]])"
    inputs = lay_out(Counterexample(call, "[[1.0]]", "[[2.5]]")).inputs
    assert [panel.label for panel in inputs] == ["layer", "layer.weight", "bias", "Input"]
    assert [panel.text for panel in inputs] == ["Conv2D((1, 2))", "", "0.5", ""]
    assert numbers(inputs[1]) == [[["2", "-1"]]]


def test_a_kernel_of_one_pixel_is_shown_as_a_matrix_of_channels():
    call = "f([[[1.0]], [[2.0]]], [[[[3.0]], [[4.0]]], [[[5.0]], [[6.0]]]])"
    image, kernel = lay_out(Counterexample(call, "", "")).inputs
    assert numbers(image) == [[["1"]], [["2"]]]
    assert (kernel.shape, kernel.note) == ("2 x 2 x 1 x 1", "as a matrix of channels")
    assert numbers(kernel) == [[["3", "4"], ["5", "6"]]]
