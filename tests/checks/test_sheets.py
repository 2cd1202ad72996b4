"""A check with a sheet ends as it does without one, and runs only where an answer is not right."""

from __future__ import annotations

import pytest
import torch

from grader.checks import properties
from grader.grading.sheet_content import questions_of
from grader.grading.sheet_files import SheetFiles
from grader.grading.sheets import SheetCache
from grader.verdict import Verdict

BANK = """
from grader.checks import rewrite

@rewrite
def negates(x):
    return -x
"""
NEGATES = """
ran = []

@check(points=4, feedback="Turn the sign.")
@given(whole_numbers((2, 3)))
def test_negates(student, x):
    "Every number changes its sign."
    ran.append(x)
    assert_equal(student.answer(x), -x, call=f"answer({x.tolist()})")

@check(points=1)
def test_leaves_x_alone(student):
    "x keeps its numbers."
    ran.append(1)
    x = torch.ones(2)
    assert_equal(student.call("answer", x).arguments[0], x, call="after answer(x), x")
"""
FOLLOWS = """
ran = []

@check(points=1)
def test_twice(student):
    "Twice negated, a number is the same."
    ran.append(1)
    x = torch.tensor([1.0, 2.0])
    once = expect_tensor(student.answer(x), call="answer(x)")
    assert_equal(student.answer(once), x, call=f"answer({once.tolist()})")
"""


def runs(small) -> int:
    """Return how often bodies of checks have run so far."""
    return len(next(iter(small.session._items["answer"])).module.ran)


def plain(results):
    return {
        name: (r.verdict, r.points, r.message, r.counterexample, r.hint)
        for name, r in results.items()
    }


def raises(x):
    if x.max() > 3:
        raise ValueError(f"cannot take {x.max():g}")
    return -x


def prints(x):
    print("negating")
    return -x


def counter():
    calls = []

    def right_at_first(x):
        calls.append(1)
        return -x if len(calls) <= 5 else x

    return right_at_first


WRONG = {
    "a wrong number": lambda: lambda x: -x.clamp(max=5),
    "an exception": lambda: raises,
    "a list": lambda: lambda x: (-x).tolist(),
    "nothing": lambda: lambda x: None,
    "another shape": lambda: lambda x: -x[None],
    "in place": lambda: torch.Tensor.neg_,
    "too few arguments": lambda: lambda: None,
}
RIGHT = {
    "the same": lambda: torch.neg,
    "in float64": lambda: lambda x: -x.double(),
    "with output": lambda: prints,
    "as a view": lambda: lambda x: (-x.mT.contiguous()).mT,
}


def test_a_right_answer_is_asked_and_the_check_does_not_run(course):
    small = course(NEGATES, bank=BANK)
    for _ in range(2):  # the first time live, the second to learn
        small.grade(torch.neg)
    before = runs(small)
    results = small.grade(lambda x: x * -1)
    assert {r.verdict for r in results.values()} == {Verdict.PASSED}
    assert runs(small) == before


@pytest.mark.parametrize("make", [*WRONG.values(), *RIGHT.values()], ids=[*WRONG, *RIGHT])
@pytest.mark.parametrize("checks", [NEGATES, FOLLOWS], ids=["fixed", "dependent"])
def test_an_answer_is_judged_alike_with_and_without_a_sheet(course, checks, make):
    without, with_sheet = course(checks), course(checks, bank=BANK)
    for _ in range(2):
        with_sheet.grade(torch.neg)
    assert plain(with_sheet.grade(make())) == plain(without.grade(make()))


def test_an_answer_that_turns_wrong_later_is_wrong(course):
    small = course(NEGATES, bank=BANK)
    for _ in range(2):
        small.grade(torch.neg)
    assert small.grade(counter())["test_negates"].verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "asks",
    [
        "student.has('answer')",
        "student.remembered.setdefault('x', 1)",
        "student.secret",
        "student.sources()",
        "student.values()",
        "student.make('answer', torch.ones(1))",
        "student.build('Linear', 1, 1)",
    ],
)
def test_a_check_that_knows_more_than_answers_always_runs(course, asks):
    checks = NEGATES.replace("    ran.append(1)\n", f"    ran.append(1)\n    {asks}\n")
    small = course(checks, bank=BANK)
    for _ in range(2):
        small.grade(torch.neg)
    before = runs(small)
    small.grade(torch.neg)
    assert runs(small) == before + 1


@pytest.mark.parametrize(
    "bank", ["", BANK.replace("-x", "x"), BANK.replace("-x", "torch.nn.Linear(1, 1)")]
)
def test_without_a_right_answer_there_is_no_sheet(course, bank):
    small = course(NEGATES, bank=bank and "import torch\n" + bank)
    for _ in range(2):
        small.grade(torch.neg)
    before = runs(small)
    small.grade(torch.neg)
    assert runs(small) > before


def test_another_fixture_of_the_course_keeps_a_check_live(course):
    fixture = "import pytest\n\n@pytest.fixture\ndef other():\n    return 1\n"
    checks = fixture + NEGATES.replace("alone(student)", "alone(student, other)")
    small = course(checks, bank=BANK)
    for _ in range(2):
        small.grade(torch.neg)
    before = runs(small)
    small.grade(torch.neg)
    assert runs(small) == before + 1


def cache(folder, key="k1"):
    return SheetCache(SheetFiles(folder), "small", {"answer": key})


@pytest.fixture
def draws(monkeypatch):
    """Count how often Hypothesis draws or shrinks."""
    counted = []
    original = properties._run_with
    monkeypatch.setattr(properties, "_run_with", lambda *a: (counted.append(1), original(*a))[1])
    return counted


def test_the_first_notebook_of_a_later_run_is_asked_from_the_kept_sheet(course, tmp_path, draws):
    for _ in range(2):
        course(NEGATES, bank=BANK, cache=cache(tmp_path / "c")).grade(torch.neg)
    later = course(NEGATES, bank=BANK, cache=cache(tmp_path / "c"))
    del draws[:]
    results = later.grade(torch.neg)
    assert {r.verdict for r in results.values()} == {Verdict.PASSED}
    assert (runs(later), draws) == (0, [])


def test_examples_are_drawn_once_for_all_runs(course, tmp_path, draws):
    course(NEGATES, bank=BANK, cache=cache(tmp_path / "c")).grade(torch.neg)
    assert len(draws) == 1
    course(NEGATES, bank=BANK, cache=cache(tmp_path / "c")).grade(lambda x: -x.double())
    assert len(draws) == 1


@pytest.mark.parametrize("make", [*WRONG.values(), *RIGHT.values()], ids=[*WRONG, *RIGHT])
@pytest.mark.parametrize("checks", [NEGATES, FOLLOWS], ids=["fixed", "dependent"])
def test_an_answer_is_judged_alike_with_a_kept_sheet(course, tmp_path, checks, make):
    without = course(checks)
    for _ in range(2):
        course(checks, bank=BANK, cache=cache(tmp_path / "c")).grade(torch.neg)
    kept = course(checks, bank=BANK, cache=cache(tmp_path / "c"))
    assert plain(kept.grade(make())) == plain(without.grade(make()))


def test_another_key_keeps_a_sheet_of_its_own(course, tmp_path, draws):
    for key in ("k1", "k2"):
        course(NEGATES, bank=BANK, cache=cache(tmp_path / "c", key)).grade(torch.neg)
    assert len(draws) == 2
    assert len(SheetFiles(tmp_path / "c").entries()) == 2


def test_a_corrupt_sheet_is_drawn_and_written_again(course, tmp_path, draws):
    for _ in range(2):
        course(NEGATES, bank=BANK, cache=cache(tmp_path / "c")).grade(torch.neg)
    (entry,) = SheetFiles(tmp_path / "c").entries()
    whole = entry.path.read_bytes()
    entry.path.write_bytes(whole[:-9])
    for _ in range(2):
        small = course(NEGATES, bank=BANK, cache=cache(tmp_path / "c"))
        assert small.grade(torch.neg)["test_negates"].verdict is Verdict.PASSED
    assert entry.path.read_bytes() == whole


def test_runs_at_the_same_time_keep_what_both_have_learned(course, tmp_path):
    one, other = (course(NEGATES, bank=BANK, cache=cache(tmp_path / "c")) for _ in range(2))
    one.grade(torch.neg)
    one.grade(torch.neg)
    other.grade(torch.neg)
    other.grade(torch.neg)
    kept = cache(tmp_path / "c").load("answer").checks
    assert all(check.calls for check in kept.values())
    assert kept["test_negates"].examples


def test_a_kept_sheet_can_be_asked_without_any_code(course, tmp_path):
    for _ in range(2):
        course(NEGATES, bank=BANK, cache=cache(tmp_path / "c")).grade(torch.neg)
    questions = questions_of(cache(tmp_path / "c").load("answer"))
    assert {question.check for question in questions} == {"test_negates", "test_leaves_x_alone"}
    for question in questions:
        assert torch.equal(question.answer, -question.args[0])
