"""Drawn clothes: a stand-in for Fashion-MNIST where its files are not at hand.

Ten silhouettes, 28x28, in Fashion-MNIST's order of labels, each moved, scaled, turned, shaded and
made noisy at random. Easier than photographs, yet a linear model does not get them all: a LeNet
with ReLU and max pooling reaches 0.94 and more on held-out images in 200 steps of 64 at rate 0.1.

Here: drawing, with numpy and PIL alone: the checks of trainings draw the same images outside of the
sandbox. Not here: who asks for images (`d2l/_datasets.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 28
TRAIN_SIZE = 4_000
TEST_SIZE = 1_000
"""How many different images are drawn, with the seeds [seed, 1] and [seed, 0]."""
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# A garment is a list of (shade, corners): shade 1 is the cloth, 0 a hole, between them a seam.
# Corners are in pixels of an image whose middle is (0, 0), x to the right and y down.
Corners = Sequence[tuple[float, float]]
Garment = Sequence[tuple[float, Corners]]


def _mirrored(*right: tuple[float, float]) -> list[tuple[float, float]]:
    """Complete the right half of an outline, top to bottom, by its mirror image."""
    return [*right, *[(-x, y) for x, y in reversed(right)]]


_SEAM: Corners = [(-0.5, -9), (0.5, -9), (0.5, 12), (-0.5, 12)]
_GARMENTS: tuple[Garment, ...] = (
    # T-shirt/top: short sleeves
    [(1, _mirrored((3, -10), (6, -10), (12, -5), (9.5, -1.5), (6, -4), (6, 10)))],
    # trouser: two legs
    [(1, _mirrored((5, -12), (6, 12), (1.8, 12), (0.4, -5)))],
    # pullover: long sleeves, close to the body
    [
        (1, _mirrored((3, -10), (6, -10), (9, -7), (12, 9), (8.8, 9.5), (6.3, -2), (6.3, 10))),
    ],
    # dress: narrow, wide at the hem
    [(1, _mirrored((1.5, -11), (3.5, -12), (3, -3), (7, 12)))],
    # coat: long sleeves, long body, open in front
    [
        (1, _mirrored((2, -11), (6, -10.5), (9, -7), (11.5, 8), (8.5, 8.5), (6.8, 0), (7.6, 12.5))),
        (0, [(-0.8, -11), (0.8, -11), (1.4, 13), (-1.4, 13)]),
    ],
    # sandal: a sole and straps
    [
        (1, [(-12, 6), (-6, 5), (4, 7), (12, 4.5), (12, 7), (4, 9), (-12, 8.5)]),
        (0.9, [(-9, 5.5), (-4, -1), (-2.4, -1), (-7, 5.5)]),
        (0.9, [(-1, 6.5), (6, -4), (7.6, -4), (1, 6.5)]),
        (0.9, [(5, -4), (10, 4.5), (11.6, 4.5), (7.6, -4)]),
    ],
    # shirt: half sleeves, a collar and buttons
    [
        (1, _mirrored((2, -10), (6, -9.5), (12, 2), (9, 4), (6.2, -1.5), (6.2, 11))),
        (0.35, _SEAM),
        (0, [(-2.6, -10.5), (2.6, -10.5), (0, -6)]),
    ],
    # sneaker: low, closed
    [
        (1, [(-12, -1), (-8, -2), (-5, -4), (-1, -4), (5, 1.5), (12, 3.5), (12, 7), (-12, 7)]),
        (0.4, [(-12, 5), (12, 5), (12, 6), (-12, 6)]),
    ],
    # bag: a box with a handle
    [
        (1, [(-7, -4), (-5, -10), (5, -10), (7, -4), (11, -3), (11.5, 9), (-11.5, 9), (-11, -3)]),
        (0, [(-5, -4), (-3.6, -8), (3.6, -8), (5, -4)]),
    ],
    # ankle boot: a shaft above the shoe, a heel
    [
        (1, [(-9, -11), (0, -11), (0.5, -1), (11, 3), (11.5, 9), (-3, 9), (-4, 7.5), (-9, 9)]),
    ],
)


def draw_clothes(
    count: int, seed: int | Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw `count` garments in random order, all classes equally often.

    Args:
        count: how many.
        seed: of everything random here; the same seed gives the same bytes.

    Returns:
        Images, shape (count, 28, 28), 0 for the background; labels 0..9, shape (count,).
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(CLASSES)).astype(np.int64)
    turn, middle = _placements(rng, count)
    shades = rng.uniform(110, 255, count)
    # one tall sheet, since a garment is then a few calls into PIL and nothing else
    sheet = Image.new("L", (SIDE, SIDE * max(1, count)))
    draw = ImageDraw.Draw(sheet)
    for label, garment in enumerate(_GARMENTS):
        places = np.flatnonzero(labels == label)
        for shade, corners in garment:
            xy = np.clip(np.asarray(corners) @ turn[places] + middle[places, None], 0, SIDE - 1)
            xy[..., 1] += SIDE * places[:, None]
            fills = (shade * shades[places]).astype(int).tolist()
            for outline, fill in zip(xy.reshape(-1, 2 * len(corners)).tolist(), fills, strict=True):
                draw.polygon(outline, fill=fill)
    cloth = np.asarray(sheet, np.float32).reshape(-1, SIDE, SIDE)[:count]
    return _weathered(cloth, rng), labels


def _placements(
    rng: np.random.Generator, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a linear map for each garment, shape (count, 2, 2), and its middle, (count, 2)."""
    angle, slant = rng.normal(0, 0.1, count), rng.normal(0, 0.08, count)
    wide, high = rng.uniform(0.75, 1.05, (2, count))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([wide * cos, wide * sin, high * (slant - sin), high * cos], axis=-1)
    middle = (SIDE - 1) / 2 + rng.uniform(-2, 2, (count, 2))
    return turn.reshape(count, 2, 2), middle


def _weathered(cloth: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Give each garment a fold of light across it, cloth a grain, and everything some noise."""
    count = len(cloth)
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    tilt = rng.normal(0, 0.15, (2, count, 1, 1)).astype(np.float32)
    light = 1 + tilt[0] * across[None, None, :] + tilt[1] * across[None, :, None]
    noise = rng.standard_normal(cloth.shape, dtype=np.float32)
    # in place: each array of 5,000 garments is 16 MB of fresh memory
    images = 0.15 * noise
    images += light
    images *= cloth
    images += np.multiply(8, np.abs(noise, out=noise), out=noise)
    bytes_: NDArray[np.uint8] = np.clip(images, 0, 255, out=images).astype(np.uint8)
    return bytes_
