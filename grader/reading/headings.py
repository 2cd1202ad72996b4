"""Reads headings of text cells: which there are, and which of them ask for an answer.

Headings are Markdown's (`## 7.2 Exercises`), HTML's, bold lines, and the bare lines (`2.0.6
Summary`) of notebooks that were made from a PDF.

Here: lines, headings, the words that ask for text. Not here: the text below them
(`written_answers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from grader.text import clean, clip, one_line

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
TEMPLATES = re.compile(
    r"""
    (?:your|type|write|enter|put|insert|double[- ]?click|click|add)\b.{0,40}
        \b(?:answer|answers|text|response|solution|discussion|here|edit)\b.{0,60}
    | .{0,40}(?:답|내용|의견|느낀\s?점|설명).{0,20}(?:작성|입력|적어|써|쓰).{0,20}
    | .{0,20}(?:在此|在这里|请).{0,20}(?:答|填写|输入).{0,20}
    | todo\b.{0,60} | tbd | fill\ in\b.{0,60} | n/?a | \.{2,} | …+
    """,
    re.IGNORECASE | re.VERBOSE,
)
BRACKETS = " ()[]{}<>（）【】「」"
_SECTION = re.compile(r"(?<![\w.=-])(\d{1,2})\.(\d{1,2})(?:\.\d{1,2})*\.?(?![\w%=])")
_MARKDOWN = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})\s*$")
_LINK = re.compile(r"\[([^\[\]]{1,160})\]\([^()\s]{0,200}\)")
_INLINE = re.compile(r"(</h[1-6]>|</summary>|<details\b[^<>]{0,80}>)[ \t]*(?=\S)", re.IGNORECASE)
_FOLDED = re.compile(r"\s*<summary\b[^<>]{0,80}>(.*?)</summary>\s*$", re.IGNORECASE)
_HTML = re.compile(r"\s*<h([1-6])\b[^>]{0,80}>(.*?)</h[1-6]>\s*$", re.IGNORECASE)
_BOLD = re.compile(r"\s*(\*\*|__)(?P<text>[^*_].*?)\1\s*[:：]?\s*$")
_NUMBERED = re.compile(
    r"(?:\d{1,2}\s+)?(\d{1,2}(?:\.\d{1,2}){1,3})\.?\s+[^\W\d_a-z(\[]?.*[^.。,;:]$"
)
MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|[#*_>`~|$\\-]")


@dataclass(frozen=True)
class Heading:
    """A heading of a text cell."""

    text: str
    rank: int
    """1 to 6 as in Markdown; a bare line ranks below those by the length of its number."""
    section: str = ""

    @property
    def is_question(self) -> bool:
        """Whether it asks something: `Why is padding used?`."""
        return self.text.rstrip(" *_`").endswith(("?", "？"))


def lines_of(source: str) -> Iterator[tuple[str, Heading | None]]:
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


def _heading(line: str, *, alone: bool) -> Heading | None:
    """Parse one line as a heading; `alone` between blank lines, a bare line can be one too."""
    if match := _MARKDOWN.match(line):
        return _made(match[2] or "", len(match[1]))
    if match := _HTML.match(line):
        return _made(match[2], int(match[1]))
    if match := _FOLDED.match(line):
        return _made(match[1], _BELOW_ALL) if asks_for_text(match[1]) else None
    text = line.strip()
    if match := _BOLD.match(line):
        text = match["text"].strip()
        if _SECTION.match(text) or (asks_for_text(text) and not TEMPLATES.fullmatch(text)):
            return _made(text, _BELOW_ALL)
        return None
    if not alone or TEMPLATES.fullmatch(text.strip(BRACKETS)):
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


def _made(text: str, rank: int) -> Heading:
    text = one_line(MARKUP.sub("", _LINK.sub(r"\1", text)), limit=_LONGEST_HEADING)
    for match in _SECTION.finditer(text):
        if match[2] != "0":  # the converter of a PDF counts 2.0.1, 2.0.2: no section of the book
            return Heading(text, rank, f"{match[1]}.{match[2]}")
    return Heading(text, rank)


def asks_for_text(heading: str) -> bool:
    """Return whether students write below a heading of this text: `Discussion`, `정리`."""
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
        return len(words) <= 3 and asks_for_text(bare)
    return asks_for_text(bare) and all(
        asks_for_text(word) or word in ("and", "&", "/", "my", "take", "away") for word in words
    )


def _without_pictures(text: str) -> str:
    """Remove pictures that are embedded in the text, up to megabytes each."""
    first, *others = text.split("(data:image/")
    return first + "".join("(picture)" + part.partition(")")[2] for part in others)
