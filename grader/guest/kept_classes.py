"""Inside the sandbox: sets classes back after cells that ran again for the grader.

`@add_to_class(Classifier)` changes a class of the course, and running its cell again would put
another function in its place. Here: attributes and bases of classes. Not here: names of the
notebook, which each rerun restores itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_ITS_OWN = type.__dict__["__dict__"].__get__  # `vars` asks the class, which may override it
_BASES: Any = type.__dict__["__bases__"]


@contextmanager
def kept(classes: Iterable[type]) -> Iterator[None]:
    """Restore the attributes and bases of classes at the end."""
    before = {id(c): (c, _BASES.__get__(c), dict(_ITS_OWN(c))) for c in classes}
    try:
        yield
    finally:
        for made, bases, attributes in before.values():
            with suppress(TypeError):  # a builtin class, which nothing can have changed
                _restore(made, bases, attributes)


def _restore(made: type, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
    if _BASES.__get__(made) != bases:
        _BASES.__set__(made, bases)
    now = dict(_ITS_OWN(made))
    for name in now.keys() - attributes.keys():
        type.__delattr__(made, name)
    for name, value in attributes.items():
        if now.get(name, made) is not value:
            type.__setattr__(made, name, value)
