"""An assignment's rules for all students: late work, bonus, dropped exercises, rounding.

They apply to what the checks and an instructor gave; both numbers are kept. The order is fixed:
drop the lowest exercises, take bonus exercises out of the maximum, deduct for lateness, round.

Here: the rules as data, and what they make of one result. Not here: where they are written
(`policy_settings.py`), decisions about one student (`decisions.py`), when something was handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from grader.decisions import Decision, in_force
from grader.points import Standing, standing
from grader.records import ExerciseResult, SubmissionResult

Late = Literal["none", "cut-off", "percent"]
Direction = Literal["nearest", "up", "down"]
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Policy:
    """The rules of one assignment; the default changes nothing."""

    due: datetime | None = None
    """With a time zone."""
    late: Late = "none"
    """What lateness costs: nothing, everything, or `percent_a_day`."""
    grace: timedelta = timedelta(0)
    """Work that is late by at most this is on time; beyond it, lateness counts from `due`."""
    late_days: int = 0
    """How many days late are free for everybody."""
    percent_a_day: Fraction = Fraction(0)
    """Of the points earned, for each day begun."""
    most_percent: Fraction = Fraction(100)
    """The largest deduction."""
    cut_off_days: int | None = None
    """Work that is later than this counts nothing; None for no such day."""
    bonus: tuple[str, ...] = ()
    """Exercises whose points count, and whose maximum does not."""
    drop: int = 0
    """How many of the exercises with the lowest share of their points do not count."""
    drop_of: tuple[str, ...] = ()
    """Among which they are chosen; empty for all that carry points and are no bonus."""
    step: Fraction | None = None
    """Points are rounded to a multiple of this; None for no rounding."""
    direction: Direction = "nearest"
    """Halves go up."""

    @property
    def changes_points(self) -> bool:
        """Whether there is a rule at all."""
        return bool(self.due or self.bonus or self.drop or self.step)


@dataclass(frozen=True)
class Adjusted:
    """What the rules make of one submission."""

    standing: Standing
    """Points after the rules, of how many; what a broken check leaves open is not in it."""
    late_by: timedelta | None = None
    """Beyond the due date and its extension; None where it is on time or no time is known."""
    days_late: int = 0
    """Days begun, before free ones are taken off."""
    reasons: tuple[str, ...] = ()
    """Each change as a sentence."""


def adjust(
    result: SubmissionResult,
    policy: Policy,
    *,
    handed_in: datetime | None = None,
    marked_late_by: str = "",
    decisions: Sequence[Decision] = (),
    max_points: Fraction = Fraction(0),
) -> Adjusted:
    """Apply the rules to a result.

    Args:
        result: with what an instructor decided (`decisions.settle`).
        policy: the rules.
        handed_in: when, with a time zone; None counts as on time, with a sentence where the
            policy has a due date.
        marked_late_by: the system that marked it as late, which counts where no time is known.
        decisions: among them, extensions of this student.
        max_points: for a submission that could not be read, what work without any points is of
            (`most_after`).
    """
    dropped = _lowest(result.exercises, policy)
    points = most = still_open = Fraction(0)
    broken = 0
    for exercise in result.exercises:
        if exercise.exercise in dropped:
            continue
        one = standing(exercise.checks)
        points += one.points
        still_open += one.open
        broken += one.broken
        if exercise.exercise not in policy.bonus:
            most += one.max_points
    reasons = [f"{name} is dropped" for name in dropped]
    if not result.exercises:
        most = max_points
    due, extended = _due(result.student, policy, decisions)
    late_by = handed_in - due if handed_in and due and handed_in - due > policy.grace else None
    if extended and due:
        reasons.append(f"due {due.isoformat(' ', 'minutes')}: {extended}")
    days = ceil(late_by / _DAY) if late_by else 0
    if due and handed_in is None and result.exercises:
        marked, sentence = _without_time(marked_late_by, is_extended=bool(extended))
        days = 1 if marked else 0
        reasons.append(sentence)
    if days:
        kept, reason = _late_share(days, policy)
        points *= kept
        reasons.append(reason)
    if policy.step:
        points = _rounded(points, policy.step, policy.direction)
    return Adjusted(Standing(points, most, still_open, broken), late_by, days, tuple(reasons))


def most_after(policy: Policy, worth: Mapping[str, Fraction]) -> Fraction:
    """Return of how many points work is, after the rules, that earned nothing in any exercise.

    Args:
        policy: the rules.
        worth: what each exercise is worth, in the assignment's order.
    """
    counted = {name: most for name, most in worth.items() if name not in policy.bonus}
    among = [n for n, most in counted.items() if most and n in (policy.drop_of or counted)]
    # of equal shares the one worth most is dropped, as in `_lowest`
    dropped = sorted(among, key=lambda name: -counted[name])[: policy.drop]
    return sum((most for name, most in counted.items() if name not in dropped), Fraction(0))


def _without_time(marked_late_by: str, *, is_extended: bool) -> tuple[bool, str]:
    """Return whether work without a known time is late, and the sentence about it."""
    if not marked_late_by:
        return False, "no time of handing in is known: taken as on time"
    marked = f"{marked_late_by} marked it late and names no time"
    if is_extended:  # the mark is about the date that holds for all
        return False, f"{marked}: taken as within the extension; --times gives the time"
    return True, f"{marked}: taken as 1 day late; --times gives the time"


def _lowest(exercises: Iterable[ExerciseResult], policy: Policy) -> list[str]:
    """Choose the exercises that are dropped; of equal shares the one worth most."""
    found = []
    for place, one in enumerate(exercises):
        among = one.exercise in policy.drop_of if policy.drop_of else True
        total = standing(one.checks)
        # what is open may turn out to be right: it is never dropped
        among = among and one.exercise not in policy.bonus and not total.open
        if among and total.share is not None:
            found.append((total.share, -total.max_points, place, one.exercise))
    return [name for *_, name in sorted(found)[: policy.drop]]


def _due(
    student: str, policy: Policy, decisions: Sequence[Decision]
) -> tuple[datetime | None, str]:
    """Return when a student's work is due, and why that is later than for others."""
    if policy.due is None:
        return None, ""
    ours = in_force(one for one in decisions if one.student == student)
    extended = [
        (moment, one)
        for one in ours
        if one.kind == "extension" and (moment := extension_until(one)) is not None
    ]
    if not extended:
        return policy.due, ""
    moment, one = max(extended, key=lambda pair: pair[0])
    return max(moment, policy.due), _reason(one)


def extension_until(decision: Decision) -> datetime | None:
    """Return the due date that an extension gives; its text is that date, a space, a reason."""
    date = decision.text.partition(" ")[0]
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _reason(decision: Decision) -> str:
    return decision.text.partition(" ")[2] or "extended"


def _late_share(days: int, policy: Policy) -> tuple[Fraction, str]:
    """Return the share of the points that late work keeps, and the sentence about it."""
    count = f"{days} day{'s' * (days != 1)} late"
    charged = max(0, days - policy.late_days)
    free = days - charged
    if free:
        count += f", {free} of them free"
    if policy.cut_off_days is not None and days > policy.cut_off_days:
        return Fraction(0), f"{count}: nothing counts after {policy.cut_off_days}"
    if policy.late == "none" or not charged:
        return Fraction(1), f"{count}: no deduction"
    if policy.late == "cut-off":
        return Fraction(0), f"{count}: late work does not count"
    percent = min(policy.percent_a_day * charged, policy.most_percent, Fraction(100))
    return 1 - percent / 100, f"{count}: {float(percent):g} % less"


def _rounded(points: Fraction, step: Fraction, direction: Direction) -> Fraction:
    steps = points / step
    if direction == "up":
        return ceil(steps) * step
    if direction == "down":
        return floor(steps) * step
    return floor(steps + Fraction(1, 2)) * step
