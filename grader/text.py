"""Untrusted text, made safe to store, to show and to parse: surrogates, control characters, length.

Here: functions on plain strings, for every reader and writer. Not here: escaping for one format
(HTML escapes itself, CSV is guarded in `report/csv_tables.py`).
"""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings

_MOST_PYTHON = 1_000_000  # characters
_MOST_BRACES = 10_000
_MOST_SIGNS = 200_000  # a long homework has 30,000; a million take 5 s each time they are parsed
_SIGN = re.compile(r"\w+|[^\w\s]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# tab and newline stay; C1 controls and the two non-characters go, as XML and HTML forbid them
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
# marks that reorder the text around them, so that one name could look like another
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")

# marks that show nothing, or only change the direction: fillers, zero-width characters, tags
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no encoding can write, by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def with_article(noun: str) -> str:
    """Return a noun with its article: `an int64 tensor`, `a uint8 tensor`."""
    return f"{'an' if noun[:1].lower() in tuple('aeio') else 'a'} {noun}"


def clean(text: str) -> str:
    """Make text safe for a file: newlines alone end lines, no control characters, no surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", without_surrogates(text))


def in_order(text: str) -> str:
    """Remove the marks that change the displayed order of text."""
    return _REORDERING.sub("", text)


def one_line(text: str, *, limit: int = 500) -> str:
    """Put text on one line, blanks single, cut after about `limit` characters."""
    return clip(" ".join(clean(text).split()), limit=limit)


def clip(text: str, *, limit: int) -> str:
    """Cut text after `limit` characters and say how much is left out, where that is shorter."""
    cut = f"{text[:limit]} ... ({len(text) - limit:,} more characters)"
    return cut if len(cut) < len(text) else text


def name(text: str) -> str:
    """Normalise the name of a student or a file: NFC, one line, never empty, of any length.

    Characters that show nothing stay visible as `<U+200B>`: two names that look the same would
    otherwise pass for one another.
    """
    text = unicodedata.normalize("NFC", clean(text))
    return (
        _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", " ".join(text.split())) or "unnamed"
    )


def is_too_long_to_parse(source: str) -> bool:
    """Return whether a text of Python, as it is or changed a little, would take far too long."""
    if len(source) > _MOST_PYTHON or source.count("{") > _MOST_BRACES:
        return True
    return len(source) > _MOST_SIGNS and len(_SIGN.findall(source)) > _MOST_SIGNS


def parse_python(source: str) -> ast.Module | None:
    """Parse untrusted Python; return None where it is none, or would take far too long.

    Python 3.11 parses a formatted string in quadratic time: 45 s for a megabyte of `{a}{a}...`.
    """
    if is_too_long_to_parse(source):
        return None
    try:
        with warnings.catch_warnings():  # "\d" in a student's string is not reported
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
