"""The checks that every training of the course shares: only the kind of model differs."""

from exercises.environment.drawn_clothes import (
    CLASSES,
    SIDE,
    TEST_SIZE,
    TRAIN_SIZE,
    draw_clothes,
)
from grader.checks import (
    ImageClassification,
    assert_follows_the_gradient,
    assert_learns,
    assert_trains,
    check,
)

CLOTHES = ImageClassification(
    side=SIDE,
    channels=1,
    classes=len(CLASSES),
    draw=draw_clothes,
    train=TRAIN_SIZE,
    test=TEST_SIZE,
    sides=(SIDE, 96, 224),  # of the book's LeNet, ResNet and VGG
)
"""The data of every training of the course, and its classes."""


def has_a_convolution(shapes):
    """Return whether a model may be one of the course's: none is made of linear layers alone."""
    return any(len(shape) == 4 for shape in shapes)


MOVES = "test_moves_every_parameter_down_the_gradient"
FOLLOWS = "test_uses_the_gradient_of_each_batch"
LEARNS = "test_leaves_a_model_that_has_learned"
"""The names under which exercises hold the checks."""


def training_checks(kind, *, points):
    """Return the three checks of a training, in order.

    Args:
        kind: of the model, a `ModelKind`.
        points: of the three.
    """
    moves, follows, learns = points

    @check(
        points=moves, feedback="Each step: zero the gradients, compute the loss, backward, step."
    )
    def moves_every_parameter(student):
        """The training cell changes every parameter of its model, against the gradient."""
        assert_trains(student, kind)

    @check(
        points=follows,
        needs=MOVES,
        feedback="Compute the loss of one batch, from plain logits and the labels of its images, "
        "and choose a learning rate at which it stays finite.",
    )
    def uses_the_gradient(student):
        """Each step uses the gradient of the cross-entropy on its own images and their labels."""
        assert_follows_the_gradient(student, kind)

    @check(
        points=learns,
        needs=FOLLOWS,
        feedback="Keep the trained model under its name, and try another learning rate.",
    )
    def leaves_a_model_that_has_learned(student):
        """After the cell, the model recognises images that it has never seen."""
        assert_learns(student, kind)

    return moves_every_parameter, uses_the_gradient, leaves_a_model_that_has_learned
