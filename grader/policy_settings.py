"""Reads the `[policy]` of an assignment.toml, and writes a policy as data for the gradebook.

Not here: what the rules do (`policy.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import msgspec

from grader.errors import CourseError
from grader.points import fraction_as_text, text_as_fraction
from grader.policy import Policy
from grader.text import one_line
from grader.toml_file import PolicyTable

_MOST_DAYS = 3_650
_MOST_STEP = 1_000


def policy_from(path: Path, table: PolicyTable | None, exercises: Collection[str]) -> Policy:
    """Return the policy that a file states.

    Args:
        path: the file, for messages.
        table: its `[policy]`.
        exercises: the names of all exercises of the assignment.

    Raises:
        CourseError: a rule is not possible, or names an exercise that there is not.
    """
    if table is None:
        return Policy()

    def must(possible: bool, name: str, remedy: str) -> None:
        if not possible:
            value = getattr(table, name)
            given = value.isoformat() if isinstance(value, datetime) else one_line(repr(value))
            raise CourseError(f"{path}: policy.{name} = {given} is not possible; {remedy}.")

    if table.due is not None:
        must(
            table.due.tzinfo is not None, "due",
            "give the offset of its time zone, as in 2026-03-14T23:59:00+09:00",
        )  # fmt: skip
    must(0 <= table.grace_minutes <= _MOST_DAYS * 1_440, "grace_minutes", "give minutes from 0 on")
    must(0 <= table.late_days <= _MOST_DAYS, "late_days", "give days from 0 on")
    for name in ("percent_a_day", "most_percent"):
        must(0 <= getattr(table, name) <= 100, name, "give a number from 0 to 100")
    if table.cut_off_days is not None:
        must(0 <= table.cut_off_days <= _MOST_DAYS, "cut_off_days", "give days from 0 on")
    must(0 <= table.drop < max(1, len(exercises)), "drop", "leave at least one exercise")
    for name in ("bonus", "drop_of"):
        must(
            set(getattr(table, name)) <= set(exercises), name,
            f"the assignment has: {', '.join(exercises)}",
        )  # fmt: skip
    must(
        not set(table.drop_of) & set(table.bonus), "drop_of",
        "a bonus is never dropped; leave it out",
    )  # fmt: skip
    _together(table, must)
    return Policy(
        table.due,
        table.late,
        timedelta(minutes=table.grace_minutes),
        table.late_days,
        _exact(table.percent_a_day),
        _exact(table.most_percent),
        table.cut_off_days,
        tuple(table.bonus),
        table.drop,
        tuple(table.drop_of),
        _step(path, table),
        table.rounding,
    )


def _together(table: PolicyTable, must: Callable[[bool, str, str], None]) -> None:
    """Refuse rules that do nothing, since another one that they are about is not given."""
    default = PolicyTable()
    given = {
        name for name in PolicyTable.__struct_fields__
        if getattr(table, name) != getattr(default, name)
    }  # fmt: skip
    for name in ("late", "cut_off_days", "grace_minutes", "late_days"):
        must("due" in given or name not in given, name, "give `due` as well")
    for name in ("percent_a_day", "most_percent"):
        must(table.late == "percent" or name not in given, name, 'give `late = "percent"` as well')
    must(table.late != "percent" or table.percent_a_day > 0, "late", "give `percent_a_day` as well")
    must("drop" in given or not table.drop_of, "drop_of", "give `drop` as well")
    must(
        not table.drop_of or table.drop <= len(table.drop_of), "drop",
        f"drop_of names only {len(table.drop_of)}",
    )  # fmt: skip
    must("round_to" in given or "rounding" not in given, "rounding", "give `round_to` as well")


def as_data(policy: Policy) -> str:
    """Return a policy as JSON."""
    return msgspec.json.encode(policy, enc_hook=fraction_as_text).decode()


def from_data(text: str) -> Policy:
    """Return the policy that `as_data` wrote; the default for empty text."""
    return msgspec.json.decode(text, type=Policy, dec_hook=text_as_fraction) if text else Policy()


def _step(path: Path, table: PolicyTable) -> Fraction | None:
    if table.round_to == "":
        return None
    try:
        step = _exact(table.round_to)
    except (ValueError, ZeroDivisionError):
        step = Fraction(0)
    if not 0 < step <= _MOST_STEP:
        raise CourseError(
            f"{path}: policy.round_to = {one_line(repr(table.round_to))} is not possible; give a "
            'step of points such as 1, 0.5 or "1/4".'
        )
    return step


def _exact(number: float | str) -> Fraction:
    text = str(number)
    if len(text) > 20 or "e" in text.lower():  # 1e999999999 would be computed without end
        raise ValueError(text)
    return Fraction(text)
