"""What builds on another exercise's wrong function is charged there, and not once more."""

import pytest
import torch
from torch import nn

from grader.grading.diagnosis import Diagnosis
from grader.grading.in_process import student_of
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
    ("corr2d_multi_in", sum_on(flips), {"corr2d": flips}),
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


@pytest.mark.parametrize(("exercise", "answer", "own"), CASES)
def test_the_same_answer_is_charged_where_nobody_asks_for_the_function(
    grade_in_process, exercise, answer, own
):
    assert failed(grade_in_process(exercise, answer, asked=[exercise], **own))


HELPERS = {
    "raises": "def corr2d(X, K):\n    raise NotImplementedError",
    "raises unless both are square": (
        "def corr2d(X, K):\n    assert X.shape[0] == X.shape[1] and K.shape[0] == K.shape[1]\n"
        "    return torch.nn.functional.conv2d(X[None, None], K[None, None])[0, 0]"
    ),
    "gives nothing": "def corr2d(X, K): pass",
    "is missing": "",
}
BUILT_ON_IT = {
    "Conv2D": """
class Conv2D(torch.nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(kernel_size))
        self.bias = torch.nn.Parameter(torch.zeros(1))
    def forward(self, x):
        return corr2d(x, self.weight) + self.bias
""",
    "corr2d_multi_in": (
        "def corr2d_multi_in(X, K):\n    return sum(corr2d(x, k) for x, k in zip(X, K))"
    ),
}
RAISES_ITSELF = {
    "Conv2D": BUILT_ON_IT["Conv2D"].replace("return corr2d", "raise NotImplementedError  #"),
    "corr2d_multi_in": "def corr2d_multi_in(X, K):\n    raise NotImplementedError",
}


@pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)
@pytest.mark.parametrize("exercise", BUILT_ON_IT)
def test_an_answer_keeps_its_points_whose_helper_raises_or_is_missing(
    grade_cells, exercise, helper
):
    assert failed(grade_cells(exercise, "import torch", helper, BUILT_ON_IT[exercise])) == set()


@pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)
@pytest.mark.parametrize("exercise", RAISES_ITSELF)
def test_an_answer_that_raises_by_itself_earns_nothing_beside_a_wrong_helper(
    grade_cells, exercise, helper
):
    results = grade_cells(exercise, "import torch", helper, RAISES_ITSELF[exercise])
    assert sum(result.points for result in results) == 0


def test_a_wrong_function_is_charged_where_it_is(grade_in_process):
    assert failed(grade_in_process("corr2d", flips))
    assert failed(grade_in_process("corr2d_multi_in", first_channel, corr2d=corr2d))


class BiasIsATensor(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = torch.zeros(1)

    def forward(self, x):
        return self.correlate(x, self.weight) + self.bias


def with_a_plain_bias(correlate):
    return type("Conv2D", (BiasIsATensor,), {"correlate": staticmethod(correlate)})


def counts_its_kernel_up(x, k):
    y = stack_on(first_channel)(x, k)
    k += 1
    return y


BESIDE = [
    # beside a wrong corr2d that has nothing to do with it, and on top of it
    ("Conv2D", with_a_plain_bias(corr2d), {"corr2d": flips}, "no bias is among the parameters"),
    ("Conv2D", with_a_plain_bias(flips), {"corr2d": flips}, "no bias is among the parameters"),
    (
        "corr2d_multi_in_out",
        counts_its_kernel_up,
        {"corr2d_multi_in": first_channel},
        "the kernel is changed by the call",
    ),
]


@pytest.mark.parametrize(("exercise", "answer", "own", "title"), BESIDE)
def test_a_mistake_of_its_own_is_named_beside_a_wrong_function(
    assignment, session, exercise, answer, own, title
):
    (found,) = assignment.only([exercise]).exercises
    results = session.run(found, student_of(found, answer, **own))
    assert failed(results)
    named = Diagnosis(session).name_mistake(
        found, results, lambda: student_of(found, answer, **own)
    )
    assert named is not None
    assert named.title == title
