"""The files beside a notebook: which are the student's, how many, and their bytes."""

from __future__ import annotations

import zipfile

import pytest

from grader.errors import SubmissionError
from grader.reading.attachments import MOST_FILES, read_attachment
from grader.reading.submissions import find_submissions
from grader.records import Attachment


def names(path):
    found = find_submissions([path], assignment="hw2")
    return [[attachment.name for attachment in one.attachments] for one in found]


@pytest.fixture
def folder(tmp_path, write_notebook):
    write_notebook(tmp_path / "kim.ipynb", "from helper import f\nopen('data/a.csv')")
    (tmp_path / "data").mkdir()
    for name in ("helper.py", "data/a.csv", "stranger.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_everything_in_a_folder_of_one_notebook_is_the_students(folder):
    assert names(folder) == [["data/a.csv", "helper.py", "stranger.txt"]]
    assert names(folder / "kim.ipynb") == names(folder)


def test_in_a_folder_of_many_only_what_a_notebook_names_lies_beside_it(folder, write_notebook):
    write_notebook(folder / "lee.ipynb", "1")
    assert names(folder / "kim.ipynb") == [["data/a.csv", "helper.py"]]


def test_files_in_the_folder_of_a_class_belong_to_no_one(folder, write_notebook):
    write_notebook(folder / "lee.ipynb", "1")
    assert names(folder) == [[], []]


def test_links_and_hidden_files_and_caches_stay_out(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.txt"
    secret.write_text("s")
    (folder / "link.txt").symlink_to(secret)
    (folder / "linked").symlink_to(secret.parent)
    (folder / ".hidden").write_text("h")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "helper.pyc").write_text("c")
    assert names(folder) == [["data/a.csv", "helper.py", "stranger.txt"]]


def test_the_smallest_are_kept_where_there_are_many(folder):
    for number in range(MOST_FILES + 20):
        (folder / f"{number}.txt").write_text("x" * (1_000 + number))
    (found,) = names(folder)
    assert len(found) == MOST_FILES
    assert "helper.py" in found


def test_the_bytes_are_those_of_the_file_or_of_the_member(folder):
    (one,) = find_submissions([folder], assignment="hw2")
    assert [read_attachment(a) for a in one.attachments][1] == b"helper.py"
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("a/b.py", "inside")
    assert read_attachment(Attachment("b.py", str(folder / "x.zip"), "a/b.py")) == b"inside"


@pytest.mark.parametrize("member", ["", "not/there.py"])
def test_what_cannot_be_read_is_said(folder, member):
    with pytest.raises(SubmissionError, match=r"b\.py"):
        read_attachment(Attachment("b.py", str(folder / "gone.zip"), member))


def test_a_file_that_became_a_link_is_not_followed(folder):
    attachment = Attachment("b.py", str(folder / "b.py"))
    (folder / "b.py").symlink_to(folder / "helper.py")
    with pytest.raises(SubmissionError, match="no regular file"):
        read_attachment(attachment)
