"""Generated trees of names: no student is lost, none shares a row with another."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from grader.reading.submissions import find, load
from grader.reading.tree import why_passed_over
from grader.text import name as tidy_name

SOME = settings(deadline=None)
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


def ilias(number, name, work):
    return f"submissions/Last_First_{name}_{300 + number}/{work}"


def classroom(number, name, work):
    return f"hw2-submissions/hw2-{name}/{work}"


def flat(number, name, work):
    return f"{name}.ipynb"


SYSTEMS = st.sampled_from(
    [
        canvas,
        moodle,
        moodle_flat,
        blackboard,
        brightspace,
        sakai,
        folder,
        nbgrader,
        ilias,
        classroom,
        flat,
    ]
)


def notebook(name):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": f"x = {name!r}"}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
    ).encode()


def write(root, members, *, zipped):
    """Write members into a zip, or as files below a folder; return what to grade."""
    if zipped:
        with zipfile.ZipFile(root / "download.zip", "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
        return root / "download.zip"
    for member, data in members.items():
        path = root / "download" / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root / "download"


def work_of_each(found):
    """Return what each student handed in: the text of every notebook's first cell."""
    loaded = [load(one) for one in found.submissions]
    assert len({one.student for one in loaded}) == len(loaded)
    return {one.student: sorted(n.cells[0].source for n in one.notebooks) for one in loaded}


NAMES = st.lists(NAME, min_size=2, max_size=6, unique_by=str.casefold)
WORKS = st.lists(WORK, min_size=1, max_size=3, unique=True)
STRAYS = st.lists(STRAY, max_size=2, unique=True)


def handed_in(system, names, works):
    """Return the members of a download, and what each student should have handed in."""
    members, expected = {}, {}
    for number, name in enumerate(names):
        paths = {system(number, name, work) for work in works}
        members |= {path: notebook(path) for path in paths}
        expected[name] = sorted(f"x = {path!r}" for path in paths)
    return members, expected


@SOME
@given(SYSTEMS, NAMES, WORKS, STRAYS, st.sampled_from(["", "again/", "again/and again/"]),
       st.booleans())  # fmt: skip
def test_every_student_of_a_download_has_one_row_with_all_own_work_and_no_other(
    system, names, works, strays, inside, zipped
):
    members, expected = handed_in(system, names, works)
    tree = {inside + path: data for path, data in members.items()}
    tree |= {inside + stray: b"stray" for stray in strays}
    with tempfile.TemporaryDirectory() as root:
        found = find([write(Path(root), tree, zipped=zipped)], assignment="cnn")
        assert work_of_each(found) == expected
    assert len(found.passed_over) == len(strays)


@SOME
@given(st.lists(st.tuples(SYSTEMS, NAMES, WORKS, st.booleans()), min_size=2, max_size=3))
def test_no_student_of_several_downloads_is_lost_or_merged(downloads):
    with tempfile.TemporaryDirectory() as root:
        paths, every = [], []
        for number, (system, names, works, zipped) in enumerate(downloads):
            place = Path(root, f"class {number}")
            place.mkdir()
            unlike = [f"{name}{'xyz'[number]}" for name in names]
            members, expected = handed_in(system, unlike, works)
            paths.append(write(place, members, zipped=zipped))
            every += [(name.casefold(), work) for name, work in expected.items()]
        found = work_of_each(find(paths, assignment="cnn"))
    assert sorted((name.casefold(), work) for name, work in found.items()) == sorted(every)


@SOME
@given(NAMES, st.data())
def test_no_zip_beside_others_changes_whose_it_is(names, data):
    """Each own zip holds one notebook, named as a system might name another student's."""
    with tempfile.TemporaryDirectory() as root:
        for number, name in enumerate(names):
            system, other = data.draw(SYSTEMS), data.draw(st.sampled_from(names))
            with zipfile.ZipFile(Path(root, f"{name}.zip"), "w") as archive:
                archive.writestr(system(number, other, "hw2.ipynb"), notebook(name))
        found = find([Path(root)], assignment="cnn")
        assert work_of_each(found) == {name: [f"x = {name!r}"] for name in names}


PARTS = st.text(
    st.sampled_from("ab._-() 12가") | st.characters(codec="utf-8", exclude_characters="\0\\"),
    max_size=6,
)
PATHS = st.lists(PARTS | NAME | WORK, min_size=1, max_size=4).map("/".join)


@SOME
@given(st.lists(PATHS, min_size=1, max_size=8))
def test_every_notebook_of_any_tree_is_in_one_submission_or_passed_over(paths):
    names = [f"{one}.ipynb" for one in paths] + ["kim.ipynb"]
    members = {name: notebook(number) for number, name in enumerate(dict.fromkeys(names))}
    with tempfile.TemporaryDirectory() as root:
        found = find([write(Path(root), members, zipped=True)], assignment="cnn")
        sources = [source for work in work_of_each(found).values() for source in work]
    # names as they are once blanks at their ends are gone
    parts = {name: [tidy_name(part) for part in name.split("/") if part.strip(". ")]
             for name in members}  # fmt: skip
    strays = [name for name in members if any(map(why_passed_over, parts[name]))]
    assert len(sources) == len(set(sources))
    assert len(sources) == len(members) - len(strays)
    assert bool(found.passed_over) == bool(strays)
