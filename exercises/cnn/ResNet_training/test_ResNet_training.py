"""The checks of the training of a ResNet: the student's cell, replayed with a probe network.

The training itself is judged, not its printed output. A ResNet on 96 x 96 pixels takes seconds a
step, so a small network takes its place.
"""

from exercises.cnn.training_checks import CLOTHES, has_a_convolution, training_checks
from grader.checks import ModelKind


def has_a_large_stem_and_equal_widths(shapes):
    """The older edition's ResNet is a plain nn.Sequential; the layers of a DenseNet grow."""
    layers = [shape for shape in shapes if len(shape) == 4]
    kernels = [shape[2:] for shape in layers]
    if len(kernels) < 9 or kernels[0] != (7, 7) or set(kernels[1:]) != {(3, 3), (1, 1)}:
        return False
    wide = [shape for shape in layers if shape[2:] == (3, 3)]
    return 2 * sum(shape[0] == shape[1] for shape in wide) >= len(wide)


(
    test_moves_every_parameter_down_the_gradient,
    test_uses_the_gradient_of_each_batch,
    test_leaves_a_model_that_has_learned,
) = training_checks(
    ModelKind("ResNet", has_a_large_stem_and_equal_widths, CLOTHES, has_a_convolution),
    points=(1, 3, 1),
)
