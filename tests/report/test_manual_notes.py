"""What an instructor decided stands on the student's page: points, comments, excuses, dates."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from grader.decisions import Decision, question_of
from grader.records import WrittenAnswer
from grader.report.manual_notes import ManualNote, notes_of
from grader.report.pages import feedback_page

HOSTILE = "=1+2 <script>document.title='owned'</script> ![x](http://127.0.0.1:9/x.png)"
ANSWERS = (
    WrittenAnswer("7.2", "Discussion", 3, "The kernel detects edges."),
    WrittenAnswer("7.5", "Discussion", 5, "It keeps the largest."),
)
QUESTION = question_of(ANSWERS[0])


@pytest.fixture
def result(make, exercise, check):
    written = exercise("written", check("written", max_points=Fraction(0)), by_hand=True)
    return replace(make("kim", exercise("corr2d"), exercise("pool2d"), written), answers=ANSWERS)


def test_points_and_a_comment_on_an_answer_stand_with_it(result):
    notes = notes_of(result, [
        Decision("kim", "points", "written", QUESTION, Fraction(3, 2), Fraction(4), who="Bo",
                 text="right idea", rubric=(1, 2)),
        Decision("kim", "comment", "written", QUESTION, text="See 7.2.1.", who="Bo"),
    ])  # fmt: skip
    expected = ManualNote("right idea\nSee 7.2.1.", Fraction(3, 2), Fraction(4), "Bo")
    assert (notes.answers, notes.exercises, notes.overall) == ({0: expected}, {}, None)


def test_an_override_of_an_exercise_gives_its_points_and_reason(result):
    notes = notes_of(result, [
        Decision("kim", "override", "corr2d", points=Fraction(1), text="first", who="Al"),
        Decision("kim", "override", "corr2d", points=Fraction(3), text="shape is fine", who="Bo"),
    ])  # fmt: skip
    assert notes.exercises == {"corr2d": ManualNote("shape is fine", Fraction(3), None, "Bo")}


def test_an_excuse_and_an_extension_are_said_in_words(result):
    notes = notes_of(result, [
        Decision("kim", "excuse", "pool2d", text="ill", who="Bo"),
        Decision("kim", "extension", text="2026-03-20T23:59:00+09:00 military service", who="Bo"),
    ])  # fmt: skip
    assert notes.exercises["pool2d"].comment == "Excused: ill"
    assert notes.overall == ManualNote(
        "Extended to 2026-03-20T23:59:00+09:00 military service", by="Bo"
    )


def test_what_was_taken_back_or_is_about_another_student_is_not_shown(result):
    notes = notes_of(result, [
        Decision("kim", "excuse", "pool2d", text="ill"), Decision("kim", "reopen", "pool2d"),
        Decision("lee", "comment", "corr2d", text="not yours"),
    ])  # fmt: skip
    assert (notes.exercises, notes.answers, notes.overall) == ({}, {}, None)


def test_the_page_shows_them_and_hostile_text_does_nothing(result):
    decisions = [
        Decision(
            "kim", "points", "written", QUESTION, Fraction(3, 2), Fraction(4), HOSTILE, who="B"
        ),
        Decision("kim", "override", "corr2d", points=Fraction(3), text=HOSTILE, who=HOSTILE),
        Decision("kim", "comment", text=HOSTILE),
    ]
    page = feedback_page(result, notes=notes_of(result, decisions))
    assert "1.5 of 4 points" in page
    assert page.count("=1+2 &lt;script&gt;") == 4
    assert "<script" not in page
    assert "<img" not in page


def test_points_stand_with_the_text_of_a_section_and_not_with_an_empty_heading(result):
    empty = WrittenAnswer("7.2", "Exercises", 9, "", "empty")
    given = Decision("kim", "points", "written", QUESTION, Fraction(1), Fraction(4), who="Bo")
    notes = notes_of(replace(result, answers=(*ANSWERS, empty)), [given])
    assert list(notes.answers) == [0]
    only_empty = replace(result, answers=(empty,))
    assert list(notes_of(only_empty, [given]).answers) == [0]
