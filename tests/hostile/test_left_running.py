"""Processes that cells leave running answer no question, and cost an honest notebook nothing."""

import pytest

from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.records import Submission
from tests.hostile.conftest import RIGHT, WRONG

COPY = """
import os, types
import torch
from d2l import torch as d2l
copied = types.FunctionType(d2l.corr2d.__code__, {"torch": torch})
"""
ASKS = """
def corr2d(X, K):
    there.send((X.tolist(), K.tolist()))
    return torch.tensor(there.recv())
"""
SERVES = """
def serve(here):
    while True:
        X, K = here.recv()
        here.send(copied(torch.tensor(X), torch.tensor(K)).tolist())
"""
STARTS = {
    "forked": """
from multiprocessing import Pipe
there, here = Pipe()
if os.fork() == 0:
    serve(here)
here.close()
""",
    "forked twice, without a parent": """
from multiprocessing import Pipe
there, here = Pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        serve(here)
    os._exit(0)
here.close()
""",
    "a process of multiprocessing": """
import multiprocessing
there, here = multiprocessing.Pipe()
multiprocessing.get_context("fork").Process(target=serve, args=(here,), daemon=True).start()
here.close()
""",
}
POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def double(number):
    return 2 * number
pool = multiprocessing.get_context("fork").Pool(12)
assert pool.map(double, range(20)) == [2 * i for i in range(20)]
executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"))
assert list(executor.map(double, range(4))) == [0, 2, 4, 6]
"""
EDGES = """
X = torch.ones(6, 8)
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
"""


@pytest.fixture(scope="module")
def asked():
    plan = Plan("cnn", only=("corr2d", "edge_detection"), all_cells=True)
    with Grader(plan) as grader:
        yield grader


@pytest.fixture
def points(asked, cells):
    def run(*sources):
        result = asked.grade(Submission("kim", "kim.ipynb", "0" * 64, cells(*sources)))
        return {one.exercise: one.points for one in result.exercises if one.points}

    return run


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_process_that_a_cell_has_forked_answers_nothing(points, start):
    assert points(COPY + SERVES, start, ASKS) == {}


def test_an_honest_notebook_leaves_pools_at_no_cost(points):
    assert points(RIGHT, POOL, EDGES) == {"corr2d": 10, "edge_detection": 4}


def test_a_wrong_function_beside_a_pool_stays_wrong(points):
    assert points(WRONG, POOL).get("corr2d", 0) < 3
