"""Values as text for messages: `a float32 tensor (2, 3)`, `corr2d([[0.0, 1.0]], [[1.0]])`.

Here: text about values. Not here: comparing them (`checks/compare.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from grader.text import with_article
from grader.wire.codec import is_transpose

_SIX_DIGITS = 1e6
_MOST_NUMBERS_SHOWN = 49  # 7x7 is still readable; an 8x8 image is named by its shape


def describe(value: object) -> str:
    """Return a value as feedback names it: `None`, `a list of 3`, `a float32 tensor (2, 3)`."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return with_article(
            f"{str(value.dtype).removeprefix('torch.')} tensor {tuple(value.shape)}"
        )
    if isinstance(value, tuple | list | dict):
        return with_article(f"{type(value).__name__} of {len(value)}")
    if isinstance(value, bool | int | float | str):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return getattr(value, "description", None) or with_article(type(value).__name__)


def show(value: object) -> str:
    """Return a tensor as text: nested lists when small, its description when large."""
    if isinstance(value, Tensor):
        if value.numel() <= _MOST_NUMBERS_SHOWN:
            return str(_tidy(value.detach().tolist()))
        return describe(value)
    if isinstance(value, tuple):
        inner = ", ".join(show(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(show(item) for item in value)}]"
    if isinstance(value, float):
        return number(value)
    if value is None or isinstance(value, bool | int | str):
        return repr(value)
    return describe(value)


def show_argument(value: object) -> str:
    """Return an argument as text; name transposed views, since some code fails on them only."""
    if isinstance(value, Tensor) and is_transpose(value):
        return f"torch.tensor({show(value.mT)}).{'t()' if value.ndim == 2 else 'mT'}"
    return show(value)


def call_text(name: str, args: Sequence[object], kwargs: dict[str, object]) -> str:
    """Return a call as it would be typed."""
    shown = [show_argument(arg) for arg in args]
    shown += [f"{key}={show_argument(arg)}" for key, arg in kwargs.items()]
    return f"{name}({', '.join(shown)})"


@dataclass(frozen=True)
class CallText:
    """A call as text that is put together where a message names the call; most calls have none."""

    name: str
    args: Sequence[object]
    kwargs: dict[str, object]

    def __str__(self) -> str:
        return call_text(self.name, self.args, self.kwargs)


def number(value: float) -> str:
    """Return a number with six significant digits."""
    return f"{value:.6g}"


def _tidy(nested: Any) -> Any:
    """Round the floats of nested lists to six significant digits."""
    if isinstance(nested, list):
        return [_tidy(item) for item in nested]
    if not isinstance(nested, float) or (nested.is_integer() and abs(nested) < _SIX_DIGITS):
        return nested
    return float(f"{nested:.6g}")
