"""Shapes of models at the book's size, for the price of none."""

import pytest
import torch
from torch import nn

from grader.checks.compare import Mismatch
from grader.checks.models import assert_outline, outline_of
from grader.errors import BadAnswer, StudentRaised
from reference import RESNET18, VGG, VGG11, LeNet, ResNet18, resnet_shapes, vgg_shapes

IMAGE = (1, 1, 28, 28)


@pytest.mark.parametrize(
    ("model", "shape", "count"),
    [
        (LeNet, IMAGE, 61_706),
        (lambda: VGG(VGG11), (1, 1, 224, 224), 128_806_154),
        (ResNet18, (1, 1, 96, 96), 11_178_378),
    ],
)
def test_an_outline_inside_is_that_of_the_same_model_outside(student_with, model, shape, count):
    inside = student_with(model).outline("Model", shape)
    outside = outline_of(model(), shape)
    assert (inside.layers, inside.output) == (outside.layers, outside.output)
    assert sorted(inside.parameters) == sorted(outside.parameters)
    assert sum(torch.Size(size).numel() for size in inside.parameters) == count


def test_outlines_agree_with_the_formulas():
    vgg = outline_of(VGG(VGG11), (1, 1, 224, 224))
    assert {out[1:] for _, out in vgg.layers} >= {(4096,), (10,), (64, 224, 224), (512, 14, 14)}
    assert vgg.output[1:] == vgg_shapes(VGG11)[-1][1:]
    stages = {out[1:] for _, out in outline_of(ResNet18(), (1, 1, 96, 96)).layers}
    assert stages >= {shape[1:] for shape in resnet_shapes(RESNET18)[1:]}


def test_code_that_cannot_run_on_an_empty_batch_gets_one_image(student_with):
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = LeNet().net

        def forward(self, x):
            return self.net(x.view(x.size(0), -1).view(-1, *IMAGE[1:]))

    assert_outline(
        student_with(Views).outline("Model", IMAGE), outline_of(LeNet(), IMAGE), call="Model()"
    )


def test_another_shape_is_told_by_the_layer_that_gives_it(student_with):
    def unpadded():
        net = LeNet().net
        net[0] = nn.LazyConv2d(6, kernel_size=5)
        return net

    got = student_with(unpadded).outline("Model", IMAGE)
    with pytest.raises(Mismatch) as caught:
        assert_outline(got, outline_of(LeNet(), IMAGE), call="Model()")
    assert str(caught.value) == (
        "Model(): the layer with a weight of shape (6, 1, 5, 5) gives the shape (1, 6, 24, 24), "
        "expected (1, 6, 28, 28)"
    )


def test_what_goes_wrong_in_the_models_code_is_the_students(student_with):
    with pytest.raises(BadAnswer, match="a list"):
        student_with(lambda: []).outline("Model", IMAGE)
    with pytest.raises(StudentRaised, match=r"Model\(\) on an input \(1, 1, 28, 28\) raised"):
        student_with(lambda: nn.Conv2d(3, 3, 3)).outline("Model", IMAGE)


def test_making_a_model_draws_as_ever_outside_of_an_outline(student_with):
    student = student_with(lambda: nn.Linear(50, 50))
    student.outline("Model", (1, 50))
    assert float(student.Model().parameters()["weight"].std()) > 0.05
