"""Common mistakes, grouped by behaviour: students whose code goes wrong in the same way.

Students whose function gives the same answers to the same questions are one cluster, whether the
mistake has a name or not. Where answers were not asked for (models, values), students are grouped
by the check, its verdict and what was got; checks that failed for the same students are one row.
What was not attempted is no mistake and is counted apart.

Here: grouping results. Not here: how behaviour is digested (`grading/behaviour.py`), pages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.records import CheckResult, Counterexample, ExerciseResult, SubmissionResult
from grader.text import one_line
from grader.verdict import Verdict

_MOST_CLUSTERS = 25
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_Key = tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """Students whose answers to one exercise go wrong in the same way."""

    exercise: str
    title: str
    """The name of the mistake where it has one, else what it fails first."""
    named: bool
    """Whether the title comes from the bank of known mistakes."""
    same_answers: bool
    """Whether their functions answer every question alike."""
    also: tuple[str, ...]
    """Claims of the other checks that failed for the same students."""
    example: Counterexample | None
    """The smallest one of all members."""
    message: str
    who: tuple[int, ...]
    """Their places among the results."""
    students: tuple[str, ...]


@dataclass(frozen=True)
class NotAttempted:
    """How many submissions lack an exercise that is not optional."""

    exercise: str
    count: int


@dataclass(frozen=True)
class Mistakes:
    """What went wrong in a class."""

    clusters: tuple[Cluster, ...]
    """With the most support first."""
    left_out: int
    """Clusters that are not listed: the ones with the least support."""
    not_attempted: tuple[NotAttempted, ...]


@dataclass
class _Group:
    """What one way of going wrong gathers."""

    title: str
    named: bool
    same_answers: bool
    members: dict[int, None]
    checks: dict[str, str]
    """Claims of the failed checks, by name."""
    smallest: CheckResult


def mistakes(results: Sequence[SubmissionResult]) -> Mistakes:
    """Group what went wrong; the clusters with the most students come first."""
    groups: dict[_Key, _Group] = {}
    lacking: defaultdict[str, int] = defaultdict(int)
    for index, result in enumerate(results):
        for exercise in result.exercises:
            wrong = [check for check in exercise.checks if check.verdict.is_wrong]
            if wrong and all(check.verdict is Verdict.MISSING for check in wrong):
                lacking[exercise.exercise] += not exercise.optional
                continue
            for key, failed in _ways(exercise, wrong):
                _add(groups, key, exercise, failed, index)
    found = _merged(groups, results)
    counts = tuple(
        NotAttempted(name, count)
        for name, count in sorted(lacking.items(), key=lambda item: -item[1])
        if count
    )
    return Mistakes(tuple(found[:_MOST_CLUSTERS]), max(0, len(found) - _MOST_CLUSTERS), counts)


def _ways(
    exercise: ExerciseResult, wrong: Sequence[CheckResult]
) -> Iterator[tuple[_Key, Sequence[CheckResult]]]:
    """Yield each way in which an exercise went wrong, with the checks that failed by it."""
    if not wrong:
        return
    if exercise.mistake:
        yield (exercise.exercise, "named", exercise.mistake.title), wrong
    elif exercise.behaviour:
        # arguments that the call changed are in no answer; the failed checks tell them apart
        checks = " ".join(check.check for check in wrong)
        yield (exercise.exercise, "behaviour", exercise.behaviour, checks), wrong
    else:
        for check in wrong:
            yield (exercise.exercise, "check", check.check, check.verdict, _seen(check)), [check]


def _seen(check: CheckResult) -> str:
    """Return what a check saw, in a form that equal mistakes share."""
    example = check.counterexample
    if check.verdict is Verdict.FAILED and example is not None:
        return f"{example.got}|{example.expected}"
    raised = check.message if example is None else example.got
    return without_numbers(one_line(raised))


def without_numbers(text: str) -> str:
    """Return a text in which numbers and addresses are alike."""
    return _NUMBER.sub("N", _ADDRESS.sub("ADDRESS", text))


def _add(
    groups: dict[_Key, _Group],
    key: _Key,
    exercise: ExerciseResult,
    failed: Sequence[CheckResult],
    index: int,
) -> None:
    smallest = min(failed, key=_size)
    group = groups.get(key)
    if group is None:
        first = failed[0]
        title = f"{one_line(first.claim or first.check, limit=160)} ({first.verdict.words})"
        if exercise.mistake:
            title = exercise.mistake.title
        group = _Group(title, bool(exercise.mistake), False, {}, {}, smallest)
        group.same_answers = bool(exercise.behaviour)
        groups[key] = group
    group.same_answers = group.same_answers and bool(exercise.behaviour)
    group.members[index] = None
    group.checks |= {check.check: check.claim or check.check for check in failed}
    group.smallest = min(group.smallest, smallest, key=_size)


def _merged(groups: dict[_Key, _Group], results: Sequence[SubmissionResult]) -> list[Cluster]:
    """Merge the failed checks of the same students; return clusters, the most students first."""
    alike: defaultdict[tuple[str, _Key, tuple[int, ...]], list[_Group]] = defaultdict(list)
    for key, group in groups.items():
        apart = () if key[1] == "check" else key
        alike[key[0], apart, tuple(group.members)].append(group)
    found = []
    for (exercise, _, who), members in alike.items():
        first = members[0]
        claims = {name: claim for group in members for name, claim in group.checks.items()}
        smallest = min((group.smallest for group in members), key=_size)
        found.append(
            Cluster(
                exercise=exercise,
                title=first.title,
                named=first.named,
                same_answers=first.same_answers,
                also=tuple(claims.values())[0 if first.named else 1 :],
                example=smallest.counterexample,
                message=one_line(smallest.message, limit=200),
                who=who,
                students=tuple(dict.fromkeys(results[index].student for index in who)),
            )
        )
    return sorted(found, key=lambda cluster: -len(cluster.students))


def _size(check: CheckResult) -> tuple[bool, bool, int]:
    """Order failed checks by how short what they show is.

    Those with an expected answer come first, those that show nothing last.
    """
    example = check.counterexample
    if example is None:
        return True, True, len(check.message)
    size = len(example.call) + len(example.got) + len(example.expected)
    return False, not example.expected, size
