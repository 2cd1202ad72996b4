"""Replacements for functions that do not work in a browser."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image


def cv2_imshow(a: Any) -> None:
    """Show an image as OpenCV holds it: (H, W), or (H, W, 3 or 4) in the order blue, green, red."""
    from IPython.display import display  # noqa: PLC0415  no shell, no need for it

    pixels = np.clip(np.asarray(a), 0, 255).astype(np.uint8)
    if pixels.ndim == 3:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = pixels[..., order]
    display(Image.fromarray(pixels))  # type: ignore[no-untyped-call]
