"""The key of a result changes with whatever the result depends on."""

import gzip
import importlib.metadata
import json
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from grader.course import load_course
from grader.grading import inputs
from grader.grading import plan as plan_module
from grader.grading.data_files import find_data, in_words
from grader.grading.plan import Plan, content_of
from grader.reading.submissions import find
from grader.records import Limits, Submission
from grader.sandbox import walls

CHECK = "@check(points=2)\ndef test_it(student):\n    'It holds.'\n"
HANDED_IN = Submission("kim", "cnn/kim/hw2.ipynb", "ab" * 32)


@pytest.fixture
def plan(tmp_path, write_course):
    return Plan(str(write_course(tmp_path, {"add": CHECK, "double": CHECK})))


def test_the_same_run_has_the_same_key(plan):
    assert plan.key(HANDED_IN) == replace(plan).key(replace(HANDED_IN))


def content(plan, submission=HANDED_IN):
    """What a result depends on, without whose it is."""
    return content_of(plan.key(submission))


def test_the_key_changes_with_the_submission(plan):
    assert content(plan) != content(plan, replace(HANDED_IN, digest="cd" * 32))


def test_a_secret_is_drawn_for_each_run_and_stands_in_no_key_and_no_text(plan):
    other = replace(plan, secret=plan.secret + 1)
    assert other.key(HANDED_IN) == plan.key(HANDED_IN)
    assert Plan("cnn").secret != Plan("cnn").secret
    shown = f"{plan!r} {plan.facts()} {plan.inputs(HANDED_IN)}"
    assert str(plan.secret) not in shown


def test_the_secret_of_a_gradebook_has_nothing_read_again(plan, monkeypatch):
    key = plan.key(HANDED_IN)
    monkeypatch.setattr(plan_module, "checks_of", None)
    other = plan.with_secret(plan.secret + 1)
    assert other.key(HANDED_IN) == key
    assert other.secret == plan.secret + 1


@pytest.mark.parametrize("changes", [{"student": "lee"}, {"path": "cnn/kim/other.ipynb"}])
def test_a_result_is_the_same_whosever_it_is_and_each_has_a_key_of_its_own(plan, changes):
    other = replace(HANDED_IN, **changes)
    assert plan.key(HANDED_IN) != plan.key(other)
    assert content(plan) == content(plan, other)


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


def test_the_key_changes_with_grader_and_assignment(plan, monkeypatch):
    before = content(plan)
    path = plan.assignment.folder / "add" / "test_add.py"
    path.write_text(path.read_text() + "# a change\n")
    assert content(replace(plan)) != before
    path.write_text(path.read_text().removesuffix("# a change\n"))
    assert content(replace(plan)) == before
    monkeypatch.setattr(plan_module, "__version__", "99")
    assert content(replace(plan)) != before


@pytest.mark.parametrize("of", ["grader_source", "libraries", "means_of_isolation"])
def test_the_key_changes_with_what_grades(plan, monkeypatch, of):
    before = content(plan)
    monkeypatch.setattr(plan_module, of, lambda: "another")
    assert content(replace(plan)) != before


@pytest.mark.parametrize("missing", [["seccomp"], ["network", "quota"]])
def test_the_key_changes_with_the_walls_that_stand(plan, monkeypatch, missing):
    before, without = content(plan), content(replace(plan, isolation="process"))
    monkeypatch.setattr(walls, "missing_here", lambda: missing)
    monkeypatch.setattr(plan_module, "means_of_isolation", inputs.means_of_isolation.__wrapped__)
    assert content(replace(plan)) != before
    assert content(replace(plan, isolation="process")) == without


def test_the_walls_of_the_key_are_those_that_the_warm_process_finds(warm):
    assert walls.missing_here() == sorted(warm.wait().missing)


@pytest.mark.parametrize(
    "name",
    ["add/helpers.py", "add/data/values.csv", "conftest.py", "../conftest.py", "add/template.txt",
     "values.csv", "../../conftest.py"],
)  # fmt: skip
def test_the_key_changes_with_every_file_that_a_check_may_read(plan, name):
    path = plan.assignment.folder / name
    before = content(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1\n")
    with_it = content(replace(plan))
    path.write_text("2\n")
    corrected = content(replace(plan))
    assert len({before, with_it, corrected}) == 3
    path.unlink()
    assert content(replace(plan)) == before


IMPORTS_IT = [
    "from exercises.SMALL.tools import f",
    "from exercises.SMALL import views, tools",
    "from exercises.SMALL import (\n    views,\n    tools,\n)",
    "import exercises.SMALL.tools as t",
    "def f():\n    from ..tools import f",
    "from exercises.SMALL.views import g",  # which imports it
    "import importlib",  # whichever it loads
]


@pytest.mark.parametrize("line", IMPORTS_IT)
def test_a_helper_changes_the_results_of_the_exercises_that_import_it_and_of_no_other(plan, line):
    folder = plan.assignment.folder
    (folder / "views.py").write_text("from . import tools\ng = 1\n")
    (folder / "tools.py").write_text("f = 1\n")
    checks = folder / "add" / "test_add.py"
    checks.write_text(line.replace("SMALL", folder.name) + "\n" + checks.read_text())
    before = replace(plan).exercise_keys(HANDED_IN)
    (folder / "tools.py").write_text("f = 2\n")
    after = replace(plan).exercise_keys(HANDED_IN)
    assert {name for name in before if before[name] != after[name]} == {"add"}


def test_reports_of_a_run_that_lie_in_the_course_decide_nothing(plan):
    before = plan.key(HANDED_IN)
    course = plan.assignment.folder
    for out in (course / "reports" / "latest", course.parent / "out"):
        (out / "feedback").mkdir(parents=True)
        for name in ("gradebook.sqlite", "grades.csv", "feedback/kim.html"):
            (out / name).write_text("1")
    again = Plan(str(course))
    assert again.key(HANDED_IN) == before
    (course / "reports" / "table.csv").write_text("1")
    assert Plan(str(course)).key(HANDED_IN) != before


def test_a_helper_that_no_exercise_imports_changes_nothing(plan):
    before = content(plan)
    (plan.assignment.folder / "tools.py").write_text("f = 1\n")
    assert content(replace(plan)) == before


def test_an_exercise_depends_on_no_other_but_those_it_builds_on(tmp_path, write_course):
    more = 'builds_on = ["add"]'
    folder = write_course(tmp_path, {"add": CHECK, "double": (CHECK, more), "half": CHECK})
    (folder / "parts.py").write_text("def add(x): return x\n")
    plan = Plan(str(folder))

    def changed(path):
        before = replace(plan).exercise_keys(HANDED_IN)
        path.write_text(path.read_text() + "# a change\n")
        after = replace(plan).exercise_keys(HANDED_IN)
        return {name for name in before if before[name] != after[name]}

    assert changed(folder / "double" / "test_double.py") == {"double"}
    assert changed(folder / "add" / "test_add.py") == {"add", "double"}
    assert changed(folder / "parts.py") == {"double"}
    assert changed(folder / "assignment.toml") == set()
    (folder / "small.ipynb").write_text("")
    assert changed(folder / "small.ipynb") == {"add", "double", "half"}


def test_what_an_exercise_builds_on_is_judged_whether_asked_for_or_not(tmp_path, write_course):
    more = 'builds_on = ["add"]'
    folder = write_course(tmp_path, {"add": CHECK, "double": (CHECK, more), "half": CHECK})
    whole = Plan(str(folder))
    alone = replace(whole, only=("double",))
    assert [one.name for one in alone.judged] == ["add", "double"]
    assert [one.name for one in alone.assignment.exercises] == ["double"]
    assert alone.exercise_keys(HANDED_IN).items() <= whole.exercise_keys(HANDED_IN).items()


def test_the_key_of_an_exercise_is_the_same_whoever_handed_in(plan):
    other = replace(HANDED_IN, student="lee", path="elsewhere.ipynb")
    assert plan.exercise_keys(other) == plan.exercise_keys(HANDED_IN)
    changed = replace(HANDED_IN, digest="cd" * 32)
    assert not plan.exercise_keys(changed).items() & plan.exercise_keys(HANDED_IN).items()


def test_a_sheet_is_another_for_another_seed_or_another_version_of_its_exercise(plan):
    before = plan.sheet_keys()
    assert replace(plan, isolation="process", limits=Limits(call_s=1.0)).sheet_keys() == before
    assert not set(before.values()) & set(replace(plan, seed=1).sheet_keys().values())
    path = plan.assignment.folder / "add" / "test_add.py"
    path.write_text(path.read_text() + "# a change\n")
    after = replace(plan).sheet_keys()
    assert after["add"] != before["add"]
    assert after["double"] == before["double"]


@pytest.mark.parametrize("of", ["grader_source", "libraries"])
def test_a_sheet_is_another_for_another_grader_or_library(plan, monkeypatch, of):
    before = plan.sheet_keys()
    monkeypatch.setattr(plan_module, of, lambda: "another")
    assert not set(before.values()) & set(replace(plan).sheet_keys().values())


def test_outputs_decide_nothing(tmp_path, plan, write_notebook):
    path = write_notebook(tmp_path / "hw2.ipynb", "x = 1")
    keys = []
    for outputs in ([], [{"output_type": "stream", "name": "stdout", "text": "1"}]):
        document = json.loads(path.read_text())
        document["cells"][-1].update(outputs=outputs, execution_count=len(outputs))
        (tmp_path / "alone").mkdir(exist_ok=True)
        (tmp_path / "alone" / "hw2.ipynb").write_text(json.dumps(document))
        (found,) = find([tmp_path / "alone"], assignment="small").submissions
        keys.append(content(plan, found))
    document["cells"][-1]["source"] = "x = 2"
    (tmp_path / "alone" / "hw2.ipynb").write_text(json.dumps(document))
    (found,) = find([tmp_path / "alone"], assignment="small").submissions
    assert keys[0] == keys[1] != content(plan, found)


def test_the_key_does_not_change_with_the_place_of_the_course(plan, tmp_path):
    folder = plan.assignment.folder
    moved = tmp_path / "moved" / "deeper" / folder.parent.name  # checks import by this name
    shutil.copytree(folder.parent, moved)
    assert content(Plan(str(moved / folder.name))) == content(plan)


def test_a_renamed_zip_has_the_results_of_the_one_before(tmp_path, plan, write_notebook):
    path = write_notebook(tmp_path / "hw2.ipynb", "x = 1")
    keys = []
    for name in ("kim.zip", "lee.zip", "deeper/kim (1).zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.write(path, "work/hw2.ipynb")
        (found,) = find([tmp_path / name], assignment="small").submissions
        keys.append(content(plan, found))
    (loose,) = find([path], assignment="small").submissions
    assert len({*keys, content(plan, loose)}) <= 2  # files beside it may count
    assert len(set(keys)) == 1


def test_the_key_changes_with_the_content_of_data_and_not_with_its_place(tmp_path):
    plan = Plan("cnn")
    stand_in = content(plan)
    for name in ("here", "there"):
        write_files(tmp_path / name / "FashionMNIST" / "raw")
    here, there = (replace(plan, data=tmp_path / name) for name in ("here", "there"))
    assert content(here) == content(there) != stand_in
    write_files(tmp_path / "there" / "FashionMNIST" / "raw", count=3)
    assert content(replace(there)) != content(here)


def test_a_worker_finds_the_key_that_was_found_before_it_started(plan, monkeypatch):
    before = plan.key(HANDED_IN)
    monkeypatch.setattr(plan_module, "grader_source", lambda: "edited meanwhile")
    assert pickle.loads(pickle.dumps(plan)).key(HANDED_IN) == before


def test_sources_and_versions_are_found_without_loading_torch():
    code = (
        "import sys\nfrom grader.grading import inputs\n"
        "print(inputs.grader_source(), inputs.libraries(), inputs.means_of_isolation())\n"
        "assert 'torch' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version = importlib.metadata.version("torch")
    assert f"torch {version}" in ran.stdout


def test_the_grader_is_known_by_its_sources_except_those_that_only_show(tmp_path, monkeypatch):
    for name in ("verdict.py", "report/pages.py", "checks/__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(inputs, "PACKAGE", tmp_path)
    source = inputs.grader_source.__wrapped__
    before = source()
    (tmp_path / "report" / "pages.py").write_text("2")
    (tmp_path / "checks" / "__pycache__" / "x.pyc").write_text("2")
    assert source() == before
    (tmp_path / "verdict.py").write_text("2")
    assert source() != before


def test_naming_every_exercise_is_naming_none(plan):
    assert replace(plan, only=("add", "double")).key(HANDED_IN) == plan.key(HANDED_IN)


def test_names_that_no_encoding_can_write_have_a_key(plan):
    assert plan.key(replace(HANDED_IN, student="\udcff")) != plan.key(HANDED_IN)


DATA = load_course().data


def write_files(raw, *, packed=(), count=2):
    """Write the four files, images of 1x1; those of a split in `packed` compressed."""
    raw.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for name, axes in (("images-idx3", 3), ("labels-idx1", 1)):
            shape = (count, 1, 1)[:axes]
            content = bytes([0, 0, 8, axes]) + struct.pack(f">{axes}I", *shape) + bytes(count)
            path = raw / f"{part}-{name}-ubyte"
            if part in packed:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


@pytest.mark.parametrize("packed", [(), ("train",), ("train", "t10k")])
@pytest.mark.parametrize("place", ["FashionMNIST/raw", "raw", "."])
def test_data_is_where_all_four_files_are(tmp_path, place, packed):
    assert find_data(tmp_path, DATA) is None
    write_files(tmp_path / place, packed=packed)
    assert find_data(tmp_path, DATA) == tmp_path.resolve()
    assert find_data(tmp_path / "elsewhere", DATA) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train-images-idx3-ubyte", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ("train-images-idx3-ubyte", bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 1, 1) + b"x"),
        ("train-labels-idx1-ubyte", bytes([0, 0, 8, 1]) + struct.pack(">I", 3) + b"xxx"),
        ("t10k-labels-idx1-ubyte", b""),
        ("t10k-labels-idx1-ubyte", None),
    ],
)
def test_files_that_cannot_be_read_are_no_data(tmp_path, name, content):
    write_files(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    assert find_data(tmp_path, DATA) is None


def test_a_broken_packed_file_is_no_data(tmp_path):
    write_files(tmp_path, packed=("train", "t10k"))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8b\x08")
    assert find_data(tmp_path, DATA) is None


def test_without_a_wanted_folder_the_usual_places_are_searched(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_files(tmp_path / "data")
    assert find_data(None, DATA) is None, "loose files in a folder of this name may be anything"
    write_files(tmp_path / "data" / "FashionMNIST" / "raw")
    assert find_data(None, DATA) == (tmp_path / "data").resolve()


def test_what_a_run_used_is_said_of_each_data_set_that_the_course_declares(tmp_path):
    assert in_words(None, DATA) == "drawn images of clothes (stand-in for Fashion-MNIST)"
    write_files(tmp_path)
    assert in_words(tmp_path, DATA) == "Fashion-MNIST"
    assert in_words(tmp_path, ()) == ""


@pytest.mark.parametrize("size", [0, 5])
def test_a_file_of_another_format_need_only_be_there(tmp_path, size):
    signs = replace(DATA[0], folders=("signs",), loose=(), files=(("signs.npz",),))
    assert find_data(tmp_path, [signs]) is None
    (tmp_path / "signs").mkdir()
    (tmp_path / "signs" / "signs.npz").write_bytes(bytes(size))
    assert find_data(tmp_path, [signs]) == tmp_path.resolve()
