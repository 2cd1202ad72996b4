"""Loss curves are drawn inside their frame, whatever the losses were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.records import LossCurve
from grader.report.curves import BOTTOM, LEFT, RIGHT, TOP, draw, drawings

LOSSES = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=2)


def points_of(drawing):
    lines = " ".join(drawing.lines).split()
    return [tuple(map(float, point.split(","))) for point in lines]


def test_a_falling_loss_runs_from_the_upper_left_to_the_lower_right():
    drawing = draw(LossCurve(9, (3.0, 2.0, 1.0)))
    middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
    assert points_of(drawing) == [(LEFT, TOP), middle, (RIGHT, BOTTOM)]
    assert (drawing.top, drawing.bottom, drawing.gaps) == ("3.00", "1.00", ())
    assert drawing.caption == "3 steps, first loss 3.00, last 1.00."


def test_a_loss_that_is_no_number_breaks_the_line_and_is_counted():
    drawing = draw(LossCurve(9, (3.0, 2.0, None, 2.0, 1.0, None)))
    assert len(drawing.lines) == 2
    assert len(drawing.gaps) == 2
    assert "last not a number; 2 losses not a number or infinite, the first at" in drawing.caption


def test_losses_that_were_never_a_number_are_a_sentence_and_no_line():
    drawing = draw(LossCurve(9, (None, None)))
    assert (drawing.lines, drawing.dots, drawing.top) == ((), (), "")
    assert "first loss not a number" in drawing.caption


def test_a_number_alone_between_others_is_a_dot():
    drawing = draw(LossCurve(9, (None, 1.0, None)))
    assert (len(drawing.lines), len(drawing.dots)) == (0, 1)


def test_a_thousand_steps_are_thinned_to_means_and_say_so():
    drawing = draw(LossCurve(9, tuple(float(2000 - step) for step in range(1000))))
    assert len(points_of(drawing)) == 200
    assert drawing.caption == (
        "1,000 steps, first loss 2,000, last 1,001; each point is the mean of 5 steps."
    )
    assert (drawing.top, drawing.bottom) == ("1,998", "1,003")


@pytest.mark.parametrize(
    ("losses", "top", "bottom", "logarithmic"),
    [
        ((15.0, 0.003), "15.0", "0.00300", True),
        ((150.0, 0.0), "150", "0.00", False),
        ((2.3031, 2.3029), "2.3031", "2.3029", False),
        ((1e9, 12_500.0), "1.00e+09", "12,500", True),
        ((1.0, 1.0), "", "1.00", False),
    ],
)
def test_the_ends_of_the_axis_can_be_told_apart(losses, top, bottom, logarithmic):
    drawing = draw(LossCurve(9, losses))
    assert (drawing.top, drawing.bottom) == (top, bottom)
    assert ("logarithmic" in drawing.caption) is logarithmic


@given(LOSSES)
def test_every_point_lies_inside_the_frame(losses):
    drawing = draw(LossCurve(0, tuple(losses)))
    for x, y in (*points_of(drawing), *drawing.dots):
        assert LEFT <= x <= RIGHT
        assert TOP <= y <= BOTTOM
    for x, width in drawing.gaps:
        assert LEFT <= x <= x + width <= RIGHT + 0.1  # each is rounded


def test_a_single_backward_is_no_training():
    assert drawings([LossCurve(3, (1.0,)), LossCurve(4, ())]) == []
