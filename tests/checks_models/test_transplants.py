"""The same numbers in two models: whatever the names, the order, the nesting."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from grader.checks.compare import Mismatch
from grader.checks.making import make
from grader.checks.models import assert_same_results, assert_same_values, numbered, transplant
from grader.course import Exercise
from grader.errors import BadAnswer, StudentRaised
from grader.grading.in_process import student_of
from reference import VGG, LeNet, Residual, ResNet

SHAPE = (1, 2, 8, 8)
X = torch.randn(3, *SHAPE[1:], generator=torch.Generator().manual_seed(1))


def layers(lazy):
    if lazy:
        a, b, c = nn.LazyConv2d(4, 3), nn.LazyConv2d(4, 3), nn.LazyLinear(5)
    else:
        a, b, c = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(64, 5)
    return [a, nn.BatchNorm2d(4), nn.ReLU(), b, nn.BatchNorm2d(4), nn.Flatten(), c]


def ours():
    return numbered(nn.Sequential(*layers(lazy=True)), SHAPE)


class Scattered(nn.Module):
    """The same layers, registered in any order under any names."""

    def __init__(self, order, nested, lazy):
        super().__init__()
        self.steps = dict(enumerate(layers(lazy)))
        for place in order:
            part = self.steps[place]
            self.add_module(f"part{place}", nn.ModuleDict({"x": part}) if nested else part)

    def forward(self, x):
        for place in range(len(self.steps)):
            x = self.steps[place](x)
        return x


@given(st.permutations(range(7)), st.booleans(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_names_order_nesting_and_laziness_do_not_matter(order, nested, lazy):
    exercise = Exercise("Model", "", "", "class", ("Model",), False, None)
    model = make(student_of(exercise, lambda: Scattered(order, nested, lazy)), "Model")
    for training in (False, True):
        assert_same_values(model, ours(), X, call="Model()", training=training)


def test_a_model_that_holds_its_parameters_itself_is_matched_too(student_with):
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(4))
            self.scale = nn.Parameter(torch.zeros(4, 2, 3, 3))

        def forward(self, x):
            return nn.functional.conv2d(x, self.scale, self.shift)

    reference = numbered(nn.Sequential(nn.LazyConv2d(4, 3)), SHAPE)
    assert_same_values(make(student_with(Bare), "Model"), reference, X, call="Model()")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda net: net.pop(1), "missing are parameters of shapes 2 times (4,)"),
        (
            lambda net: net.append(nn.Linear(5, 5)),
            "not expected are parameters of shapes (5,)",
        ),
        (lambda net: net.__setitem__(4, net[1]), "has 557 parameters, expected 565"),
    ],
)
def test_another_set_of_layers_is_a_mismatch_that_counts(student_with, change, said):
    def model():
        net = layers(lazy=False)
        change(net)
        return nn.Sequential(*net)

    wrong = make(student_with(model), "Model")
    with pytest.raises(Mismatch, match=re.escape(said)):
        transplant(wrong, ours(), X, call="Model()")


def test_a_layer_that_is_never_called_takes_no_part(student_with):
    class WithSpare(nn.Module):
        def __init__(self):
            super().__init__()
            self.spare, self.lazy_spare = nn.Conv2d(2, 4, 3), nn.LazyConv2d(4, 3)
            self.net = nn.Sequential(*layers(lazy=True))

        def forward(self, x):
            return self.net(x)

    assert_same_values(make(student_with(WithSpare), "Model"), ours(), X, call="Model()")


@pytest.mark.parametrize(
    ("make_model", "shape", "gain"),
    [
        (LeNet, (1, 1, 28, 28), 3.0),
        (lambda: VGG(((1, 3), (2, 4), (1, 4))), (1, 1, 56, 56), 2**0.5),
        (lambda: Residual(6, use_1x1conv=True, strides=2), (1, 3, 6, 6), 2**0.5),
        (lambda: ResNet(((1, 64), (2, 8), (1, 12))), (1, 1, 40, 32), 2**0.5),
    ],
)
def test_our_numbers_let_every_parameter_matter(make_model, shape, gain):
    model = numbered(make_model(), shape, gain=gain)
    x = torch.randn(2, *shape[1:], generator=torch.Generator().manual_seed(7))
    y = model(x)
    assert float(y.std()) > 0.1
    assert not torch.allclose(y[0], y[1], atol=0.01)
    for parameter in model.parameters():
        parameter.requires_grad_()
    model(x).square().sum().backward()
    assert all(bool(parameter.grad.any()) for parameter in model.parameters())


def test_large_weights_repeat_and_are_stored_once():
    model = numbered(nn.Sequential(nn.LazyLinear(1200)), (1, 1000))
    weight = model[0].weight
    assert weight.shape == (1200, 1000)
    assert weight.untyped_storage().nbytes() == 1200 * 4


def test_a_signature_of_the_older_edition_is_found(student_with):
    student = student_with(lambda c_in, c_out, flag=False: nn.Conv2d(c_in, c_out, 1))
    assert make(student, "Model", (6,), (3, 6)).sizes()["weight"] == (6, 3, 1, 1)


def test_options_of_another_name_are_given_by_position(student_with):
    student = student_with(lambda width, stride: nn.LazyConv2d(width, 1, stride))
    assert make(student, "Model", (6,), (3, 6), strides=2).attribute("stride") == (2, 2)


def test_what_is_no_module_or_raises_is_said_so(student_with):
    with pytest.raises(BadAnswer, match="Model returned a list of 1, expected a module"):
        make(student_with(lambda: [1]), "Model")
    with pytest.raises(StudentRaised, match="ZeroDivisionError"):
        make(student_with(lambda n=0: 1 / n), "Model", (), (3,))


def test_a_reference_is_computed_once_until_its_numbers_change(student_with):
    class Counted(nn.Sequential):
        count = 0

        def forward(self, x):
            Counted.count += len(x) > 0  # an empty batch shows the layers
            return super().forward(x)

    reference = numbered(Counted(*layers(lazy=False)), SHAPE)
    model = make(student_with(lambda: nn.Sequential(*layers(lazy=False))), "Model")
    for _ in range(3):
        assert_same_values(model, reference, X, call="Model()")
    assert Counted.count == 1
    assert_same_values(model, reference, X + 1, call="Model()")
    assert_same_values(model, reference, X, call="Model()", training=True)
    assert Counted.count == 3
    with torch.no_grad():
        reference[0].bias.add_(1)
    with pytest.raises(Mismatch):
        assert_same_results(model, reference, X, call="Model()")
    assert Counted.count == 4
