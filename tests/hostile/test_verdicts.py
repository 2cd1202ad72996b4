"""Whatever a notebook does to its own process, its points are those of its functions."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

import pytest

from grader.grading import Grader
from grader.plan import Plan
from grader.records import Submission, SubmissionResult
from grader.verdict import Status, Verdict

pytestmark = pytest.mark.xdist_group("warm")

RIGHT = """
import torch
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y
"""
WRONG = "import torch\ndef corr2d(X, K):\n    return torch.zeros(2, 2)"


@pytest.fixture(scope="module")
def grader(warm, small_limits) -> Iterator[Grader]:
    """A grader of one exercise, over the warm parent that all tests share."""
    plan = Plan("cnn", only=("corr2d",), limits=small_limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grader.grading.WarmParent", lambda **_: warm)
        patch.setattr(type(warm), "close", lambda _: None)
        with Grader(plan) as made:
            yield made


@pytest.fixture
def grade(grader, cells) -> Callable[..., SubmissionResult]:
    def run(*sources: str) -> SubmissionResult:
        submission = Submission("mallory", "mallory.ipynb", "0" * 64, cells(*sources))
        return grader.grade(submission)

    return run


def verdicts(result: SubmissionResult) -> dict[str, Verdict]:
    (exercise,) = result.exercises
    return {check.check: check.verdict for check in exercise.checks}


def earned(result: SubmissionResult) -> set[str]:
    return {name for name, verdict in verdicts(result).items() if verdict is Verdict.PASSED}


def test_a_right_answer_earns_everything(grade):
    result = grade(RIGHT)
    assert result.points == result.max_points > 0


TAMPERING = {
    "comparisons always agree": """
        import torch
        for name in ("allclose", "equal", "isclose", "testing"):
            setattr(torch, name, lambda *args, **kwargs: True)
        torch.Tensor.__eq__ = lambda self, other: True
        torch.Tensor.equal = torch.Tensor.allclose = lambda *args, **kwargs: True
    """,
    "builtins always agree": """
        import builtins
        builtins.all = lambda *args: True
        builtins.any = lambda *args: False
        builtins.isinstance = lambda *args: True
    """,
    "modules are replaced": """
        import sys, types
        for name in ("reference", "hypothesis", "pytest", "grader.checks", "grader.grading"):
            sys.modules[name] = types.ModuleType(name)
    """,
    "results are written down": """
        import json, os
        for path in ("results.json", "/tmp/results.json", "gradebook.sqlite", "grades.csv"):
            open(path, "w").write(json.dumps({"corr2d": "passed", "points": 100}))
        print("passed passed passed 10/10")
    """,
    "garbage is written ahead of answers": """
        import os
        try:
            os.write(4, b"x" * 1000)
        except OSError:
            pass
    """,
    "the way to the grader is closed": """
        import os
        os.close(4)
    """,
    "the guest is silent": """
        import sys, time
        guest = sys.modules["grader.kernel.guest"]
        guest.Guest.answer = lambda self, *args: time.sleep(60)
    """,
    "the guest raises": """
        import sys
        guest = sys.modules["grader.kernel.guest"]
        guest.Guest.op_catalog = lambda *args: 1 / 0
    """,
    "the guest lists what is not there": """
        import sys
        guest = sys.modules["grader.kernel.guest"]
        guest.Guest.op_catalog = lambda *args: [
            (i, "corr2d", cell, "function", False) for i, cell in enumerate((99, -5, 1 << 60, 0))
        ]
    """,
    "the guest is gone": """
        import sys
        sys.modules["grader.sandbox.kernel_process"].serve_questions = lambda: None
        for name in [name for name in sys.modules if name.startswith("grader")]:
            del sys.modules[name]
    """,
    "the recorder forgets": """
        import builtins
        builtins.__notebook_statement_done__ = lambda names: None
        get_ipython().events.callbacks["post_run_cell"].clear()
    """,
    "the kernel ends itself later": """
        import os, threading
        threading.Timer(0.3, os._exit, (0,)).start()
    """,
    "signals are taken": """
        import signal
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
    """,
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_earns_nothing_that_the_function_does_not(grade, how):
    honest = earned(grade(WRONG))
    result = grade(TAMPERING[how], WRONG)
    assert earned(result) <= honest
    assert result.status in (Status.GRADED, Status.PARTIAL)
    assert Verdict.BROKEN not in verdicts(result).values()


@pytest.mark.parametrize("how", ["comparisons always agree", "modules are replaced"])
def test_tampering_does_not_disturb_a_right_answer_either(grade, how):
    result = grade(TAMPERING[how], RIGHT)
    assert result.points == result.max_points


ANSWERS = {
    "a tensor that always agrees": """
        class Agrees(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                return True
            def __eq__(self, other):
                return True
        return torch.zeros(2, 2).as_subclass(Agrees)
    """,
    "an object that always agrees": """
        class Agrees:
            shape, dtype = (2, 2), torch.float32
            __eq__ = __ge__ = __le__ = lambda *args: True
            __getattr__ = lambda self, name: self
            __call__ = lambda self, *args, **kwargs: self
        return Agrees()
    """,
    "the expected value out of somebody's frame": """
        import gc, sys
        seen, frame = [], sys._getframe()
        while frame is not None:
            seen += frame.f_locals.values()
            frame = frame.f_back
        seen += gc.get_objects()
        for found in seen:
            if type(found) is torch.Tensor and found.shape == (2, 2) and found.sum() == 124:
                return found
        return torch.zeros(2, 2)
    """,
    "not a number": "return torch.full((2, 2), float('nan'))",
    "infinity": "return torch.full((2, 2), float('inf'))",
    "nothing": "return None",
    "a generator": "yield torch.zeros(2, 2)",
    "a very large tensor": "return torch.zeros(1).expand(10 << 30)",
    "a very long list": "return [0.0] * 200_000",
    "a very deep list": "a = []\nfor _ in range(5_000): a = [a]\nreturn a",
    "a list that holds itself": "a = []\na.append(a)\nreturn a",
    "a sparse tensor": "return torch.zeros(2, 2).to_sparse()",
    "a tensor on no device": "return torch.zeros(2, 2, device='meta')",
    "an exception with an odd message": "raise ValueError('\\ud800' * 100_000)",
    "the end of the process": "import os; os._exit(0)",
    "the end of the interpreter": "raise SystemExit(0)",
    "a crash": "import ctypes; ctypes.string_at(0)",
    "recursion without end": "return corr2d(X, K)",
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_odd_answer_earns_nothing_and_the_grader_goes_on(grade, what):
    body = textwrap.indent(textwrap.dedent(ANSWERS[what]), "    ")
    result = grade(f"import torch\ndef corr2d(X, K):\n{body}")
    assert not earned(result) & {"test_example_from_the_book", "test_any_sizes"}
    assert Verdict.BROKEN not in verdicts(result).values()
    assert result.status in (Status.GRADED, Status.PARTIAL)


def test_an_answer_that_never_comes_is_late(grade):
    result = grade("import time\ndef corr2d(X, K):\n    time.sleep(60)")
    assert verdicts(result)["test_example_from_the_book"] is Verdict.TIMED_OUT


def test_a_wrong_answer_after_the_right_one_counts_too(grade):
    result = grade(RIGHT, WRONG)
    assert result.points == result.max_points  # the best of a student's definitions


def test_one_notebook_leaves_nothing_for_the_next(grade):
    grade(TAMPERING["comparisons always agree"], WRONG)
    assert grade(RIGHT).points > 0
    assert "test_example_from_the_book" not in earned(grade(WRONG))
