"""Report and feedback in a real browser: nothing is cut, nothing loads, everything is readable."""

from dataclasses import replace
from fractions import Fraction

import pytest

from grader.records import WrittenAnswer
from grader.report.manual_notes import ManualNote, ManualNotes
from grader.report.pages import feedback_page, report_page
from grader.verdict import Verdict
from tests.report.conftest import make_result, with_text
from tests.report.made_class import NAMES, made_class

HOSTILE = (
    "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    "<svg onload=alert(2)><a href='javascript:alert(3)'>x</a>{{ 7 * 7 }}"
    "![p](http://127.0.0.1:9/p.png) [run](javascript:alert(4)) <http://127.0.0.1:9/>"
)
WIDTHS = (400, 1400)
SCHEMES = ("light", "dark")


def report_of(results):
    files = [f"{number}.html" for number in range(len(results))]
    return report_page(
        results, exercises=NAMES, max_points=Fraction(64), files=files, assignment="Homework 2"
    )


def most_wrong(results):
    return max(
        results, key=lambda r: sum(c.verdict.is_wrong for e in r.exercises for c in e.checks)
    )


PAGES = {
    "report of 60": lambda: report_of(made_class(60)),
    "report of 8": lambda: report_of(made_class(8)),
    "report of none": lambda: report_of([]),
    "feedback": lambda: feedback_page(
        most_wrong(made_class(30)),
        notes=ManualNotes({NAMES[0]: ManualNote("Well argued.", Fraction(1), Fraction(2), "TA")}),
    ),
    "feedback on a broken one": lambda: feedback_page(
        next(
            r for r in made_class(60)
            if any(c.verdict is Verdict.BROKEN for e in r.exercises for c in e.checks)
        )
    ),
    "feedback on an unreadable one": lambda: feedback_page(made_class(12)[11]),
}  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_window_and_is_accessible(visit, page, width, scheme):
    seen = visit(PAGES[page](), width, scheme)
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert seen.overflow() == 0
    assert seen.errors == []
    assert seen.serious() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_name_is_broken_letter_by_letter(visit, width):
    seen = visit(report_of(made_class(30)), width)
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    sizes = seen.page.eval_on_selector_all(
        "tbody th[scope=row]",
        "cells => cells.map(one => [one.clientWidth, one.clientHeight, one.innerText])",
    )
    assert sizes
    # a line is 22 pixels high: broken by letters, a name of 11 takes 242
    broken = [one for one in sizes if one[0] < 100 or one[1] > 80 + 3 * len(one[2])]
    assert broken == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_strangers_text_does_nothing(visit, width):
    result = with_text(make_result("kim"), HOSTILE)
    heading = WrittenAnswer("7.2", "Discussion", 2, f"# {HOSTILE}")
    result = replace(result, answers=(*result.answers, heading))
    notes = ManualNotes(
        {HOSTILE: ManualNote(HOSTILE, by=HOSTILE)}, {0: ManualNote(HOSTILE)}, ManualNote(HOSTILE)
    )
    for html in (feedback_page(result, notes=notes), report_of([result, *made_class(3)])):
        seen = visit(html, width)
        seen.page.wait_for_timeout(100)
        assert seen.errors == []
        assert len(seen.requests) == 1
        assert seen.page.title() != "owned"
        assert (
            seen.page.eval_on_selector_all("script, img, iframe, object", "all => all.length") == 0
        )
        assert seen.page.eval_on_selector_all("a[href^='javascript']", "all => all.length") == 0
        assert seen.overflow() == 0


def test_a_page_can_be_read_with_the_keyboard(visit):
    seen = visit(report_of(made_class(30)), 400)
    reached = set()
    for _ in range(60):
        seen.page.keyboard.press("Tab")
        reached.add(seen.page.evaluate("document.activeElement.tagName"))
    assert {"A", "SUMMARY", "DIV"} <= reached  # links, details and the tables that scroll
