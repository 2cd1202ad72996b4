"""The checks of the training of LeNet: the student's cell, replayed with a probe network.

The training itself is judged, not its printed output. The book's LeNet shows no progress for a
thousand steps, so a network that learns fast takes its place.
"""

from exercises.cnn.training_checks import CLOTHES, has_a_convolution, training_checks
from grader.checks import ModelKind


def has_two_large_convolutions(shapes):
    """The older edition's LeNet is a plain nn.Sequential."""
    return [shape[2:] for shape in shapes if len(shape) == 4] == [(5, 5), (5, 5)]


(
    test_moves_every_parameter_down_the_gradient,
    test_uses_the_gradient_of_each_batch,
    test_leaves_a_model_that_has_learned,
) = training_checks(
    ModelKind("LeNet", has_two_large_convolutions, CLOTHES, has_a_convolution), points=(3, 5, 2)
)
