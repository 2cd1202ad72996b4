"""What builds on another exercise's wrong function is charged there, and not once more."""

import pytest

from grader.grading.diagnosis import Diagnosis
from grader.grading.in_process import student_of_cells
from grader.grading.right_parts import read_parts
from grader.verdict import Verdict
from reference import corr2d

IMPORTS = """
import torch
from torch import nn
from torch.nn.functional import conv2d as right
"""
RIGHT = """
def corr2d(X, K):
    return right(X[None, None], K[None, None])[0, 0]
"""
FLIPS = RIGHT.replace("K[None, None]", "K.flip(0, 1)[None, None]")
MULTI_IN = """
def corr2d_multi_in(X, K):
    return right(X[None], K[None])[0, 0]
"""
FIRST_CHANNEL = """
def corr2d_multi_in(X, K):
    return right(X[None, :1], K[None, :1])[0, 0]
"""
LAYER = """
class Conv2D(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias
"""
SUM = "def corr2d_multi_in(X, K): return sum(corr2d(a, b) for a, b in zip(X, K))"
STACK = "def corr2d_multi_in_out(X, K): return torch.stack([corr2d_multi_in(X, k) for k in K])"
EDGES = """
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
"""
LEARNED = """
conv2d = nn.Conv2d(1, 1, (1, 2), bias=False)
conv2d.weight.data = torch.tensor([[[[0.2, 0.1]]]])
x, y = X.reshape(1, 1, 6, 8), Y.reshape(1, 1, 6, 7)
for _ in range(10):
    conv2d.zero_grad()
    ((conv2d(x) - y) ** 2).sum().backward()
    conv2d.weight.data -= 3e-2 * conv2d.weight.grad
"""
CASES = {
    "a layer": ("Conv2D", FLIPS, LAYER),
    "a layer in the cell of the helper": ("Conv2D", FLIPS + LAYER),
    "a sum": ("corr2d_multi_in", FLIPS, SUM),
    "a stack": ("corr2d_multi_in_out", FIRST_CHANNEL, STACK),
    "a stack of a sum": ("corr2d_multi_in_out", FLIPS, SUM, STACK),
    "edges": ("edge_detection", FLIPS, EDGES),
    "edges in the cell of the helper": ("edge_detection", FLIPS + EDGES),
    "a learned kernel": ("learn_kernel", FLIPS, EDGES, LEARNED),
}
WITH_A_RIGHT_HELPER = {
    name: [cell.replace(FLIPS, RIGHT).replace(FIRST_CHANNEL, MULTI_IN) for cell in case]
    for name, case in CASES.items()
}


def failed(results) -> set[str]:
    return {result.check for result in results if result.verdict is not Verdict.PASSED}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_answer_that_only_follows_a_wrong_function_keeps_its_points(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells)) == set()


@pytest.mark.parametrize("case", WITH_A_RIGHT_HELPER.values(), ids=WITH_A_RIGHT_HELPER)
def test_the_same_answer_with_a_right_function_is_right(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells)) == set()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_same_answer_is_charged_where_no_exercise_asks_for_the_function(grade_cells, case):
    exercise, *cells = case
    assert failed(grade_cells(exercise, IMPORTS, *cells, asked=[]))


IGNORANT = {
    "a layer that does not look at its image": (
        "Conv2D",
        LAYER.replace(
            "return corr2d(x, self.weight) + self.bias",
            "globals()['lie'] = torch.zeros(1)\n"
            "        return self.bias + self.weight.sum() - self.weight.sum().detach()",
        ),
    ),
    "a sum that looks at nothing": (
        "corr2d_multi_in",
        "def corr2d_multi_in(X, K):\n    globals()['lie'] = torch.zeros(1)\n"
        "    return torch.zeros(1)",
    ),
    "a stack that looks at nothing": (
        "corr2d_multi_in_out",
        "def corr2d_multi_in_out(X, K):\n    globals()['lie'] = torch.zeros(1)\n"
        "    return torch.zeros(len(K), 1)",
    ),
    "edges that are zeros": (
        "edge_detection",
        EDGES.replace("Y = corr2d(X, K)", "lie = Y = torch.zeros(6, 7)"),
    ),
}


@pytest.mark.parametrize("right_at_first", [True, False], ids=["right at first", "always wrong"])
@pytest.mark.parametrize(("exercise", "cell"), IGNORANT.values(), ids=IGNORANT)
def test_a_helper_that_lies_excuses_no_answer_that_does_not_use_it(
    grade_cells, exercise, cell, right_at_first
):
    start = "None" if right_at_first else "torch.zeros(1)"
    lies = f"lie = {start}\n" + RIGHT.replace(
        "    return", "    if lie is not None: return lie\n    return"
    )
    results = grade_cells(
        exercise, IMPORTS, lies, cell, "corr2d(torch.ones(3, 3), torch.ones(2, 2))"
    )
    earned = {result.check for result in results if result.points}
    assert earned <= {"test_the_image", "test_the_kernel"}


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


def first_channel(x, k):
    return corr2d(x[0], k[0])


def test_a_wrong_function_is_charged_where_it_is(grade_in_process):
    assert failed(grade_in_process("corr2d", lambda x, k: corr2d(x, k.flip(0, 1))))
    assert failed(grade_in_process("corr2d_multi_in", first_channel, corr2d=corr2d))


PLAIN_BIAS = LAYER.replace("nn.Parameter(torch.zeros(1))", "torch.zeros(1)")
COUNTS_UP = STACK.replace(": return ", ":\n    y = ") + "\n    K += 1\n    return y"
BESIDE = [
    # beside a wrong corr2d that has nothing to do with it, and on top of it
    ("Conv2D", FLIPS, PLAIN_BIAS.replace("corr2d", "right_one"), "no bias is among the parameters"),
    ("Conv2D", FLIPS, PLAIN_BIAS, "no bias is among the parameters"),
    ("corr2d_multi_in_out", FIRST_CHANNEL, COUNTS_UP, "the kernel is changed by the call"),
]


@pytest.mark.parametrize(("exercise", "helper", "cell", "title"), BESIDE)
def test_a_mistake_of_its_own_is_named_beside_a_wrong_function(
    assignment, session, exercise, helper, cell, title
):
    (found,) = assignment.only([exercise]).exercises
    cells = (IMPORTS, RIGHT.replace("corr2d", "right_one"), helper, cell)
    parts = {name: read_parts(assignment)[name] for name in found.builds_on}
    results = session.run(found, student_of_cells(found, *cells, parts=parts))
    assert failed(results)
    named = Diagnosis(session).name_mistake(
        found, results, lambda: student_of_cells(found, *cells, parts=parts)
    )
    assert named is not None
    assert named.title == title
