"""The two habits of the 1.0 edition: methods added to a class later, and constructors that save.

Here: `add_to_class` and `HyperParameters`. Not here: what is built on them (`_modules.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any


def add_to_class(Class: type) -> Callable[[Any], None]:
    """Make a decorator that adds a function to `Class` under its own name.

    As in the book the decorator returns None, so the decorated global name is None afterwards.
    """

    def add(obj: Any) -> None:
        setattr(Class, obj.__name__, obj)

    return add


class HyperParameters:
    """The base class of everything whose constructor saves its arguments."""

    hparams: dict[str, Any]

    def save_hyperparameters(self, ignore: Sequence[str] = ()) -> None:
        """Save the caller's local names as attributes, and all of them as `self.hparams`.

        Left out are names in `ignore`, names with a leading underscore, and the object itself
        under any name: a module registered inside itself would recurse without end.
        """
        here = inspect.currentframe()
        if here is None or here.f_back is None:
            raise RuntimeError("save_hyperparameters needs a caller to read the arguments of")
        left_out = {"self", *ignore}
        self.hparams = {
            name: value
            for name, value in here.f_back.f_locals.items()
            if name not in left_out and not name.startswith("_") and value is not self
        }
        for name, value in self.hparams.items():
            setattr(self, name, value)
