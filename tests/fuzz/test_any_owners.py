"""Generated trees of names: no student is lost, none shares a row with another."""

from __future__ import annotations

import json
import zipfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.reading.submissions import find, load

SOME = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LETTERS = "abcdeklmnorsuyzéü김이박민수영희山田"
NAME = st.text(st.sampled_from(LETTERS), min_size=3, max_size=9)
WORK = st.sampled_from(["hw2.ipynb", "final.ipynb", "ch7.ipynb", "homework 2 (1).ipynb"])
STRAY = st.sampled_from(
    ["desktop.ini", "Thumbs.db", ".DS_Store", "__MACOSX/._x.ipynb", ".ipynb_checkpoints/a.ipynb"]
)
AT = "_attempt_2026-10-03-08-46-22_"


def canvas(number, name, work):
    return f"{name}_{1000 + number}_{5000 + number}_{work}"


def moodle(number, name, work):
    return f"{name}_{100 + number}_assignsubmission_file/{work}"


def moodle_flat(number, name, work):
    return f"{name}_{100 + number}_assignsubmission_file_{work}"


def blackboard(number, name, work):
    return f"HW 2_{name}{AT}{work}"


def brightspace(number, name, work):
    return f"{7000 + number}-900 - {name} - Oct 3, 2026 846 AM/{work}"


def sakai(number, name, work):
    return f"HW/Last, First({name})/Submission attachment(s)/{work}"


def folder(number, name, work):
    return f"cnn/{name}/{work}"


def nbgrader(number, name, work):
    return f"submitted/{name}/cnn/{work}"


def flat(number, name, work):
    return f"{name}.ipynb"


SYSTEMS = st.sampled_from(
    [canvas, moodle, moodle_flat, blackboard, brightspace, sakai, folder, nbgrader, flat]
)


def notebook(name):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": f"x = {name!r}"}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
    ).encode()


@SOME
@given(
    SYSTEMS,
    st.lists(NAME, min_size=2, max_size=6, unique=True),
    st.lists(WORK, min_size=1, max_size=3, unique=True),
    st.lists(STRAY, max_size=2, unique=True),
    st.sampled_from(["", "again/", "again/and again/"]),
)
def test_every_student_of_a_download_has_one_row(
    tmp_path_factory, system, names, works, strays, inside
):
    path = tmp_path_factory.getbasetemp() / "download.zip"
    members = {
        system(number, name, work): None for number, name in enumerate(names) for work in works
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member in (*members, *strays):
            archive.writestr(inside + member, notebook(member))
    found = find([path], assignment="cnn")
    assert sorted(one.student for one in found.submissions) == sorted(names)
    assert len(found.passed_over) == len(strays)
    handed_in = [one.cells[0].source for s in map(load, found.submissions) for one in s.notebooks]
    assert len(set(handed_in)) == len(handed_in) == len(members)


PARTS = st.text(
    st.sampled_from("ab._-() 12가") | st.characters(codec="utf-8", exclude_characters="\0\\"),
    max_size=6,
)
PATHS = st.lists(PARTS | NAME | WORK, min_size=1, max_size=4).map("/".join)


@SOME
@given(st.lists(PATHS, min_size=1, max_size=8))
def test_every_notebook_of_any_tree_is_in_one_submission(tmp_path_factory, paths):
    path = tmp_path_factory.getbasetemp() / "tree.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(dict.fromkeys(f"{one}.ipynb" for one in paths)):
            archive.writestr(name.replace("\\", ""), notebook(number))
        archive.writestr("kim.ipynb", notebook("kim"))
        count = len(set(archive.namelist()))
    found = find([path], assignment="cnn")
    loaded = [load(one) for one in found.submissions]
    sources = [one.cells[0].source for s in loaded for one in s.notebooks if one.cells]
    assert len(sources) == len(set(sources))
    assert len({one.student for one in found.submissions}) == len(found.submissions)
    assert len(sources) == count or found.passed_over
