"""What leads a student's page, what a person adds to it, and what stays hidden."""

from fractions import Fraction

import pytest

from grader.policy import Policy, adjust
from grader.records import CellRun, Counterexample, WrittenAnswer
from grader.report.costs import costs
from grader.report.manual_notes import ManualNote, ManualNotes
from grader.report.pages import feedback_page
from grader.report.student_markdown import rendered
from grader.verdict import Verdict

FIRST = CellRun(2, "raised", error="ModuleNotFoundError: No module named 'mine'", line=1)
NEXT = CellRun(5, "raised", error="NameError: name 'helper' is not defined", cause=2)
TEXT = "<script>alert(1)</script>"


def test_a_failed_cell_stands_before_the_six_names_it_took_along(make, exercise, check):
    def lacks(name, cell):
        reason = f"{name} is defined in cell {cell}, which raised"
        return exercise(name, check(name, verdict=Verdict.MISSING, message=reason))

    missing = [lacks(f"f{n}", 2 if n % 2 else 5) for n in range(6)]
    wrong = exercise("g", check("g", verdict=Verdict.FAILED, max_points=Fraction(9)))
    result = make("kim", wrong, *missing, cells=(FIRST, NEXT))
    first, second = costs(result)
    assert (first.points, first.exercises) == (24, (1, 2, 3, 4, 5, 6))
    assert (second.points, second.cause) == (9, None)
    page = feedback_page(result)
    assert (
        page.index("Start here: Cell 2") < page.index("It cost 24 points") < page.index("&minus;9")
    )


def test_open_points_and_right_answers_cost_nothing(make, exercise, check):
    assert costs(make("kim", exercise(), exercise("g", check(verdict=Verdict.BROKEN)))) == []


def test_of_a_hidden_check_the_title_and_the_verdict_are_shown(make, exercise, check):
    secret = Counterexample("f([41.5])", "[7.25]", "[8.125]", working="by hand")
    hidden = check(verdict=Verdict.FAILED, claim="Any image.", message="f([41.5]) is wrong",
                   hint="a hint", counterexample=secret, hidden=True)  # fmt: skip
    page = feedback_page(make("kim", exercise("corr2d", hidden)))
    assert "Any image." in page
    assert "not right yet" in page
    for words in ("41.5", "7.25", "8.125", "by hand", "a hint"):
        assert words not in page


def test_the_arithmetic_of_the_first_wrong_entry_is_spelled_out(make, exercise, check):
    example = Counterexample("f([1.0])", "[2.0]", "[3.0]", "(0)", working="y[0] = 1*3 = 3")
    failed = check(verdict=Verdict.FAILED, counterexample=example)
    assert "y[0] = 1*3 = 3" in feedback_page(make("kim", exercise("corr2d", failed)))


def test_the_line_of_an_error_is_marked_in_the_code(make, exercise, check):
    example = Counterexample("f()", "ValueError: no", "", "cell 5, line 2, in f")
    failed = check(verdict=Verdict.RAISED, counterexample=example)
    page = feedback_page(make("kim", exercise("f", failed, cell=5, source="def f():\n  g()\n")))
    assert '<code class="here">  g()' in page
    assert page.count('class="here"') == 1


def test_points_and_comments_of_a_person_are_shown_escaped(make, exercise):
    note = ManualNote(f"{TEXT}\nsecond line", Fraction(3, 2), Fraction(2), "TA <b>")
    result = make("kim", exercise(), answers=(WrittenAnswer("7.2", "Discussion", 3, "Edges."),))
    page = feedback_page(
        result, notes=ManualNotes({"corr2d": note}, {0: ManualNote("Well seen.")}, note)
    )
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;\nsecond line") == 2
    assert "TA &lt;b&gt;: 1.5 of 2 points" in page
    assert page.index("Edges.") < page.index("Well seen.")
    assert "<script" not in page


def test_a_written_answer_is_rendered_from_markdown():
    html = rendered("# Title\n\n**bold** `code`\n\n|a|b|\n|-|-|\n|1|2|\n\n1. one\n")
    for tag in (
        "<h5>Title</h5>",
        "<strong>bold</strong>",
        "<code>code</code>",
        "<td>1</td>",
        "<ol>",
    ):
        assert tag in html


@pytest.mark.parametrize(
    "text",
    [
        TEXT, "<img src=x onerror=alert(1)>", "![p](http://127.0.0.1/p.png)", "[x](javascript:a)",
        "[x](data:text/html,a)", "<svg onload=a>", "[x](vbscript:a)", "[x]: javascript:a\n\n[x]",
        "<javascript:alert(1)>", "`<script>`", "```\n<script>\n```", "[" * 20_000, "> " * 9_000,
        "|" * 20_000, "*" * 20_000, "\x00<b>\ud800",
    ],
)  # fmt: skip
def test_nothing_in_an_answer_loads_or_runs(text):
    html = rendered(text)
    for danger in ("<script", "<img", "<svg", 'href="javascript', 'href="data', 'href="vbscript'):
        assert danger not in html


def test_a_link_of_an_answer_leads_to_the_web_only_and_tells_it_nothing():
    html = rendered("[the book](https://example.org/a)")
    assert 'href="https://example.org/a"' in html
    assert "noreferrer" in html


def test_points_after_the_rules_are_shown_where_only_the_maximum_differs(make, exercise):
    result = make("kim", exercise("corr2d"), exercise("pool2d"))
    with_bonus = adjust(result, Policy(bonus=("pool2d",)))
    page = feedback_page(result, adjusted=with_bonus)
    assert "After the rules of the assignment: 8 of 4 points" in page
    assert "Bonus and dropped exercises are not in the maximum." in page
    assert "After the rules" not in feedback_page(result, adjusted=adjust(result, Policy()))
