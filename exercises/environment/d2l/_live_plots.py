"""Boards that collect the points of a training run and draw them once, when the cell is over.

The book redraws after each point: 40 figures a fit, two thirds of its time. Here the points are
kept, and one figure a board is shown after the cell, where there is a shell to show it. The figures
are not pyplot's, so none is left open. Not here: pyplot's own drawing (`_plotting.py`).
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from matplotlib.figure import Figure

from ._hyperparameters import HyperParameters
from ._plotting import Limits, set_axes

# a cell that trains in a loop shows its first runs
MOST_FIGURES = 4


class Point(NamedTuple):
    """One point of a curve."""

    x: float
    y: float


class ProgressBoard(HyperParameters):
    """Curves by label, to which `draw` adds a point, or the mean of every n points.

    Attributes:
        data: label -> the points of its curve.
        raw_points: label -> the points that wait for a mean.
    """

    xlabel: str | None
    ylabel: str | None
    xlim: Limits
    ylim: Limits
    xscale: str
    yscale: str
    ls: Sequence[str]
    colors: Sequence[str]
    fig: Figure | None
    axes: Any
    figsize: tuple[float, float]
    display: bool

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        xlim: Limits = None,
        ylim: Limits = None,
        xscale: str = "linear",
        yscale: str = "linear",
        ls: Sequence[str] = ("-", "--", "-.", ":"),
        colors: Sequence[str] = ("C0", "C1", "C2", "C3"),
        fig: Figure | None = None,
        axes: Any = None,
        figsize: tuple[float, float] = (3.5, 2.5),
        display: bool = True,
    ) -> None:
        self.save_hyperparameters()
        self.raw_points: OrderedDict[str, list[Point]] = OrderedDict()
        self.data: OrderedDict[str, list[Point]] = OrderedDict()

    def draw(self, x: Any, y: Any, label: str, every_n: int = 1) -> None:
        """Add a point to the curve `label`; of every `every_n` points their mean is kept."""
        waiting = self.raw_points.setdefault(label, [])
        curve = self.data.setdefault(label, [])
        waiting.append(Point(_number(x), _number(y)))
        if len(waiting) >= every_n:
            curve.append(_mean(waiting))
            waiting.clear()
        if self.display:
            show_after_the_cell(self)

    def figure(self) -> Figure:
        """Draw all curves, on the axes the board was given or on a figure of its own."""
        axes = self.axes if self.axes is not None else Figure(self.figsize).subplots()
        for i, (label, points) in enumerate(self.data.items()):
            # a fit that ends within its first epoch has no point but those that still wait
            curve = points or [_mean(self.raw_points[label])]
            axes.plot(
                [p.x for p in curve],
                [p.y for p in curve],
                linestyle=self.ls[i % len(self.ls)],
                color=self.colors[i % len(self.colors)],
                label=label,
            )
        names = list(self.data)
        xlabel, ylabel = self.xlabel or "x", self.ylabel
        set_axes(axes, xlabel, ylabel, self.xlim, self.ylim, self.xscale, self.yscale, names)
        drawn: Any = axes.figure
        return drawn  # type: ignore[no-any-return]


class Animator:
    """The 0.17 edition's board: a point for each of a fixed number of curves at a time.

    Attributes:
        X, Y: one list of values a curve; None before the first point.
    """

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Limits = None,
        ylim: Limits = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        self.X: list[list[Any]] | None = None
        self.Y: list[list[Any]] | None = None
        self.fmts = fmts
        self._grid = (nrows, ncols, figsize)
        self._look = (xlabel, ylabel, xlim, ylim, xscale, yscale, legend or [])
        self._fig: Figure | None = None

    @property
    def fig(self) -> Figure:
        """The figure, made when it is first asked for."""
        if self._fig is None:
            nrows, ncols, figsize = self._grid
            self._fig = Figure(figsize)
            self._fig.subplots(nrows, ncols)
        return self._fig

    @property
    def axes(self) -> list[Any]:
        """The axes of the figure, row by row."""
        return list(self.fig.axes)

    def add(self, x: Any, y: Any) -> None:
        """Add a point to each curve.

        Args:
            x: one value for all curves, or one for each.
            y: one value for each curve; the curve of a None gets no point.
        """
        ys = _values(y)
        xs = _values(x) if _many(x) else _values(x) * len(ys)
        if self.X is None or self.Y is None:
            self.X, self.Y = [[] for _ in ys], [[] for _ in ys]
        for a, b, X, Y in zip(xs, ys, self.X, self.Y, strict=False):
            if a is not None and b is not None:
                X.append(a)
                Y.append(b)
        show_after_the_cell(self)

    def figure(self) -> Figure:
        """Draw all curves on the first axes."""
        axes = self.axes[0]
        axes.cla()
        for i, (x, y) in enumerate(zip(self.X or [], self.Y or [], strict=True)):
            axes.plot(
                [_number(v) for v in x], [_number(v) for v in y], self.fmts[i % len(self.fmts)]
            )
        set_axes(axes, *self._look)
        return self.fig


class Board(Protocol):
    """What can be shown after a cell."""

    def figure(self) -> Figure: ...


_waiting: list[Board] = []


def show_after_the_cell(board: Board) -> None:
    """Show the board's figure once when the running cell ends; nothing outside of a shell."""
    if "IPython" not in sys.modules or any(board is other for other in _waiting):
        return
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  only where it is there anyway

    shell: Any = get_ipython()
    if shell is None or len(_waiting) >= MOST_FIGURES:
        return
    if not _waiting:
        shell.events.register("post_run_cell", _show_waiting)
    _waiting.append(board)


def _show_waiting(_result: object) -> None:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415
    from IPython.display import display  # noqa: PLC0415

    shell: Any = get_ipython()
    shell.events.unregister("post_run_cell", _show_waiting)
    boards = list(_waiting)
    _waiting.clear()
    for board in boards:
        display(board.figure())  # type: ignore[no-untyped-call]


def _mean(points: Sequence[Point]) -> Point:
    return Point(sum(p.x for p in points) / len(points), sum(p.y for p in points) / len(points))


def _many(values: Any) -> bool:
    return not isinstance(values, str) and bool(getattr(values, "ndim", hasattr(values, "__len__")))


def _values(values: Any) -> list[Any]:
    return list(values) if _many(values) else [values]


def _number(value: Any) -> float:
    return float(value.detach()) if isinstance(value, torch.Tensor) else float(value)
