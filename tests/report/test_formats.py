"""Workbook, JSON, Markdown and CSV for Excel: any name comes back unharmed and does no harm."""

import csv
import html
import io
import re
import unicodedata
import zipfile
from dataclasses import replace
from fractions import Fraction

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grader.records import Attendance, Identity, Listed, SubmissionResult
from grader.report.csv_tables import cell_for_excel, for_excel
from grader.report.frames import frames_of
from grader.report.gradebook_json import SCHEMA, VERSION, GradesFile, grades_json
from grader.report.markdown import escaped, markdown
from grader.report.spreadsheet import workbook
from grader.report.tables import GRADES, exercises_table, grades_table
from grader.report.writers import write_run
from grader.runs.stored_run import StoredRun
from grader.text import clean, in_order, without_surrogates
from grader.verdict import Status

HARD = ["=1+2", "<script>alert(1)</script>", "홍길동 (1)", 'a,b"c', "Müller", "00123", "+82 10",
        "@x", "1e5", "3-4", "TRUE", "-1", "'quoted", "a|b\\", "http://x.org", "mailto:a@b.c",
        "*x* _y_ `z`", "![i](j)", "&amp;", "#12", ":smile:", "a\nb", "_x0041_", "  blank",
        "9007199254740993", "\u202egnp.exe", "~~x~~", "[[a]]", "internal:a!A1", "{=1}"]  # fmt: skip
ANY = st.text(st.characters(codec=None), max_size=30)


def run_of(*students, **more):
    results = tuple(
        SubmissionResult(f"k{at}", one, f"{one}.ipynb", "hw", Status.UNREADABLE, problem=one)
        for at, one in enumerate(students)
    )
    return StoredRun(results, "HW", ("corr2d",), Fraction(10), "2026-01-01T00:00:00+00:00", **more)


def sheet_of(run, name="grades"):
    data = workbook(frames_of(run), title=run.title)
    return openpyxl.load_workbook(io.BytesIO(data))[name], data


@pytest.mark.parametrize("name", HARD)
def test_a_workbook_holds_the_very_name_as_text(name):
    sheet, data = sheet_of(run_of(name))
    cell = sheet["A2"]
    assert cell.data_type == "s"
    assert cell.value == in_order(clean(name)) or "_x" in name
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheets = [parts.read(one) for one in parts.namelist() if "worksheets/" in one]
        assert not any(b"<f>" in one or b"hyperlink" in one for one in sheets)
        assert not any("externalLink" in one for one in parts.namelist())


@given(ANY)
def test_any_name_makes_a_workbook_that_opens(name):
    sheet, _ = sheet_of(run_of(name, "kim"))
    assert [sheet["A3"].value, sheet["D3"].value] == ["kim", 0]


def test_a_workbook_is_laid_out_for_people(class_of_five, order):
    run = StoredRun(tuple(class_of_five), "HW2", tuple(order), Fraction(48), "")
    data = workbook(frames_of(run))
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["grades", "checks", "exercises"]
    for sheet in book:
        assert sheet.freeze_panes == "B2"
        assert sheet["A1"].font.bold
        assert sheet.column_dimensions["A"].width > 6
    grades = book["grades"]
    assert [cell.value for cell in grades[1]] == [*GRADES, *order]
    assert grades["D3"].value == 4
    assert grades["F3"].number_format == "0.0"
    colours = {grades[f"C{row}"].fill.fgColor.rgb for row in range(2, 7)}
    assert len(colours) == 4  # graded, partial, broken, unreadable


def test_the_sheet_of_exercises_counts_who_was_judged(class_of_five, order):
    table = exercises_table(
        frames_of(StoredRun(tuple(class_of_five), "", tuple(order), Fraction(48), ""))
    )
    rows = {row["exercise"]: row for row in table.to_dict("records")}
    assert (rows["corr2d"]["judged"], rows["corr2d"]["all_points"]) == (4, 2)
    assert (rows["LeNet"]["judged"], rows["LeNet"]["open"]) == (2, 1)
    assert rows["corr2d"]["section"] == "7.2"


def test_json_is_what_its_schema_says(class_of_five, order):
    roster = Attendance((Listed(1, ("00123",), "zoe", "B"),), ("lee is not on the list",), 1)
    people = {class_of_five[0].key: Identity("Canvas", "501", "lee", earlier=("old.ipynb",))}
    run = StoredRun(tuple(class_of_five), "HW2", tuple(order), Fraction(48), "",
                    people=people, attendance=roster, assignment="cnn")  # fmt: skip
    file = msgspec.json.decode(grades_json(run, frames_of(run)), type=GradesFile, strict=True)
    assert (file.schema, file.version, file.max_points) == (SCHEMA, VERSION, 48)
    assert [one.status for one in file.submissions][-1] == "absent"
    assert file.submissions[-1].roster.id == "00123"
    assert file.submissions[0].earlier == ["old.ipynb"]
    assert file.submissions[0].lms["id"] == "501"
    kim, park = file.submissions[1:3]
    failed = next(one for one in kim.results if one.passed is False)
    assert (failed.cause.expected, failed.cause.actual) == ("[[1.0]]", "[[0.0]]")
    assert "by hand" in failed.cause.help
    broken = next(one for one in park.results if one.verdict == "broken")
    assert (broken.passed, broken.points, broken.cause) == (None, None, None)
    assert park.exercises["LeNet"] is None
    table = grades_table(frames_of(run))
    assert [one.points for one in file.submissions] == table["points"].tolist()
    assert msgspec.json.schema(GradesFile)["$defs"]


@given(ANY)
def test_json_gives_back_any_name(name):
    run = run_of(name)
    file = msgspec.json.decode(grades_json(run, frames_of(run)), type=GradesFile)
    assert file.submissions[0].student == without_surrogates(name)


@pytest.mark.parametrize("name", HARD)
def test_markdown_shows_the_very_name_and_nothing_else(name):
    page = MarkdownIt("gfm-like", {"linkify": False}).render(
        markdown(run_of(name), frames_of(run_of(name)))
    )
    shown = html.unescape(re.findall(r"<td>(.*?)</td>", page)[-2])  # before the status
    assert shown == " ".join(in_order(clean(name)).split())
    assert set(re.findall(r"</?([a-z0-9]+)", page)) <= {
        *("h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"),
    }


@given(ANY)
def test_any_text_in_markdown_is_one_line_without_signs(text):
    line = escaped(text)
    assert not re.search(r"[<>|`*_\[\]@]|#(?!\d+;)|&(?!#\d+;)", line)
    assert "\n" not in line


def test_csv_for_excel_begins_with_its_mark_and_keeps_ids_as_text():
    names = ["00123", "3-4", "1e5", "TRUE", "홍길동", "=1+1", "+82 10", "@x", 'a,b"c', "Müller"]
    text = for_excel(grades_table(frames_of(run_of(*names))))
    assert text.startswith("\ufeffstudent,")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]
    assert [row[0] for row in rows] == [
        '="00123"', '="3-4"', '="1e5"', '="TRUE"', "홍길동", "'=1+1", "'+82 10", "'@x", 'a,b"c',
        "Müller",
    ]  # fmt: skip
    assert rows[0][3:6] == ["0", "10", "0"]  # numbers stay numbers


@pytest.mark.parametrize("text", ["007", "1/2", "12:30", "Mar 3", "3 Mar", "10%", "1 000", "5e-3"])
def test_what_excel_would_convert_is_a_constant(text):
    assert cell_for_excel(text) == f'="{text}"'


@given(ANY)
def test_a_cell_for_excel_that_begins_with_a_sign_of_formulas_is_a_plain_constant(text):
    cell = cell_for_excel(text)
    if cell[:1] == "=":
        assert re.fullmatch(r'="[^"&<>|!=]*"', cell)
    assert cell[:1] not in ("+", "@", "\t") or re.fullmatch(r"[+-]?[\d.eE+-]+", cell)


def test_csv_for_scripts_has_no_mark_and_the_id_as_it_is(tmp_path):
    write_run(run_of("00123"), tmp_path)
    assert (tmp_path / "grades.csv").read_bytes().startswith(b"student,")
    assert (tmp_path / "grades.csv").read_text().splitlines()[1].startswith("00123,")
    write_run(run_of("00123"), tmp_path, excel=True)
    assert (tmp_path / "checks.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,")


def test_a_broken_submission_stands_on_top_of_the_short_report(class_of_five, order):
    run = StoredRun(tuple(class_of_five), "HW2", tuple(order), Fraction(48), "")
    page = markdown(run, frames_of(run))
    assert page.index("To look at") < page.index("## Exercises")
    assert "5 submissions: 1 graded, 1 partial, 1 unreadable, 2 broken." in page
    assert len(page.splitlines()) < 40


def test_a_hangul_name_is_as_wide_as_it_looks():
    narrow, wide = (
        sheet_of(replace(run_of(name * 8), title=""))[0].column_dimensions["A"].width
        for name in ("a", unicodedata.lookup("HANGUL SYLLABLE GA"))
    )
    assert wide > narrow
