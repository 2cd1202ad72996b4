"""Layouts of learning management systems: the people in them, no one else and nobody missing."""

from __future__ import annotations

import json
import os
import unicodedata
import zipfile

import pytest

from grader.errors import UsageError
from grader.reading.submissions import find, read_attachment

CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "x = 1"}


def notebook(name):
    cell = CELL | {"source": f"x = {name!r}"}  # no two files are equal
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    ).encode()


CANVAS = {"kimada_LATE_1001_50001_hw2-1.ipynb": "kimada", "leebora_1002_50002_hw2.ipynb": "leebora",
          "ohsue_1007_50009_hw2.pdf": "ohsue", "limbo_1008_text.html": "limbo",
          "parkjun_1009_link.html": "parkjun"}  # fmt: skip
MOODLE = {"Kim Ada_101_assignsubmission_file/hw2.ipynb": "Kim Ada",
          "Kim Ada_101_assignsubmission_onlinetext/onlinetext.html": "Kim Ada",
          "Lee Bora_102_assignsubmission_file/part/hw2.ipynb": "Lee Bora",
          "Oh Sue_103_assignsubmission_file_/hw2.pdf": "Oh Sue"}  # fmt: skip
MOODLE_FLAT = {"Kim Ada_101_assignsubmission_file_hw2.ipynb": "Kim Ada",
               "Lee Bora_102_assignsubmission_file_x.ipynb": "Lee Bora"}  # fmt: skip
MOODLE_BLIND = {"Participant_101_assignsubmission_file_hw2.ipynb": "Participant_101",
                "Participant_102_assignsubmission_file_hw2.ipynb": "Participant_102"}  # fmt: skip
AT = "_attempt_2026-10-03-08-46-22"
BLACKBOARD = {f"HW_2_ada_kim{AT}_hw2.ipynb": "ada_kim", f"HW_2_ada_kim{AT}.txt": "",
              f"HW_2_bora{AT}_bora_final.ipynb": "bora", f"HW_2_bora{AT}.txt": ""}  # fmt: skip
SAKAI = {"HW2/Kim, Ada(kada)/Submission attachment(s)/hw2.ipynb": "kada",
         "HW2/Kim, Ada(kada)/timestamp.txt": "", "HW2/grades.csv": "",
         "HW2/Lee, Bora(lbora)/Submission attachment(s)/my.ipynb": "lbora"}  # fmt: skip
BRIGHTSPACE = {"7001-900 - Ada Kim - Oct 3, 2026 846 AM/hw2.ipynb": "Ada Kim",
               "7002-900 - Bora Lee- Oct 3, 2026 1246 PM/x.ipynb": "Bora Lee",
               "index.html": ""}  # fmt: skip
BRIGHTSPACE_FLAT = {"7001-900 - Ada Kim - Oct 3, 2026 846 AM - hw2.ipynb": "Ada Kim",
                    "7002-900 - Bora Lee - Oct 3, 2026 1246 PM - x.ipynb": "Bora Lee"}  # fmt: skip
ILIAS = {"Kim_Ada_akim_301/hw2.ipynb": "akim", "Lee_Bora_blee_302/my.ipynb": "blee"}
NBGRADER = {"source/cnn/hw2.ipynb": "", "release/cnn/hw2.ipynb": "", "gradebook.db": "",
            "submitted/ada/cnn/hw2.ipynb": "ada", "submitted/ada/older/hw1.ipynb": "",
            "submitted/bora/cnn/hw2.ipynb": "bora", "submitted/bora/cnn/timestamp.txt": "",
            "autograded/ada/cnn/hw2.ipynb": ""}  # fmt: skip
CLASSROOM = {"hw2-submissions/hw2-ada-kim/hw2.ipynb": "ada-kim",
             "hw2-submissions/hw2-ada-kim/README.md": "",
             "hw2-submissions/hw2-bora/work.ipynb": "bora"}  # fmt: skip
REPOSITORIES = {"homework-2-ada-k/hw2.ipynb": "ada-k", "homework-2-bora/hw2.ipynb": "bora"}
CANVAS_ANONYMOUS = {"anon_a1b2_50001_hw2.ipynb": "anon_a1b2",
                    "LATE_anon_c3d4_50002_hw2.ipynb": "anon_c3d4"}  # fmt: skip
CANVAS_KOREAN = {"김민수_1001_50001_hw2.ipynb": "김민수",
                 "이영희_late_1002_50002_과제.ipynb": "이영희",
                 "박철수_1003_50003_과제.pdf": "박철수"}  # fmt: skip
MOODLE_BLIND_FOLDERS = {f"Teilnehmer_{n}_assignsubmission_file_/hw2.ipynb": f"Teilnehmer_{n}"
                        for n in (101, 102, 103)}  # fmt: skip
BLACKBOARD_NUMBERS = {f"Assignment#3_2024000{n}{AT}_2024000{n}_s3.ipynb": f"2024000{n}"
                      for n in (1, 2, 3)}  # fmt: skip
BLACKBOARD_WORDS = {**BLACKBOARD_NUMBERS, f"Assignment#3_20240009{AT}.txt": "20240009"}
ILIAS_ABGABEN = {"Abgaben/Kim_Ada_akim_301/hw2.ipynb": "akim", "list.xlsx": ""}
NBGRADER_SUBMITTED = {"submitted/ada/cnn/hw2.ipynb": "ada", "submitted/bora/cnn/a.ipynb": "bora",
                      "submitted/bora/cnn/b.ipynb": "bora"}  # fmt: skip
SAKAI_MORE = {**SAKAI, "HW2/Oh, Sue(osue)/Submission attachment(s)/hw2.pdf": "osue",
              "HW2/Oh, Sue(osue)/comments.txt": ""}  # fmt: skip
PLAIN = {"cnn/kim/hw2.ipynb": "kim", "cnn/lee/a.ipynb": "lee", "cnn/lee/b.ipynb": "lee"}
FLAT = {"kim.ipynb": "kim", "lee.ipynb": "lee", "park.pdf": "park", "readme.md": ""}
FOLDERS = {"class/kim/hw2.ipynb": "kim", "class/lee/hw2.ipynb": "lee", "class/park/hw.pdf": "park",
           "class/choi/final.ipynb": "choi"}  # fmt: skip
CHAPTERS = {"all/kim/ch7.ipynb": "kim", "all/kim/ch8.ipynb": "kim"}
LAYOUTS = {name.lower(): layout for name, layout in list(globals().items())
           if name.isupper() and isinstance(layout, dict) and name != "CELL"}  # fmt: skip
STRAYS = ("desktop.ini", "Thumbs.db", ".DS_Store", "__MACOSX/._x.ipynb",
          ".ipynb_checkpoints/kim-checkpoint.ipynb")  # fmt: skip


def put(root, layout):
    for name in layout:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook(name))
    return root


def pack(path, layout, *, inside=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in layout:
            archive.writestr(inside + name, notebook(name))
    return path


def people(layout):
    return sorted({who for who in layout.values() if who})


def students(*paths):
    found = find(paths, assignment="cnn").submissions
    assert len({one.student for one in found}) == len(found)
    return sorted(one.student for one in found)


WAYS = {
    "unzipped": lambda root, layout: put(root / "course", layout),
    "zipped": lambda root, layout: pack(root / "course.zip", layout),
    "zipped again in a folder": lambda root, layout: pack(root / "x.zip", layout, inside="dl/hw/"),
    "a zip in a folder": lambda root, layout: pack(root / "dl" / "a.zip", layout).parent,
}


@pytest.mark.parametrize("strays", [(), STRAYS], ids=["clean", "strays"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_has_its_people_and_no_one_else(tmp_path, layout, way, strays):
    named = LAYOUTS[layout]
    assert students(WAYS[way](tmp_path, {**named, **dict.fromkeys(strays, "")})) == people(named)


def test_there_are_enough_layouts_of_every_system():
    assert len(LAYOUTS) >= 24
    systems = ("canvas", "moodle", "blackboard", "sakai", "brightspace", "ilias", "nbgrader")
    assert all(any(layout.startswith(system) for layout in LAYOUTS) for system in systems)


@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("first", ["canvas", "moodle", "blackboard", "sakai"])
def test_two_downloads_in_one_folder_keep_their_people(tmp_path, first, second):
    if set(people(LAYOUTS[first])) & set(people(LAYOUTS[second])) and first[:5] == second[:5]:
        return  # one system's numbers: they are the same people
    pack(tmp_path / "dl" / f"{first} submissions.zip", LAYOUTS[first])
    pack(tmp_path / "dl" / f"{second} submissions.zip", LAYOUTS[second])
    found = students(tmp_path / "dl" / f"{first} submissions.zip",
                     tmp_path / "dl" / f"{second} submissions.zip")  # fmt: skip
    everyone = [*people(LAYOUTS[first]), *people(LAYOUTS[second])]
    assert len(found) == len(everyone)
    assert {one.split(" (")[0] for one in found} == set(everyone)


def test_every_file_has_a_row_or_a_line(tmp_path):
    put(tmp_path / "class", {**FLAT, **dict.fromkeys(STRAYS, ""), "data.csv": ""})
    found = find([tmp_path / "class"], assignment="cnn")
    passed = {one.name.removeprefix(f"{tmp_path / 'class'}/") for one in found.passed_over}
    assert passed == {"desktop.ini", "Thumbs.db", ".DS_Store", "__MACOSX", ".ipynb_checkpoints",
                      "readme.md", "data.csv"}  # fmt: skip
    assert all(one.reason for one in found.passed_over)


@pytest.mark.parametrize(
    ("name", "said"),
    [("ohsue_1007_50009_hw2.pdf", "only a PDF"), ("limbo_1008_text.html", "only a text entry"),
     ("limbo_1008_link.html", "only a link")],
)  # fmt: skip
def test_who_handed_in_no_notebook_has_a_row_with_a_remedy(tmp_path, name, said):
    pack(tmp_path / "s.zip", {"kim_1_2_hw.ipynb": "", name: ""})
    *_, problem = sorted(
        one.problem for one in find([tmp_path / "s.zip"], assignment="").submissions
    )
    assert problem.startswith(f"nothing to grade: {said}")
    assert problem.endswith("ask the student for the .ipynb file.")


def test_names_of_any_length_tell_two_students_apart(tmp_path):
    names = ["b" * 121, "b" * 122, "c" * 240]
    put(tmp_path, [f"{name}.ipynb" for name in names])
    assert students(tmp_path) == names


@pytest.mark.parametrize(
    ("head", "users"),
    [("Homework 2 - Networks (Chapters 7 and 8)", ["20261001", "20261002"]),
     ("HW_2", ["kim_a", "lee_b"]), ("HW", ["a_kim", "b_kim", "b_lee"])],
)  # fmt: skip
def test_blackboards_users_may_have_underscores(tmp_path, head, users):
    names = [f"{head}_{user}{AT}_{user}_x_hw2.ipynb" for user in users]
    assert students(pack(tmp_path / "g.zip", names)) == users


def test_blackboards_note_names_a_user_that_the_file_names_cannot(tmp_path):
    path = pack(tmp_path / "g.zip", [f"HW_2_kim_a{AT}_x.ipynb", f"HW_2_kim_b{AT}_x.ipynb"])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"HW_2_kim_a{AT}.txt", "Name: Ada Kim (kim_a)\nAssignment: HW_2\n")
    assert students(path) == ["kim_a", "kim_b"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("홍길동 과제2(최종)", "cp949"), ("이영희", "cp949"), ("Müller_1234", "cp437"),
     ("François", "cp437"), ("Björn Åberg", "cp437"), ("Núñez", "cp437"),
     ("山田太郎_課題2", "shift_jis"), ("さとう", "shift_jis"), ("佐藤", "shift_jis"),
     ("王小明_作业2", "gb18030"), ("李娜", "gb18030"), ("陈静", "gb18030"), ("José 김", "utf-8")],
)  # fmt: skip
def test_names_without_a_flag_are_read_in_the_encoding_they_look_like(tmp_path, name, encoding):
    raw = f"{name}.ipynb".encode(encoding)
    path = pack(tmp_path / "s.zip", ["X" * len(raw)])
    path.write_bytes(path.read_bytes().replace(b"X" * len(raw), raw))
    assert students(path) == [name]


def test_an_encoding_that_is_given_overrides_the_choice(tmp_path):
    path = pack(tmp_path / "s.zip", ["XXXX.ipynb"])
    path.write_bytes(path.read_bytes().replace(b"XXXX", "高飞".encode("gb18030")))
    (one,) = find([path], assignment="", zip_encoding="gb18030").submissions
    assert one.student == "高飞"


# ---- whose it is, where names lie


@pytest.mark.parametrize(
    "names",
    [
        ["kimada_1001_50001_hw2.ipynb"],
        ["cnn/kim/hw2.ipynb", "kim.ipynb"],
        ["Kim_1_assignsubmission_file/a.ipynb", "Lee_2_assignsubmission_file/a.ipynb"],
    ],
)
def test_names_inside_a_students_own_zip_never_change_whose_it_is(tmp_path, names):
    put(tmp_path / "class", ["kim.ipynb"])
    own = pack(tmp_path / "class" / "mallory.zip", names)
    assert students(tmp_path / "class") == ["kim", "mallory"]
    for beside, name in (("kim.ipynb", "mallory.zip"), ("kim_1_2_hw.ipynb", "mallory_3_4_hw.zip")):
        path = pack(tmp_path / "export.zip", [beside])
        with zipfile.ZipFile(path, "a") as archive:
            archive.write(own, name)
        assert students(path) == ["kim", "mallory"]


@pytest.mark.parametrize(
    "inside",
    ["lee_1002_50002_hw2.ipynb", "Lee_102_assignsubmission_file_hw2.ipynb", "lee.ipynb",
     f"HW_lee{AT}_hw2.ipynb", "Lee, Bora(lee)/Submission attachment(s)/hw2.ipynb",
     "cnn/lee/hw2.ipynb", "lee/hw2.ipynb", "Lee_Bora_lee_302/hw2.ipynb", "LEE.ipynb"],
)  # fmt: skip
@pytest.mark.parametrize("own", ["mallory", "m", "20261003"])
def test_no_zip_beside_others_takes_another_students_row(tmp_path, own, inside):
    pack(tmp_path / "class" / f"{own}.zip", [inside])
    pack(tmp_path / "class" / "lee.zip", ["hw2.ipynb"])
    found = find([tmp_path / "class"], assignment="cnn").submissions
    assert {one.student: one.path.split("!")[0][-len(own) - 4 :] for one in found}[own] == (
        f"{own}.zip"
    )
    assert sorted(one.student for one in found) == sorted([own, "lee"])


def test_a_zip_named_with_one_letter_is_named_by_the_only_notebook_inside(tmp_path):
    pack(tmp_path / "a" / "k.zip", ["홍길동 과제2(최종).ipynb"])
    pack(tmp_path / "a" / "s.zip", ["Müller_1234.ipynb"])
    assert students(tmp_path / "a") == ["Müller_1234", "홍길동 과제2(최종)"]
    pack(tmp_path / "b" / "k.zip", ["kim.ipynb"])
    pack(tmp_path / "b" / "l.zip", ["kim.ipynb"])
    pack(tmp_path / "b" / "m.zip", ["hw2.ipynb"])
    pack(tmp_path / "b" / "n.zip", ["park.ipynb", "lee.ipynb"])
    assert students(tmp_path / "b") == ["k", "l", "m", "n"]


@pytest.mark.parametrize("name", ["x.zip", "x.ipynb"])
def test_a_pipe_is_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    put(tmp_path, ["kim.ipynb"])
    for paths in ([tmp_path], [tmp_path / name, tmp_path / "kim.ipynb"]):
        found = {one.student: one.problem for one in find(paths, assignment="").submissions}
        assert "no regular file" in found["x"]
        assert found["kim"] == ""


def test_a_name_that_looks_like_another_is_shown_as_such(tmp_path):
    put(tmp_path, ["kim.ipynb", "k\u200bim.ipynb", "lee.ipynb", "l\u0435e.ipynb", "park.ipynb"])
    found = {one.student: one.notes for one in find([tmp_path], assignment="").submissions}
    assert set(found) == {"kim", "k<U+200B>im", "lee", "l\u0435e", "park"}
    assert all(notes for name, notes in found.items() if name != "park")
    assert not found["park"]


@pytest.mark.parametrize("files", [["hw2.ipynb"], ["ch7.ipynb", "ch8.ipynb"], ["work/a.ipynb"]])
def test_folders_named_one_by_one_are_told_apart(tmp_path, files):
    for who in ("kim", "lee", "park"):
        put(tmp_path / "class" / who, files)
    folders = [tmp_path / "class" / who for who in ("kim", "lee", "park")]
    assert students(*folders) == students(tmp_path / "class") == ["kim", "lee", "park"]


def test_namesakes_in_two_folders_have_a_row_each(tmp_path):
    put(tmp_path, ["a/cnn/kim/hw.ipynb", "b/cnn/kim/hw.ipynb"])
    assert students(tmp_path) == ["kim (a)", "kim (b)"]
    put(tmp_path / "c", ["a/kim.ipynb", "a/lee.ipynb", "b/kim.ipynb", "b/park.ipynb"])
    assert students(tmp_path / "c") == ["kim (a)", "kim (b)", "lee", "park"]


@pytest.mark.parametrize("name", ["김", "Müller", "é", "가 나"])
@pytest.mark.parametrize("place", ["cnn/{}/hw.ipynb", "class/{}.ipynb", "class/{}.zip",
                                   "x/{}/cnn.zip"])  # fmt: skip
def test_two_spellings_of_one_name_are_one_student(tmp_path, name, place):
    for form in ("NFC", "NFD"):
        path = place.format(unicodedata.normalize(form, name))
        if path.endswith(".zip"):
            pack(tmp_path / path, [f"{form}.ipynb"])
        else:
            put(tmp_path, [path])
            (tmp_path / path).write_bytes(notebook(form))
    put(tmp_path, [place.format("park").replace(".zip", ".ipynb")])
    (one, park) = find([tmp_path], assignment="cnn").submissions
    assert {one.student, park.student} == {"park", name}
    both = one if park.student == "park" else park
    assert len(both.notebooks) == 2


def test_folders_of_one_name_in_two_spellings_may_be_named_one_by_one(tmp_path):
    names = [unicodedata.normalize(form, "김") for form in ("NFC", "NFD")]
    put(tmp_path / "class", [f"{name}/hw2.ipynb" for name in (*names, "lee")])
    assert students(*(tmp_path / "class" / name for name in (*names, "lee"))) == ["lee", "김"]


# ---- what lies beside a notebook


def test_files_of_the_same_folder_or_zip_lie_beside_the_notebook(tmp_path):
    put(tmp_path / "a", ["hw2.ipynb", "my_utils.py", "data/x.csv"])
    pack(tmp_path / "cnn" / "kim" / "hw.zip", ["hw/hw2.ipynb", "hw/util.py", "hw/data/x.csv"])
    pack(tmp_path / "s.zip", ["kim_1_2_hw.ipynb", "kim_1_3_helper.py", "lee_2_3_helper.py"])
    for path, names in ((tmp_path / "a", ["my_utils.py"]),
                        (tmp_path / "cnn", ["data/x.csv", "util.py"]),
                        (tmp_path / "s.zip", ["helper.py"])):  # fmt: skip
        kim = find([path], assignment="cnn").submissions[0]
        assert [one.name for one in kim.attachments] == names
        assert b"cells" in read_attachment(kim.attachments[-1])


def test_a_module_that_a_notebook_imports_is_used_and_not_passed_over(tmp_path):
    put(tmp_path, ["kim.ipynb", "lee.ipynb", "helper.py", "unused.py"])
    cells = [{"cell_type": "code", "source": "from helper import corr2d", "metadata": {}}]
    (tmp_path / "kim.ipynb").write_text(json.dumps({"nbformat": 4, "cells": cells}))
    found = find([tmp_path], assignment="cnn")
    kim, lee = found.submissions
    assert "helper.py, which lies beside it, is used" in kim.notes
    assert not lee.notes
    assert [one.name for one in found.passed_over] == [str(tmp_path / "unused.py")]


def test_what_lies_beside_is_bounded(tmp_path):
    put(tmp_path / "cnn" / "kim", ["hw.ipynb", *(f"{number}.csv" for number in range(80))])
    (kim,) = find([tmp_path], assignment="cnn").submissions
    assert len(kim.attachments) == 50
    assert any("30 more files" in note for note in kim.notes)


def test_a_changed_file_beside_the_notebook_changes_the_digest(tmp_path):
    put(tmp_path / "cnn" / "kim", ["hw.ipynb", "util.py"])
    (before,) = find([tmp_path], assignment="cnn").submissions
    (tmp_path / "cnn" / "kim" / "util.py").write_bytes(b"x = 2")
    (after,) = find([tmp_path], assignment="cnn").submissions
    assert before.digest != after.digest


@pytest.mark.parametrize("name", ["x.zip", "x.ipynb"])
def test_a_device_is_refused_at_once(tmp_path, name):
    put(tmp_path, ["kim.ipynb"])
    (tmp_path / name).symlink_to("/dev/zero")
    for paths in ([tmp_path], [tmp_path / name, tmp_path / "kim.ipynb"]):
        found = {one.student: one.problem for one in find(paths, assignment="").submissions}
        assert "hand in the file itself" in found["x"]
        assert found["kim"] == ""


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u3164", "\u115f", "\uffa0", "\u00ad",
               "\u180e", "\u2800", "\u202e"],
)  # fmt: skip
def test_characters_that_show_nothing_are_shown_in_a_name(tmp_path, unseen):
    put(tmp_path, ["kim.ipynb", f"k{unseen}im.ipynb"])
    found = {one.student: one.notes for one in find([tmp_path], assignment="").submissions}
    assert len(found) == 2
    (other,) = set(found) - {"kim"}
    assert unseen not in other
    assert any("looks like" in note for note in found["kim"]) or "<U+" not in other


@pytest.mark.parametrize("alike", ["kіm", "ｋｉｍ", "kım", "KIM"])
def test_letters_of_other_alphabets_are_told_in_a_note(tmp_path, alike):
    put(tmp_path, ["kim.ipynb", f"{alike}.ipynb", "park.ipynb"])
    found = {one.student: one.notes for one in find([tmp_path], assignment="").submissions}
    assert set(found) == {"kim", alike, "park"}
    assert all(bool(notes) == (name != "park") for name, notes in found.items())


@pytest.mark.parametrize(
    "note",
    ["submitted/kim/hw2/timestamp.txt", "HW/Kim, Ada(kim)/timestamp.txt",
     "HW/Kim, Ada(kim)/comments.txt"],
)  # fmt: skip
def test_notes_of_a_system_are_no_work_of_a_student(tmp_path, note):
    home = note.rpartition("/")[0]
    for name, data in {note: b"2026-03-14 23:59:00 UTC", f"{home}/report.pdf": b"%PDF",
                       f"{home}/data.csv": b"1", "HW/grades.csv": b""}.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = find([tmp_path], assignment="cnn")
    (kim,) = found.submissions
    assert "only a file that is no notebook, a PDF was" in kim.problem
    assert any(one.name.endswith(note) and "own notes" in one.reason for one in found.passed_over)


@pytest.mark.parametrize(
    "name",
    ["Kim Ada_101_assignsubmission_onlinetext/onlinetext.html",
     "Kim Ada_101_assignsubmission_onlinetext_onlinetext.html", "kimada_101_text.html",
     "HW_kim_attempt_2026-10-03-08-46-22.txt"],
)  # fmt: skip
def test_what_was_typed_into_a_form_is_called_a_text_entry(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"words")
    (one,) = find([tmp_path], assignment="cnn").submissions
    assert "only a text entry was handed in" in one.problem


@pytest.mark.parametrize("encoding", ["foo", "utf-16", "base64", "cp9490"])
def test_what_is_no_encoding_of_names_is_refused_before_anything_is_read(tmp_path, encoding):
    with pytest.raises(UsageError, match="is no encoding; try cp949"):
        find([tmp_path], assignment="cnn", zip_encoding=encoding)
