"""Collects the student's written answers from the Markdown cells, for manual grading.

A passage counts when it stands under a heading such as Discussion, Exercises, Summary, Takeaway or
정리, up to the next heading of the same rank; text that follows an exercise's code is below such a
heading too. Headings are Markdown's (`## 7.2 Exercises`), HTML's, bold lines, and the bare lines
(`2.0.6 Summary`) of notebooks that were made from a PDF.

Here: the text, and whether it is empty or still the handed-out one. Not here: whether it is right;
an instructor decides that, and until then it counts 0 of 0 points.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from grader.records import Cell, WrittenAnswer
from grader.text import clean, clip, one_line

MOST_ANSWERS = 500
MOST_CHARACTERS = 20_000
_LONGEST_HEADING = 160
_LONGEST_TITLE = 6  # words; in some languages one word may be a whole sentence, "느낀점이많았다"
_BELOW_ALL = 9  # the rank of a heading that is a bare word

# words of a heading under which students write, by language; whole words only
_WORDS = frozenset(
    (
        *("discussion", "discussions", "discuss", "exercise", "exercises", "summary", "summaries"),
        *(
            "takeaway",
            "takeaways",
            "note",
            "notes",
            "memo",
            "memos",
            "question",
            "questions",
            "answer",
        ),
        *("answers", "q&a", "qna", "reflection", "reflections", "conclusion", "conclusions"),
        *("opinion", "thoughts", "comment", "comments", "remarks", "insight", "insights"),
        *("learned", "learnt", "observation", "observations", "findings", "analysis"),
        *("diskussion", "zusammenfassung", "aufgabe", "aufgaben", "übung", "übungen", "fazit"),
        *("résumé", "exercice", "exercices"),
        *("conclusión", "resumen", "ejercicio", "ejercicios", "discusión"),
    )
)
# in these languages endings and neighbours are written without a blank
_PARTS = (
    *("느낀점", "느낀", "배운", "정리", "토론", "토의", "연습문제", "연습", "요약", "질문", "답변"),
    *("정답", "해답", "고찰", "결론", "소감", "의견", "생각", "메모", "논의", "분석", "회고"),
    *("감상", "노트", "필기", "요점", "깨달은", "디스커션", "서머리"),
    *("小结", "总结", "練習", "练习", "讨论", "思考"),
    *("まとめ", "演習", "考察", "議論", "感想"),
)
_TWO_WORDS = ("take away", "take-away", "take aways", "take-aways")
_TEMPLATES = re.compile(
    r"""
    (?:your|type|write|enter|put|insert|double[- ]?click|click|add)\b.{0,40}
        \b(?:answer|answers|text|response|solution|discussion|here|edit)\b.{0,60}
    | .{0,40}(?:답|내용|의견|느낀\s?점|설명).{0,20}(?:작성|입력|적어|써|쓰).{0,20}
    | .{0,20}(?:在此|在这里|请).{0,20}(?:答|填写|输入).{0,20}
    | todo\b.{0,60} | tbd | fill\ in\b.{0,60} | n/?a | \.{2,} | …+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_TEMPLATE = 120
_SECTION = re.compile(r"(?<![\w.=-])(\d{1,2})\.(\d{1,2})(?:\.\d{1,2})*\.?(?![\w%=])")
_MARKDOWN = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})\s*$")
_PICTURE = re.compile(r"<img\b[^<>]{0,400}>", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]{1,160})\]\([^()\s]{0,200}\)")
_BRACKETS = " ()[]{}<>（）【】「」"
_INLINE = re.compile(r"(</h[1-6]>|</summary>|<details\b[^<>]{0,80}>)[ \t]*(?=\S)", re.IGNORECASE)
_FOLDED = re.compile(r"\s*<summary\b[^<>]{0,80}>(.*?)</summary>\s*$", re.IGNORECASE)
_HTML = re.compile(r"\s*<h([1-6])\b[^>]{0,80}>(.*?)</h[1-6]>\s*$", re.IGNORECASE)
_BOLD = re.compile(r"\s*(\*\*|__)(?P<text>[^*_].*?)\1\s*[:：]?\s*$")
_NUMBERED = re.compile(
    r"(?:\d{1,2}\s+)?(\d{1,2}(?:\.\d{1,2}){1,3})\.?\s+[^\W\d_a-z(\[]?.*[^.。,;:]$"
)
_LABEL = re.compile(
    r"\s*(?:\*\*|__|[-*]\s+)?(?P<word>[^\s:：*_][^:：*_]{1,30}?)(?:\*\*|__)?\s*[:：]"
)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|[#*_>`~|$\\-]")


@dataclass(frozen=True)
class _Heading:
    text: str
    rank: int
    """1 to 6 as in Markdown; a bare line ranks below those by the length of its number."""
    section: str = ""


@dataclass
class _Scope:
    """An answer heading and the cells below it."""

    heading: _Heading
    section: str
    cell: int
    found: int = 0
    """Passages and code cells; a heading with none is an empty answer."""


@dataclass
class _Reader:
    """Walks over the cells once, tracking the section and the current answer heading."""

    answers: list[WrittenAnswer] = field(default_factory=list)
    section: str = ""
    scope: _Scope | None = None

    def code(self) -> None:
        if self.scope:
            self.scope.found += 1

    def markdown(self, cell: Cell) -> None:
        lines: list[str] = []
        says_something = False  # a passage with sub-headings only is the title of some code
        for line, heading in _lines(cell.source):
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
        return self.answers

    def _is_inside(self, heading: _Heading) -> bool:
        return (
            self.scope is not None
            and heading.rank > self.scope.heading.rank
            and not _asks_for_text(heading.text)
        )

    def _enter(self, heading: _Heading, cell: int) -> None:
        asks = _asks_for_text(heading.text)
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
            self._add(WrittenAnswer(scope.section, place, scope.cell, said.strip(), _state(said)))
        elif scope and not scope.found and not title_only:
            self._add(WrittenAnswer(scope.section, scope.heading.text, scope.cell, "", "empty"))

    def _passage(self, lines: list[str], cell: int) -> None:
        text = "\n".join(lines).strip()
        if self.scope:
            self.scope.found += 1
            place = self.scope.heading.text
            self._add(WrittenAnswer(self.scope.section, place, cell, text, _state(text)))
        elif label := _label(text):
            self._add(WrittenAnswer(self.section, label, cell, text, _state(_after_label(text))))

    def _add(self, answer: WrittenAnswer) -> None:
        if len(self.answers) < MOST_ANSWERS:
            self.answers.append(answer)


def collect_answers(
    cells: Sequence[Cell], *, handed_out: Sequence[Cell] = ()
) -> tuple[WrittenAnswer, ...]:
    """Return the passages for manual grading, in the order of the notebook.

    Args:
        cells: the student's notebook.
        handed_out: the notebook the class was given; a passage that stands there word for word is
            template text.

    Returns:
        One record for each passage of each cell, at most `MOST_ANSWERS`, each text at most
        `MOST_CHARACTERS` long; and one without text for a heading with nothing below it.
    """
    given = {_words(answer.text) for answer in _collect(handed_out)} - {""}
    return tuple(
        WrittenAnswer(answer.section, answer.heading, answer.cell, answer.text, "template")
        if _words(answer.text) in given
        else answer
        for answer in _collect(cells)
    )


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


def _collect(cells: Sequence[Cell]) -> list[WrittenAnswer]:
    reader = _Reader()
    for cell in cells:
        if cell.kind == "markdown":
            reader.markdown(cell)
        elif cell.kind == "code" and cell.source.strip():
            reader.code()
    return reader.finish()


# ---- headings


def _lines(source: str) -> Iterator[tuple[str, _Heading | None]]:
    """Yield each line with its heading, if any; lines inside a code fence are none."""
    text = clip(_without_pictures(clean(source)), limit=MOST_CHARACTERS)
    lines = _INLINE.sub(r"\1\n", text).split("\n")
    fence = ""
    for index, line in enumerate(lines):
        mark = line.lstrip()[:3]
        if mark in ("```", "~~~") and fence in ("", mark):
            fence = "" if fence else mark
            yield line, None
        elif fence or len(line) > _LONGEST_HEADING:
            yield line, None
        else:
            first = not "".join(lines[max(0, index - 1) : index]).strip()
            below = "".join(lines[index + 1 : index + 2])
            lined = first and bool(_UNDERLINE.match(below))
            title = lined or (not index and _is_title(line))
            heading = _heading(line, alone=title or (first and not below.strip()))
            if lined and heading:
                lines[index + 1] = ""
            yield line, heading


def _heading(line: str, *, alone: bool) -> _Heading | None:
    """Parse one line as a heading; `alone` between blank lines, a bare line can be one too."""
    if match := _MARKDOWN.match(line):
        return _made(match[2] or "", len(match[1]))
    if match := _HTML.match(line):
        return _made(match[2], int(match[1]))
    if match := _FOLDED.match(line):
        return _made(match[1], _BELOW_ALL) if _asks_for_text(match[1]) else None
    text = line.strip()
    if match := _BOLD.match(line):
        text = match["text"].strip()
        if _SECTION.match(text) or (_asks_for_text(text) and not _TEMPLATES.fullmatch(text)):
            return _made(text, _BELOW_ALL)
        return None
    if not alone or _TEMPLATES.fullmatch(text.strip(_BRACKETS)):
        return None
    if match := _NUMBERED.match(text):
        return _made(text, 6 + match[1].count("."))
    bare = text.strip(" :：[]()<>-–—*")
    if len(bare) <= 30 and not re.search("[:：]", bare) and _only_asks_for_text(bare):
        return _made(text, _BELOW_ALL)
    return None


def _is_title(line: str) -> bool:
    """Return whether a cell's first line is a title without a blank line below: `Discussion`."""
    word = line.strip(" :：")
    return word.isascii() or (len(word.split()) == 1 and len(word) <= _LONGEST_TITLE)


def _made(text: str, rank: int) -> _Heading:
    text = one_line(_MARKUP.sub("", _LINK.sub(r"\1", text)), limit=_LONGEST_HEADING)
    for match in _SECTION.finditer(text):
        if match[2] != "0":  # the converter of a PDF counts 2.0.1, 2.0.2: no section of the book
            return _Heading(text, rank, f"{match[1]}.{match[2]}")
    return _Heading(text, rank)


def _asks_for_text(heading: str) -> bool:
    text = heading.casefold()
    words = {word.strip(".,:;!?()[]{}<>*_#'\"：") for word in re.split(r"[\s/+·,-]+", text)}
    return (
        not words.isdisjoint(_WORDS)
        or any(part in text for part in _PARTS)
        or any(pair in text for pair in _TWO_WORDS)
        or text.strip(" :：.") in ("답", "答", "a")
    )


def _only_asks_for_text(bare: str) -> bool:
    """Return whether a bare line has such words only: "Summary and Discussion", "느낀 점"."""
    words = bare.casefold().split()
    if not bare.isascii():
        return len(words) <= 3 and _asks_for_text(bare)
    return _asks_for_text(bare) and all(
        _asks_for_text(word) or word in ("and", "&", "/", "my", "take", "away") for word in words
    )


def _label(text: str) -> str:
    """Return the word that introduces a passage on its line: `Takeaway: ...`."""
    match = _LABEL.match(text)
    return match["word"].strip() if match and _asks_for_text(match["word"]) else ""


def _after_label(text: str) -> str:
    match = _LABEL.match(text)
    return text[match.end() :] if match else text


# ---- text


def _without_pictures(text: str) -> str:
    """Remove pictures that are embedded in the text, up to megabytes each."""
    first, *others = text.split("(data:image/")
    return first + "".join("(picture)" + part.partition(")")[2] for part in others)


def _state(text: str) -> Literal["written", "empty", "template"]:
    if not _words(text):
        return "empty"
    lines = [words for line in text.split("\n") if (words := _words(line))]
    if all(
        len(line) <= _LONGEST_TEMPLATE and _TEMPLATES.fullmatch(line.strip(_BRACKETS))
        for line in lines
    ):
        return "template"
    return "written"


def _words(text: str) -> str:
    """Normalise text: no markup, single blanks, lower case; may be empty."""
    first, *others = text.split("<!--")
    shown = first + "".join(part.partition("-->")[2] for part in others)
    shown = _PICTURE.sub("picture", shown)
    bare = " ".join(_MARKUP.sub(" ", shown).split()).casefold()
    return bare if any(character.isalnum() for character in bare) or "..." in bare else ""
