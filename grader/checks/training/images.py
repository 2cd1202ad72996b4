"""The images that training checks know: those a notebook is given, and those it never sees.

The library inside draws its stand-in for Fashion-MNIST from the run's seed; the same file draws
the same images here. So an image that a notebook trained with is recognised by its pixels, whatever
transforms it went through, and its true label is known without being asked for.

Here: drawing and recognising. Not here: what follows from it (`training.py`).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

TRAIN, TEST, HELD_OUT = 1, 0, 2
"""Splits: the library draws the first two, and nobody inside the third."""
LABELS = 10
_SIZES = {TRAIN: 4_000, TEST: 1_000, HELD_OUT: 500}
_CLOTHES = Path(__file__).resolve().parents[2] / "inside" / "d2l" / "_clothes.py"
# a normalised image has a correlation of 1 with itself, and one in eight bits of 0.999
_ALIKE = 0.97


@dataclass(frozen=True)
class Recognised:
    """Which images a batch is made of."""

    labels: Tensor
    """Of the most similar known image, int64, shape (N,)."""
    of_train: Tensor
    """Whether it is that image, from the training split, bool, shape (N,)."""
    of_test: Tensor
    """Whether it is, from the split for validation."""
    place: Tensor
    """Its place among all known images, int64, shape (N,)."""

    def contrast(self, x: Tensor, seed: int) -> tuple[float, float]:
        """Return scale and shift that make the known images those of the batch `x`."""
        known = torch.cat([clothes(seed, split)[0] for split in (TRAIN, TEST)])[self.place]
        spread = float(known.std())
        scale = float(x.std()) / spread if spread > 0 and bool(self.of_train.any()) else 1.0
        return scale, float(x.mean()) - scale * float(known.mean())


@lru_cache(maxsize=6)
def clothes(seed: int, split: int) -> tuple[Tensor, Tensor]:
    """Return images (N, 1, 28, 28) with values from 0 to 1, and labels (N,), of one split."""
    images, labels = _library().draw_clothes(_SIZES[split], [seed, split])
    return torch.from_numpy(images).float()[:, None] / 255, torch.from_numpy(labels)


def recognise(x: Tensor, seed: int) -> Recognised:
    """Find the known images that a batch (N, 1, 28, 28) shows, mirrored or not."""
    gallery, labels = _gallery(seed)
    shown = _upright(x)
    mirrored = _upright(x.flip(-1))
    alike, place = torch.maximum(shown @ gallery.T, mirrored @ gallery.T).max(dim=1)
    known = alike >= _ALIKE
    of_test = place >= _SIZES[TRAIN]
    return Recognised(labels[place], known & ~of_test, known & of_test, place)


@lru_cache(maxsize=2)
def _gallery(seed: int) -> tuple[Tensor, Tensor]:
    parts = [clothes(seed, split) for split in (TRAIN, TEST)]
    images, labels = (torch.cat(both) for both in zip(*parts, strict=True))
    return _upright(images), labels


def _upright(x: Tensor) -> Tensor:
    """Return images as rows of mean 0 and length 1: brightness and contrast are free."""
    rows = x.flatten(1).float()
    rows = rows - rows.mean(dim=1, keepdim=True)
    lengths: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / lengths.clamp_min(1e-6)


@lru_cache(maxsize=1)
def _library() -> Any:
    """Load the file that draws, by its path: the library itself belongs inside the sandbox."""
    spec = importlib.util.spec_from_file_location("grader_drawn_clothes", _CLOTHES)
    assert spec is not None, "the file is part of the package"
    assert spec.loader is not None, "it is Python"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
