"""A list of students in the form of any system; who is who, without a guess between two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.reading.matching import Who, attendance
from grader.reading.roster import read_roster
from grader.reading.submissions import find
from grader.records import Identity, Listed

ROWS = {
    "plain": "id,name,section\n00123,Ada Kim,A\n",
    "Canvas": "Student,ID,SIS User ID,SIS Login ID,Section,HW2 (77)\n"
    '    Points Possible,,,,,100\n"Kim, Ada",501,00123,akim,A,\n"Student, Test",9,,x,A,\n',
    "Moodle": "Identifier,Full name,ID number,Email address,Status,Group,Grade\n"
    "Participant 501,Ada Kim,00123,akim@uni.edu,Submitted,A,\n",
    "Classroom 50": "username,first_name,last_name,email,section,github_id\n"
    "akim,Ada,Kim,akim@uni.edu,A,9\n",
    "Google Classroom": "Last Name,First Name,Email Address\nKim,Ada,akim@uni.edu\n",
    "Blackboard": '"Last Name"\t"First Name"\t"Username"\t"Student ID"\nKim\tAda\takim\t00123\n',
    "nbgrader": "student_id,last_name,first_name,email\n00123,Kim,Ada,akim@uni.edu\n",
    "German": "Vorname;Nachname;Matrikelnummer\nAda;Kim;00123\n",
    "Gradescope": "Name,SID,Email,Section\nAda Kim,00123,akim@uni.edu,A\n",
}


@pytest.fixture
def roster(tmp_path):
    def read(text, encoding="utf-8"):
        path = tmp_path / "students.csv"
        path.write_bytes(text.encode(encoding))
        return read_roster(path)

    return read


def matched(roster, *labels):
    who = [one if isinstance(one, Who) else Who(one) for one in labels]
    matches, _ = attendance(who, roster)
    return [None if m.listed is None else (*m.listed.ids, m.listed.name)[0] for m in matches]


@pytest.mark.parametrize("system", ROWS)
def test_the_columns_of_each_system_are_found(roster, system):
    (one,) = roster(ROWS[system])
    assert sorted(one.name.replace(",", "").split()) == ["Ada", "Kim"]
    assert "00123" in one.ids or "akim" in one.logins or "akim@uni.edu" in one.logins
    if "Section" in ROWS[system] or "section" in ROWS[system] or "Group" in ROWS[system]:
        assert one.section == "A"


def test_numbers_of_a_system_are_no_student_numbers(roster):
    (canvas,) = roster(ROWS["Canvas"])
    (moodle,) = roster(ROWS["Moodle"])
    assert (canvas.system, canvas.system_id, canvas.ids) == ("Canvas", "501", ("00123",))
    assert (moodle.system, moodle.system_id, moodle.ids) == ("Moodle", "501", ("00123",))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("header", ["학번;이름;분반", "학번;성명;반"])
def test_korean_columns_are_found_in_each_encoding(roster, encoding, header):
    (one,) = roster(f"{header}\r\n00123;홍길동;01\r\n", encoding)
    assert (one.ids, one.name, one.section) == (("00123",), "홍길동", "01")


def test_family_and_given_names_in_korean_are_one_name(roster):
    (one,) = roster("성,이름,학번\n홍,길동,7\n")
    assert matched([one], "홍길동") == ["7"]


def test_a_student_of_two_sections_is_listed_once(roster):
    (one,) = roster("id,section\n7,A\n7,B\n")
    assert one.section == "A, B"


@pytest.mark.parametrize("text", ["", "\n\n", "colour,size\nred,3\n", "id\n"])
def test_a_file_without_students_is_refused_with_the_remedy(roster, text):
    with pytest.raises(UsageError, match=r"column|lists no student"):
        roster(text)


CLASS = (
    Listed(1, ("00123",), "Ada Kim", "A", ("akim", "akim@uni.edu")),
    Listed(2, ("20240001",), "홍길동", "B", ("gildong@uni.edu",)),
    Listed(3, ("20240002",), "Müller, Jörg"),
    Listed(4, ("20240003",), "김민수"),
    Listed(5, ("20240004",), "김민수"),
    Listed(6, ("20240005",), "O'Neil-Smith, Ann Marie", "", ("ann.smith",)),
)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("00123", "00123"), ("123", "00123"), ("AKIM", "00123"), ("Ada Kim", "00123"),
        ("Kim, Ada", "00123"), ("kimada", "00123"), ("ada_kim_hw2", "00123"),
        ("20240001_홍길동_과제2", "20240001"), ("홍길동 (1)", "20240001"), ("gildong", "20240001"),
        ("\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "20240001"),
        ("Jörg Müller", "20240002"), ("hw2-20240003", "20240003"),
        ("oneilsmithannmarie", "20240005"),
        ("ann.smith", "20240005"),
        ("김민수", None), ("zoe", None), ("akim_20240001", None), ("hw2", None), ("1", None),
        ("=1+2", None), ("", None),
    ],
)  # fmt: skip
def test_an_owner_is_found_by_id_login_or_name_and_never_guessed(label, expected):
    assert matched(CLASS, label) == [expected]


def test_between_two_of_one_name_the_report_names_both():
    _, seen = attendance([Who("김민수")], CLASS)
    (note,) = seen.notes
    assert "20240003" in note
    assert "20240004" in note
    assert len(seen.absent) == len(CLASS)


def test_a_number_of_canvas_is_compared_with_numbers_of_canvas_only():
    number = Identity("Canvas", "20240001", "kimada")
    assert matched(CLASS, Who("kimada", number)) == ["00123"]
    listed = (*CLASS, Listed(9, ("x",), "Zoe", system="Canvas", system_id="20240001"))
    assert matched(listed, Who("kimada", number)) == ["x"]


@given(st.text("abAB ,.-'가나é", min_size=1, max_size=12))
def test_who_stands_on_the_list_alone_is_found_under_the_very_name(name):
    students = (Listed(1, ("77777",), name), Listed(2, ("88888",), "Quentin Zed"))
    if any(char.isalnum() for char in name):
        assert matched(students, name) == ["77777"]


def test_what_two_owners_of_one_student_handed_in_is_one_submission(tmp_path, write_notebook):
    write_notebook(tmp_path / "in" / "홍길동.ipynb", "x = 1")
    write_notebook(tmp_path / "in" / "20240001.ipynb", "x = 2")
    write_notebook(tmp_path / "in" / "zoe.ipynb", "x = 3")
    found = find([tmp_path / "in"], assignment="small", roster=CLASS)
    assert [(one.student, len(one.due)) for one in found.submissions] == [
        ("20240001", 2),
        ("zoe", 1),
    ]
    assert found.attendance.notes == ("zoe is not on the list",)
    assert len(found.attendance.absent) == len(CLASS) - 1


def test_the_latest_attempt_counts_and_the_earlier_is_named(tmp_path, write_notebook):
    for hour, number in (("08", 1), ("09", 2)):
        for user in ("kim", "lee"):
            name = f"HW 2_{user}_attempt_2026-10-03-{hour}-00-00_hw2.ipynb"
            write_notebook(tmp_path / "in" / name, f"x = {number}")
    write_notebook(tmp_path / "in" / "HW 2_lee_attempt_2026-10-03-10-00-00_hw2.pdf", "x")
    kim, lee = find([tmp_path / "in"], assignment="small").submissions
    assert (len(kim.due), kim.owner.earlier) == (1, ("hw2.ipynb of 2026-10-03 08:00",))
    assert "09-00-00_hw2.ipynb" in kim.due[0].path
    assert "09-00-00_hw2.ipynb" in lee.due[0].path  # a PDF replaces no notebook
    assert any("not graded: hw2.ipynb of" in note for note in kim.notes)


def test_on_canvas_a_later_file_replaces_the_one_of_its_name_and_no_other(tmp_path, write_notebook):
    for name in ("kimada_1_50_hw2.ipynb", "kimada_1_70_hw2-1.ipynb", "leebo_2_51_ch7-1.ipynb",
                 "leebo_2_52_ch7-2.ipynb"):  # fmt: skip
        write_notebook(tmp_path / "in" / name, f"x = {name!r}")
    kim, lee = find([tmp_path / "in"], assignment="small").submissions
    assert kim.owner.place == "kimada_1_70_hw2-1.ipynb"
    assert (len(kim.due), kim.owner.earlier) == (1, ("hw2.ipynb",))
    assert (len(lee.due), lee.owner.earlier) == (2, ())


def test_on_brightspace_dates_are_compared_and_not_their_words(tmp_path, write_notebook):
    for date in ("Sep 30, 2026 1155 PM", "Oct 1, 2026 905 AM", "Oct 1, 2026 1204 AM"):
        for number, name in ((101, "Ada Kim"), (102, "Bo Lee")):
            folder = tmp_path / "in" / f"{number}-77 - {name} - {date}"
            write_notebook(folder / "hw2.ipynb", f"x = {number}, {date!r}")
    kim, lee = find([tmp_path / "in"], assignment="small").submissions
    assert "905 AM" in kim.path
    assert len(kim.due) == 1
    assert lee.owner.earlier == ("hw2.ipynb of 2026-10-01 00:04", "hw2.ipynb of 2026-09-30 23:55")


TEAMS = (
    "id,name,team,section\n1,Ada Kim,Team Rocket,A\n2,Bo Lee,Team Rocket,A\n"
    "3,Cy Park,Team <b>,B\n3,Cy Park,A,B\n4,Di Oh,A,B\n"
)


@pytest.mark.parametrize("label", ["Team Rocket", "team-rocket", "teamrocket", "Team_Rocket"])
def test_who_handed_in_together_is_found_by_the_name_of_the_group(roster, label):
    students = roster(TEAMS)
    whose = [Who(label), Who("Cy Park"), Who("a")]
    matches, attending = attendance(whose, students)
    assert [one.ids[0] for one in matches[0].members] == ["1", "2"]
    assert matches[2].members == ()  # the letter of a section
    assert [one.ids[0] for one in attending.absent] == ["4"]
    assert attending.notes == (
        f"{label} is the group of Ada Kim (1), Bo Lee (2)", "a is not on the list",
    )  # fmt: skip


def test_a_member_who_handed_in_alone_as_well_keeps_that_row(roster):
    matches, attending = attendance([Who("Team Rocket"), Who("Bo Lee")], roster(TEAMS))
    assert [one.name for one in matches[0].members] == ["Ada Kim"]
    assert [one.name for one in attending.absent] == ["Cy Park", "Di Oh"]


def test_a_student_of_two_groups_is_listed_once(roster):
    assert [one.group for one in roster(TEAMS)] == [
        "Team Rocket",
        "Team Rocket",
        "Team <b>, A",
        "A",
    ]
