"""The handout of the course: it accepts every right answer, and holds none in source form."""

from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from grader.checks.bank import load_bank
from grader.course import load_assignment
from grader.grading.check_session import CheckSession
from grader.grading.course_modules import CourseModules
from grader.grading.in_process import student_of
from grader.grading.plan import Plan
from grader.records import DEFAULT_SEED, HANDOUT_SEED
from grader.selfcheck import folder
from grader.selfcheck.data_file import identity
from grader.selfcheck.exercises import BY_HAND, MOST_BYTES, NEEDS_OBJECTS, SelfChecks, self_checks
from grader.selfcheck.student_file import Data
from grader.verdict import Verdict
from tests.selfcheck.conftest import text_of

ASSIGNMENT = load_assignment("cnn")
ASKED = (
    "corr2d", "corr2d_multi_in", "corr2d_multi_in_out", "corr2d_multi_in_out_1x1", "pool2d",
)  # fmt: skip


@pytest.fixture(scope="module")
def checks() -> SelfChecks:
    others = ("comp_conv2d", "avg_pool_as_conv", "init_cnn", "LeNet", "written_answers")
    return self_checks(Plan("cnn", only=(*ASKED, *others), seed=HANDOUT_SEED))


@pytest.fixture(scope="module")
def exercises(checks):
    return {one.name: one for one in Data(io.BytesIO(checks.content)).exercises}


def test_functions_of_tensors_have_a_self_check(checks):
    assert tuple(one.exercise.name for one in checks.exercises if one.questions) == ASKED
    reasons = {one.reason for one in checks.exercises if not one.questions}
    assert reasons == {NEEDS_OBJECTS, BY_HAND}


@pytest.mark.parametrize("name", ASKED)
def test_every_right_answer_is_right_on_all_questions(exercises, name):
    (exercise,) = ASSIGNMENT.only([name]).exercises
    with CourseModules(ASSIGNMENT.course).active():
        for entry in load_bank(exercise.folder / "bank.py").rewrites:
            answers = exercises[name].ask_all(entry.answer)
            assert len(answers) == len(exercises[name].questions)
            assert all(one.is_right for one in answers), entry.name


class Tagged(torch.Tensor):
    """A tensor of a class of the student's."""


ALTERED = {
    "in double precision": lambda y: y.double(),
    "in half precision": lambda y: y.half(),
    "in whole numbers": lambda y: y.long(),
    "off by less than the tolerance": lambda y: y + 5e-5,
    "off by more": lambda y: y + 5e-3,
    "a parameter": lambda y: nn.Parameter(y.detach().clone()),
    "of another class": lambda y: y.as_subclass(Tagged),
    "with other strides": lambda y: y.mT.contiguous().mT,
    "with an axis of its own": lambda y: y[None],
    "without axes of length 1": lambda y: y.squeeze(),
}


@pytest.mark.parametrize("name", ["corr2d", "pool2d"])
def test_what_the_checks_accept_is_right_in_the_self_check(exercises, name):
    (exercise,) = ASSIGNMENT.only([name]).exercises
    accepted = []
    opened = CheckSession([exercise], course=ASSIGNMENT.course, seed=HANDOUT_SEED)
    with opened as session:
        right = load_bank(exercise.folder / "bank.py").rewrites[0].answer
        for label, change in ALTERED.items():
            answer = lambda *args, change=change: change(right(*args))  # noqa: E731
            checks = session.run(exercise, student_of(exercise, answer), shrinks=False)
            passed = all(check.verdict is Verdict.PASSED for check in checks)
            answers = exercises[name].ask_all(answer)
            accepted += [label] if passed else []
            assert all(one.is_right for one in answers) >= passed, label
    assert len(accepted) >= 4


@pytest.mark.parametrize("name", ASKED)
def test_known_mistakes_are_called_wrong_and_none_is_named_for_another(checks, exercises, name):
    found = next(one for one in checks.exercises if one.exercise.name == name)
    assert found.noticed >= 0.9 * found.known
    titles = {one["title"] for one in found.mistakes}
    assert len(titles) >= 0.7 * found.known
    with CourseModules(ASSIGNMENT.course).active():
        for entry in load_bank(found.exercise.folder / "bank.py").mistakes:
            named = exercises[name].mistake(exercises[name].ask_all(entry.answer))
            assert (named or {}).get("title") == (entry.title if entry.title in titles else None)


def test_questions_come_small_ones_first(exercises):
    for exercise in exercises.values():
        args = [question.arguments()[0] for question in exercise.questions]
        sizes = [sum(x.numel() for x in one if hasattr(x, "numel")) for one in args]
        assert sizes == sorted(sizes)


def test_most_examples_are_not_those_of_grading(checks):
    (corr2d,) = ASSIGNMENT.only(["corr2d"]).exercises
    opened = CheckSession([corr2d], course=ASSIGNMENT.course, seed=DEFAULT_SEED)
    with opened as session, session.modules.active():
        runs = list(session.single_runs(corr2d))
    graded = {identity(run.args[1].get("pair")) for _, run in runs}
    handed_out = [q for q in checks.exercises[0].questions if q["check"] == "test_any_sizes"]
    known = [q for q in handed_out if identity(tuple(q["args"])) in graded]
    assert len(known) < 0.2 * len(handed_out)


def lines_of_answers() -> set[str]:
    """Return the longer statements in the bodies of the references and the banks."""
    reference = ASSIGNMENT.course.reference
    sources = [*reference.glob("*.py"), *ASSIGNMENT.folder.glob("*/bank.py")]
    found = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                lines = [line for s in node.body for line in ast.unparse(s).splitlines()]
                found |= {line.strip() for line in lines if len(line.strip()) > 20}
    return found


def test_no_line_of_an_answer_is_in_the_files(checks):
    files = folder.files_of(ASSIGNMENT, checks)
    text = text_of(files["selfcheck.dat"]) + files["selfcheck.py"].decode()
    text += files["README.txt"].decode()
    for one in checks.exercises:  # what authors say to students may show a call
        for question in one.questions:
            text = text.replace(question["hint"], "")
    lines = lines_of_answers()
    assert len(lines) > 500
    assert [line for line in lines if line in text] == []


def test_the_data_are_json_and_numbers_and_small(checks):
    assert len(checks.content) < MOST_BYTES
    assert checks.names_mistakes
    with zipfile.ZipFile(io.BytesIO(checks.content)) as file:
        assert file.namelist() == ["questions.json", "numbers.bin"]
        numbers = file.read("numbers.bin")
    assert b"def " not in numbers
    assert b"torch" not in numbers


def test_the_notebook_is_handed_out_without_outputs(checks):
    files = folder.files_of(ASSIGNMENT, checks)
    assert [*files] == ["cnn.ipynb", "selfcheck.py", "selfcheck.dat", "README.txt"]
    assert b'"execution_count": null' in files["cnn.ipynb"]
    assert Path(ASSIGNMENT.folder / "cnn.ipynb").is_file()
    readme = files["README.txt"].decode()
    assert "no promise of full points" in readme
    assert "`grader check`" in readme
    assert all(one.exercise.name in readme for one in checks.exercises)
    assert max(map(len, readme.splitlines())) <= 100
