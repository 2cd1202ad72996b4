"""Files come out whole, safe and complete, whatever text is in the results."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.records import PassedOver
from grader.report.csv_tables import as_csv, safe_cell
from grader.report.pages import feedback_page, report_page
from grader.report.tables import GRADES
from grader.report.writers import feedback_names, write_reports
from grader.text import clean, in_order
from grader.verdict import Status, Verdict

ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
NASTY = [
    "=1+1",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "\x00\ud800\u202e",
    "../../etc",
    "[red]x",
]


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


class Tags(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self):
        super().__init__()
        self.names, self.loads = set(), []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.loads += [(tag, k, v) for k, v in attrs if k in ("src", "srcset", "data", "action")]
        self.loads += [(tag, k, v) for k, v in attrs if k.startswith("on")]
        self.loads += [(tag, k, v) for k, v in attrs if k == "href" and ":" in (v or "")]


def assert_inert(page):
    tags = Tags()
    tags.feed(page)
    assert tags.names.isdisjoint({"script", "img", "iframe", "link", "object", "form", "base"})
    assert tags.loads == []
    assert "default-src 'none'" in page


def test_the_files_of_the_contract_are_written(tmp_path, class_of_five, order):
    written = write_reports(class_of_five, tmp_path, exercises=order, max_points=Fraction(48))
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    pages = {f"feedback/{name}.html" for name in ("lee", "김민수", "park", "choi", "jung")}
    tables = {"grades.csv", "checks.csv", "grades.xlsx", "grades.json", "report.md"}
    assert found == tables | {"report.html"} | pages
    assert {str(path.relative_to(tmp_path)) for path in written} == found


def test_grades_csv_has_a_header_and_one_row_a_submission(tmp_path, class_of_five, order):
    write_reports(class_of_five, tmp_path, exercises=order, max_points=Fraction(48))
    header, *rows = rows_of(tmp_path / "grades.csv")
    assert header == [*GRADES, *order]
    assert [row[0] for row in rows] == [result.student for result in class_of_five]
    assert rows[2][-2] == ""  # LeNet is open


def test_csv_files_spell_whole_points_without_and_seconds_with_a_decimal_point(
    tmp_path, class_of_five, order
):
    write_reports(class_of_five, tmp_path, exercises=order, max_points=Fraction(48))
    assert (tmp_path / "grades.csv").read_bytes().decode().splitlines()[1:] == [
        "lee,submissions/cnn/lee/hw2.ipynb,graded,12,12,100,4,4,4,",
        "김민수,submissions/cnn/김민수/hw2.ipynb,partial,4,18,22.2,4,0,,0",
        "park,submissions/cnn/park/hw2.ipynb,broken,8,8,100,4,,,",
        "choi,submissions/cnn/choi/hw2.pdf,unreadable,0,48,0,0,0,0,0",
        "jung,submissions/cnn/jung/hw2.ipynb,broken,,0,,,,,",
    ]
    checks = (tmp_path / "checks.csv").read_bytes().decode().splitlines()
    assert checks[1] == "lee,corr2d,test_values,passed,4,4,0.0,"
    assert [line for line in checks if ",broken," in line] == [
        "park,LeNet,test_values,broken,0,4,0.0,KernelLost: no kernel"
    ]


def test_an_empty_run_is_written_too(tmp_path, order):
    write_reports([], tmp_path, exercises=order)
    assert rows_of(tmp_path / "grades.csv") == [[*GRADES, *order]]


def test_writing_again_gives_the_same_bytes_and_removes_stale_pages(tmp_path, perfect, flawed):
    write_reports([perfect, flawed], tmp_path)
    before = (tmp_path / "feedback" / "lee.html").read_bytes()
    own = tmp_path / "feedback" / "index.html"
    own.write_text("the instructor's own page")
    write_reports([perfect], tmp_path)
    assert sorted(p.name for p in (tmp_path / "feedback").iterdir()) == ["index.html", "lee.html"]
    assert (tmp_path / "feedback" / "lee.html").read_bytes() == before


def test_a_file_that_cannot_be_written_is_named(tmp_path, perfect):
    (tmp_path / "grades.csv").mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*grades\.csv"):
        write_reports([perfect], tmp_path)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1+1", "'=1+1"), ("+x", "'+x"), ("@sum", "'@sum"), ("-cmd", "'-cmd"), ("\t=1", "'\t=1"),
        ("  =1", "'  =1"), ("-1.5", "-1.5"), ("+3", "+3"), ("a=b", "a=b"), ("a\x00b\r\nc", "ab\nc"),
        ("a\u202ebpynb.exe", "abpynb.exe"), (3, 3), (-0.5, -0.5), (None, ""), ("", ""),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(cell, expected):
    assert safe_cell(cell) == expected


def test_names_of_feedback_files_are_safe_and_keep_their_letters():
    students = ["김민수", "a/b", "..", "CON", "x" * 400, "Kim", "kim", "kim-2", "", "-rf", "."]
    names = feedback_names(students)
    assert names[0] == "김민수.html"
    assert names[5:8] == ["Kim.html", "kim-3.html", "kim-2.html"]
    assert names[1] == "a_b.html"
    assert names[3] == "_CON.html"


@settings(deadline=None, max_examples=30)
@given(st.lists(ANY_TEXT, max_size=8))
def test_no_two_feedback_files_share_a_name_on_any_system(students):
    names = feedback_names(students)
    assert len({name.casefold() for name in names}) == len(students)
    assert all(not re.search(r'[/\\:*?"<>|\x00-\x1f]', name) for name in names)
    assert all(len(name.encode()) < 250 and not name.startswith((".", "-")) for name in names)


@pytest.mark.parametrize("text", NASTY)
def test_text_of_students_is_inert_on_every_page(hostile, text):
    result = hostile(text)
    page = feedback_page(result)
    assert_inert(page)
    assert "{{" not in text or "{{ 7 * 7 }}" in page  # shown as it is, not worked out
    assert_inert(report_page([result], exercises=[], max_points=Fraction(1), files=["a.html"]))


@settings(deadline=None, max_examples=30)
@given(text=ANY_TEXT)
def test_any_text_anywhere_can_be_written_and_read_back(tmp_path_factory, hostile, text):
    out = tmp_path_factory.getbasetemp() / "any"
    results = [hostile(text), hostile("kim")]
    write_reports(results, out, exercises=["corr2d", text])
    assert len(rows_of(out / "grades.csv")) == 3
    assert rows_of(out / "checks.csv")[1][0] == str(safe_cell(text))
    for path in out.rglob("*.html"):
        assert path.read_bytes().decode("utf-8").endswith("</html>")


@settings(deadline=None, max_examples=30)
@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_csv_cells_come_back_as_they_were_cleaned(cells):
    import pandas as pd

    frame = pd.DataFrame([cells], columns=[str(i) for i in range(len(cells))], dtype=object)
    _, row = csv.reader(as_csv(frame).splitlines(keepends=True))
    assert row == [str(safe_cell(cell)) for cell in cells]
    cleaned = [in_order(clean(cell)) for cell in cells]
    assert [c.removeprefix("'") for c in row] == [c.removeprefix("'") for c in cleaned]


def test_feedback_says_what_was_wrong_and_what_to_try(flawed):
    page = feedback_page(flawed)
    for words in (
        "4 of 18", "The smallest input", 'class="differs"', "What to try:", "a true convolution",
        "cell 5", "41", "not found in the notebook", "NameError", "느낀 점", "nothing written",
        "K.flip(0, 1)", "3 cells without an id",
    ):  # fmt: skip
        assert words in page


def test_feedback_on_what_is_missing_lists_no_checks_that_were_not_asked(make, exercise, check):
    first = check("VGG_training", verdict=Verdict.MISSING)
    second = check("VGG_training", "test_later", verdict=Verdict.SKIPPED)
    page = feedback_page(make("kim", exercise("VGG_training", first, second)))
    assert "not found in the notebook" in page
    assert "Not asked" not in page


def test_feedback_does_not_show_where_the_file_lay(flawed):
    assert "submissions/cnn" not in feedback_page(flawed)


def test_feedback_on_a_broken_check_says_whose_fault_it_is(broken):
    page = feedback_page(broken)
    assert "They cost you nothing" in page
    assert "KernelLost" not in page  # ours to read, in the report


def test_tracebacks_are_in_no_file_that_is_handed_out(tmp_path, make, exercise, check):
    broke = check(verdict=Verdict.BROKEN, traceback="Traceback of a check")
    result = make(
        "kim", exercise("corr2d", broke), status=Status.BROKEN, traceback="Traceback of all"
    )
    for path in write_reports([result], tmp_path):
        assert b"Traceback" not in path.read_bytes()


def test_the_report_names_mistakes_worries_and_facts(class_of_five, order):
    page = report_page(
        class_of_five, exercises=order, max_points=Fraction(48), files=["a.html"] * 5,
        assignment="HW2", written_at="2024-10-15T08:00:00+00:00",
    )  # fmt: skip
    for words in ("KernelLost", "handed in as a PDF", "a true convolution", "drawn stand-in",
                  "15 October 2024", "sandbox", "disk space"):  # fmt: skip
        assert words in page


def test_the_report_names_the_submission_that_took_longest(make, exercise, order):
    quick, slow = make("kim", exercise()), replace(make("lee", exercise()), seconds=754.0)
    page = report_page([quick, slow], exercises=order, max_points=Fraction(4), files=["a", "b"])
    assert "lee, 754 s" in page


def test_long_texts_are_cut_on_the_page(hostile):
    page = feedback_page(hostile("x" * 300_000))
    assert len(page) < 300_000
    assert "more characters" in page


def test_a_student_is_told_what_to_do_about_an_unreadable_file(unreadable, lost):
    page = feedback_page(unreadable)
    assert "Handed in as a PDF." in page
    assert "ask the student" not in page
    assert "not your fault" in feedback_page(lost)


def test_the_page_names_every_file_that_was_passed_over(class_of_five, order):
    lines = [PassedOver(f"class/{number}.pdf", f"reason {number}") for number in range(120)]
    lines += [PassedOver(f"class/{text}.csv", "it is no notebook") for text in NASTY]
    lines.append(PassedOver("class/" + "a" * 5000, "it is no notebook"))
    page = report_page(
        class_of_five, exercises=order, max_points=Fraction(48),
        files=["x.html"] * len(class_of_five), passed_over=lines,
    )  # fmt: skip
    assert_inert(page)
    assert f"{len(lines)} files and folders were found" in page
    assert all(f"class/{number}.pdf" in page and f"reason {number}<" in page
               for number in range(120))  # fmt: skip
    assert "a" * 300 in page
    assert "a" * 500 not in page  # cut for display only


def test_the_page_says_nothing_of_files_passed_over_where_there_are_none(class_of_five, order):
    page = report_page(class_of_five, exercises=order, max_points=Fraction(48),
                       files=["x.html"] * len(class_of_five))  # fmt: skip
    assert "Passed over" not in page
