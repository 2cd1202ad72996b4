"""The check of dropout in `VGG` tells right networks from wrong ones for any drawn numbers."""

import pytest

from grader.checks.bank import load_bank
from grader.course import load_assignment
from grader.grading.in_process import student_of
from grader.verdict import Verdict

(VGG,) = load_assignment("cnn").only(["VGG"]).exercises
BANK = load_bank(VGG.folder / "bank.py")
DROPS_FEATURES = (
    "a third dropout, before the linear layers",
    "the first dropout stands before the linear layers",
)


def verdict_of(session, answer, seed):
    results = session.run(VGG, student_of(VGG, answer, seed=seed))
    return next(r.verdict for r in results if r.check == "test_dropout")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("title", DROPS_FEATURES)
def test_dropped_features_show_for_any_seed(session, title, seed):
    (wrong,) = (entry for entry in BANK.mistakes if entry.title == title)
    assert verdict_of(session, wrong.answer, seed) is Verdict.FAILED


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_right_network_passes_for_any_seed(session, seed):
    assert verdict_of(session, BANK.rewrites[0].answer, seed) is Verdict.PASSED
