"""Collects the student's written answers from the Markdown cells, for manual grading.

A passage counts when it stands under a heading such as Discussion, Exercises, Summary, Takeaway or
정리, or one that is a question, up to the next heading of the same rank; text that follows an
exercise's code is below such a heading too. In a cell of its own a passage counts under the heading
of a section as well, unless the notebook keeps the prose of its book there. A cell of comments
alone is text. Headings are Markdown's (`## 7.2 Exercises`), HTML's, bold lines, and the bare lines
(`2.0.6 Summary`) of notebooks that were made from a PDF.

Here: the text, and whether it is empty or still the handed-out one. Not here: which sentences are
the student's own (`own_text.py`); whether an answer is right: an instructor decides that, and until
then it counts 0 of 0 points.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from grader.reading.headings import (
    BRACKETS,
    MARKUP,
    MOST_CHARACTERS,
    TEMPLATES,
    Heading,
    asks_for_text,
    lines_of,
)
from grader.reading.own_text import (
    GivenText,
    has_markup_of_a_book,
    is_long_enough,
    letters,
    speaks_for_a_book,
)
from grader.reading.self_checks import self_checking_cells
from grader.records import Cell, WrittenAnswer
from grader.text import parse_python

__all__ = ["MOST_ANSWERS", "MOST_CHARACTERS", "collect_answers", "in_short", "section_order"]

MOST_ANSWERS = 500
_MANY = 4
_State = Literal["written", "empty", "template"]
_SHOWN = re.compile(r"!\[|<img\b|```")
_LONGEST_TEMPLATE = 120
_PICTURE = re.compile(r"<img\b[^<>]{0,400}>", re.IGNORECASE)
_LABEL = re.compile(
    r"\s*(?:\*\*|__|[-*]\s+)?(?P<word>[^\s:：*_][^:：*_]{1,30}?)(?:\*\*|__)?\s*[:：]"
)


@dataclass
class _Scope:
    """An answer heading and the cells below it."""

    heading: Heading
    section: str
    cell: int
    found: int = 0
    """Passages and code cells; a heading with none is an empty answer."""


@dataclass
class _Reader:
    """Walks over the cells once, tracking the section and the current answer heading."""

    given: GivenText
    answers: list[WrittenAnswer] = field(default_factory=list)
    section: str = ""
    scope: _Scope | None = None
    title: Heading | None = None
    """The last heading of a section, and `titled` the cell of the last heading of any kind."""
    titled: int = -1
    prose: list[WrittenAnswer] = field(default_factory=list)
    """Passages under headings of sections: answers, unless the book's prose is among them."""

    def code(self, cell: Cell) -> None:
        text = _comments(cell.source)
        if self.scope and not text:
            self.scope.found += 1
        elif text:
            self._passage([text], cell.index)

    def markdown(self, cell: Cell) -> None:
        lines: list[str] = []
        says_something = False  # a passage with sub-headings only is the title of some code
        for line, heading in lines_of(cell.source):
            if heading is None or self._is_inside(heading):
                lines.append(line)
                says_something |= heading is None and bool(line.strip())
                continue
            if says_something:
                self._passage(lines, cell.index)
            lines, says_something = [], False
            self._enter(heading, cell.index)
        if says_something:
            self._passage(lines, cell.index)

    def finish(self) -> list[WrittenAnswer]:
        self._leave()
        of_a_book = sum(speaks_for_a_book(answer.text) for answer in self.prose)
        if any(has_markup_of_a_book(one.text) for one in self.prose) or (
            of_a_book >= _MANY and 2 * of_a_book >= len(self.prose)
        ):
            return self.answers
        found = [*self.answers, *self.prose]
        return sorted(found, key=lambda answer: answer.cell)[:MOST_ANSWERS]

    def _is_inside(self, heading: Heading) -> bool:
        return (
            self.scope is not None
            and heading.rank > self.scope.heading.rank
            and (not asks_for_text(heading.text) or heading.is_question)
        )

    def _enter(self, heading: Heading, cell: int) -> None:
        asks = asks_for_text(heading.text) or heading.is_question
        self.titled = cell
        self.title = heading if heading.section else self.title
        # "Notes & Exercises" right above "7.1 Notes" is a title and no empty answer
        numbered = self.scope is not None and bool(self.scope.heading.section)
        self._leave(title_only=asks and bool(heading.section) and not numbered)
        self.section = heading.section or self.section
        self.scope = _Scope(heading, self.section, cell) if asks else None

    def _leave(self, *, title_only: bool = False) -> None:
        scope, self.scope = self.scope, None
        said = _after_label(scope.heading.text) if scope else ""
        if scope and len(said.split()) > 2 and said != scope.heading.text:
            place = _label(scope.heading.text)
            state = self._state(said)
            self._add(WrittenAnswer(scope.section, place, scope.cell, said.strip(), state))
        elif scope and not scope.found and not title_only:
            self._add(WrittenAnswer(scope.section, scope.heading.text, scope.cell, "", "empty"))

    def _passage(self, lines: list[str], cell: int) -> None:
        text = "\n".join(lines).strip()
        if self.scope:
            self.scope.found += 1
            place = self.scope.heading.text
            self._add(WrittenAnswer(self.scope.section, place, cell, text, self._state(text)))
        elif label := _label(text):
            said = _after_label(text)
            self._add(WrittenAnswer(self.section, label, cell, text, self._state(said)))
        elif self.title and self.titled != cell and self._is_prose(text):
            answer = WrittenAnswer(self.section, self.title.text, cell, text, "written")
            self.prose.append(answer)

    def _is_prose(self, text: str) -> bool:
        own = self.given.own_sentences(text)
        return self._state(text) == "written" and is_long_enough(own)

    def _state(self, text: str) -> _State:
        """Return the state of a passage; text without a sentence of its own is template text."""
        state = _state(text)
        # a picture or printed code is an answer without sentences
        if state != "written" or _SHOWN.search(text) or not letters(_words(text)):
            return state
        return "written" if self.given.own_sentences(text) else "template"

    def _add(self, answer: WrittenAnswer) -> None:
        if len(self.answers) < MOST_ANSWERS:
            self.answers.append(answer)


def collect_answers(
    cells: Sequence[Cell], *, handed_out: Sequence[Cell] = (), given: Collection[str] = ()
) -> tuple[WrittenAnswer, ...]:
    """Return the passages for manual grading, in the order of the notebook.

    Args:
        cells: the student's notebook.
        handed_out: the notebook the class was given; a passage without other sentences than it
            has is template text.
        given: fingerprints of other sentences that are not the student's (`own_text.py`).

    Returns:
        One record for each passage of each cell, at most `MOST_ANSWERS`, each text at most
        `MOST_CHARACTERS` long; and one without text for a heading with nothing below it.
    """
    return answers_beside(cells, given_text(handed_out, given))


def given_text(handed_out: Sequence[Cell], given: Collection[str] = ()) -> GivenText:
    """Return the sentences of a handed-out notebook, beside other known ones."""
    asked = [cell.source for cell in handed_out if cell.kind != "code"]
    return GivenText.of(asked, given)


def answers_beside(cells: Sequence[Cell], given: GivenText) -> tuple[WrittenAnswer, ...]:
    """Return the passages for manual grading, as `collect_answers` does."""
    return tuple(_collect(cells, given))


def in_short(answers: Sequence[WrittenAnswer], *, handed_out: Sequence[WrittenAnswer] = ()) -> str:
    """Summarise by section how much was written, for the row of the written answers.

    Args:
        answers: of the student's notebook.
        handed_out: of the notebook the class was given: the sections that ask for text.
    """
    asked = sorted({answer.section for answer in (*handed_out, *answers)}, key=section_order)
    count = Counter(answer.section for answer in answers if answer.state == "written")
    states = Counter(answer.state for answer in answers)
    written = [section for section in asked if count[section]]
    blank = [section for section in asked if section and not count[section]]
    total = states["written"]
    where = f"{len(written)} section{'s' * (len(written) != 1)}"
    listed = ", ".join(f"{section or 'elsewhere'}: {count[section]}" for section in written)
    parts = [
        f"{total} answer{'s' * (total != 1)} in {where} ({listed})" if total else
        "no written answer was found below a heading such as Discussion, Exercises or Summary",
        f"{states['empty']} left empty" if states["empty"] else "",
        f"{states['template']} still as handed out" if states["template"] else "",
        f"nothing written in {', '.join(blank)}" if total and blank else "",
    ]  # fmt: skip
    return "; ".join(part for part in parts if part)


def section_order(section: str) -> tuple[bool, list[int], str]:
    """Return the sort key of a section: 7.10 after 7.9, no section last."""
    numbers = [int(number) for number in re.findall(r"\d{1,9}", section, re.ASCII)]
    return not numbers, numbers, section


def _collect(cells: Sequence[Cell], given: GivenText) -> list[WrittenAnswer]:
    reader = _Reader(given)
    passed_over = self_checking_cells(cells)
    for cell in cells:
        if cell.kind in ("markdown", "raw"):
            reader.markdown(cell)
        elif cell.source.strip() and cell.index not in passed_over:
            reader.code(cell)
    return reader.finish()


def _comments(source: str) -> str:
    """Return the text of a code cell that is nothing but comments or one string; else nothing."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    text = "\n".join(line.lstrip("# ") for line in lines)
    if all(line.startswith("#") for line in lines):
        return "" if parse_python(text) else text  # code that is commented out
    match parse_python(source):
        case ast.Module(body=[ast.Expr(ast.Constant(str(said)))]):
            return said.strip()
    return ""


def _label(text: str) -> str:
    """Return the word that introduces a passage on its line: `Takeaway: ...`."""
    match = _LABEL.match(text)
    return match["word"].strip() if match and asks_for_text(match["word"]) else ""


def _after_label(text: str) -> str:
    match = _LABEL.match(text)
    return text[match.end() :] if match else text


# ---- text


def _state(text: str) -> _State:
    if not _words(text):
        return "empty"
    lines = [words for line in text.split("\n") if (words := _words(line))]
    if all(
        len(line) <= _LONGEST_TEMPLATE and TEMPLATES.fullmatch(line.strip(BRACKETS))
        for line in lines
    ):
        return "template"
    return "written"


def _words(text: str) -> str:
    """Normalise text: no markup, single blanks, lower case; may be empty."""
    first, *others = text.split("<!--")
    shown = first + "".join(part.partition("-->")[2] for part in others)
    shown = _PICTURE.sub("picture", shown)
    bare = " ".join(MARKUP.sub(" ", shown).split()).casefold()
    return bare if any(character.isalnum() for character in bare) or "..." in bare else ""
