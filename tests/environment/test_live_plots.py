"""Plots: points are kept while training, figures are few and leave nothing open."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from d2l import torch as d2l
from hypothesis import given
from hypothesis import strategies as st
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    plt.close("all")
    yield
    plt.close("all")


@given(st.integers(0, 40), st.integers(1, 7))
def test_a_board_keeps_the_mean_of_every_n_points(count, every_n):
    board = d2l.ProgressBoard()
    for x in range(count):
        board.draw(x, torch.tensor(2.0 * x, requires_grad=True), "loss", every_n)
    kept = board.data.get("loss", [])
    assert len(kept) == count // every_n
    assert all(point.y == pytest.approx(2 * point.x) for point in kept)


def test_a_board_without_labels_can_be_drawn():
    board = d2l.ProgressBoard()
    for x in np.arange(0, 3, 0.5):
        board.draw(x, np.sin(x), "sin", every_n=2)
    axes = board.figure().axes[0]
    assert axes.get_xlabel() == "x"
    assert [len(line.get_xdata()) for line in axes.lines] == [3]
    assert plt.get_fignums() == []


def test_an_animator_keeps_its_points_and_skips_none():
    animator = d2l.Animator(xlabel="epoch", xlim=[1, 10], legend=["train", "test"])
    assert animator.X is None
    animator.add(1, (0.5, None))
    animator.add(2, (0.25, torch.tensor(0.75)))
    assert animator.X == [[1, 2], [2]]
    assert animator.Y == [[0.5, 0.25], [0.75]]
    assert len(animator.figure().axes[0].lines) == 2
    assert plt.get_fignums() == []


def test_an_animator_takes_single_numbers():
    animator = d2l.Animator(nrows=1, ncols=2)
    animator.add(torch.tensor(1), torch.tensor(3.0))
    animator.add([2], [4])
    assert animator.X == [[1, 2]]
    assert len(animator.axes) == 2


@pytest.mark.parametrize(
    ("X", "Y", "curves"),
    [
        ([1, 2, 3], None, 1),
        (torch.arange(3), torch.ones(3), 1),
        (np.arange(3), [np.ones(3), np.zeros(3)], 2),
        ([[1, 2], [1, 2, 3]], [[1, 2], [1, 2, 3]], 2),
        ([torch.tensor(1.0), torch.tensor(2.0)], [torch.tensor(1.0), torch.tensor(2.0)], 1),
    ],
)
def test_plot_draws_one_line_a_curve(X, Y, curves):
    d2l.plot(X, Y, "x", "y", legend=["a", "b"][:curves])
    assert len(plt.gca().lines) == curves


def test_show_images_returns_flat_axes_even_for_one_image():
    axes = d2l.show_images(torch.rand(1, 4, 4), 1, 1, titles=["one"])
    assert axes.shape == (1,)
    assert axes[0].get_title() == "one"
    assert d2l.show_images([torch.rand(4, 4)] * 6, 2, 3).shape == (6,)


def test_a_batch_can_be_visualized():
    data = d2l.FashionMNIST(batch_size=8)
    X, y = next(iter(data.get_dataloader(False)))
    data.visualize((X, y), ncols=4)
    titles = [ax.get_title() for ax in plt.gcf().axes]
    assert titles == data.text_labels(y)[:4]


def test_svg_is_never_asked_for():
    d2l.use_svg_display()
    d2l.set_figsize((2, 2))
    assert list(plt.rcParams["figure.figsize"]) == [2, 2]


def test_a_fit_in_a_cell_shows_one_picture_after_it(shell):
    shell.run_cell("%matplotlib inline").raise_error()
    source = """
from d2l import torch as d2l
for _ in range(2):
    d2l.Trainer(max_epochs=2).fit(d2l.SoftmaxRegression(10, lr=0.1), d2l.FashionMNIST())
"""
    with capture_output() as shown:
        shell.run_cell(source).raise_error()
    plt.switch_backend("Agg")
    assert ["image/png" in output.data for output in shown.outputs] == [True, True]
    assert plt.get_fignums() == []
