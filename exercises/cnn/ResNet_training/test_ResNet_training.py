"""The checks of the training of a ResNet: the student's cell, replayed with a probe network.

The training itself is judged, not its printed output. A ResNet on 96 x 96 pixels takes seconds a
step, so a small network takes its place.
"""

from exercises.cnn.training_checks import CLOTHES, training_checks
from grader.checks import ModelKind


def has_a_large_stem(shapes):
    """The older edition's ResNet is a plain nn.Sequential."""
    kernels = [shape[2:] for shape in shapes if len(shape) == 4]
    return len(kernels) >= 9 and kernels[0] == (7, 7) and set(kernels[1:]) == {(3, 3), (1, 1)}


(
    test_moves_every_parameter_down_the_gradient,
    test_uses_the_gradient_of_each_batch,
    test_leaves_a_model_that_has_learned,
) = training_checks(ModelKind("ResNet", has_a_large_stem, CLOTHES), points=(1, 3, 1))
