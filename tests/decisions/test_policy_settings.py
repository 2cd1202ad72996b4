"""The `[policy]` of an assignment.toml is read, and a rule that is not possible is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from grader.errors import CourseError
from grader.policy import Policy
from grader.policy_settings import as_data, from_data, policy_from
from grader.toml_file import AssignmentFile, read_toml

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
        ("penalty = 3", "penalty"),
    ],
)
def test_a_rule_that_is_not_possible_is_named_with_its_file(tmp_path: Path, lines: str, named: str):
    with pytest.raises(CourseError, match=r"assignment\.toml") as raised:
        read(tmp_path, lines)
    assert named in str(raised.value)
