"""Attacks: a body of code run as a function in a cell, or a whole submission among honest ones."""

from __future__ import annotations

import os
import socket
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import grader
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.kernel.process_tree import tree_of
from grader.records import Submission, SubmissionResult
from grader.verdict import Status, Verdict

CHECKOUT = Path(grader.__file__).resolve().parent.parent
ATTACKS = Path(__file__).with_name("attacks")
EXAMPLE, SQUARE = "test_example_from_the_book", "test_square_images_and_kernels"
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
_AROUND = """
def attack():
{body}

try:
    outcome = repr(attack())
except BaseException as error:
    outcome = f"refused: {{error!r}}"
"""


@pytest.fixture
def attack(run, values) -> Callable[..., str]:
    """Run an attack, then see that the kernel still answers; returns how the attack ended."""

    def make(body: str, **limits) -> str:
        source = _AROUND.format(body=textwrap.indent(textwrap.dedent(body), "    "))
        notebook = run(source, "stands = 1 + 1", **limits)
        assert [cell.status for cell in notebook.cells] == ["ok", "ok"], notebook.cells
        found = values(notebook)
        assert found["stands"] == 2
        return found["outcome"]

    return make


@dataclass(frozen=True)
class Attack:
    """One submission that attacks, and how it must end."""

    cells: tuple[str, ...]
    ran: tuple[str, ...]
    verdict: tuple[str, ...]
    whole: bool | None
    """Whether a passed example must come with every point, or must not; None where it may."""
    said: tuple[str, ...]
    limits: dict[str, Any]


def read_attacks(name: str) -> dict[str, Attack]:
    """Read the attacks of one file.

    Of each: `cells` (`@right` and `@wrong` stand for a right and a wrong answer, `@old` for a right
    one of that name) or the body of `answer`; `ran`, how each cell must end (`*`: as it likes);
    `verdict`, one or several that the first check may have, `passed` unless told; `said`, of which
    the first error must hold one; `limits`, other than `SMALL`.
    """
    rows = tomllib.loads((ATTACKS / f"{name}.toml").read_text(encoding="utf-8"))
    return {title: _attack(**row) for title, row in rows.items()}


def _attack(
    cells: Sequence[str] = (),
    answer: str = "",
    ran: Sequence[str] = ("ok",),
    verdict: str | Sequence[str] = "passed",
    whole: bool | str = True,
    said: Sequence[str] = (),
    limits: dict[str, Any] | None = None,
) -> Attack:
    if answer:
        cells = ["import torch\ndef corr2d(X, K):\n" + textwrap.indent(answer.strip("\n"), "    ")]
    known = {"@right": RIGHT, "@wrong": WRONG, "@old": RIGHT.replace("corr2d", "old")}
    sources = tuple(known.get(cell, cell.strip("\n")) for cell in cells)
    allowed = (verdict,) if isinstance(verdict, str) else tuple(verdict)
    return Attack(
        sources,
        tuple(ran),
        allowed,
        None if whole == "either" else bool(whole),
        tuple(said),
        limits or {},
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = read_attacks(metafunc.module.ATTACKS)
        metafunc.parametrize("case", found.values(), ids=found)


@pytest.fixture(scope="module")
def grader_beside(warm, small_limits) -> Iterator[Grader]:
    """A grader of one exercise, over the warm parent that all tests share."""
    # an attack in a cell that the answer does not need would not run
    plan = Plan("cnn", only=("corr2d",), limits=small_limits, all_cells=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grader.grading.grader.warm_parent", lambda _plan: warm)
        patch.setattr(type(warm), "close", lambda _: None)
        with Grader(plan) as made:
            yield made


@pytest.fixture
def grade(grader_beside, cells) -> Callable[..., SubmissionResult]:
    """Grade a submission of these cells."""

    def run(*sources: str) -> SubmissionResult:
        submission = Submission("mallory", "mallory.ipynb", "0" * 64, cells(*sources))
        return grader_beside.grade(submission)

    return run


@pytest.fixture(scope="module")
def undisturbed(grader_beside) -> Any:
    """The result of an honest submission that nobody has attacked yet."""
    return _honest(grader_beside)


@pytest.fixture
def survives(
    grader_beside, undisturbed, grade, warm, tmp_path
) -> Iterator[Callable[[Attack], None]]:
    """Grade an attack between two honest submissions, and see that nothing else has changed."""
    victim = tmp_path / "gradebook.sqlite"
    victim.write_text("whole")
    for path in (victim, tmp_path, tmp_path.parent):
        path.chmod(path.stat().st_mode | 0o777)
    processes = set(tree_of(warm._process.pid))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()

        def survive(attack: Attack) -> None:
            places = {"VICTIM": str(victim), "CHECKOUT": str(CHECKOUT), "GRADER": str(os.getpid())}
            places["SOCKET"] = str(tmp_path / "socket")
            sources = list(attack.cells)
            for name, value in places.items():
                sources = [source.replace(name, value) for source in sources]
            plan = grader_beside.plan
            grader_beside.plan = replace(plan, limits=replace(plan.spending, **attack.limits))
            try:
                result = grade(*sources)
            finally:
                grader_beside.plan = plan
            _judge(attack, result)
            assert _honest(grader_beside) == undisturbed
            assert victim.read_text() == "whole"
            assert {path.name for path in tmp_path.iterdir()} == {"gradebook.sqlite", "socket"}
            assert set(tree_of(warm._process.pid)) == processes
            assert not list(warm.scratch.glob("k*"))

        yield survive


def _judge(attack: Attack, result: SubmissionResult) -> None:
    (exercise,) = result.exercises
    verdicts = {check.check: check.verdict for check in exercise.checks}
    told = f"{[(c.status, c.error[:200]) for c in result.cells]} {verdicts} {result.problem}"
    told += f" {exercise.checks[0].message[:500]}"
    assert result.status in (Status.GRADED, Status.PARTIAL), told
    assert Verdict.BROKEN not in verdicts.values(), told
    assert len(result.cells) == len(attack.ran), told
    for wanted, cell in zip(attack.ran, result.cells, strict=True):
        assert wanted in ("*", cell.status), told
    if attack.said:
        assert any(words in result.cells[0].error for words in attack.said), told
    assert verdicts[EXAMPLE] in attack.verdict, told
    got_all = exercise.points == exercise.max_points
    if verdicts[EXAMPLE] is not Verdict.PASSED or attack.whole is False:
        assert not got_all, told
    elif attack.whole:
        assert got_all, told


def _honest(grader: Grader) -> Any:
    """Grade a right answer; return what of it does not depend on the clock."""
    submission = Submission("ada", "ada.ipynb", "1" * 64, _CELLS)
    result = grader.grade(submission)
    (exercise,) = result.exercises
    checks = tuple(replace(check, seconds=0.0) for check in exercise.checks)
    runs = tuple(replace(cell, seconds=0.0) for cell in result.cells)
    return replace(
        result, exercises=(replace(exercise, checks=checks),), cells=runs, seconds=0.0,
        finished_at="",
    )  # fmt: skip


_CELLS = (grader.records.Cell(0, "code", RIGHT),)
