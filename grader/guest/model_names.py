"""Matches names of models with the patterns that a course declares.

Used on both sides: inside, to replace a model; outside, to find the cells that train one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def is_model_name(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a class or factory of this name makes a model of the kind.

    Args:
        name: upper and lower case are alike.
        patterns: `*name*`; `!*pattern*` takes names out again.
    """
    low = name.lower()
    taken_out = (pattern[1:] for pattern in patterns if pattern.startswith("!"))
    if any(fnmatchcase(low, pattern.lower()) for pattern in taken_out):
        return False
    return any(fnmatchcase(low, pattern.lower()) for pattern in patterns)


def is_own_name(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a class has exactly the name of the kind, except for a number."""
    low = name.lower().rstrip("0123456789_")
    return any(low == pattern.lower().strip("*") for pattern in patterns)
