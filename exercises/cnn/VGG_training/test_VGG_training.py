"""The checks of the training of a VGG: the student's cell, replayed with a probe network.

The training itself is judged, not its printed output. A VGG without batch norm shows no progress
for hundreds of steps, so a network that learns fast takes its place.
"""

from exercises.cnn.training_checks import CLOTHES, has_a_convolution, training_checks
from grader.checks import ModelKind


def has_small_convolutions_alone(shapes):
    """The older edition's VGG is a plain nn.Sequential."""
    kernels = [shape[2:] for shape in shapes if len(shape) == 4]
    return len(kernels) >= 5 and set(kernels) == {(3, 3)} and len(shapes) == 2 * len(kernels) + 6


(
    test_moves_every_parameter_down_the_gradient,
    test_uses_the_gradient_of_each_batch,
    test_leaves_a_model_that_has_learned,
) = training_checks(
    ModelKind("VGG", has_small_convolutions_alone, CLOTHES, has_a_convolution), points=(1, 3, 1)
)
