"""The written answers of a class, question by question, with similar ones beside each other.

Answers that share most of their words form a group, which is graded in a row. The other answers
come in an order that is drawn by lot, another for each question and always the same: graders grow
stricter in the course of a row, and the end of a row should not be the end of the alphabet.

Here: grouping and order. Not here: which passages are answers (`reading/`), points (`desk.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.decisions import question_of
from grader.records import SubmissionResult, WrittenAnswer

_ALIKE = 0.75
"""Of the words of both, the share that two answers of a group have in common at least."""
_MOST_COMPARED = 400
"""Groups that an answer is compared with; of more, it may begin another group."""
_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """What one student wrote to one question."""

    student: str
    text: str
    exercise: str
    """The exercise of the assignment to which written answers belong."""
    place: str
    """Where it stands in the notebook, in words."""
    group: int
    """Number of the group of similar answers, from 0; the largest group comes first."""
    alike: int
    """How many answers the group has."""

    @property
    def excerpt(self) -> str:
        """The text without its headings, for a list of answers."""
        return " ".join(_HEADING.sub("", self.text).split()) or self.text


@dataclass(frozen=True)
class Question:
    """One question with the answers of the class, in the order in which they are graded."""

    key: str
    title: str
    answers: tuple[Answer, ...]


def questions_of(results: Iterable[SubmissionResult]) -> list[Question]:
    """Return the questions that students answered, in the order of their sections."""
    titles: dict[str, str] = {}
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for result in results:
        exercise = next((one.exercise for one in result.exercises if one.by_hand), "")
        passages: dict[str, list[WrittenAnswer]] = {}
        for answer in result.answers:
            if exercise and answer.state == "written":
                passages.setdefault(question_of(answer), []).append(answer)
        for key, parts in passages.items():
            first = parts[0]
            titles.setdefault(key, first.section or first.heading)
            text = "\n\n".join(f"#### {part.heading}\n\n{part.text}" for part in parts)
            place = f"cell {first.cell}" + (f" of {first.file}" if first.file else "")
            found.setdefault(key, []).append((result.student, text, exercise, place))
    questions = [
        Question(key, titles[key], _grouped(sorted(rows, key=lambda row: _lot(key, row[0]))))
        for key, rows in found.items()
    ]
    return sorted(questions, key=lambda one: _section(one.title))


def _lot(key: str, student: str) -> bytes:
    return hashlib.sha256(f"{key}\0{student}".encode("utf-8", "replace")).digest()


def _grouped(rows: Sequence[tuple[str, str, str, str]]) -> tuple[Answer, ...]:
    words = [frozenset(re.findall(r"\w+", text.casefold())) for _, text, _, _ in rows]
    groups: list[list[int]] = []
    for place, own in enumerate(words):
        for group in groups[:_MOST_COMPARED]:
            if _share(words[group[0]], own) >= _ALIKE:
                group.append(place)
                break
        else:
            groups.append([place])
    groups.sort(key=lambda group: (-len(group), group[0]))
    return tuple(
        Answer(*rows[place], group=number, alike=len(group))
        for number, group in enumerate(groups)
        for place in group
    )


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one | other)
    return len(one & other) / both if both else 1.0


def _section(title: str) -> tuple[list[int], str]:
    found = re.match(r"\d+(?:\.\d+)*", title)
    return ([int(part) for part in found[0].split(".")] if found else [10**9]), title
