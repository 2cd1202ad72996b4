"""What builds on another exercise's wrong function is charged there, and not once more."""

import pytest
import torch
from torch import nn

from grader.verdict import Verdict
from reference import corr2d, corr2d_multi_in, edge_image, edge_kernel


def flips(x, k):
    return corr2d(x, k.flip(0, 1))


def square_only(x, k):
    if x.shape[0] != x.shape[1] or k.shape[0] != k.shape[1]:
        raise ValueError("square matrices only")
    return corr2d(x, k)


def first_channel(x, k):
    return corr2d(x[0], k[0])


def layer_on(correlate):
    class Conv2D(nn.Module):
        def __init__(self, kernel_size):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(kernel_size))
            self.bias = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return correlate(x, self.weight) + self.bias

    return Conv2D


def sum_on(correlate):
    return lambda x, k: sum(correlate(a, b) for a, b in zip(x, k, strict=True))


def stack_on(correlate):
    return lambda x, k: torch.stack([correlate(x, one) for one in k])


def edges_on(correlate):
    x, k = edge_image(), edge_kernel()
    return lambda: {"X": x, "K": k, "Y": correlate(x, k)}


def learned_on(correlate):
    def cells():
        x, y = edge_image()[None, None], correlate(edge_image(), edge_kernel())[None, None]
        conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)
        conv2d.weight.data = torch.tensor([[[[0.2, 0.1]]]])
        for _ in range(10):
            conv2d.zero_grad()
            ((conv2d(x) - y) ** 2).sum().backward()
            conv2d.weight.data -= 3e-2 * conv2d.weight.grad
        return {"conv2d": conv2d}

    return cells


CASES = [
    ("Conv2D", layer_on(flips), {"corr2d": flips}),
    ("Conv2D", layer_on(square_only), {"corr2d": square_only}),
    ("corr2d_multi_in", sum_on(flips), {"corr2d": flips}),
    ("corr2d_multi_in", sum_on(square_only), {"corr2d": square_only}),
    ("corr2d_multi_in_out", stack_on(first_channel), {"corr2d_multi_in": first_channel}),
    ("edge_detection", edges_on(flips), {"corr2d": flips}),
    ("learn_kernel", learned_on(flips), {"corr2d": flips}),
]
RIGHT = {"corr2d": corr2d, "corr2d_multi_in": corr2d_multi_in}


def failed(results) -> set[str]:
    return {result.check for result in results if result.verdict is not Verdict.PASSED}


@pytest.mark.parametrize(("exercise", "answer", "own"), CASES)
def test_an_answer_that_only_follows_a_wrong_function_keeps_its_points(
    grade_in_process, exercise, answer, own
):
    assert failed(grade_in_process(exercise, answer, **own)) == set()


@pytest.mark.parametrize(("exercise", "answer", "own"), CASES)
def test_the_same_answer_beside_a_right_function_is_its_own_fault(
    grade_in_process, exercise, answer, own
):
    right = {name: RIGHT[name] for name in own}
    assert failed(grade_in_process(exercise, answer, **right))


def test_a_wrong_function_is_charged_where_it_is(grade_in_process):
    assert failed(grade_in_process("corr2d", flips))
    assert failed(grade_in_process("corr2d_multi_in", first_channel, corr2d=corr2d))
