"""The arithmetic that a feedback page shows is true, and it is that of the wrong entry."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from exercises.cnn.working import correlated, pooled, size_of_correlation
from grader.verdict import Verdict
from reference import corr2d, corr2d_multi_in, corr2d_multi_in_out

ROWS = torch.arange(12.0).reshape(3, 4)


def sides_of(text):
    """Evaluate what stands between the equals signs: `y[0] = 1*2 + 3 = 5` gives [5, 5]."""
    name, *sides = text.partition(", one number for")[0].split(" = ")
    assert re.fullmatch(r"y\[[\d, ]+\]", name)
    assert all(re.fullmatch(r"[-+*/(). \de]+", side) for side in sides)
    return [eval(side, {"__builtins__": {}}) for side in sides]


def whole(draw, *shape):
    numbers = draw(st.lists(st.integers(-9, 9), min_size=64, max_size=64))
    count = torch.Size(shape).numel()
    return torch.tensor((numbers * (count // 64 + 1))[:count]).float().reshape(shape)


@given(st.data())
def test_what_is_spelled_out_equals_the_entry(data):
    size = st.integers(1, 3)
    CO, C, h, w, SH, SW = (data.draw(size) for _ in range(6))
    PH, PW = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    x, k = whole(data.draw, C, h + 2, w + 3), whole(data.draw, CO, C, h, w)
    bias = data.draw(st.integers(-4000, 4000)) / 1000
    y = F.conv2d(x[None], k, torch.full((CO,), bias), stride=(SH, SW), padding=(PH, PW))[0]
    index = tuple(data.draw(st.integers(0, length - 1)) for length in y.shape)
    text = correlated(x, k, bias=bias, padding=(PH, PW), stride=(SH, SW))(index)
    assert len(text) < 600
    if text:
        assert sides_of(text) == pytest.approx([float(y[index])] * text.count(" = "), abs=1e-3)
    else:
        assert C * h * w > 9
    sizes = size_of_correlation(x, k, padding=(PH, PW), stride=(SH, SW))
    assert [int(one) for one in re.findall(r"= (\d+)(?:;|$)", sizes)] == list(y.shape[1:])


@given(st.data())
def test_a_window_that_is_spelled_out_has_this_mean(data):
    x = whole(data.draw, 4, 5) - 0.5
    text = pooled(x, (2, 3), "avg")((1, 2))
    assert sides_of(text) == pytest.approx([float(x[1:3, 2:5].mean())] * 2, abs=1e-4)


def test_the_largest_number_of_a_window_is_named():
    assert pooled(ROWS - 6, (2, 2), "max")((0, 1)) == ("y[0, 1] is the largest of -5, -4, -1, 0: 0")


def test_an_entry_of_many_terms_is_shortened_or_left_out():
    x, k = torch.ones(2, 4, 4), torch.ones(2, 4, 4)
    assert correlated(x, k)((0, 0)) == ("y[0, 0] = 16 + 16 = 32, one number for each input channel")
    assert correlated(x[0], k[0])((0, 0)) == ""
    assert correlated(torch.ones(7, 2, 2), torch.ones(7, 2, 2))((0, 0)) == ""


def flipped(x, k):
    return corr2d(x, k.flip(0, 1))


def flipped_multi_in(x, k):
    return corr2d_multi_in(x, k.flip(-1, -2))


def flipped_multi_in_out(x, k):
    return corr2d_multi_in_out(x, k.flip(-1, -2))


FIRST = "y[0, 0] = (0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56"


@pytest.mark.parametrize(
    ("exercise", "answer", "check", "working"),
    [
        ("corr2d", flipped, "test_example_from_the_book",
         "y[0, 0] = 0*0 + 1*1 + 3*2 + 4*3 = 19"),
        ("corr2d_multi_in", flipped_multi_in, "test_example_from_the_book", FIRST),
        ("corr2d_multi_in_out", flipped_multi_in_out, "test_example_from_the_book",
         FIRST.replace("y[0, 0]", "y[0, 0, 0]")),
        ("corr2d_multi_in_out_1x1", lambda x, k: x.new_zeros(len(k), *x.shape[1:]),
         "test_small_example", "y[0, 0, 0] = 1*1 + 4*0 = 1"),
        ("corr2d", lambda x, k: x, "test_example_from_the_book",
         "rows: H - h + 1 = 3 - 2 + 1 = 2; columns: W - w + 1 = 3 - 2 + 1 = 2"),
        ("avg_pool_as_conv", lambda x, size: 4 * corr2d(x, torch.ones(size) / 4),
         "test_example_from_the_book", "y[0, 0] = (0 + 1 + 3 + 4) / 4 = 2"),
    ],
)  # fmt: skip
def test_the_first_wrong_entry_is_worked_out(grade_in_process, exercise, answer, check, working):
    (found,) = [one for one in grade_in_process(exercise, answer) if one.check == check]
    assert found.verdict is Verdict.FAILED
    assert found.counterexample.working == working


LAYER = """
import torch
from torch import nn
class Conv2D(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))
    def forward(self, x):
        k = self.weight
        h, w = k.shape
        y = torch.stack([(x[i:i + h, j:j + w] * k).sum()
                         for i in range(x.shape[0] - h + 1) for j in range(x.shape[1] - w + 1)])
        return y.reshape(x.shape[0] - h + 1, x.shape[1] - w + 1) - self.bias
def comp_conv2d(conv2d, X):
    return conv2d(X[None, None])[0, 0] + 1
"""


@pytest.mark.parametrize(
    ("exercise", "check", "labels"),
    [
        ("Conv2D", "test_forward", ["layer", "layer.weight", "bias", "Input"]),
        ("comp_conv2d", "test_applies_the_layer",
         ["layer", "layer.weight", "layer.bias", "Input"]),
    ],
)  # fmt: skip
def test_kernel_bias_and_image_of_a_layer_are_shown_as_matrices(
    grade_cells, exercise, check, labels
):
    from grader.report.matrices import lay_out

    (found,) = [one for one in grade_cells(exercise, LAYER, asked=()) if one.check == check]
    assert found.verdict is Verdict.FAILED
    drawn = lay_out(found.counterexample)
    assert [panel.label for panel in drawn.inputs] == labels
    assert drawn.is_drawn
    assert drawn.got.shape == drawn.expected.shape
    due = float(drawn.expected.slices[0][1][0][0].text)
    assert sides_of(found.counterexample.working) == pytest.approx([due] * 2, abs=1e-3)


IMAGES = """
import torch
img = torch.arange(64.).reshape(1, 1, 8, 8) ** 1.5
blur_kernel = torch.full((3, 3), 1 / 9)
blurred = img[:, :, 1:-1, 1:-1] * 0.5
"""


def test_an_image_that_should_be_blurred_is_drawn_beside_the_right_one(grade_cells):
    results = grade_cells("image_kernels", IMAGES, asked=())
    (found,) = [one for one in results if one.check == "test_a_blurred_image"]
    assert found.verdict is Verdict.FAILED
    assert [(one.title, one.height, one.width) for one in found.counterexample.pictures] == [
        ("Your blurred", 6, 6), ("img", 8, 8), ("img as it should become", 6, 6)
    ]  # fmt: skip


EDGES = """
import torch
X = torch.ones((6, 8)); X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = torch.zeros(6, 7)
"""


def test_an_edge_that_is_not_found_is_worked_out_and_drawn(grade_cells):
    results = grade_cells("edge_detection", EDGES, asked=())
    (found,) = [one for one in results if one.check == "test_the_edges"]
    assert found.counterexample.working == "y[0, 1] = 1*1 + 0*(-1) = 1"
    titles = [one.title for one in found.counterexample.pictures]
    assert titles == ["Your Y", "Y as it should be"]


def test_a_kernel_of_two_numbers_is_no_picture(grade_cells):
    results = grade_cells("edge_detection", EDGES.replace("1.0, -1.0", "-1.0, 1.0"), asked=())
    (found,) = [one for one in results if one.check == "test_the_kernel"]
    assert (found.verdict, found.counterexample.pictures) == (Verdict.FAILED, ())
