"""Plots as the book draws them, through pyplot: curves and rows of images.

Here: functions that draw at once. Not here: boards that collect points while training
(`_live_plots.py`). Figures stay as the backend makes them: inline PNG in a kernel, nothing with
Agg.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Limits = tuple[float, float] | Sequence[float] | None


def use_svg_display() -> None:
    """Do nothing: an SVG takes several times the bytes of a PNG."""


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size of the figures that follow, in inches."""
    plt.rcParams["figure.figsize"] = figsize


def set_axes(
    axes: Axes,
    xlabel: str | None,
    ylabel: str | None,
    xlim: Limits,
    ylim: Limits,
    xscale: str,
    yscale: str,
    legend: Sequence[str] | None,
) -> None:
    """Label, scale and limit the axes, with a grid."""
    axes.set_xlabel(xlabel or "")
    axes.set_ylabel(ylabel or "")
    axes.set_xscale(xscale)
    axes.set_yscale(yscale)
    axes.set_xlim(xlim)  # type: ignore[arg-type]
    axes.set_ylim(ylim)  # type: ignore[arg-type]
    if legend:
        axes.legend(legend)
    axes.grid()


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | None = None,
    xlim: Limits = None,
    ylim: Limits = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
    figsize: tuple[float, float] = (3.5, 2.5),
    axes: Axes | None = None,
) -> None:
    """Draw one curve or several.

    Args:
        X: the x values, shared or one list a curve; the y values where `Y` is None.
        Y: the y values, one list or a list of lists.
        xlabel, ylabel, xlim, ylim, xscale, yscale, legend, axes: as in matplotlib.
        fmts: matplotlib's line formats, taken in turn.
        figsize: inches.
    """
    set_figsize(figsize)
    axes = axes or plt.gca()
    xs, ys = _curves(X), _curves(Y)
    if not ys:
        xs, ys = [None] * len(xs), xs
    if len(xs) == 1:
        xs = xs * len(ys)
    axes.cla()
    for i, (x, y) in enumerate(zip(xs, ys, strict=False)):
        fmt = fmts[i % len(fmts)]
        if x is None:
            axes.plot(y, fmt)
        else:
            axes.plot(x, y, fmt)
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


def show_images(
    imgs: Any,
    num_rows: int,
    num_cols: int,
    titles: Sequence[str] | None = None,
    scale: float = 1.5,
) -> Any:
    """Show images in a grid.

    Args:
        imgs: tensors (H, W) or (H, W, 3), or PIL images.
        num_rows, num_cols: of the grid.
        titles: one for each image.
        scale: inches an image.

    Returns:
        The axes as a flat array, for a grid of one image too.
    """
    figsize = (num_cols * scale, num_rows * scale)
    _, grid = plt.subplots(num_rows, num_cols, figsize=figsize, squeeze=False)
    axes = grid.flatten()
    for i, (ax, img) in enumerate(zip(axes, imgs, strict=False)):
        ax.imshow(img.detach().cpu().numpy() if isinstance(img, torch.Tensor) else img)
        ax.get_xaxis().set_visible(False)
        ax.get_yaxis().set_visible(False)
        if titles is not None and i < len(titles):
            ax.set_title(titles[i])
    return axes


def _curves(values: Any) -> list[Any]:
    if values is None:
        return []
    if hasattr(values, "ndim") and values.ndim == 1:
        return [_plain(values)]
    values = list(values)
    if values and np.ndim(_plain(values[0])) == 0:
        return [np.asarray([_plain(v) for v in values])]
    return [_plain(v) for v in values]


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
