"""Tells a student's own sentences from those of the handout, the book and the questions.

Text is compared sentence by sentence, by letters and digits alone, so that line breaks and markup
do not count. A course lists the sentences of its book as fingerprints: the text itself stays there.

Here: sentences, fingerprints, questions without an answer. Not here: where answers stand
(`written_answers.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_FINGERPRINT_BYTES = 6
_ITEM = re.compile(r"\n[ \t]*\n|\n[ \t>]*(?=(?:\d{1,2}[.)]|[-*+•]|Q\d{0,2}\s*[.:)])\s)")
_SENTENCE = re.compile(r"(?<=[.?!…])[*_\"')\]]*\s+|(?<=[。？！])")
_LINK_ALONE = re.compile(
    r"^[ \t>]{0,20}(?:\d{1,2}[.)]|[-*+])?[ \t]{0,20}(?:!?\[[^\[\]\n]{0,200}\]\([^()\n]{0,400}\)"
    r"|<?https?://\S{1,400})[ \t.]*$",
    re.MULTILINE,
)
_LINK = re.compile(r"\[([^\[\]\n]{1,160})\]\([^()\s]{0,400}\)")
_ROLES = re.compile(r":(?:numref|eqref|cite[tp]?|label|fig|ref|eqlabel|width|begin_tab|end_tab):"
                    r"(?:`[^`\n]{0,80}`)?")  # fmt: skip
# references and formulas are written in several ways: (Name et al., 2015), Section 7.2, \\times
_VARIES = re.compile(
    r"[(\[][^()\[\]\n]{0,60}\b(?:19|20)\d\d[a-z]?[)\]]|\b\w+(?:\.\w+){1,4}\.(?:19|20)\d\d\b"
    r"|\b(?:sections?|figure|fig\.|sec_[\w-]+)\s\d+(?:\.\d+)*|\bsec_[\w-]+|\\[a-zA-Z]+",
    re.IGNORECASE,
)
_BROKEN_LINE = re.compile(r"(?<=[A-Za-z,])[ \t]*\n(?:[ \t]*\n)+[ \t]*(?=[a-z])")
_MARKER = re.compile(
    r"[ \t>]*(?:\d{1,2}[.)]|[-*+•]|(?:question|q|aufgabe|문제|题)\s?\d{0,2}\s*[.:)])\s*",
    re.IGNORECASE,
)
# a numbered task that is no question begins with one of these, or ends so in Korean
_TASK = re.compile(
    r"(?:assume|suppose|consider|construct|compute|calculate|try|explain|describe|discuss|design"
    r"|implement|compare|prove|show|derive|find|write|change|modify|plot|analy[sz]e|investigate"
    r"|determine|adjust|refer|experiment|visuali[sz]e|name|list"
    r"|erkläre|berechne|beschreibe|implementiere|vergleiche|zeige|begründe|nenne|bestimme)\b"
    r"|(?:请|证明|计算|设计|解释|比较|尝试|假设|考虑|试)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"(?:[?？]|시오|십시오|보세요|하라|해라|보자|인가|는가|을까|吗|呢)[\s.。*_`]*$"
)
_BOOK_MARKUP = re.compile(r":(?:numref|eqref|cite[tp]?|label):|\[\*\*|\*\*\]|\(\*\*|\*\*\)|#@\w")
_BOOK_VOICE = re.compile(r"\b(?:we|us|our|let's|let’s)\b|我们|우리", re.IGNORECASE)


@dataclass(frozen=True)
class _Item:
    """A paragraph or an item of a list."""

    sentences: tuple[str, ...]
    numbered: bool

    @property
    def asks(self) -> bool:
        """Whether it ends with a question."""
        return bool(_QUESTION.search(self.sentences[-1]))

    @property
    def tasks(self) -> bool:
        """Whether it asks, or is a numbered task."""
        first = self.sentences[0].lstrip("*_`\"'([ ")
        return self.asks or (self.numbered and bool(_TASK.match(first)))


@dataclass(frozen=True)
class GivenText:
    """The sentences that a class was given, as fingerprints."""

    fingerprints: frozenset[str] = frozenset()

    @classmethod
    def of(cls, texts: Iterable[str], fingerprints: Collection[str] = ()) -> GivenText:
        """Collect the sentences of texts, beside known fingerprints."""
        found = {fingerprint(s) for text in texts for item in _items(text) for s in item.sentences}
        return cls(frozenset(found.union(fingerprints)))

    def own_sentences(self, text: str) -> list[str]:
        """Return the sentences that are neither given, nor links, nor questions left open.

        An item of a list, or a paragraph, that ends with a question has no answer in it.
        """
        new = [
            item
            for item in _items(text)
            if any(fingerprint(one) not in self.fingerprints for one in item.sentences)
        ]
        if all(item.tasks for item in new):
            return []
        left = [one for item in new if not item.asks for one in item.sentences]
        return [one for one in left if fingerprint(one) not in self.fingerprints]


def _items(text: str) -> list[_Item]:
    """Split text into paragraphs and items of lists, and these into sentences with letters."""
    plain = _BROKEN_LINE.sub(" ", _ROLES.sub(" ", _LINK_ALONE.sub("", text.replace("\r", ""))))
    found = []
    for part in _ITEM.split("\n" + _LINK.sub(r"\1", plain)):
        marker = _MARKER.match(part)
        rest = part[marker.end() :] if marker else part
        sentences = tuple(s.strip() for s in _SENTENCE.split(rest) if letters(s))
        if sentences:
            found.append(_Item(sentences, bool(marker and re.search(r"\w", marker[0]))))
    return found


def letters(text: str) -> str:
    """Return the letters and digits of a text in lower case; empty without any letter."""
    kept = "".join(filter(str.isalnum, text.casefold()))
    return kept if any(map(str.isalpha, kept)) else ""


def fingerprint(sentence: str) -> str:
    """Return the fingerprint of a sentence, the same for any markup and line breaks."""
    data = letters(_VARIES.sub("", sentence)).encode("utf-8", "replace")
    return hashlib.blake2b(data, digest_size=_FINGERPRINT_BYTES).hexdigest()


def read_fingerprints(path: Path) -> frozenset[str]:
    """Return the fingerprints that a file lists, one a line; none without the file."""
    if not path.is_file():
        return frozenset()
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and line[0] != "#")


def is_long_enough(sentences: Iterable[str]) -> bool:
    """Return whether sentences say something: four words, or eight letters without blanks."""
    text = " ".join(sentences)
    wide = sum(ord(character) > 0x2E80 for character in text)
    return len(text.split()) >= 4 or wide >= 8


def has_markup_of_a_book(text: str) -> bool:
    """Return whether a text holds the markup of a book's source, `:numref:`."""
    return bool(_BOOK_MARKUP.search(text))


def speaks_for_a_book(text: str) -> bool:
    """Return whether a text speaks of "us", as textbooks do, or leads over to code."""
    return bool(_BOOK_VOICE.search(text)) or text.rstrip().endswith((":", "："))
