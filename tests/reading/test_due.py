"""Notebooks are read when they are due: a class of huge ones is listed in little memory."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from grader.reading.due import LARGE_BYTES
from grader.reading.submissions import find, load

CODE = {"cell_type": "code", "metadata": {}, "outputs": [], "source": "x = 1"}


def notebook(*cells, **others):
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "cells": cells, **others}).encode()


def huge(text="a", size=5 * LARGE_BYTES):
    return notebook(CODE, {"cell_type": "markdown", "metadata": {}, "source": text * size})


def pack(path, **members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.ipynb", data)
    return path


def submissions(*paths):
    return find(paths, assignment="cnn").submissions


def test_huge_notebooks_of_a_small_zip_are_not_held_while_the_class_is_listed(tmp_path):
    path = pack(tmp_path / "class.zip", **{f"s{letter}": huge(letter) for letter in "abcdef"})
    assert path.stat().st_size < LARGE_BYTES
    tracemalloc.start()
    found = submissions(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 6
    assert peak < 2 * LARGE_BYTES  # one of them is five times as long


@pytest.mark.parametrize("data", [notebook(CODE), huge()], ids=["small", "large"])
@pytest.mark.parametrize("zipped", [True, False])
def test_cells_are_read_when_they_are_due(tmp_path, data, zipped):
    if zipped:
        path = pack(tmp_path / "class.zip", kim=data)
    else:
        path = tmp_path / "kim.ipynb"
        path.write_bytes(data)
    (kim,) = submissions(path)
    assert (kim.cells, kim.problem, len(kim.notebooks)) == ((), "", 1)
    loaded = load(kim)
    assert loaded.cells[0].source == "x = 1"
    assert (loaded.digest, loaded.problem, loaded.due) == (kim.digest, "", ())
    assert load(loaded) is loaded


def test_equal_notebooks_have_one_digest_wherever_they_lie(tmp_path):
    path = tmp_path / "b" / "lee.ipynb"
    path.parent.mkdir()
    path.write_bytes(huge())
    (zipped,) = submissions(pack(tmp_path / "a" / "class.zip", kim=huge()))
    (loose,) = submissions(path)
    assert zipped.digest == loose.digest


def test_a_large_file_that_is_no_notebook_is_found_out_when_it_is_due(tmp_path):
    broken = huge()[:-10]
    path = pack(tmp_path / "class.zip", kim=broken, lee=huge())
    kim, lee = map(load, submissions(path))
    assert "no complete notebook" in kim.problem
    assert (kim.student, lee.problem) == ("kim", "")
    pack(tmp_path / "cnn" / "kim" / "hw.zip", a=notebook(CODE), b=broken)
    (both,) = map(load, submissions(tmp_path / "cnn"))
    assert (both.problem, len(both.notebooks)) == ("", 1)
    assert any("b.ipynb is not graded" in note for note in both.notes)


def test_notebooks_of_one_student_are_bounded_together(tmp_path):
    pages = {name: huge(name, 14 * LARGE_BYTES) for name in "ab"}
    pack(tmp_path / "cnn" / "kim" / "hw.zip", **pages)
    (kim,) = map(load, submissions(tmp_path / "cnn"))
    assert [one.name for one in kim.notebooks] == ["a.ipynb"]
    assert any("too large together" in note for note in kim.notes)


def test_a_file_that_changed_after_it_was_found_is_not_graded_as_the_one_that_was(tmp_path):
    path = Path(tmp_path, "kim.ipynb")
    path.write_bytes(notebook(CODE))
    (kim,) = submissions(path)
    path.write_bytes(notebook(CODE, CODE))
    assert "changed after it was found" in load(kim).problem
    path.unlink()
    assert "no regular file" in load(kim).problem
