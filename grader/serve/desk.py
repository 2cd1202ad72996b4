"""One gradebook as instructors work on it: what there is to decide, and what they decide.

Results are read once, and again when a new run was stored; decisions are read for every page, since
another process may add some. Each decision is in the gradebook when the method returns.

Here: reading and deciding. Not here: HTTP (`app.py`), reports (`publisher.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from grader.decisions import Decision, Kind, Settled, Subject, in_force, mark_of, settle
from grader.errors import UsageError
from grader.records import SubmissionResult
from grader.report.manual_notes import notes_of
from grader.report.pages import feedback_page
from grader.runs.decided import decide, decisions_of
from grader.runs.rubrics import RubricItem, add_item, change_item, items_of, set_worth, worths_of
from grader.runs.stored_run import StoredRun, gradebook_in, latest_id, stored_run
from grader.serve.answers import Answer, Question, questions_of
from grader.serve.views import Graded, Group, StudentRow, groups_of, row_of


@dataclass(frozen=True)
class Work:
    """The results of one run, and what is derived from them once."""

    run_id: int
    run: StoredRun

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """Every question with its answers, by its key."""
        return {one.key: one for one in questions_of(self.run.graded)}

    @cached_property
    def results(self) -> Mapping[str, SubmissionResult]:
        """The latest result of each student, without decisions."""
        return {result.student: result for result in self.run.graded}

    @cached_property
    def groups(self) -> Sequence[Group]:
        """The groups of students whose functions make the same mistake."""
        return groups_of(self.run)

    @cached_property
    def rows(self) -> Mapping[str, StudentRow]:
        """A line for each student, without decisions."""
        return {name: row_of(Settled(one), self.run) for name, one in self.results.items()}


@dataclass(frozen=True)
class Progress:
    """A question and how far it is graded."""

    question: Question
    worth: Fraction | None
    graded: int


@dataclass(frozen=True)
class _Mark:
    """What an answer is given."""

    points: Fraction
    worth: Fraction
    rubric: tuple[int, ...]
    text: str
    """The rubric items in words."""
    comment: str
    who: str


class Desk:
    """An open gradebook, for one thread."""

    def __init__(self, out: Path) -> None:
        self._gradebook = gradebook_in(out)
        self._work: Work | None = None

    def close(self) -> None:
        """Close the gradebook; everything is stored already."""
        self._gradebook.close()

    # ---- reading

    @property
    def work(self) -> Work:
        """The latest run.

        Raises:
            UsageError: there is none.
        """
        latest = latest_id(self._gradebook)
        if self._work is None or self._work.run_id != latest:
            self._work = Work(latest, stored_run(self._gradebook, latest))
        return self._work

    @property
    def _assignment(self) -> str:
        return self.work.run.assignment

    def decisions(self) -> list[Decision]:
        """Return everything that was decided, oldest first."""
        return decisions_of(self._gradebook, self._assignment)

    def students(self) -> list[StudentRow]:
        """Return a line for each student, those with open points first."""
        decided: dict[str, list[Decision]] = {}
        for one in self.decisions():
            decided.setdefault(one.student, []).append(one)
        work = self.work
        rows = dict(work.rows)
        for student in decided.keys() & rows.keys():
            settled = settle(work.results[student], decided[student])
            rows[student] = row_of(settled, work.run)
        return sorted(rows.values(), key=lambda row: (not row.total.open, row.name.casefold()))

    def settled(self, student: str) -> Settled:
        """Return a student's result with the decisions about it.

        Raises:
            UsageError: there is no such student.
        """
        found = self.work.results.get(student)
        if found is None:
            raise UsageError("there is no such student in this run; it may be another run now.")
        return settle(found, self.decisions())

    def feedback(self, student: str) -> str:
        """Return the feedback page of a student with everything that was decided so far.

        Raises:
            UsageError: there is no such student.
        """
        settled, run = self.settled(student), self.work.run
        alone = replace(run, results=(settled.result,), decisions=settled.applied)
        return feedback_page(
            settled.result, assignment=run.title, notes=notes_of(settled.result, settled.applied),
            adjusted=alone.adjusted[0] if run.policy.changes_points else None,
        )  # fmt: skip

    def outdated(self) -> list[Decision]:
        """Return the decisions about work that has changed since."""
        decisions = self.decisions()
        return [
            one
            for result in self.work.results.values()
            for one in settle(result, decisions).outdated
        ]

    def progress(self) -> list[Progress]:
        """Return every question, with how many of its answers have points."""
        worths = worths_of(self._gradebook, self._assignment)
        held = self._held()
        return [
            Progress(one, worths.get(key), sum(self._is_graded(held, a, key) for a in one.answers))
            for key, one in self.work.questions.items()
        ]

    def question(self, key: str) -> Question:
        """Return a question.

        Raises:
            UsageError: there is none of this key.
        """
        if key not in self.work.questions:
            raise UsageError("there is no such question in this run.")
        return self.work.questions[key]

    def graded(self, key: str) -> list[Graded]:
        """Return the answers to a question with the decisions about them, in order."""
        decisions = self.decisions()
        held = {(one.subject, one.kind): one for one in in_force(decisions)}
        latest = {one.subject: one.id for one in decisions}
        rows = []
        for place, answer in enumerate(self.question(key).answers):
            subject = (answer.student, answer.exercise, key)
            points, comment = held.get((subject, "points")), held.get((subject, "comment"))
            seen = self._seen(subject)
            rows.append(Graded(
                answer, place,
                points if points and points.seen in ("", seen) else None,
                comment if comment and comment.seen in ("", seen) else None,
                latest.get(subject, 0),
            ))  # fmt: skip
        return rows

    def latest_about(self, student: str) -> dict[Subject, int]:
        """Return the id of the latest decision about each subject of a student."""
        return {one.subject: one.id for one in self.decisions() if one.student == student}

    def worth(self, key: str) -> Fraction | None:
        """Return what a question is worth; None while none is set."""
        return worths_of(self._gradebook, self._assignment).get(key)

    def rubric(self, key: str) -> list[RubricItem]:
        """Return the items that are offered for a question."""
        return [one for one in self._items() if one.question == key and not one.retired]

    # ---- deciding

    def set_worth(self, key: str, points: Fraction) -> None:
        """Set what a question is worth; answers that have points already keep them."""
        self.question(key)
        if not 0 < points <= 1_000:
            raise UsageError("a question is worth more than 0 and at most 1000 points.")
        set_worth(self._gradebook, self._assignment, key, points)

    def add_item(self, key: str, text: str, points: Fraction) -> RubricItem:
        """Add a rubric item to a question."""
        self.question(key)
        return add_item(self._gradebook, self._assignment, key, text, points)

    def change_item(self, item: RubricItem, who: str) -> int:
        """Change a rubric item, and the points of all answers that it applies to.

        Returns:
            How many answers have other points now.
        """
        before = next((one for one in self._items() if one.id == item.id), None)
        if before is None or not item.text.strip():
            raise UsageError("there is no such rubric item, or its text is empty.")
        change_item(self._gradebook, item)
        if before.points == item.points:
            return 0
        using = [
            one
            for one in in_force(self.decisions())
            if one.kind == "points" and item.id in one.rubric
        ]
        for one in using:
            changed = (one.points or Fraction(0)) - before.points + item.points
            points = min(max(changed, Fraction(0)), one.max_points or changed)
            self._store(replace(one, points=points, who=who, made_at="", id=0), after=None)
        return len(using)

    def grade(
        self,
        key: str,
        place: int,
        *,
        items: Sequence[int],
        points: Fraction | None,
        comment: str,
        after: int,
        who: str,
        alike: bool = False,
    ) -> int:
        """Give an answer its points and a comment, and perhaps all that are like it.

        Args:
            key: the question.
            place: of the answer in the question.
            items: ids of the rubric items that apply.
            points: what the answer earns; None for the sum of the items.
            comment: for the student; may be empty.
            after: id of the latest decision about it that the instructor saw.
            who: name of the instructor.
            alike: whether the other answers of its group that wait for points get the same.

        Returns:
            How many answers have other points now.

        Raises:
            UsageError: the question has no worth yet, or the points are beyond it.
            Overtaken: a later decision about it is stored.
        """
        rows = self.graded(key)
        if not 0 <= place < len(rows):
            raise UsageError("there is no such answer in this run.")
        worth = self.worth(key)
        if worth is None:
            raise UsageError("say first what the question is worth.")
        offered = {one.id: one for one in self._items() if one.question == key}
        chosen = tuple(one for one in dict.fromkeys(items) if one in offered)
        if points is None:
            total = sum((offered[one].points for one in chosen), Fraction(0))
            points = min(max(total, Fraction(0)), worth)
        if not 0 <= points <= worth:
            raise UsageError(f"the points are 0 to {float(worth):g}.")
        text = "; ".join(f"{offered[one].text} ({float(offered[one].points):+g})" for one in chosen)
        mark = _Mark(points, worth, chosen, text, comment.strip(), who)
        self._give(key, rows[place], mark, after=after)
        group = rows[place].answer.group
        others = [o for o in rows if o.answer.group == group and o.points is None] if alike else []
        others = [one for one in others if one.place != place]
        for one in others:
            self._give(key, one, mark, after=one.latest)
        return 1 + len(others)

    def _give(self, key: str, row: Graded, mark: _Mark, *, after: int) -> None:
        subject = (row.answer.student, row.answer.exercise, key)
        stored = self._store(
            self._about(
                subject, "points", text=mark.text, who=mark.who, points=mark.points,
                max_points=mark.worth, rubric=mark.rubric,
            ),
            after=after,
        )  # fmt: skip
        if mark.comment != (row.comment.text if row.comment else ""):
            comment = self._about(subject, "comment", text=mark.comment, who=mark.who)
            self._store(comment, after=stored.id)

    def decide(
        self,
        student: str,
        kind: Kind,
        *,
        exercise: str = "",
        item: str = "",
        points: Fraction | None = None,
        text: str = "",
        after: int | None = None,
        who: str = "",
    ) -> Decision:
        """Decide about a student's exercise, check or submission.

        Raises:
            UsageError: there is no such subject, or a reason or number is missing.
            Overtaken: a later decision about it is stored.
        """
        result = self.settled(student).result
        found = next((one for one in result.exercises if one.exercise == exercise), None)
        if exercise and found is None:
            raise UsageError(f"{student} has no exercise {exercise!r} in this run.")
        if kind == "override" and points is None:
            raise UsageError("say how many points it is worth.")
        if kind in ("override", "excuse", "extension") and not text.strip():
            raise UsageError("give a reason; it stands beside the points.")
        decision = self._about(
            (student, exercise, item), kind, text=text.strip(), who=who, points=points
        )
        return self._store(decision, after=after)

    def comment_on(self, students: Iterable[str], exercise: str, text: str, who: str) -> int:
        """Give the same comment on an exercise to several students; return to how many."""
        if not text.strip():
            raise UsageError("the comment is empty.")
        given = 0
        for student in students:
            self.decide(student, "comment", exercise=exercise, text=text, who=who)
            given += 1
        return given

    def _about(
        self,
        subject: Subject,
        kind: Kind,
        *,
        text: str,
        who: str,
        points: Fraction | None = None,
        max_points: Fraction | None = None,
        rubric: tuple[int, ...] = (),
    ) -> Decision:
        student, exercise, item = subject
        return Decision(
            student, kind, exercise, item, points, max_points, text, self._seen(subject), who,
            rubric=rubric,
        )  # fmt: skip

    def _seen(self, subject: Subject) -> str:
        student, exercise, item = subject
        result = self.work.results.get(student)
        return mark_of(result, exercise, item) if result and exercise else ""

    def _store(self, decision: Decision, *, after: int | None) -> Decision:
        return decide(self._gradebook, self._assignment, decision, after=after)

    def _items(self) -> list[RubricItem]:
        return items_of(self._gradebook, self._assignment)

    def _held(self) -> dict[Subject, Decision]:
        return {one.subject: one for one in in_force(self.decisions()) if one.kind == "points"}

    def _is_graded(self, held: Mapping[Subject, Decision], answer: Answer, key: str) -> bool:
        subject = (answer.student, answer.exercise, key)
        one = held.get(subject)
        return one is not None and one.seen in ("", self._seen(subject))
