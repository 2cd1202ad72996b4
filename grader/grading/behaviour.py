"""The digest of a function's behaviour: equal for code that answers every question alike.

Answers are rounded before they are hashed, so that the order of a sum does not count; errors count
by their kind. Two functions of one digest make the same mistake, named or not.

Here: what of an answer counts, and its hash. Not here: asking the questions (`diagnosis.py`),
grouping students (`report/clusters.py`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grader.kernel.transcript import NOT_COMPARED, Transcript
from grader.wire.messages import Refusal

_WHOLE = 1e-4  # the tolerance of the checks: so near, a number counts as the whole one
_STEPS = 500.0  # a step of 0.002, near 0 absolute, for large numbers relative
_OFFSET = 0.2718  # so that simple fractions lie inside a step and not on the edge of two


def behaviour_of(transcript: Transcript) -> str:
    """Return the digest of every answer in a record, hexadecimal; empty for an empty record."""
    if not transcript:
        return ""
    total = hashlib.blake2b(digest_size=12)
    for op, answer in transcript:
        shown = "" if op in NOT_COMPARED else "".join(_parts(answer))
        total.update(f"{op}\0{shown}\1".encode("utf-8", "replace"))
    return total.hexdigest()


def _parts(answer: Any) -> Iterator[str]:
    match answer:
        case Tensor():
            yield f"tensor{tuple(answer.shape)}"
            yield _rounded(answer)
        case Refusal():
            yield f"refusal {answer.what}"
        case bool() | None:
            yield repr(answer)
        case int() | float():
            yield _step(float(answer))
        case list() | tuple():
            yield "["
            for item in answer:
                yield from _parts(item)
                yield ","
            yield "]"
        case dict():
            # names of parameters and their order are free
            yield "{" + ",".join(sorted("".join(_parts(item)) for item in answer.values())) + "}"
        case _:
            yield repr(answer)


def _rounded(value: Tensor) -> str:
    """Return numbers as the steps they lie in, infinities and NaN by name."""
    if value.dtype.is_complex:
        return f"{_rounded(value.real)}|{_rounded(value.imag)}"
    x = value.detach().cpu().to(torch.float64).flatten()
    whole = x.round()
    x = torch.where((x - whole).abs() <= _WHOLE * (1 + x.abs()), whole, x)
    steps = torch.floor(torch.asinh(x) * _STEPS + _OFFSET)
    steps = torch.where(x.isfinite(), steps, x)
    return ",".join(f"{step:.0f}" for step in steps.tolist())


def _step(x: float) -> str:
    """Return the step of one number: of a list with thousands, a tensor for each takes minutes."""
    if not math.isfinite(x):
        return f"{x:.0f}"
    whole = round(x)
    if abs(x - whole) <= _WHOLE * (1 + abs(x)):
        x = float(whole)
    return str(math.floor(math.asinh(x) * _STEPS + _OFFSET))
