"""Every bank against its checks: rewrites pass all of them, mistakes fail exactly those meant."""

import pytest

from grader.checks.bank import Entry, load_bank
from grader.course import load_assignment
from grader.verdict import Verdict

ASSIGNMENT = load_assignment("cnn")
CHECKED = [e for e in ASSIGNMENT.exercises if e.kind != "answers"]  # graded by hand
BANKS = {e.name: load_bank(e.folder / "bank.py") for e in CHECKED}
RIGHT = [(name, entry) for name, bank in BANKS.items() for entry in bank.rewrites]
WRONG = [(name, entry) for name, bank in BANKS.items() for entry in bank.mistakes]


def label(value: object) -> str:
    return value.name if isinstance(value, Entry) else str(value)


def not_passed(results) -> dict[str, str]:
    return {r.check: f"{r.verdict}: {r.message}" for r in results if r.verdict != Verdict.PASSED}


@pytest.mark.parametrize(("exercise", "entry"), RIGHT, ids=label)
def test_a_rewrite_passes_every_check(grade_in_process, exercise, entry):
    assert not_passed(grade_in_process(exercise, entry.answer)) == {}


@pytest.mark.parametrize(("exercise", "entry"), WRONG, ids=label)
def test_a_mistake_fails_exactly_the_checks_meant_for_it(grade_in_process, exercise, entry):
    failed = not_passed(grade_in_process(exercise, entry.answer))
    assert set(failed) == entry.caught_by, failed
    assert not any(verdict.startswith("broken") for verdict in failed.values()), failed


@pytest.mark.parametrize("exercise", CHECKED, ids=lambda e: e.name)
def test_a_bank_is_large_enough(exercise):
    bank = BANKS[exercise.name]
    assert len(bank.rewrites) >= 5
    assert len(bank.mistakes) >= (8 if exercise.optional else 10)


@pytest.mark.parametrize("exercise", CHECKED, ids=lambda e: e.name)
def test_every_check_has_a_mistake_that_it_catches(session, exercise):
    checks = {name for name, *_ in session.rubric(exercise)}
    assert checks == {name for m in BANKS[exercise.name].mistakes for name in m.caught_by}


@pytest.mark.parametrize("exercise", CHECKED, ids=lambda e: e.name)
def test_no_two_mistakes_have_one_title(exercise):
    titles = [entry.title for entry in BANKS[exercise.name].mistakes]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("exercise", CHECKED, ids=lambda e: e.name)
def test_every_check_tells_a_student_what_to_look_at(session, exercise):
    for name, claim, mark, _ in session.rubric(exercise):
        assert claim.endswith("."), name
        assert mark.feedback.endswith("."), name


def test_the_points_are_those_of_the_assignment(session):
    points = {e.name: sum(p for *_, p in session.rubric(e)) for e in ASSIGNMENT.exercises}
    assert points == {
        "corr2d": 10,
        "Conv2D": 10,
        "edge_detection": 4,
        "learn_kernel": 4,
        "comp_conv2d": 10,
        "image_kernels": 0,
        "corr2d_multi_in": 10,
        "corr2d_multi_in_out": 10,
        "corr2d_multi_in_out_1x1": 10,
        "pool2d": 10,
        "avg_pool_as_conv": 0,
        "init_cnn": 10,
        "LeNet": 10,
        "LeNet_variants": 0,
        "layer_summary": 5,
        "LeNet_training": 10,
        "vgg_block": 10,
        "VGG": 10,
        "VGG_training": 5,
        "Residual": 10,
        "ResNet": 10,
        "ResNet18": 5,
        "ResNet_training": 5,
        "written_answers": 0,
    }
