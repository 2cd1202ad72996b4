"""Answers are graded by rubric, mistakes commented on once for all, and decisions never lost."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from grader.errors import UsageError
from grader.runs.decided import Overtaken
from grader.runs.stored_run import latest
from grader.serve.desk import Desk
from grader.serve.summary import summary_of
from tests.serve.conftest import CLASS, result, store

KEY = "7.2"


def graded(desk: Desk, student: str):
    return next(row for row in desk.graded(KEY) if row.answer.student == student)


def grade(desk: Desk, student: str, **about):
    row = graded(desk, student)
    given = {"items": (), "points": None, "comment": "", "after": row.latest, "who": "ta"}
    desk.grade(KEY, row.place, **given | about)


def test_answers_of_a_class_to_a_question_stand_in_a_row_and_similar_ones_together(desk):
    (progress,) = desk.progress()
    answers = progress.question.answers
    assert {one.student for one in answers[:2]} == {"ada", "=1+2"}
    assert answers[0].alike == 2
    assert (progress.graded, progress.worth) == (0, None)


def test_answers_stand_in_an_order_that_is_the_same_each_time_and_another_for_each_question(
    tmp_path,
):
    names = [f"s{n:02}" for n in range(20)]
    for folder, section in (("one", "7.2"), ("again", "7.2"), ("other", "7.3")):
        writers = [result(name, f"{name} thinks {name * 2}.", section=section) for name in names]
        store(tmp_path / folder, *writers)
    orders = {
        folder: [one.student for one in Desk(tmp_path / folder).question(key).answers]
        for folder, key in (("one", "7.2"), ("again", "7.2"), ("other", "7.3"))
    }
    assert orders["one"] == orders["again"]
    assert orders["one"] != names
    assert orders["one"] != orders["other"]
    assert sorted(orders["other"]) == names


def test_similar_answers_get_the_same_points_at_once_except_those_that_have_some(desk):
    desk.set_worth(KEY, Fraction(4))
    item = desk.add_item(KEY, "reason", Fraction(3))
    row = graded(desk, "ada")
    about = {"items": [item.id], "points": None, "comment": "Well.", "who": "ta", "alike": True}
    assert desk.grade(KEY, row.place, after=0, **about) == 2
    other = graded(desk, "=1+2")
    assert (other.points.points, other.points.rubric, other.comment.text) == (
        3,
        (item.id,),
        "Well.",
    )
    assert graded(desk, "bora").points is None
    grade(desk, "=1+2", points=Fraction(1))
    about["after"] = graded(desk, "ada").latest
    assert desk.grade(KEY, row.place, **about) == 1
    assert graded(desk, "=1+2").points.points == 1


def test_a_question_is_summed_up_with_the_use_of_each_rubric_item(desk):
    desk.set_worth(KEY, Fraction(4))
    good, more = desk.add_item(KEY, "reason", Fraction(2)), desk.add_item(KEY, "more", Fraction(1))
    grade(desk, "ada", items=[good.id, more.id])
    grade(desk, "bora", items=[good.id])
    grade(desk, "=1+2", points=Fraction(1, 2))
    summary = summary_of([row.points for row in desk.graded(KEY)])
    assert (summary.answers, summary.graded) == (4, 3)
    assert summary.histogram == (("0.5", 1), ("2", 1), ("3", 1))
    assert (summary.used[good.id], summary.used[more.id]) == (2, 1)
    assert summary.distribution.mean == pytest.approx(5.5 / 3)
    assert summary_of([None, None]).distribution is None


def test_the_page_of_a_student_shows_what_was_decided_a_moment_ago(desk):
    desk.decide("ada", "comment", exercise="corr2d", text="Look at 7.2 again.", who="ta")
    page = desk.feedback("ada")
    assert "Look at 7.2 again." in page
    assert "ta" in page
    with pytest.raises(UsageError, match="no such student"):
        desk.feedback("nobody")


def test_all_that_a_student_wrote_in_a_section_is_one_answer(tmp_path):
    store(tmp_path, result("ada", "One thought.", "Another thought."))
    answers = Desk(tmp_path).question(KEY).answers
    assert len(answers) == 1
    assert "One thought." in answers[0].text
    assert "Another thought." in answers[0].text
    assert answers[0].excerpt == "One thought. Another thought."


def test_points_are_the_sum_of_the_rubric_items_within_what_the_question_is_worth(desk):
    desk.set_worth(KEY, Fraction(4))
    good, extra = desk.add_item(KEY, "reason", Fraction(3)), desk.add_item(KEY, "more", Fraction(2))
    bad = desk.add_item(KEY, "wrong", Fraction(-9))
    for chosen, points in (([good], 3), ([good, extra], 4), ([bad], 0), ([], 0)):
        grade(desk, "ada", items=[one.id for one in chosen])
        assert graded(desk, "ada").points.points == points
    grade(desk, "ada", items=[good.id], points=Fraction(1, 2))
    assert graded(desk, "ada").points.points == Fraction(1, 2)


def test_points_reach_the_reports_of_the_run(desk, out):
    desk.set_worth(KEY, Fraction(4))
    grade(desk, "ada", points=Fraction(3), comment="Say why.")
    settled = next(one for one in latest(out).results if one.student == "ada")
    assert (settled.points, settled.max_points) == (7, 8)


def test_a_question_without_a_worth_or_points_beyond_it_are_refused(desk):
    with pytest.raises(UsageError, match="what the question is worth"):
        grade(desk, "ada", points=Fraction(1))
    desk.set_worth(KEY, Fraction(2))
    with pytest.raises(UsageError, match="0 to 2"):
        grade(desk, "ada", points=Fraction(3))


def test_changing_an_items_points_changes_all_answers_that_have_it(desk):
    desk.set_worth(KEY, Fraction(5))
    item = desk.add_item(KEY, "reason", Fraction(3))
    for student in ("ada", "bora"):
        grade(desk, student, items=[item.id], comment="kept")
    grade(desk, "=1+2", points=Fraction(1))
    assert desk.change_item(replace(item, points=Fraction(2)), "ta") == 2
    points = {row.answer.student: row.points and row.points.points for row in desk.graded(KEY)}
    assert (points["ada"], points["bora"], points["=1+2"]) == (2, 2, 1)
    assert graded(desk, "ada").comment.text == "kept"


def test_a_retired_item_is_not_offered_and_stays_where_it_was_used(desk):
    desk.set_worth(KEY, Fraction(5))
    item = desk.add_item(KEY, "reason", Fraction(3))
    grade(desk, "ada", items=[item.id])
    desk.change_item(replace(item, retired=True), "ta")
    assert desk.rubric(KEY) == []
    assert graded(desk, "ada").points.rubric == (item.id,)


def test_two_people_do_not_overwrite_each_other(desk, out):
    desk.set_worth(KEY, Fraction(5))
    other = Desk(out)
    grade(other, "ada", points=Fraction(5), who="other")
    with pytest.raises(Overtaken):
        grade(desk, "ada", points=Fraction(0), after=0)
    assert graded(desk, "ada").points.who == "other"
    other.close()


def test_an_answer_that_changed_is_to_be_graded_again_and_its_old_points_are_listed(desk, out):
    desk.set_worth(KEY, Fraction(5))
    grade(desk, "ada", points=Fraction(5))
    store(out, result("ada", "Something else."), *CLASS[1:])
    assert graded(desk, "ada").points is None
    assert [one.student for one in desk.outdated()] == ["ada"]


def test_a_comment_on_a_common_mistake_reaches_everyone_who_made_it(desk):
    assert desk.comment_on(["ada", "bora"], "corr2d", "See section 7.2.", "ta") == 2
    for student in ("ada", "bora"):
        assert [one.text for one in desk.settled(student).applied] == ["See section 7.2."]


@pytest.mark.parametrize("kind", ["override", "excuse", "extension"])
def test_what_changes_points_needs_a_reason(desk, kind):
    with pytest.raises(UsageError, match="reason"):
        desk.decide("ada", kind, exercise="corr2d", points=Fraction(1))


def test_a_student_or_exercise_that_there_is_not_is_refused(desk):
    with pytest.raises(UsageError, match="no such student"):
        desk.decide("nobody", "comment", text="x")
    with pytest.raises(UsageError, match="no exercise"):
        desk.decide("ada", "comment", exercise="pool2d", text="x")


def test_what_was_decided_can_be_taken_back(desk):
    desk.decide("ada", "override", exercise="corr2d", points=Fraction(0), text="copied")
    assert desk.settled("ada").result.points == 0
    desk.decide("ada", "reopen", exercise="corr2d")
    assert desk.settled("ada").result.points == 4
