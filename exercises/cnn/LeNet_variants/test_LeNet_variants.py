"""The checks of a modernised LeNet, an exercise of the book without a fixed answer.

Its layers are free: it must run on images, give ten logits and be able to learn. Images have the
sizes that answers use, 28 x 28 first.
"""

import torch
from torch.nn import functional as F

from exercises.cnn.training_checks import CLOTHES
from grader.checks import (
    Split,
    StudentRaised,
    assert_gradients,
    assert_shape,
    check,
    expect_tensor,
    fail,
    make,
)

SIDES = (28, 32, 224)
LEARN_FAST = {"ReLU", "LeakyReLU", "PReLU", "ELU", "SELU", "GELU", "SiLU", "Mish", "Hardswish"}
# ReLU, leaky ReLU, GELU, other widths, batch norm and dropout reach 0.71 and more in 200 steps
STEPS, LEAST = 200, 0.5


def images(side):
    return torch.randn(4, 1, side, side, generator=torch.Generator().manual_seed(7))


def running(student):
    """Return a model, images of the first size that it accepts, and its logits.

    Raises:
        StudentRaised: no size works; the error for 28 x 28.
    """
    first = None
    for side in SIDES:
        try:
            model = make(student, "LeNet_variants").eval()
            return model, images(side), model(images(side))
        except StudentRaised as error:
            first = first or error
    raise first


@check(points=1, feedback="Call the model on torch.randn(4, 1, 28, 28).")
def test_ten_logits(student):
    """Four images give four rows of ten logits, by way of a convolution."""
    model, x, y = running(student)
    assert_depends(y)
    sizes = model.sizes().values()  # a model without any is charged below
    if sizes and not any(len(shape) == 4 for shape in sizes):
        fail("it has no convolution", call="the model", expected="a network like LeNet")
    assert_shape(y, (4, 10), call=f"the model on an input {tuple(x.shape)}")


@check(
    points=1,
    needs="test_ten_logits",
    feedback="The loss takes logits: nothing follows the last linear layer.",
)
def test_no_softmax(student):
    """The ten numbers are logits: neither probabilities, nor clipped at 0."""
    _, _, y = running(student)
    sums = y.exp().sum(1), y.sum(1)
    for total, what in zip(sums, ("log-probabilities", "probabilities"), strict=True):
        if torch.allclose(total, torch.ones(4), atol=1e-4):
            fail(f"the rows of the result are {what}", call="the model", got=y, expected="logits")
    if bool((y == 0).any()) and not bool((y < 0).any()):
        fail("a ReLU follows the last layer", call="the model", got=y, expected="logits")


@check(
    points=1,
    needs="test_ten_logits",
    feedback="The result must depend on the image: look for a layer that loses it.",
)
def test_depends_on_the_image(student):
    """Different images get different logits."""
    _, _, y = running(student)
    assert_depends(y)


def assert_depends(y):
    y = expect_tensor(y, call="the model")
    if torch.allclose(y, y[:1].expand_as(y), atol=1e-7, rtol=1e-6):
        fail("all images get the same logits", call="the model", got=y, expected="different rows")


@check(
    points=1,
    needs="test_ten_logits",
    feedback="Let autograd follow all steps: no plain lists of layers, no .detach().",
)
def test_can_learn(student):
    """The model has parameters, and a gradient reaches every one of them."""
    model, x, _ = running(student)
    if not model.sizes():
        fail("the model has no parameters", call="the model", expected="parameters")
    assert_gradients(model, x, call="the model")


@check(
    points=1,
    needs=("test_can_learn", "test_depends_on_the_image"),
    feedback="Train it for two hundred steps on Fashion-MNIST: the loss should fall below 1.",
)
def test_learns_in_a_short_run(student):
    """With ReLU or a similar activation, it learns to classify images in 200 steps."""
    model, x, _ = running(student)
    kinds = {layer.kind for layer in model.layers(x)}
    if not kinds & LEARN_FAST:  # sigmoids show no progress for a thousand steps
        return
    images, labels = CLOTHES.inputs(student.seed, Split.TRAIN)
    unseen, answers = CLOTHES.inputs(student.seed, Split.HELD_OUT)
    side = x.shape[-1]
    if side > 32:  # 200 steps would take minutes
        return
    options = {"steps": STEPS, "batch": 64, "lr": 0.1, "stop_below": 0.5}
    model.fit(resized(images[:2000], side), labels[:2000], **options)
    y = expect_tensor(model.eval()(resized(unseen, side)), call="the model")
    right = float((y.argmax(1) == answers).float().mean())
    if not right >= LEAST:
        fail(
            f"after {STEPS} steps it knows {right:.0%} of unseen images, expected {LEAST:.0%}",
            call="the model, trained",
            got=f"{right:.0%}",
            expected=f"{LEAST:.0%} or more",
        )


def resized(images, side):
    return images if side == 28 else F.interpolate(images, (side, side))
