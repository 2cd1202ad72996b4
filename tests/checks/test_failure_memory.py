"""Failures of students who answer alike are searched once; what is shown depends on no earlier."""

from __future__ import annotations

import pytest
import torch

from grader.checks import properties
from grader.checks.bank import load_bank
from grader.course import load_assignment
from grader.grading.asked import Asked
from grader.grading.check_session import CheckSession
from grader.grading.diagnosis import Diagnosis, answers_on
from grader.grading.failure_table import FailureTable, packed, table_of, unpacked
from grader.grading.in_process import student_of
from grader.grading.sheet_files import SheetFiles
from grader.grading.sheets import SheetCache

BANK = """
from grader.checks import mistake, rewrite

@rewrite
def negates(x):
    return -x

@mistake("the sign stays", hint="Turn it.", caught_by=("test_negates", "test_needs_it"))
def keeps(x):
    return x
"""
NEGATES = """
@check(points=4, feedback="Turn the sign.")
@given(whole_numbers((2, 3)))
def test_negates(student, x):
    "Every number changes its sign."
    assert_equal(student.answer(x), -x, call=f"answer({x.tolist()})")

@check(points=1, needs=("test_negates",))
def test_needs_it(student):
    "One number changes its sign."
    x = torch.ones(1)
    assert_equal(student.answer(x), -x, call="answer([1])")
"""
LOOKS_AROUND = NEGATES.replace(
    "    assert_equal(student.answer(x), -x, call=f",
    "    y = student.answer(x)\n"
    "    if y.sum() != -x.sum():\n        assert not student.has('other')\n"
    "    assert_equal(y, -x, call=f",
)


class Class:
    """Grades one student after another, with one memory."""

    def __init__(self, small, monkeypatch):
        self.small = small
        self.diagnosis = Diagnosis(small.session)
        self.searches = 0
        original = properties.Properties._shrunk

        def counted(*given):
            self.searches += 1
            return original(*given)

        monkeypatch.setattr(properties.Properties, "_shrunk", counted)
        for _ in range(2):  # sheets are learned
            self.graded(torch.neg)

    def graded(self, answer, **names):
        """Return what is shown of a student, and how often a search was needed."""
        small, before = self.small, self.searches

        def again():
            return student_of(small.exercise, answer, **names)

        shown = reasons(small.session, self.diagnosis, small.exercise, again)
        return shown, self.searches - before


def reasons(session, diagnosis, exercise, again):
    """Return what a student is shown, as grading works it out."""
    first = session.run(exercise, again(), shrinks=False)
    asked = Asked(session, exercise, again)
    seen = asked.seen if answers_on(exercise, first) else (lambda check: b"")
    checks = session.shrunk(exercise, first, again, seen=seen)
    found = diagnosis.diagnose(exercise, checks, again, asked)
    session.failures.save(exercise)
    shown = [(c.check, c.verdict, c.message, c.counterexample) for c in checks]
    return shown, found.mistake, found.behaviour


@pytest.fixture
def students(course, monkeypatch):
    def opened(checks=NEGATES, **more):
        return Class(course(checks, bank=BANK, **more), monkeypatch)

    return opened


def cache(folder, key="k1"):
    return SheetCache(SheetFiles(folder), "small", {"answer": key})


def cuts(x):
    return -x.clamp(max=5)


def cuts_otherwise(x):
    return torch.where(x > 5, torch.full_like(x, 5), x).neg()


def raises(x):
    if x.max() > 3:
        raise ValueError(f"cannot take {x.max():g}")
    return -x


def test_a_second_student_with_the_same_mistake_is_shown_the_same_without_a_search(students):
    some = students()
    first, searches = some.graded(cuts)
    assert searches == 1
    assert some.graded(cuts_otherwise) == (first, 0)


def test_an_error_of_the_same_words_needs_no_second_search_wherever_it_is_raised(students):
    def raises_elsewhere(x):
        largest = x.max()
        if largest > 3:
            raise ValueError(f"cannot take {largest:g}")
        return -x

    some = students()
    (first, _, _), searches = some.graded(raises)[0], some.graded(raises_elsewhere)[1]
    assert searches == 0
    (again, _, _), _ = some.graded(raises_elsewhere)
    assert [end[:2] for end in again] == [end[:2] for end in first]
    assert "raises_elsewhere" not in str(first)


def test_a_known_mistake_is_named_from_memory_too(students):
    some = students()
    for _ in range(2):
        (_, mistake, behaviour), _ = some.graded(lambda x: x)
        assert (mistake.title, bool(behaviour)) == ("the sign stays", True)


def test_an_answer_that_differs_where_only_the_search_asks_is_searched_anew(students):
    some = students()
    ((_, _, message, _), *_), *_ = some.graded(cuts)[0]
    asked = {str(x.tolist()) for x in questions(some.small)}

    def is_a_question(x):
        return str(x.tolist()) in asked

    # it answers the questions of the check like `cuts`, and is right or wrong otherwise elsewhere
    def differs(x):
        return cuts(x) if is_a_question(x) else -x.clamp(max=0)

    shown, searches = some.graded(differs)
    assert searches == 1
    assert shown[0][0][2] != message


def questions(small):
    (check, *_) = small.session._items["answer"]
    return [one["x"] for one in small.session._plugin.properties.drawn(check.obj)]


def test_a_remembered_example_on_which_the_student_is_right_is_not_shown(students):
    some = students()
    (first, _, _), _ = some.graded(cuts)
    table = some.small.session.failures._tables["answer"]
    (known,) = table.examples["test_negates"].items()
    kept = some.small.session.failures
    calls = unpacked(known[1]).calls
    kept._tables["answer"] = FailureTable("answer", "", {"test_negates": {}}, {})
    kept._tables["answer"].add("test_negates", known[0], packed({"x": torch.zeros(2, 3)}, calls))
    assert some.graded(cuts)[0][0] == first


def test_a_student_whose_answers_change_is_never_remembered(students):
    def counting():
        calls = []

        def counts(x):
            calls.append(1)
            return x + len(calls)

        return counts

    some = students()
    alone = some.graded(counting())
    assert alone[1] == 1
    assert some.graded(counting()) == alone


def test_a_check_that_asks_more_than_answers_is_searched_for_every_student(students):
    some = students(LOOKS_AROUND)
    some.graded(cuts)
    shown, searches = some.graded(cuts, other=1)
    assert searches == 1
    assert shown != some.graded(cuts)[0]


def test_a_later_run_needs_no_search_for_a_mistake_met_before(students, tmp_path):
    first, _ = students(cache=cache(tmp_path / "c")).graded(cuts)
    assert students(cache=cache(tmp_path / "c")).graded(cuts_otherwise) == (first, 0)


def test_what_another_worker_has_found_meanwhile_is_used(students, tmp_path):
    one, other = (students(cache=cache(tmp_path / "c")) for _ in range(2))
    first, _ = one.graded(raises)
    other.graded(cuts)
    shown, searches = other.graded(raises)
    assert (shown, searches) == (first, 0)
    assert one.graded(cuts)[1] == 0


def test_another_version_of_the_exercise_has_failures_of_its_own(students, tmp_path):
    students(cache=cache(tmp_path / "c", "k1")).graded(cuts)
    assert students(cache=cache(tmp_path / "c", "k2")).graded(cuts)[1] == 1


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:50] + b"x" * 99])
def test_a_damaged_table_counts_as_absent_and_is_written_again(students, tmp_path, damage):
    first, _ = students(cache=cache(tmp_path / "c")).graded(cuts)
    (path,) = (tmp_path / "c").glob("sheets/small/answer.failures-*")
    path.write_bytes(damage(path.read_bytes()))
    assert students(cache=cache(tmp_path / "c")).graded(cuts) == (first, 1)
    assert students(cache=cache(tmp_path / "c")).graded(cuts) == (first, 0)


@pytest.mark.parametrize("content", [b"", b"no table", b"\x81\xa1a\xc0", b"\xc1" * 40])
def test_bytes_that_hold_no_table_are_an_empty_one(content):
    assert table_of(content, "answer", "k") == FailureTable("answer", "k", {}, {})


def test_a_damaged_example_is_searched_again(students):
    some = students()
    first, _ = some.graded(cuts)
    known = some.small.session.failures._tables["answer"].examples["test_negates"]
    for seen in known:
        known[seen] = b"no example"
    assert some.graded(cuts) == (first, 1)


def test_a_table_has_bounds():
    table = FailureTable("answer", "k")
    for number in range(3_000):
        table.add("test_negates", str(number), bytes(1_000))
        table.add_name(str(number), ("keeps", "0"))
    table.add("test_negates", "large", bytes(1 << 17))
    assert len(table.examples["test_negates"]) < 1_100
    assert "large" not in table.examples["test_negates"]
    assert len(table.names) == 2_000


@pytest.mark.parametrize("name", ["corr2d_multi_in_out_1x1", "pool2d"])
def test_known_mistakes_are_shown_alike_with_and_without_memory(tmp_path, name):
    assignment = load_assignment("cnn").only([name])
    (exercise,) = assignment.exercises
    bank = load_bank(exercise.folder / "bank.py")

    def shown(session, entry):
        with session.modules.active():  # a mistake may remember what it was asked
            mistakes = load_bank(exercise.folder / "bank.py").mistakes
        (fresh,) = (one for one in mistakes if one.name == entry.name)
        return reasons(
            session, Diagnosis(session), exercise, lambda: student_of(exercise, fresh.answer)
        )

    def opened(kept=None):
        return CheckSession([exercise], course=assignment.course, shrink_s=20.0, cache=kept)

    def kept():
        return SheetCache(SheetFiles(tmp_path / "c"), "cnn", {name: "k"})

    entries = bank.mistakes[::3]
    with opened() as without:
        alone = []
        for entry in entries:
            without.failures._tables.clear()
            alone.append(shown(without, entry))
    with opened(kept()) as first:
        for entry in entries:
            shown(first, entry)
    with opened(kept()) as later:
        assert [shown(later, entry) for entry in reversed(entries)] == alone[::-1]


def test_an_answer_that_breaks_the_check_keeps_the_words_of_its_first_example(students):
    checks = NEGATES.replace(
        "assert_equal(student.answer(x), -x, call=f",
        "assert_equal(student.answer(x).neg(), x, call=f",
    )
    some = students(checks)
    small = some.small

    def a_list(x):
        return (-x).tolist()

    (first, *_) = small.session.run(small.exercise, small.student(a_list), shrinks=False)
    for _ in range(2):
        (shown, _, _), _ = some.graded(a_list)
        assert shown[0][1:3] == (first.verdict, first.message)
    assert "could not use what your code returned" in first.message
