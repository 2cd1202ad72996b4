"""The comparison of two runs and the page of similar work, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from grader.policy import Policy, adjust
from grader.report.comparison import comparison_page
from grader.report.pages import feedback_page, report_page
from grader.report.similar import write_similar
from grader.runs.comparison import Change, Comparison, ExerciseChange
from grader.similar.pairs import compare
from grader.similar.shape import shape_of
from tests.browser.test_pages_in_a_browser import HOSTILE, SCHEMES, WIDTHS, report_of
from tests.report.made_class import NAMES, made_class

OWN = """
def pool2d(X, pool_size, mode='max'):
    rows = [X[i:i + pool_size[0]] for i in range(X.shape[0] - pool_size[0] + 1)]
    parts = [[r[:, j:j + pool_size[1]] for j in range(X.shape[1] - pool_size[1] + 1)] for r in rows]
    pick = {'max': lambda p: p.max(), 'avg': lambda p: p.mean()}[mode]
    note = HOSTILE
    return torch.tensor([[float(pick(p)) for p in line] for line in parts])
""".replace("HOSTILE", repr(HOSTILE))
OTHER = """
def pool2d(X, pool_size, mode='max'):
    windows = X.unfold(0, pool_size[0], 1).unfold(1, pool_size[1], 1)
    flat = windows.reshape(*windows.shape[:2], -1)
    if mode == 'avg':
        return flat.mean(dim=-1)
    return flat.amax(dim=-1)
"""
WORDS_AND_LINES = """all => all.map(one => {
    const text = document.createRange();
    text.selectNodeContents(one);
    const tops = [...text.getClientRects()].map(box => Math.round(box.top));
    return [one.innerText.trim().split(/\\s+/).length, new Set(tops).size, one.innerText];
})"""
DUE = datetime(2024, 10, 14, tzinfo=UTC)
POLICY = Policy(due=DUE, late="percent", percent_a_day=Fraction(10))


def comparison(count: int) -> str:
    names = [f"홍길동 {n} van der Långenström" for n in range(count)] + [HOSTILE] * bool(count)
    one = ExerciseChange(
        "corr2d_multi_in_out_1x1", Fraction(7, 2), None,
        ("test_any_image_and_any_kernel_that_fits: failed, was passed",),
    )  # fmt: skip
    reasons = ("the submission changed", "an instructor decided", HOSTILE)
    changes = [
        Change(
            name, Fraction(20), Fraction(37, 2), reasons, (one, one), (Fraction(20), Fraction(9))
        )
        for name in names
    ]
    return comparison_page(Comparison(1, 2, tuple(changes), 17))


@pytest.fixture
def similar(tmp_path):
    def page(*students):
        code = {name: shape_of([OWN]) for name in students} | {"zoe": shape_of([OTHER])}
        write_similar(compare(code), code, tmp_path / "similar", assignment="Homework 2")
        return (tmp_path / "similar" / "similar.html").read_text(encoding="utf-8")

    return page


def after_rules() -> tuple[str, str]:
    """Return the report and one feedback page of a class with a due date."""
    results = made_class(20)
    times = [DUE + timedelta(hours=hour) for hour in range(0, 60, 3)]
    adjusted = [adjust(r, POLICY, handed_in=at) for r, at in zip(results, times, strict=True)]
    report = report_page(
        results, exercises=NAMES, max_points=Fraction(64), adjusted=adjusted,
        files=[f"{number}.html" for number in range(20)], absent=[HOSTILE], remarks=[HOSTILE],
    )  # fmt: skip
    return report, feedback_page(results[19], adjusted=adjusted[19])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["comparison", "no change", "similar", "alone", "rules"])
def test_a_page_fits_its_window_is_accessible_and_does_nothing(visit, similar, page, width, scheme):
    htmls = {
        "comparison": lambda: [comparison(12)],
        "no change": lambda: [comparison(0)],
        "similar": lambda: [similar("홍길동 van der Långenström", HOSTILE)],
        "alone": lambda: [similar()],
        "rules": after_rules,
    }[page]()
    for html in htmls:
        seen = visit(html, width, scheme)
        seen.page.wait_for_timeout(50)
        assert seen.overflow() == 0
        assert seen.errors == []
        assert seen.serious() == []
        assert len(seen.requests) == 1
        assert seen.page.title() != "owned"
        assert seen.page.eval_on_selector_all("script, img, iframe", "all => all.length") == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_no_name_is_broken_letter_by_letter(visit, similar, width):
    for html in (comparison(12), similar("홍길동 van der Långenström", "bora")):
        seen = visit(html, width)
        sizes = seen.page.eval_on_selector_all(
            "tbody th[scope=row]", "all => all.map(one => [one.clientWidth, one.innerText])"
        )
        assert sizes
        assert [size for size in sizes if size[0] < 100] == []
        words = seen.page.eval_on_selector_all(".scroll thead th, .scroll td.num", WORDS_AND_LINES)
        assert [one for one in words if one[1] > one[0]] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_printed_page_is_whole_and_light(visit, similar, scheme):
    results = made_class(30)
    report, feedback = after_rules()
    for html in (report, feedback, comparison(5), similar("ann", "bora"), report_of(results)):
        seen = visit(html, 680, scheme)  # A4 without its margins
        seen.page.emulate_media(media="print")
        assert seen.overflow() == 0
        # what is folded on the screen is on paper, what leads around on the screen is not
        folded = seen.page.eval_on_selector_all(
            "details:not([open]) > :not(summary)",
            "all => all.filter(one => one.textContent.trim() && !one.checkVisibility()).length",
        )
        assert folded == 0
        assert seen.page.eval_on_selector_all("nav", "all => all.map(one => one.offsetHeight)") in (
            [], [0],
        )  # fmt: skip
        cut = seen.page.eval_on_selector_all(
            ".scroll",
            "all => all.filter(one => getComputedStyle(one).overflowX != 'visible').length",
        )
        assert cut == 0
        paper = "getComputedStyle(document.body).backgroundColor"
        assert seen.page.evaluate(paper) == "rgb(255, 255, 255)"
