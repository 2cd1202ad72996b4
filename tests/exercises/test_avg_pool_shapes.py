"""Average pooling: axes of length 1 do not count, and messages give the shapes that came."""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from grader.grading.check_session import CheckSession
from grader.verdict import Verdict


@pytest.fixture(scope="module")
def session(assignment):
    """Checks that find the smallest example, as a student sees it."""
    chosen = assignment.only(["avg_pool_as_conv"]).exercises
    with CheckSession(chosen, course=assignment.course) as session:
        yield session


def with_square_windows(X, pool_size):
    return avg_pool2d(X[None, None], pool_size[0], stride=1, padding=0)[0, 0]


def with_square_windows_in_a_batch(X, pool_size):
    side = pool_size[0]
    return torch.nn.functional.conv2d(
        X.reshape(1, 1, *X.shape), torch.ones(1, 1, side, side) / side**2
    )


def keeps_batch_and_channel(X, pool_size):
    return avg_pool2d(X[None, None], pool_size, stride=1)


def squeezes(X, pool_size):
    return keeps_batch_and_channel(X, pool_size).squeeze()


@pytest.mark.parametrize("answer", [with_square_windows, with_square_windows_in_a_batch])
def test_a_result_of_the_wrong_shape_is_shown_with_its_height_and_width(grade_in_process, answer):
    results = {r.check: r for r in grade_in_process("avg_pool_as_conv", answer)}
    found = results["test_any_sizes"]
    assert found.verdict is Verdict.FAILED
    assert "has the wrong shape: got (1, 2), expected (1, 1)" in found.message


@pytest.mark.parametrize("answer", [keeps_batch_and_channel, squeezes])
def test_axes_of_length_1_cost_nothing(grade_in_process, answer):
    results = grade_in_process("avg_pool_as_conv", answer)
    assert [r.verdict for r in results] == [Verdict.PASSED] * len(results)
