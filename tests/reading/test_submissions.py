"""Every file handed in is found, under the right name, and a stray file is not."""

from __future__ import annotations

import json
import os
import unicodedata
import zipfile
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.reading.archives import MOST_MEMBER_BYTES
from grader.reading.submissions import find_submissions

CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "x = 1"}
BYTES = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [CELL]}).encode()


def put(root, *names, data=BYTES):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def pack(path, *names, data=BYTES, **others):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
        for name, content in others.items():
            archive.writestr(name, content)
    return path


def students(*paths):
    return [one.student for one in find_submissions(paths, assignment="cnn")]


@pytest.mark.parametrize("start", ["", "submissions", "submissions/cnn", "submissions/cnn/kim",
                                   "submissions/cnn/kim/hw2.ipynb"])  # fmt: skip
def test_the_student_is_the_folder_below_the_assignment(tmp_path, start):
    put(tmp_path, "submissions/cnn/kim/hw2.ipynb")
    assert students(tmp_path / start) == ["kim"]


def test_a_relative_path_knows_the_folders_above_it(tmp_path, monkeypatch):
    put(tmp_path, "cnn/kim/hw2.ipynb", "cnn/kim/part/more.ipynb")
    monkeypatch.chdir(tmp_path / "cnn")
    assert students(Path()) == ["kim"]
    monkeypatch.chdir(tmp_path / "cnn" / "kim")
    assert students(Path("hw2.ipynb")) == ["kim"]


def test_a_home_folder_named_like_the_assignment_is_no_assignment(tmp_path):
    put(tmp_path, "cnn/older/handed_in/kim.ipynb")
    assert students(tmp_path / "cnn" / "older" / "handed_in") == ["kim"]


def test_in_a_flat_folder_the_student_is_the_name_of_the_file(tmp_path):
    put(tmp_path, "lee.ipynb", "kim [1].ipynb", "park.ipynb.ipynb", "Choi.IPYNB", "a.ipynb.txt")
    assert students(tmp_path) == ["Choi", "a", "kim [1]", "lee", "park"]


def test_files_deeper_down_are_named_by_file_too(tmp_path):
    put(tmp_path, "group a/kim.ipynb", "group b/lee.ipynb")
    assert students(tmp_path) == ["kim", "lee"]


def test_files_of_one_name_are_told_apart_by_folder(tmp_path):
    put(tmp_path, "x/kim/hw2.ipynb", "x/lee/hw2.ipynb", "x/park/final.ipynb")
    assert students(tmp_path) == ["kim", "lee", "park"]
    assert students(tmp_path / "x/kim/hw2.ipynb", tmp_path / "x/lee/hw2.ipynb") == ["kim", "lee"]


def test_two_notebooks_of_a_student_are_one_submission(tmp_path):
    put(tmp_path, "cnn/kim/hw2a.ipynb", data=BYTES)
    put(tmp_path, "cnn/kim/hw2b.ipynb", data=BYTES + b" ")
    (kim,) = find_submissions([tmp_path], assignment="cnn")
    assert kim.student == "kim"
    assert [one.name for one in kim.notebooks] == ["hw2a.ipynb", "hw2b.ipynb"]
    assert [one.name for one in kim.attachments] == ["hw2a.ipynb", "hw2b.ipynb"]


def test_a_notebook_that_was_handed_in_twice_counts_once(tmp_path):
    put(tmp_path, "cnn/kim/hw2.ipynb", "cnn/kim/copy of hw2.ipynb")
    (kim,) = find_submissions([tmp_path], assignment="cnn")
    assert len(kim.notebooks) == 1
    assert "hw2.ipynb is the same file again" in kim.notes


def test_a_file_named_twice_is_read_once(tmp_path):
    put(tmp_path, "kim.ipynb")
    assert students(tmp_path, tmp_path / "kim.ipynb", tmp_path) == ["kim"]


def test_hidden_folders_and_stray_files_are_passed_over(tmp_path):
    put(tmp_path, "cnn/kim/hw.ipynb", "cnn/kim/.ipynb_checkpoints/hw-checkpoint.ipynb",
        "cnn/kim/.DS_Store", "cnn/kim/README.md", "cnn/kim/hw.pdf", "cnn/kim/data.csv",
        "cnn/.git/x/hw.ipynb", "notes.pdf")  # fmt: skip
    assert students(tmp_path) == ["kim"]


def test_a_student_who_handed_in_a_pdf_has_a_row_that_says_so(tmp_path):
    put(tmp_path, "cnn/kim/hw.ipynb", "cnn/lee/hw.pdf", "cnn/lee/hw.html")
    _, lee = find_submissions([tmp_path], assignment="cnn")
    assert (lee.student, lee.cells) == ("lee", ())
    assert "ask the student for the .ipynb file" in lee.problem


def test_a_file_asked_for_by_name_has_a_row_whatever_it_is(tmp_path):
    put(tmp_path, "kim.pdf", "lee.txt")
    found = find_submissions([tmp_path / "kim.pdf", tmp_path / "lee.txt"], assignment="cnn")
    assert [one.student for one in found] == ["kim", "lee"]
    assert all(one.problem for one in found)


def test_an_empty_file_is_a_submission_with_a_problem(tmp_path):
    put(tmp_path, "kim.ipynb", data=b"\r\n")
    (one,) = find_submissions([tmp_path], assignment="cnn")
    assert "empty (2 bytes)" in one.problem


def test_names_are_normalised(tmp_path):
    put(tmp_path, unicodedata.normalize("NFD", "김민수") + ".ipynb")
    assert students(tmp_path) == ["김민수"]


def test_a_name_that_no_encoding_can_write_is_repaired(tmp_path):
    with open(os.fsencode(tmp_path) + b"/k\xff.ipynb", "wb") as file:
        file.write(BYTES)
    (one,) = find_submissions([tmp_path], assignment="cnn")
    assert (one.student + one.path).encode("utf-8")


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "kim.ipynb")
    (one,) = find_submissions([tmp_path], assignment="cnn")
    assert "no regular file" in one.problem


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UsageError, match="nowhere does not exist"):
        students(tmp_path / "nowhere")


def test_nothing_to_grade_is_said(tmp_path):
    with pytest.raises(UsageError, match="nothing to grade"):
        students(tmp_path)


# ---- zip files


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["kimminsu_12345_67890_HW2.ipynb", "lee_LATE_12346_67891_hw [1]-2.ipynb",
          "박서준_99_1000_x.ipynb"], ["kimminsu", "lee", "박서준"]),
        (["anon_abc12_77_x.ipynb", "LATE_anon_def_78_x.ipynb"], ["anon_def", "anon_abc12"]),
        (["kim_1_10_a.ipynb", "kim_2_11_a.ipynb"], ["kim_1", "kim_2"]),
        (["Kim Min-su_123_assignsubmission_file/HW2.ipynb",
          "이 영희_124_assignsubmission_file_/sub/HW2.ipynb"], ["Kim Min-su", "이 영희"]),
        (["Kim Minsu_123_assignsubmission_file_HW2.ipynb"], ["Kim Minsu"]),
        (["HW 2_20241049_attempt_2024-10-03-08-46-22_20241049_s3.ipynb",
          "HW 2_20241049_attempt_2024-10-03-08-46-22.txt"], ["20241049"]),
        (["cnn/kim/hw.ipynb", "cnn/lee/hw.ipynb"], ["kim", "lee"]),
        (["all/kim/hw.ipynb", "all/lee/hw.ipynb"], ["kim", "lee"]),
        (["kim.ipynb", "__MACOSX/._kim.ipynb", "lee.ipynb"], ["kim", "lee"]),
        (["hw\\kim.ipynb"], ["kim"]),
    ],
)  # fmt: skip
def test_students_are_named_as_the_learning_system_names_them(tmp_path, names, expected):
    assert students(pack(tmp_path / "export.zip", *names)) == expected


def test_a_pdf_inside_an_lms_zip_has_a_row(tmp_path):
    path = pack(tmp_path / "e.zip", "kim_1_2_hw.ipynb", "lee_3_4_hw.pdf", "kim_1_3_hw.pdf")
    found = find_submissions([path], assignment="cnn")
    assert [(one.student, bool(one.problem)) for one in found] == [("kim", False), ("lee", True)]
    assert found[0].path == f"{path}!kim_1_2_hw.ipynb"


def test_a_zip_in_a_students_folder_belongs_to_the_student(tmp_path):
    pack(tmp_path / "cnn" / "kim" / "hw.zip", "some_1_2_name.ipynb", "b.ipynb")
    assert students(tmp_path) == ["kim"]


def test_a_zip_inside_an_lms_zip_is_opened_once(tmp_path):
    inner = pack(tmp_path / "inner.zip", "hw.ipynb").read_bytes()
    deep = pack(tmp_path / "deep.zip", "inner.zip", data=inner).read_bytes()
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kim_1_2_hw.zip", inner)
        archive.writestr("lee_3_4_hw.zip", deep)
    found = find_submissions([path], assignment="cnn")
    assert [(one.student, bool(one.problem)) for one in found] == [("kim", False), ("lee", True)]


def test_a_students_zip_of_very_many_notebooks_has_one_row(tmp_path):
    names = [f"{number}/hw.ipynb" for number in range(51)]
    inner = pack(tmp_path / "cnn" / "kim" / "hw.zip", *names).read_bytes()
    (kim,) = find_submissions([tmp_path], assignment="cnn")
    assert (kim.student, kim.cells) == ("kim", ())
    assert "51 notebooks" in kim.problem
    path = pack(tmp_path / "lms.zip", "lee_3_4_hw.zip", data=inner)
    (lee,) = find_submissions([path], assignment="cnn")
    assert "51 notebooks" in lee.problem
    whole_class = pack(tmp_path / "class.zip", *(f"s{number}_1_2_hw.ipynb" for number in range(51)))
    assert len(find_submissions([whole_class], assignment="cnn")) == 51


def test_a_link_takes_nothing_from_the_student_it_leads_to(tmp_path):
    victim, thief = tmp_path / "cnn" / "kim" / "hw.ipynb", tmp_path / "cnn" / "a-thief"
    for folder in (victim.parent, thief):
        folder.mkdir(parents=True)
    victim.write_bytes(BYTES)
    (thief / "hw.ipynb").symlink_to("../kim/hw.ipynb")
    (thief / "passwords.ipynb").symlink_to("/etc/passwd")
    found = find_submissions([tmp_path], assignment="cnn")
    assert [(one.student, one.problem[:23]) for one in found] == [
        ("a-thief", "it is a symbolic link; "),
        ("kim", ""),
    ]
    (named,) = find_submissions([thief / "hw.ipynb"], assignment="cnn")  # by whoever grades
    assert named.problem == ""


def test_a_folder_named_as_a_notebook_has_a_row_unless_a_notebook_is_inside(tmp_path):
    (tmp_path / "cnn" / "kim" / "hw.ipynb").mkdir(parents=True)
    inside = tmp_path / "cnn" / "lee" / "hw.ipynb"
    inside.mkdir(parents=True)
    (inside / "hw.ipynb").write_bytes(BYTES)
    kim, lee = find_submissions([tmp_path], assignment="cnn")
    assert (kim.student, kim.problem) == ("kim", "it is a folder; hand in the file itself.")
    assert (lee.student, lee.problem) == ("lee", "")


def test_zips_of_one_student_each_are_told_apart(tmp_path):
    pack(tmp_path / "kim.zip", "hw2.ipynb")
    pack(tmp_path / "lee.zip", "hw2.ipynb")
    assert students(tmp_path) == ["kim", "lee"]


def test_names_in_korean_windows_encoding_are_read(tmp_path):
    path = pack(tmp_path / "e.zip", "XXXX.ipynb")  # as long as the name in cp949
    path.write_bytes(path.read_bytes().replace(b"XXXX", "김수".encode("cp949")))
    assert students(path) == ["김수"]


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path):
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.ipynb", bytes(MOST_MEMBER_BYTES + 1))
        archive.writestr("kim.ipynb", BYTES)
    bomb, kim = find_submissions([path], assignment="cnn")
    assert "too large" in bomb.problem
    assert kim.problem == ""


def test_a_zip_of_too_many_files_is_refused(tmp_path):
    pack(tmp_path / "cnn/kim/e.zip", *(f"{i}.ipynb" for i in range(10_001)), data=b"")
    (one,) = find_submissions([tmp_path], assignment="cnn")
    assert "more than 10,000 files" in one.problem


def test_a_zip_with_a_password_says_so(tmp_path):
    path = pack(tmp_path / "e.zip", "kim.ipynb")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    (one,) = find_submissions([path], assignment="cnn")
    assert "password" in one.problem


def test_a_damaged_zip_is_a_row_beside_others_and_an_error_alone(tmp_path):
    put(tmp_path, "kim.ipynb")
    (tmp_path / "lee.zip").write_bytes(b"PK\x03\x04 and then nothing")
    kim, lee = find_submissions([tmp_path], assignment="cnn")
    assert (kim.problem, lee.student) == ("", "lee")
    assert "damaged" in lee.problem
    with pytest.raises(UsageError, match="damaged"):
        students(tmp_path / "lee.zip")


@pytest.mark.parametrize("seed", range(60))
def test_a_zip_with_a_wrong_byte_never_ends_the_run(tmp_path, seed):
    data = bytearray(pack(tmp_path / "e.zip", "cnn/kim/a.ipynb", "cnn/lee/b.ipynb").read_bytes())
    data[len(data) * seed // 60] ^= 1 << seed % 8
    path = put(tmp_path, "x.zip", data=bytes(data)) / "x.zip"
    put(tmp_path, "ok.ipynb")
    assert "ok" in students(path, tmp_path / "ok.ipynb")
