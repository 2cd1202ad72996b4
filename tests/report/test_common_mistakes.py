"""What went wrong most often in a class, in words that fit a table."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from grader.report.overview import overview
from grader.report.pages import report_page
from grader.text import clip
from grader.verdict import Verdict

ORDER = ("corr2d", "pool2d", "image_kernels")


def test_what_is_optional_and_was_not_tried_is_no_mistake(flawed, perfect):
    found = overview([flawed, perfect], ORDER, Fraction(12)).mistakes
    assert [cluster.exercise for cluster in found.clusters] == ["corr2d"]
    assert [(one.exercise, one.count) for one in found.not_attempted] == [("pool2d", 1)]


def test_a_long_message_is_cut_once(make, exercise, check):
    wrong = check(verdict=Verdict.FAILED, message="x" * 223 + "y" * 100)
    page = report_page(
        [make("kim", exercise("corr2d", wrong))], exercises=ORDER, max_points=Fraction(4),
        files=["kim.html"], started_at="2024-10-14T07:00:00+00:00",
    )  # fmt: skip
    assert "x" * 200 + " ... (123 more characters)" in page


@given(st.text(max_size=120), st.integers(0, 60))
def test_text_is_cut_only_where_it_gets_shorter_and_its_beginning_stays(text, limit):
    cut = clip(text, limit=limit)
    assert len(cut) <= len(text)
    assert cut[:limit] == text[:limit]
    assert cut == text or len(text) > limit
