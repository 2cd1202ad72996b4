"""What a handout writes, and where it refuses to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from grader.course import load_assignment
from grader.errors import CourseError, UsageError
from grader.grading.plan import Plan
from grader.selfcheck import folder
from grader.selfcheck.exercises import SelfChecks

NOTHING = SelfChecks((), b"")


@pytest.fixture
def assignment(write_course, tmp_path):
    return load_assignment(write_course(tmp_path, {}))


def bring(assignment, tmp_path, *names):
    """Let files of the course lie beside its notebooks."""
    for name in names:
        (tmp_path / "beside" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "beside" / name).write_text("of the course")
    environment = replace(assignment.course.environment, beside=tmp_path / "beside")
    return replace(assignment, course=replace(assignment.course, environment=environment))


def test_without_a_notebook_and_without_questions_a_readme_is_left(assignment):
    files = folder.files_of(assignment, NOTHING)
    assert [*files] == ["README.txt"]
    readme = files["README.txt"].decode()
    assert readme.startswith("Small\n\nWhat is here\n    README.txt\n")
    assert "selfcheck" not in readme


def test_outputs_of_the_notebook_are_emptied_and_the_rest_is_kept(assignment):
    cell = {
        "cell_type": "code", "id": "a", "metadata": {"tags": ["x"], "execution": {"t": 1}},
        "source": ["x = 'é'"], "outputs": [{"output_type": "stream"}], "execution_count": 7,
    }  # fmt: skip
    text = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "# 7"}
    whole = {"cells": [text, cell], "metadata": {"k": 1, "widgets": {}}, "nbformat": 4}
    (assignment.folder / f"{assignment.name}.ipynb").write_text(json.dumps(whole))
    found = json.loads(folder.files_of(assignment, NOTHING)[f"{assignment.name}.ipynb"])
    emptied = {**cell, "outputs": [], "execution_count": None, "metadata": {"tags": ["x"]}}
    assert found == {"cells": [text, emptied], "metadata": {"k": 1}, "nbformat": 4}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"cells": 3}', '{"cells": [[]]}', '{"cells": [{}]}']
)
def test_a_notebook_that_cannot_be_read_is_a_fault_of_the_course(assignment, text):
    (assignment.folder / f"{assignment.name}.ipynb").write_text(text)
    with pytest.raises(CourseError, match="cannot be read as a notebook of nbformat 4: "):
        folder.files_of(assignment, NOTHING)


def test_files_that_the_course_lays_beside_notebooks_go_along(assignment, tmp_path):
    brought = bring(assignment, tmp_path, "data/x.csv", "helper.py")
    files = folder.files_of(brought, NOTHING)
    assert [*files] == ["data/x.csv", "helper.py", "README.txt"]
    paths = folder.write(tmp_path / "out", files)
    assert paths[0].read_text() == "of the course"
    folder.require_room(tmp_path / "out", folder.names_of(brought), force=False)


@pytest.mark.parametrize("name", ["README.txt", "selfcheck.py", "selfcheck.dat"])
def test_a_file_of_the_course_is_never_replaced_by_ours(assignment, tmp_path, name):
    with pytest.raises(CourseError, match=f"has a file {name} beside its notebooks"):
        folder.files_of(bring(assignment, tmp_path, name), NOTHING)


def test_a_folder_with_other_files_is_refused_unless_forced(assignment, tmp_path):
    ours = folder.names_of(assignment)
    out = tmp_path / "out"
    folder.require_room(out, ours, force=False)
    folder.write(out, folder.files_of(assignment, NOTHING))
    folder.require_room(out, ours, force=False)  # an earlier handout
    (out / "essay.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds other files, such as essay.txt\. Give an empty"):
        folder.require_room(out, ours, force=False)
    folder.require_room(out, ours, force=True)
    folder.write(out, folder.files_of(assignment, NOTHING))
    assert (out / "essay.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_refused(assignment, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        folder.require_room(tmp_path / "out", set(), force=True)
    with pytest.raises(UsageError, match=r"cannot write .*\. Give another folder"):
        folder.write(tmp_path / "out", {"a": b""})


def test_the_readme_names_what_is_not_asked_only_where_there_is_any(course, checks):
    plan = Plan(str(course))
    asked = replace(checks, exercises=tuple(one for one in checks.exercises if one.questions))
    readmes = [
        folder.files_of(plan.assignment, one)["README.txt"].decode() for one in (checks, asked)
    ]
    assert "It does not ask about" in readmes[0]
    assert "It does not ask about" not in readmes[1]
    assert "    double, fourfold\n\nRight on all" in readmes[1]
    assert all("check(double)  # one function\n" in text for text in readmes)
    assert all("check()        # all that" in text for text in readmes)
