"""Results made by hand: a small class with every kind of ending in it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from grader.records import (
    CellRun,
    CheckResult,
    Counterexample,
    ExerciseResult,
    LossCurve,
    NamedMistake,
    SubmissionResult,
    WrittenAnswer,
)
from grader.verdict import Status, Verdict

SOURCE = '''def corr2d(X, K):
    """Compute 2D cross-correlation."""
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K.flip(0, 1)).sum()
    return Y
'''
ORDER = ("corr2d", "pool2d", "LeNet", "image_kernels")
FACTS = {
    "isolation": "sandbox", "device": "cpu", "grader": "0.1.0",
    "data": "drawn stand-in for Fashion-MNIST",
}  # fmt: skip


def make_check(exercise="corr2d", name="test_values", verdict=Verdict.PASSED, **changes):
    points = changes.pop("max_points", Fraction(4))
    earned = points if verdict is Verdict.PASSED else Fraction(0)
    return CheckResult(
        exercise, name, changes.pop("claim", "A 3x3 image and a 2x2 kernel, counting up from 0."),
        verdict, changes.pop("points", earned), points, **changes,
    )  # fmt: skip


def make_exercise(exercise="corr2d", *checks, **changes):
    return ExerciseResult(
        exercise, changes.pop("title", exercise), changes.pop("section", "7.2"),
        changes.pop("optional", False), checks or (make_check(exercise),), **changes,
    )  # fmt: skip


def make_result(student="kim", *exercises, status=Status.GRADED, **changes):
    return SubmissionResult(
        changes.pop("key", f"key of {student}"), student,
        changes.pop("submission", f"submissions/cnn/{student}/hw2.ipynb"), "cnn", status, exercises,
        facts=changes.pop("facts", FACTS), finished_at="2024-10-14T09:30:00+00:00", seconds=4.2,
        **changes,
    )  # fmt: skip


FLIPPED = make_exercise(
    "corr2d",
    make_check(claim="The example from the book."),
    make_check(
        name="test_agrees_with_the_reference", verdict=Verdict.FAILED, max_points=Fraction(6),
        claim="Any image, and any kernel that fits inside it, square or not.", seconds=0.21,
        message="corr2d([[0.0, 1.0]], [[0.0, 1.0]]) is wrong at (0, 0): got 0, expected 1",
        hint="Work out y[0, 0] by hand: the sum of x[:KH, :KW] * k.",
        counterexample=Counterexample(
            "corr2d([[0.0, 1.0]], [[0.0, 1.0]])", "[[0.0]]", "[[1.0]]", "(0, 0)"
        ),
    ),
    make_check(name="test_linear", verdict=Verdict.SKIPPED, claim="Twice the image, twice Y."),
    title="Cross-correlation", name="corr2d", cell=5, source=SOURCE, other_cells=(41,),
    mistake=NamedMistake(
        "the kernel is applied flipped: a true convolution",
        "Compare with an image of one row, and a kernel that is not symmetric.",
    ),
)  # fmt: skip
MISSING = make_exercise(
    "pool2d",
    make_check("pool2d", verdict=Verdict.MISSING, message="pool2d is not defined here."),
    title="Pooling", section="7.5",
)  # fmt: skip
BROKEN = make_exercise(
    "LeNet",
    make_check("LeNet", "test_shapes", claim="Shapes layer by layer."),
    make_check("LeNet", "test_values", Verdict.BROKEN, message="KernelLost: no kernel"),
    title="LeNet", section="7.6", name="LeNet", cell=54, source="class LeNet(d2l.Classifier): ...",
)  # fmt: skip
OPTIONAL = make_exercise(
    "image_kernels",
    make_check("image_kernels", verdict=Verdict.MISSING, max_points=Fraction(0)),
    title="Blur and sharpen", optional=True,
)  # fmt: skip


WRITTEN = make_exercise(
    "written_answers",
    make_check(
        "written_answers", "collected", max_points=Fraction(0),
        claim="Written answers are collected by section, for manual grading.",
        message="2 answers in 2 sections (7.2: 1, 7.10: 1); nothing written in 8.6",
    ),
    title="Written answers", section="7.2-8.6", by_hand=True,
)  # fmt: skip


@pytest.fixture
def writer():
    return make_result(
        "nora", make_exercise(), WRITTEN,
        answers=(
            WrittenAnswer("7.10", "Discussion", 44, "It shrinks."),
            WrittenAnswer("7.2", "Discussion", 40, "It finds edges."),
            WrittenAnswer("8.6", "Discussion", 52, "", "empty"),
        ),
        curves=(LossCurve(9, (2.5, 1.25, 0.5)), LossCurve(12, (1.0,))),
    )  # fmt: skip


@pytest.fixture
def perfect():
    return make_result("lee", *(make_exercise(n, make_check(n), title=n) for n in ORDER[:3]))


@pytest.fixture
def flawed():
    return make_result(
        "김민수", FLIPPED, MISSING, OPTIONAL, status=Status.PARTIAL,
        cells=(CellRun(3, "ok"), CellRun(12, "raised", 0.1, "NameError: name 'd2l' is unknown", 2),
               CellRun(30, "timed_out", 30.0, "took longer than 30 s")),
        answers=(
            WrittenAnswer("7.2", "7.2 Exercises", 40, "The kernel still detects diagonal edges."),
            WrittenAnswer("7.5", "Discussion", 52, "", "empty"),
            WrittenAnswer("7.6", "느낀 점", 60, "합성곱은 어렵지만 재미있다.\n더 잘하고 싶다."),
        ),
        notes=("3 cells without an id",),
    )  # fmt: skip


@pytest.fixture
def broken():
    return make_result("park", make_exercise(), BROKEN, status=Status.BROKEN)


@pytest.fixture
def unreadable():
    return make_result(
        "choi", status=Status.UNREADABLE, submission="submissions/cnn/choi/hw2.pdf",
        problem="handed in as a PDF; ask the student for the .ipynb file.",
    )  # fmt: skip


@pytest.fixture
def lost():
    return make_result("jung", status=Status.BROKEN, problem="the machine ran out of disk space.")


@pytest.fixture
def class_of_five(perfect, flawed, broken, unreadable, lost):
    return [perfect, flawed, broken, unreadable, lost]


def with_text(result, text):
    """Put one text wherever a stranger's text can stand."""
    check = make_check(text, text, Verdict.FAILED, claim=text, message=text, hint=text,
                       counterexample=Counterexample(text, text, text, text))  # fmt: skip
    exercise = make_exercise(
        text, check, title=text, section=text, name=text, cell=1, source=text,
        mistake=NamedMistake(text, text), notes=(text,),
    )  # fmt: skip
    by_hand = replace(exercise, by_hand=True, checks=(replace(check, verdict=Verdict.PASSED),))
    return replace(
        result, student=text, submission=text, exercises=(exercise, by_hand), problem=text,
        notes=(text,), curves=(LossCurve(1, (2.0, None, 1.0)),),
        cells=(CellRun(1, "raised", 0.0, text),), facts={text: text},
        answers=(WrittenAnswer(text, text, 1, text),), finished_at=text, assignment=text,
    )  # fmt: skip


@pytest.fixture
def order():
    return ORDER


@pytest.fixture
def make():
    return make_result


@pytest.fixture
def exercise():
    return make_exercise


@pytest.fixture
def check():
    return make_check


@pytest.fixture(scope="session")
def hostile():
    """A result with one given text everywhere."""
    return lambda text: with_text(make_result("kim"), text)
