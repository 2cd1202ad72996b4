"""Inside the sandbox: right definitions that stand in for a notebook's own while its cells run.

One fault, one charge: an exercise that builds on a wrong part of another exercise is asked again,
in a fresh kernel where the right part is bound before the first cell and after every statement that
binds its name. Closures, defaults and subclasses of the notebook then hold the right part too.

Here: making the parts, and binding them. Not here: which parts enter, and what is asked of such a
kernel (`grading/right_parts.py`).
Not covered: student code can keep what enters. It has been judged on these exercises before, and
the kernel answers no question about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any


class RightParts:
    """Some right definitions, made from their Python source."""

    def __init__(self, sources: Mapping[str, str] | None = None) -> None:
        self._made = {name: _define(name, source) for name, source in (sources or {}).items()}
        self._attributes = {
            name: dict(vars(value)) for name, value in self._made.items() if type(value) is type
        }

    def bind(self, namespace: dict[str, Any]) -> None:
        """Bind every part in a namespace, in place of what the notebook bound to its name."""
        namespace.update(self._made)
        for name, attributes in self._attributes.items():
            _restore(self._made[name], attributes)


def _define(name: str, source: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "__parts__"}
    exec(compile(source, "<parts>", "exec"), namespace)
    return namespace[name]


def _restore(made: type, attributes: Mapping[str, Any]) -> None:
    """Undo what a notebook changed in a class: methods may be added to it."""
    now = dict(vars(made))
    for name, value in now.items():
        with suppress(AttributeError, TypeError):
            if name not in attributes:
                delattr(made, name)
            elif value is not attributes[name]:
                setattr(made, name, attributes[name])
    for name in attributes.keys() - now.keys():
        with suppress(AttributeError, TypeError):
            setattr(made, name, attributes[name])
