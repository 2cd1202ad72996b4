"""A class made by code: results of any number of students, with every kind of ending in them."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

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
from tests.report.conftest import SOURCE, make_check, make_exercise, make_result

NAMES = ("corr2d", "pool2d", "multi_in", "multi_in_out", "Block", "Network", "init", "summary")
WAYS = (
    ("flipped", "the kernel is applied flipped", "[[1.0, 0.0], [0.0, 2.0]]"),
    ("transposed", "", "[[0.0, 2.0], [1.0, 0.0]]"),
    ("short", "", "[[4.0]]"),
    ("own", "", "[[0.5, 0.5], [2.0, 9.0]]"),
)
CALL = "{}([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]], [[0.0, 1.0], [2.0, 3.0]])"
ANSWER = """The kernel **detects edges**: see `K`.

1. `corr2d` slides the kernel, $y = x * k$
2. the result is *smaller*

| size | result |
|------|--------|
| 6x8  | 6x7    |

```python
Y = corr2d(X, K)
```
> 합성곱은 어렵지만 재미있다. [the book](https://example.org/book)
"""


def made_class(n: int, *, seed: int = 1) -> list[SubmissionResult]:
    """Make the results of a class; the same seed gives the same class."""
    draw = random.Random(seed)
    return [_submission(number, draw) for number in range(n)]


def _submission(number: int, draw: random.Random) -> SubmissionResult:
    student = f"student-{number:03d}" if number % 7 else f"홍길동 {number} van der Långenström"
    if number % 40 == 11:
        return make_result(student, status=Status.UNREADABLE, problem="handed in as a PDF; ask.")
    skill = draw.random()
    exercises = tuple(_exercise(name, skill, draw, number) for name in NAMES)
    cells: tuple[CellRun, ...] = (CellRun(3, "ok"),)
    status = Status.GRADED
    if any(c.verdict is Verdict.MISSING for e in exercises for c in e.checks):
        status = Status.PARTIAL
        cells += (
            CellRun(5, "raised", 0.1, "ModuleNotFoundError: No module named 'mine'", 2),
            CellRun(9, "raised", 0.1, "NameError: name 'helper' is not defined", 1, cause=5),
        )
    if number % 9 == 0:
        cells += (CellRun(12, "raised", 0.1, "FileNotFoundError: cat.jpg", 1, excused=True,
                          note="the file was not handed in"),)  # fmt: skip
    if any(c.verdict is Verdict.BROKEN for e in exercises for c in e.checks):
        status = Status.BROKEN
    curve = tuple(2.3 * 0.97**step + 0.1 * draw.random() for step in range(60))
    return make_result(
        student, *exercises, status=status, cells=cells, curves=(LossCurve(20, curve),),
        answers=(WrittenAnswer("7.2", "Discussion", 40, ANSWER),
                 WrittenAnswer("7.5", "Discussion", 44, "", "empty")),
    )  # fmt: skip


def _exercise(name: str, skill: float, draw: random.Random, number: int) -> ExerciseResult:
    made = make_exercise(name, title=f"The exercise on {name}", name=name, cell=7, source=SOURCE)
    wrong = draw.random() > 0.25 + 0.75 * skill
    if wrong and draw.random() < 0.2:
        reason = f"{name} is defined in cell 5, which raised ModuleNotFoundError (line 2)."
        checks = [_check(name, k, Verdict.MISSING, message=reason) for k in range(4)]
        return replace(made, name="", cell=None, source="", checks=tuple(checks))
    if number % 50 == 13 and name == "Network":
        broken = _check(name, 0, Verdict.BROKEN, message="KernelLost: no kernel")
        return replace(made, checks=(broken, *(_check(name, k) for k in range(1, 4))))
    if not wrong:
        return replace(made, checks=tuple(_check(name, k) for k in range(4)))
    way, title, got = draw.choices(WAYS, weights=(6, 3, 2, 1))[0]
    expected = "[[19.0, 25.0], [37.0, 43.0]]"
    example = Counterexample(CALL.format(name), got, expected, "(0, 0)",
                             working="y[0, 0] = 0*0 + 1*1 + 3*2 + 4*3 = 19")  # fmt: skip
    if way == "short":
        example = replace(example, got="shape (1, 1)", expected="shape (2, 2)", where="its shape")
    failed = _check(
        name, 1, Verdict.FAILED, message=f"{example.call} is wrong at (0, 0): got 1, expected 19",
        counterexample=example, hint="Work out y[0, 0] by hand: the sum of x[:KH, :KW] * k.",
    )  # fmt: skip
    raised = _check(
        name, 2, Verdict.RAISED, message="it raised ValueError: too small",
        counterexample=Counterexample(CALL.format(name), "ValueError: too small", "", "cell 7"),
    )  # fmt: skip
    mistake = NamedMistake(title, "The kernel lies on the image as it is.") if title else None
    behaviour = f"{way}-{number}" if way == "own" else way
    checks = [_check(name, 0), failed, raised, _check(name, 3, Verdict.SKIPPED)]
    return replace(made, checks=tuple(checks), mistake=mistake, behaviour=behaviour)


def _check(
    name: str, number: int, verdict: Verdict = Verdict.PASSED, **more: object
) -> CheckResult:
    claim = (
        "The example from the book.",
        "Any image, and any kernel that fits inside it, square or not.",
        "Images and kernels of a single row or column.",
        "The image and the kernel keep their numbers in the call.",
    )[number]
    return make_check(name, f"test_{number}", verdict, claim=claim, max_points=Fraction(2), **more)
