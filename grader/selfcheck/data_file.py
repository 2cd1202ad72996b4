"""The file beside a self-check: a zip archive of JSON and raw numbers, and no code.

The same content gives the same bytes. Here: values as nodes, and the archive. Not here: reading
it, which students do without the grader (`student_file.py`), what it holds (`exercises.py`).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grader.selfcheck.student_file import FORMAT, NUMBERS, QUESTIONS
from grader.wire.codec import is_transpose

_ALIGN = 8
_PLAIN = (bool, int, float, str, type(None))
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class CannotBeWritten(Exception):
    """A value is neither plain nor a tensor of numbers."""


class DataFile:
    """Collects the values of one file; equal numbers are written once."""

    def __init__(self) -> None:
        self._numbers = bytearray()
        self._places: dict[bytes, int] = {}

    def node(self, value: Any) -> Any:
        """Return a value as JSON has it.

        Raises:
            CannotBeWritten: it holds something else than plain values and tensors.
        """
        if type(value) in _PLAIN:
            return value
        if isinstance(value, Tensor):
            return {"tensor": self._tensor(value)}
        if isinstance(value, dict) and all(type(key) is str for key in value):
            return {"dict": [[key, self.node(item)] for key, item in value.items()]}
        if isinstance(value, list | tuple):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [self.node(item) for item in value]}
        raise CannotBeWritten(type(value).__name__)

    def content(self, exercises: Sequence[dict[str, Any]], only_grader: Sequence[str]) -> bytes:
        """Return the bytes of the file.

        Args:
            exercises: what is asked, with values as nodes of this file.
            only_grader: names of the exercises without a self-check.
        """
        found = {"format": FORMAT, "only_grader": [*only_grader], "exercises": [*exercises]}
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            for name, data in (
                (QUESTIONS, json.dumps(found, indent=1).encode()),
                (NUMBERS, bytes(self._numbers)),
            ):
                entry = zipfile.ZipInfo(name, _NO_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                file.writestr(entry, data)
        return made.getvalue()

    def _tensor(self, value: Tensor) -> list[Any]:
        if value.layout != torch.strided or value.is_complex() or value.is_quantized:
            raise CannotBeWritten("a tensor of another kind")
        kind, shape, transposed, data = bytes_of(value)
        at = self._places.get(data)
        if at is None:
            self._numbers += bytes(-len(self._numbers) % _ALIGN)
            at = self._places[data] = len(self._numbers)
            self._numbers += data
        return [kind, [*shape], at, transposed]


def bytes_of(value: Tensor) -> tuple[str, tuple[int, ...], bool, bytes]:
    """Return dtype, shape and bytes of a tensor; those of its transpose, if it is one's view."""
    plain = value.detach().cpu()
    transposed = is_transpose(plain)
    plain = (plain.mT if transposed else plain).contiguous()
    raw = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    return str(plain.dtype).removeprefix("torch."), tuple(plain.shape), transposed, raw


def identity(value: Any) -> Any:
    """Return what two arguments share only if no check can tell them apart; hashable."""
    if isinstance(value, Tensor):
        return bytes_of(value)
    if isinstance(value, dict):
        return dict, tuple((key, identity(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(map(identity, value))
    return type(value).__name__, repr(value)
