"""The checks of `LeNet`: sigmoids and average pooling, made for images of 28 x 28.

The checks load numbers into the student's layers, in the order of their calls, and compare the
logits. So attribute names, nesting, lazy or explicit layers are free.
"""

import torch

from exercises.cnn.model_forms import assert_number_of_classes
from exercises.cnn.rates import assert_rate
from grader.checks import (
    assert_gradients,
    assert_outline,
    assert_same_results,
    assert_same_values,
    check,
    make,
    numbered,
    outline_of,
    outlined,
)
from reference import LeNet

SHAPE = (1, 1, 28, 28)


def images(count):
    # neither centred nor of size 1, so that a model that normalises its images shows
    generator = torch.Generator().manual_seed(7)
    return 0.5 + 1.5 * torch.randn(count, *SHAPE[1:], generator=generator)


@check(points=3, feedback="Print model.layer_summary((1, 1, 28, 28)) and compare with the book.")
def test_layer_by_layer(student):
    """On a 28x28 image every layer has the book's shape, with 61,706 parameters in all."""
    assert_outline(outlined(student, "LeNet", SHAPE), outline_of(LeNet(), SHAPE), call="LeNet()")


@check(
    points=4,
    needs="test_layer_by_layer",
    feedback="Sigmoid after each layer except the last, average pooling, nothing at the end.",
)
def test_logits(student):
    """With the same weights the logits are those of the book's network, in training too."""
    # 3: with smaller weights sigmoids pass on so little that a wrong layer hides in rounding
    reference = numbered(LeNet(), SHAPE, gain=3.0)
    model = make(student, "LeNet")
    assert_same_values(model, reference, images(3), call="LeNet()")
    assert_same_results(model, reference, images(3), call="LeNet()", training=True)


@check(
    points=1,
    needs="test_logits",
    feedback="num_classes is the number of outputs of the last layer.",
)
def test_number_of_classes(student):
    """LeNet(num_classes=7) gives 7 logits an image; a plain nn.Sequential gives 10."""
    assert_number_of_classes(student, "LeNet", SHAPE)


@check(
    points=1,
    needs="test_logits",
    feedback="Keep the learning rate: self.lr, or self.save_hyperparameters().",
)
def test_learning_rate(student):
    """The model's `lr` is the number given; without one, it is a usable rate.

    A model that neither takes nor keeps a rate is right: its optimiser is made elsewhere.
    """
    assert_rate(student, "LeNet")


@check(
    points=1,
    needs="test_logits",
    feedback="Let autograd follow all steps: no .data, no .detach(), no no_grad.",
)
def test_gradients_reach_every_parameter(student):
    """Backward from a result of the model gives every parameter a gradient."""
    assert_gradients(make(student, "LeNet"), images(2), call="LeNet()")
