"""The `[policy]` of an assignment.toml is read, and a rule that is not possible is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from grader.errors import CourseError
from grader.policy import Policy
from grader.policy_settings import as_data, from_data, policy_from
from grader.toml_file import AssignmentFile, PolicyTable, read_toml

EXERCISES = ("corr2d", "pool2d")


def read(folder: Path, lines: str) -> Policy:
    path = folder / "assignment.toml"
    path.write_text(f'title = "T"\nexercises = ["corr2d", "pool2d"]\n[policy]\n{lines}')
    return policy_from(path, read_toml(path, AssignmentFile).policy, EXERCISES)


def test_every_rule_can_be_written_down(tmp_path: Path):
    policy = read(
        tmp_path,
        """
        due = 2026-03-14T23:59:00+00:00
        late = "percent"
        percent_a_day = 12.5
        most_percent = 50
        grace_minutes = 15
        late_days = 2
        cut_off_days = 7
        bonus = ["pool2d"]
        drop = 1
        drop_of = ["corr2d"]
        round_to = "1/4"
        rounding = "down"
    """,
    )
    assert policy == Policy(
        datetime(2026, 3, 14, 23, 59, tzinfo=UTC), "percent", timedelta(minutes=15), 2,
        Fraction(25, 2), Fraction(50), 7, ("pool2d",), 1, ("corr2d",), Fraction(1, 4), "down",
    )  # fmt: skip
    assert from_data(as_data(policy)) == policy


def test_no_policy_is_the_policy_that_changes_nothing():
    assert policy_from(Path("a.toml"), None, EXERCISES) == Policy()
    assert not Policy().changes_points
    assert from_data("") == Policy()


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("due = 2026-03-14T23:59:00", "offset of its time zone"),
        ('late = "percent"', "`due` as well"),
        ("percent_a_day = 101", "policy.percent_a_day"),
        ("grace_minutes = -1", "policy.grace_minutes"),
        ("drop = 2", "leave at least one exercise"),
        ('bonus = ["conv"]', "the assignment has: corr2d, pool2d"),
        ('round_to = "0"', "policy.round_to"),
        ('round_to = "1e999999999"', "policy.round_to"),
        ('late = "sometimes"', "policy.late"),
        ("penalty = 3", "unknown field `penalty` in [policy]; it has: due, late, grace_minutes,"),
        ('due = "2026-03-14"', "`policy.due` needs a date with its time and zone, as in 2026-"),
        ("due = 2026-03-14", "as in 2026-03-14T23:59:00+09:00; it is a date."),
        ('late = "percentage"', "it is one of: none, cut-off, percent."),
        ('percent_a_day = "10"', "`policy.percent_a_day` needs a number; it is text"),
        ("late_days = 1.5", "`policy.late_days` needs a whole number"),
    ],
)
def test_a_rule_that_is_not_possible_is_named_with_its_file(tmp_path: Path, lines: str, named: str):
    with pytest.raises(CourseError, match=r"assignment\.toml") as raised:
        read(tmp_path, lines)
    assert named in str(raised.value)


DUE = "due = 2026-03-14T23:59:00Z\n"


@pytest.mark.parametrize(
    ("lines", "remedy"),
    [
        ("percent_a_day = 10", 'give `late = "percent"` as well'),
        (f"{DUE}percent_a_day = 10", 'give `late = "percent"` as well'),
        (f'{DUE}late = "cut-off"\nmost_percent = 50', 'give `late = "percent"` as well'),
        (f'{DUE}late = "percent"', "give `percent_a_day` as well"),
        ('late = "percent"\npercent_a_day = 10', "give `due` as well"),
        ("cut_off_days = 3", "policy.cut_off_days = 3 is not possible; give `due` as well"),
        ("late_days = 3", "give `due` as well"),
        ("grace_minutes = 3", "give `due` as well"),
        ('drop_of = ["corr2d"]', "give `drop` as well"),
        ('drop = 1\ndrop_of = ["pool2d"]\nbonus = ["pool2d"]', "a bonus is never dropped"),
        ('rounding = "up"', "give `round_to` as well"),
    ],
)
def test_a_rule_without_the_one_it_needs_is_refused_and_does_not_do_nothing(
    tmp_path: Path, lines: str, remedy: str
):
    with pytest.raises(CourseError, match=r"assignment\.toml") as raised:
        read(tmp_path, lines)
    assert remedy in str(raised.value)


def test_more_cannot_be_dropped_than_drop_of_names(tmp_path: Path):
    path = tmp_path / "a.toml"
    table = PolicyTable(drop=2, drop_of=["a"])
    with pytest.raises(CourseError, match="drop_of names only 1"):
        policy_from(path, table, ("a", "b", "c", "d"))
