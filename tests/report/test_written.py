"""Written answers for manual grading have a row, a count and links, and no points."""

from __future__ import annotations

import io
from fractions import Fraction

import pytest
from rich.console import Console

from grader.report.frames import frames_of
from grader.report.overview import overview
from grader.report.pages import feedback_page, report_page
from grader.report.tables import checks_table, grades_table
from grader.report.terminal import check_view
from grader.runs.stored_run import StoredRun

ORDER = ("corr2d", "written_answers")


def page_of(*results):
    files = [f"{result.student}.html" for result in results]
    return report_page(results, exercises=ORDER, max_points=Fraction(4), files=files,
                       started_at="2024-10-14T07:00:00+00:00")  # fmt: skip


def test_it_is_a_column_of_0_points_and_a_row_that_says_what_there_is(writer):
    frames = frames_of(StoredRun((writer,), "", ORDER, Fraction(0), ""))
    grades = grades_table(frames).iloc[0]
    assert (grades["points"], grades["max_points"], grades["written_answers"]) == (4, 4, 0)
    row = checks_table(frames).iloc[1].to_dict()
    assert (row["check"], row["verdict"], row["max_points"]) == ("collected", "passed", 0)
    assert row["message"].startswith("2 answers in 2 sections")


def test_a_student_reads_what_was_found_and_nothing_is_called_complete(writer):
    page = feedback_page(writer)
    assert "1 of 1</b><span>exercises complete" in page
    assert "2 answers in 2 sections (7.2: 1, 7.10: 1); nothing written in 8.6." in page
    assert "to grade by hand" in page
    assert 'href="#answers"' in page


def test_the_class_is_counted_by_section_in_the_order_of_the_book(writer, perfect):
    view = overview([perfect, writer], ORDER, Fraction(4))
    assert [(one.section, one.answers, one.writers) for one in view.written] == [
        ("7.2", 1, (1,)),
        ("7.10", 1, (1,)),
    ]
    row = view.tallies[1]
    assert (row.by_hand, row.solved, row.judged) == (True, 1, 1)
    page = page_of(perfect, writer)
    assert 'href="feedback/nora.html#answers"' in page
    assert "2 ✎" in page


def test_the_terminal_says_it_without_a_verdict(writer):
    file = io.StringIO()
    Console(file=file, width=200, color_system=None).print(check_view(writer))
    assert "written_answers  graded by hand" in file.getvalue()
    assert "ok  What is written" not in file.getvalue()


def test_a_page_draws_each_training_once(writer):
    page = feedback_page(writer)
    assert page.count("<polyline") == 1
    assert "<strong>Cell 9.</strong>" in page
    assert "3 steps, first loss 2.50, last 0.500." in page
    assert "Cell 12" not in page  # a single backward is no training


def test_a_page_without_training_has_no_room_for_it(perfect):
    assert "Losses of your training" not in feedback_page(perfect)


@pytest.mark.parametrize(
    ("data", "said"), [("drawn stand-in for Fashion-MNIST", True), ("Fashion-MNIST", False)]
)
def test_drawn_images_are_told_with_the_remedy(make, exercise, data, said):
    result = make("kim", exercise(), facts={"data": data})
    for page in (feedback_page(result), page_of(result)):
        assert ("--data DIR" in page) is said


def test_every_fact_is_shown_the_known_ones_first_and_named(make, exercise):
    facts = {"a_new_one": "yes", "grader": "0.2", "walls": "seccomp, Landlock", "device": "cpu"}
    result = make("kim", exercise(), facts=facts)
    view = overview([result], ORDER, Fraction(4))
    assert view.facts == (
        ("device", "cpu"),
        ("walls", "seccomp, Landlock"),
        ("grader version", "0.2"),
        ("a new one", "yes"),
    )
    assert "Walls: seccomp, Landlock. Grader version: 0.2. A new one: yes." in feedback_page(result)
    assert "14 October 2024, 07:00 UTC" in page_of(result)
