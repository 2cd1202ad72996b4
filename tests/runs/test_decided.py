"""Decisions are kept in the gradebook, and two people do not overwrite each other."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from grader.decisions import Decision
from grader.runs.decided import Overtaken, decide, decisions_of
from grader.runs.gradebook import Gradebook

GOOD = Decision(
    "홍길동", "points", "written", "7 2 exercises", Fraction(7, 3), Fraction(4), "=1+2 <b>", "ab",
    "ta",
)  # fmt: skip


def test_a_decision_comes_back_as_it_was_made(tmp_path: Path):
    with Gradebook.open(tmp_path / "gradebook.sqlite") as gradebook:
        kept = decide(gradebook, "cnn", GOOD)
    with Gradebook.open(tmp_path / "gradebook.sqlite") as gradebook:
        assert decisions_of(gradebook, "cnn") == [kept]
        assert decisions_of(gradebook, "rnn") == []
    assert kept.id == 1
    assert kept.made_at


def test_who_has_not_seen_the_latest_decision_is_told_and_nothing_is_stored(tmp_path: Path):
    path = tmp_path / "gradebook.sqlite"
    with Gradebook.open(path) as mine, Gradebook.open(path) as theirs:
        first = decide(mine, "cnn", GOOD, after=0)
        with pytest.raises(Overtaken, match="ta decided about 7 2 exercises meanwhile"):
            decide(theirs, "cnn", GOOD, after=0)
        second = decide(theirs, "cnn", GOOD, after=first.id)
        assert decisions_of(mine, "cnn") == [first, second]


def test_a_decision_about_another_answer_overtakes_nobody(tmp_path: Path):
    with Gradebook.open(tmp_path / "gradebook.sqlite") as gradebook:
        decide(gradebook, "cnn", GOOD, after=0)
        other = Decision("bora", "points", "written", "7 2 exercises", Fraction(1), Fraction(4))
        assert decide(gradebook, "cnn", other, after=0).id == 2
