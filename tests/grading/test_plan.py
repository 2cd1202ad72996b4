"""The key of a result changes with whatever the result depends on."""

from dataclasses import replace

import pytest

from grader import plan as plan_module
from grader.plan import Plan, find_data
from grader.records import Limits, Submission

CHECK = "@check(points=2)\ndef test_it(student):\n    'It holds.'\n"
HANDED_IN = Submission("kim", "cnn/kim/hw2.ipynb", "ab" * 32)


@pytest.fixture
def plan(tmp_path, write_course):
    return Plan(str(write_course(tmp_path, {"add": CHECK, "double": CHECK})))


def test_the_same_run_has_the_same_key(plan):
    assert plan.key(HANDED_IN) == replace(plan).key(replace(HANDED_IN))


@pytest.mark.parametrize(
    "changes", [{"student": "lee"}, {"path": "cnn/kim/other.ipynb"}, {"digest": "cd" * 32}]
)
def test_the_key_changes_with_the_submission(plan, changes):
    assert plan.key(HANDED_IN) != plan.key(replace(HANDED_IN, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"isolation": "process"},
        {"only": ("add",)},
        {"only": ("double",)},
        {"limits": Limits(call_s=1.0)},
    ],
)
def test_the_key_changes_with_the_options(plan, changes):
    assert plan.key(HANDED_IN) != replace(plan, **changes).key(HANDED_IN)


def test_the_key_changes_with_data_grader_and_assignment(plan, tmp_path, monkeypatch):
    before = plan.key(HANDED_IN)
    assert replace(plan, data=tmp_path).key(HANDED_IN) != before
    path = plan.assignment.folder / "add" / "test_add.py"
    path.write_text(path.read_text() + "# a change\n")
    assert replace(plan).key(HANDED_IN) != before
    monkeypatch.setattr(plan_module, "__version__", "99")
    assert plan.key(HANDED_IN) != before


def test_naming_every_exercise_is_naming_none(plan):
    assert replace(plan, only=("add", "double")).key(HANDED_IN) == plan.key(HANDED_IN)


def test_names_that_no_encoding_can_write_have_a_key(plan):
    assert plan.key(replace(HANDED_IN, student="\udcff")) != plan.key(HANDED_IN)


def test_data_is_found_where_all_files_are(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"")
    assert find_data(tmp_path) is None
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"")
    assert find_data(tmp_path) == tmp_path.resolve()
    assert find_data(tmp_path / "elsewhere") is None


def test_without_a_wanted_folder_the_usual_places_are_searched(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_data(None) is None
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        (raw / name).write_bytes(b"")
    assert find_data(None) == (tmp_path / "data").resolve()
