"""Exported gradebooks come back with one column filled, and nothing else changed."""

import csv
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.policy import Policy
from grader.reading.csv_file import parse_csv
from grader.reading.lms import is_of_system
from grader.records import Attendance, Identity, Listed, SubmissionResult
from grader.report.delivery import Delivery
from grader.report.feedback_zip import feedback_zip, upload_name
from grader.report.frames import frames_of
from grader.report.lms_files import canvas_sheet, fill, moodle_sheet
from grader.report.writers import write_run
from grader.runs.stored_run import StoredRun
from grader.verdict import Status, Verdict

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,HW1 (1200),HW2 (1234),Final Score\r\n"
    ",,,,,Manual Posting,,(read only)\r\n"
    '"    Points Possible",,,,,10.00,48.00,(read only)\r\n'
    '"Kim, Ada",501,00123,akim,A,9.50,,88\r\n'
    "홍길동,502,00124,gildong,A,,7.00,\r\n"
    '"=1+2, ""<b>""",503,00125,x,A,1,EX,\r\n'
    '"Lee, Bo",504,00126,blee,"A, B",N/A,N/A,\r\n'
    '"Park, Cy",505,00127,cpark,A,,,\r\n'
    '"Student, Test",1,,t,A,,,\r\n'
)
MOODLE = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,"
    "Grade can be changed,Last modified (submission),Last modified (grade),Feedback comments\n"
    "Participant 501,Ada Kim,00123,a@u.edu,Submitted,,48.00,Yes,-,-,\n"
    'Participant 502,홍길동,00124,g@u.edu,Submitted,7.00,48.00,Yes,"Mon, 3",-,"a ""b"""\n'
    "Participant 503,Cy Park,00127,c@u.edu,Submitted,,48.00,No,-,-,\n"
)
KOREAN = MOODLE.replace(
    MOODLE.splitlines()[0], "식별자,이름,학번,메일,상태,등급값,최대,바꿀 수,가,나,다"
)


@pytest.fixture
def run(make, exercise, check):
    """Build a run from students, their points and how a system names them."""

    def build(*given, attendance=None, worth=48):
        results, people = [], {}
        for student, points, identity in given:
            broken = points is None
            one = check(
                verdict=Verdict.BROKEN if broken else Verdict.PASSED,
                points=Fraction(points or 0), max_points=Fraction(worth),
            )  # fmt: skip
            status = Status.BROKEN if broken else Status.GRADED
            result = make(student, exercise("corr2d", one), status=status, key=f"k {student}")
            results.append(result)
            people[result.key] = identity
        return StoredRun(
            tuple(results), "HW2", ("corr2d",), Fraction(worth), "", people=people,
            attendance=attendance, assignment="cnn",
        )  # fmt: skip

    return build


def canvas(number, name):
    return Identity("Canvas", number, name, f"{name}_{number}_9_hw2.ipynb")


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def cells(data):
    return [record.fields for record in parse_csv(data).records]


def filled(sheet, run):
    return fill(sheet, run, frames_of(run))


def test_one_column_of_a_canvas_gradebook_is_filled(tmp_path, run):
    path = write(tmp_path / "g.csv", CANVAS, "utf-8-sig")
    made = filled(
        canvas_sheet(path, "HW2 (1234)"),
        run(("kimada", "31.5", canvas("501", "kimada")), ("홍길동", 40, canvas("502", "홍길동")),
            ("x", 3, canvas("503", "12b")), ("leebo", 2, canvas("504", "leebo")),
            ("zoe", 9, canvas("777", "parkcy"))),
    )  # fmt: skip
    before, after = cells(path.read_bytes()), cells(made.content)
    changed = {(r, c): (x, y) for r, row in enumerate(before)
               for c, (x, y) in enumerate(zip(row, after[r], strict=True)) if x != y}  # fmt: skip
    assert changed == {(3, 6): ("", "31.5"), (4, 6): ("7.00", "40")}
    assert made.content.startswith(b"\xef\xbb\xbf")
    told = "\n".join(made.notes)
    assert "2 grades written, 1 in place of others" in told
    assert "kept (2): x, leebo" in told
    assert "in no row of it, not written (1): zoe" in told  # of that name, but another number
    assert "left as they are (1): Park, Cy" in told


def test_without_numbers_of_the_system_rows_are_found_by_id_login_or_name(tmp_path, run):
    path = write(tmp_path / "g.csv", CANVAS)
    given = run(*((who, 5, Identity()) for who in ("00123", "gildong", "Cy Park", "nobody")))
    rows = cells(filled(canvas_sheet(path, "HW2"), given).content)
    assert [row[6] for row in rows[3:]] == ["5", "5", "EX", "N/A", "5", ""]


def test_two_submissions_for_one_row_are_both_left_out(tmp_path, run):
    path = write(tmp_path / "g.csv", CANVAS)
    made = filled(canvas_sheet(path, "HW2"), run(("akim", 5, Identity()), ("00123", 6, Identity())))
    assert made.content == path.read_bytes()
    assert "two submissions for one row, not written (2): 00123, akim" in "\n".join(made.notes)


def test_a_broken_submission_leaves_its_cell_as_it_is(tmp_path, run):
    path = write(tmp_path / "g.csv", CANVAS)
    made = filled(canvas_sheet(path, "HW2"), run(("gildong", None, Identity())))
    assert made.content == path.read_bytes()
    assert any("broken" in note for note in made.notes)


def test_who_is_absent_by_the_roster_gets_the_zero_of_grades_csv(tmp_path, run):
    path = write(tmp_path / "g.csv", CANVAS)
    gone = Listed(3, ("00127",), "Cy Park")
    made = filled(
        canvas_sheet(path, "HW2"), run(("akim", 5, Identity()), attendance=Attendance((gone,)))
    )
    assert cells(made.content)[7][6] == "0"


@pytest.mark.parametrize(("text", "written"), [
    (CANVAS.replace(",", ";").replace("9.50", "9,50").replace("10.00", "10,00"), "31,5"),
    (CANVAS.replace(",", ";"), "31.5"),
])  # fmt: skip
def test_delimiter_and_decimal_sign_are_those_of_the_file(tmp_path, run, text, written):
    text = text.replace("7.00", "").replace("48.00", "48") if "9,50" in text else text
    path = write(tmp_path / "g.csv", text)
    made = filled(canvas_sheet(path, "HW2"), run(("akim", "31.5", Identity())))
    assert cells(made.content)[3][6] == written


def test_grades_that_are_posted_are_those_after_policy_and_decisions(tmp_path, run):
    due = datetime(2026, 3, 14, 23, 59, tzinfo=UTC)
    late = replace(canvas("501", "kimada"), handed_in=(due + timedelta(hours=30)).isoformat())
    marked = replace(canvas("502", "홍길동"), marked_late=True)
    made = run(("kimada", 40, late), ("홍길동", 40, marked), ("x", 40, canvas("505", "cpark")))
    policy = Policy(due=due, late="percent", percent_a_day=Fraction(10))
    made = replace(made, policy=policy)
    sheet = canvas_sheet(write(tmp_path / "c.csv", CANVAS), "HW2 (1234)")
    rows = list(csv.reader(io.StringIO(fill(sheet, made, frames_of(made)).content.decode())))
    assert [row[6] for row in rows if row[1] in ("501", "502", "505")] == ["32", "36", "40"]
    moodle = moodle_sheet(write(tmp_path / "m.csv", MOODLE))
    graded = fill(moodle, made, frames_of(made)).content.decode()
    assert "Participant 501,Ada Kim,00123,a@u.edu,Submitted,32,48.00" in graded


def test_a_bonus_is_not_taken_for_another_worth(tmp_path, run):
    made = run(("kimada", 40, canvas("501", "kimada")))
    made = replace(made, policy=Policy(bonus=("corr2d",)))
    sheet = canvas_sheet(write(tmp_path / "c.csv", CANVAS), "HW2 (1234)")
    assert "0 here" not in "\n".join(fill(sheet, made, frames_of(made)).notes)


def test_points_of_another_worth_are_told(tmp_path, run):
    path = write(tmp_path / "g.csv", CANVAS)
    made = filled(canvas_sheet(path, "HW1 (1200)"), run(("akim", 5, Identity())))
    assert "worth 10.00 in Canvas and 48 here" in made.notes[-1]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("HW3 (1)", "has no column 'HW3 (1)'; it has 'HW"), ("", "needs --column"),
        ("Final Score", "no column"), ("ID", "no column"), ("HW2 (9)", "no column"),
    ],
)  # fmt: skip
def test_a_column_that_is_not_there_is_never_made(tmp_path, column, sentence):
    path = write(tmp_path / "g.csv", CANVAS)
    with pytest.raises(UsageError) as refused:
        canvas_sheet(path, column)
    assert sentence in str(refused.value)


def test_a_column_that_canvas_computes_is_refused(tmp_path):
    path = write(tmp_path / "g.csv", CANVAS.replace("Final Score", "Final (7)"))
    with pytest.raises(UsageError, match="computes"):
        canvas_sheet(path, "Final (7)")


@pytest.mark.parametrize("text", [MOODLE, KOREAN])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_worksheet_is_filled_in_the_language_of_its_site(tmp_path, run, text, encoding):
    path = write(tmp_path / "w.csv", text, encoding)
    made = filled(
        moodle_sheet(path),
        run(("Ada Kim", "31.5", Identity("Moodle", "501", "Ada Kim")),
            ("홍길동", 40, Identity("Moodle", "502", "홍길동")),
            ("Cy Park", 3, Identity("Moodle", "503", "Cy Park"))),
    )  # fmt: skip
    before, after = cells(path.read_bytes()), cells(made.content)
    assert [row[5] for row in after[1:]] == ["31.5", "40", ""]  # the last one is locked
    assert [r[:5] + r[6:] for r in after] == [r[:5] + r[6:] for r in before]
    assert made.content.splitlines()[0] == path.read_bytes().splitlines()[0]


@pytest.mark.parametrize("read", [lambda p: canvas_sheet(p, "a"), moodle_sheet])
@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "x"])
def test_a_file_of_another_kind_is_refused(tmp_path, read, text):
    with pytest.raises(UsageError):
        read(write(tmp_path / "x.csv", text))


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]),
       st.sampled_from(",;\t"), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))  # fmt: skip
def test_whatever_the_names_are_only_the_cells_of_grades_change(
    tmp_path_factory, names, end, delimiter, quoting
):
    file = io.StringIO()
    rows = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    rows.writerow(["Student", "ID", "SIS Login ID", "Section", "HW2 (1)"])
    rows.writerows([name, str(500 + at), f"u{at}", "A", ""] for at, name in enumerate(names))
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(file.getvalue().encode())
    sheet = canvas_sheet(path, "HW2")
    results = tuple(
        SubmissionResult(f"k{at}", f"s{at}", "", "hw", Status.UNREADABLE)
        for at in range(len(names))
    )
    people = {f"k{at}": canvas(str(500 + at), "x") for at in range(len(names))}
    run = StoredRun(results, "", (), Fraction(1), "", people=people)
    made = fill(sheet, run, frames_of(run))
    before, after = cells(path.read_bytes()), cells(made.content)
    assert [row[:4] for row in after] == [row[:4] for row in before]
    assert [row[4].strip('"') for row in after[1:]] == ["0"] * len(names)
    assert made.written == len(names)


# ---- the feedback of a class


@pytest.mark.parametrize(
    ("system", "place", "expected"),
    [
        ("Canvas", "kimada_LATE_1_22_hw2-1.ipynb", "kimada_LATE_1_22_hw2-1.html"),
        ("Canvas", "홍길동_1_22_홍길동 (1).ipynb", "홍길동_1_22_홍길동 (1).html"),
        ("Canvas", "kimada_1_text.html", "kimada_1_text.html"),
        ("Moodle", "Ada Kim_7_assignsubmission_file/hw2.ipynb",
         "Ada Kim_7_assignsubmission_file/hw2.html"),
        ("Moodle", "Müller_7_assignsubmission_file_hw2.ipynb",
         "Müller_7_assignsubmission_file_hw2.html"),
        ("Blackboard", "HW_00123_attempt_2026-10-03-08-46-22_hw2.ipynb.txt",
         "HW_00123_attempt_2026-10-03-08-46-22_hw2.html"),
        ("Sakai", "Kim, Ada(kada)/hw2.ipynb", "Kim, Ada(kada)/Feedback Attachment(s)/hw2.html"),
        ("", "", "kim.html"), ("Canvas", "../../x_1_2_a.ipynb", "x_1_2_a.html"),
        ("Canvas", 'a,b"c_1_2_<x>.ipynb', "a,b_c_1_2__x_.html"),
    ],
)  # fmt: skip
def test_a_page_has_the_name_of_the_download(system, place, expected):
    assert upload_name(Identity(system, "1", "x", place), "kim.html") == expected


def test_a_zip_of_feedback_has_one_page_a_student_and_the_same_bytes_again(run):
    given = run(("a", 1, canvas("1", "a")), ("b", 1, canvas("1", "a")), ("c", 1, Identity()))
    made = feedback_zip(given, ["a.html", "b.html", "c.html"], [b"A", b"B", b"C"])
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.namelist() == ["a_1_9_hw2.html", "b.html", "c.html"]
        assert archive.read("b.html") == b"B"
    assert made == feedback_zip(given, ["a.html", "b.html", "c.html"], [b"A", b"B", b"C"])


def test_what_is_delivered_lies_beside_the_reports_and_never_over_the_input(tmp_path, run):
    given = run(("kimada", 5, canvas("501", "kimada")), ("홍길동", 6, canvas("502", "홍길동")))
    path, out = write(tmp_path / "export.csv", CANVAS), tmp_path / "out"
    write_run(given, out)
    wanted = {"canvas": path, "column": "HW2", "moodle": None, "feedback": True}
    notes = Delivery.planned(out, **wanted).write(given, out, frames_of(given))
    assert path.read_bytes().decode() == CANVAS
    assert cells((out / "canvas.csv").read_bytes())[3][6] == "5"
    assert zipfile.ZipFile(out / "feedback.zip").namelist()[1] == "홍길동_502_9_hw2.html"
    assert str(out / "canvas.csv") in notes[0]
    with pytest.raises(UsageError, match="written over"):
        Delivery.planned(out, **{**wanted, "canvas": out / "canvas.csv"})
    with pytest.raises(UsageError, match="--canvas"):
        Delivery.planned(out, canvas=None, column="HW2", moodle=None, feedback=False)


@given(
    st.sampled_from(["Canvas", "Blackboard", "Moodle"]),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=8),
    st.integers(1, 10**7),
    st.sampled_from(["hw2", "홍길동 (1)", "=1+2", "00123", "Müller", "a b", "x_y"]),
)
def test_a_page_that_is_uploaded_names_the_student_of_the_download(system, name, number, own):
    flat = {
        "Canvas": f"{name.lower()}_{number}_77_{own}.ipynb",
        "Blackboard": f"HW 2_{number}_attempt_2026-10-03-08-46-22_{own}.ipynb",
        "Moodle": f"{name}_{number}_assignsubmission_file_{own}.ipynb",
    }
    page = upload_name(Identity(system, str(number), name, flat[system]), "x.html")
    assert is_of_system(page)
    assert page == flat[system].replace(".ipynb", ".html")


def test_the_grade_of_a_group_is_written_for_each_of_its_members(tmp_path, run):
    members = (Listed(1, ("00123",), "Kim, Ada"), Listed(2, ("00127",), "Park, Cy"),
               Listed(3, ("9",), "Who, Else"))  # fmt: skip
    team = Identity("Moodle", "31", "Team Rocket", members=members)
    attending = Attendance((Listed(4, ("00124",), "홍길동"),), (), 4)
    given = run(("Team Rocket", 30, team), attendance=attending)
    canvas_rows = cells(
        filled(canvas_sheet(write(tmp_path / "c.csv", CANVAS), "HW2"), given).content
    )
    assert [row[6] for row in canvas_rows[3:8]] == ["30", "0", "EX", "N/A", "30"]
    moodle_rows = cells(filled(moodle_sheet(write(tmp_path / "m.csv", MOODLE)), given).content)
    assert [row[5] for row in moodle_rows[1:]] == ["30", "0", ""]  # the last one is locked
    row = frames_of(given).roster.iloc[0]
    assert (row["id"], row["name"]) == ("00123; 00127; 9", "Kim, Ada; Park, Cy; Who, Else")


def test_a_member_with_work_of_its_own_gets_no_grade_before_someone_decides(tmp_path, run):
    members = (Listed(1, ("00123",), "Kim, Ada"), Listed(2, ("00127",), "Park, Cy"))
    given = run(("Team Rocket", 30, Identity(members=members)), ("00123", 40, Identity()))
    made = filled(canvas_sheet(write(tmp_path / "c.csv", CANVAS), "HW2"), given)
    assert [row[6] for row in cells(made.content)[3:8]] == ["", "7.00", "EX", "N/A", "30"]
    assert "two submissions for one row, not written (2): 00123, Team Rocket" in "".join(made.notes)
