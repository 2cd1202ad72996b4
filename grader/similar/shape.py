"""The shape of code: its tokens, without what is easy to change: names, numbers, texts, layout.

Kept are keywords, operators, names of builtins, and attributes such as `Conv2d` in `nn.Conv2d`;
any other name is one and the same token. Reading is linear, and code that cannot be read to its
end counts as far as it can be read.

Here: from source to tokens with their lines. Not here: comparing (`pairs.py`).
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import token
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.text import clean, is_too_long_to_parse

_KEPT = frozenset((*keyword.kwlist, *dir(builtins)))
_SKIPPED = frozenset((
    *(token.INDENT, token.DEDENT, token.ENDMARKER, tokenize.COMMENT, tokenize.NL),
    tokenize.ENCODING,
))  # fmt: skip
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
_OWN_OBJECTS = frozenset(("self", "cls"))


@dataclass(frozen=True)
class Line:
    """One line of code, as it was written and as its tokens."""

    text: str
    shape: tuple[str, ...]
    piece: int = 0
    """Which piece of code it belongs to: a run of tokens never leaves its cell."""


def shape_of(sources: Iterable[str]) -> list[Line]:
    """Return the lines of several pieces of code one after another; empty ones are left out.

    Args:
        sources: code cells, in order.
    """
    return [line for piece, source in enumerate(sources) for line in _lines(source, piece)]


def _lines(source: str, piece: int) -> Iterator[Line]:
    source = _MAGIC.sub("", clean(source))
    if is_too_long_to_parse(source):
        return
    texts = source.split("\n")
    tokens: dict[int, list[str]] = {}
    for row, text in _tokens(source):
        tokens.setdefault(row, []).append(text)
    for row in sorted(tokens):
        if row <= len(texts):
            yield Line(texts[row - 1], tuple(tokens[row]), piece)


def _tokens(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line, from 1, and the normalised text of each token."""
    before = owner = ""
    try:
        with warnings.catch_warnings():  # "\d" in a student's string is not reported
            warnings.simplefilter("ignore")
            for one in tokenize.generate_tokens(io.StringIO(source).readline):
                if one.type in _SKIPPED:
                    continue
                normal = _normal(one, before, owner)
                owner, before = before, one.string
                if normal:
                    yield one.start[0], normal
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def _normal(one: tokenize.TokenInfo, before: str, owner: str) -> str:
    if one.type == token.NAME:
        is_library = before == "." and owner not in _OWN_OBJECTS
        return one.string if one.string in _KEPT or is_library else "n"
    if one.type == token.NUMBER:
        return "0"
    if one.type == token.NEWLINE:
        return ""
    if one.type == token.OP:
        return one.string
    return "s"  # strings, and the parts of formatted ones
