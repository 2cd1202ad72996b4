"""What a course says about itself, and the sentence for every way to say it wrong."""

import os
from fractions import Fraction

import pytest

from grader.course import list_assignments, load_assignment
from grader.errors import CourseError, UsageError
from grader.records import Limits

CHECK = "@check(points=2)\ndef test_it(student):\n    'It holds.'\n"
TWO = {"add": CHECK, "Double": CHECK}


def test_an_assignment_is_read_from_its_folder(tmp_path, write_course):
    more = 'forbid = ["torch.add"]\n[points]\nadd = "1/3"\n[limits]\ncall_s = 0.5\nprocesses = 9\n'
    folder = write_course(tmp_path, TWO, more)
    found = load_assignment(folder)
    assert [exercise.name for exercise in found.exercises] == ["add", "Double"]
    assert [exercise.total for exercise in found.exercises] == [Fraction(1, 3), None]
    assert (found.limits.call_s, found.limits.processes) == (0.5, 9)
    assert found.limits.cell_s == Limits().cell_s
    assert found.forbid == ("torch.add",)
    assert found.course.root == tmp_path


def test_the_default_course_has_its_assignments():
    assert "cnn" in list_assignments()
    assert load_assignment("cnn").exercises[0].name == "corr2d"


def test_an_unknown_assignment_names_those_there_are(tmp_path):
    with pytest.raises(
        UsageError, match=r"no assignment 'rnn'. The course has: .*cnn.*folder with"
    ):
        load_assignment("rnn")
    with pytest.raises(UsageError, match="there is no assignment"):
        load_assignment(tmp_path)


def test_some_exercises_may_be_kept_in_whatever_spelling(tmp_path, write_course):
    whole = load_assignment(write_course(tmp_path, TWO))
    assert [e.name for e in whole.only(["double"]).exercises] == ["Double"]
    assert [e.name for e in whole.only(["DOUBLE", "add"]).exercises] == ["add", "Double"]


def test_an_unknown_exercise_names_those_there_are(tmp_path, write_course):
    whole = load_assignment(write_course(tmp_path, TWO))
    with pytest.raises(UsageError, match=r"has no exercise 'addd'. It has: add, Double\.$"):
        whole.only(["add", "addd"])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("late = 3\n", "unknown field `late`"),
        ("forbid = 3\n", "`forbid` needs a list in [ ]; it is a whole number"),
        ("title = 3\n", "assignment.toml: "),
        (
            "[points]\nadd = [1]\n",
            "`points[...]` needs a whole number or text in quotes; it is a list",
        ),
        ("[points]\nadd = 'many'\n", "points.add = 'many' is not possible"),
        ("[points]\nadd = '1/0'\n", "points.add = '1/0' is not possible"),
        ("[points]\nadd = -1\n", "points.add = -1 is not possible"),
        ("[points]\nsubtract = 1\n", "points of subtract, which is no exercise"),
        ("[limits]\ncell_s = 0\n", "limits.cell_s = 0.0 is not possible"),
        ("[limits]\ncell_s = nan\n", "limits.cell_s = nan is not possible"),
        ("[limits]\nmemory_bytes = inf\n", "limits.memory_bytes = inf is not possible"),
        ("[limits]\nprocesses = 0.5\n", "limits.processes = 0.5 is not possible"),
        ("[limits]\nprocesses = 1e300\n", "limits.processes = 1e+300 is not possible"),
        ("[points]\nadd = '1e999999999'\n", "points.add = '1e999999999' is not possible"),
        ("[points]\nadd = 1000001\n", "points.add = 1000001 is not possible"),
        (f"[points]\nadd = {'9' * 5000}\n", "for integer string conversion"),
        (f"late = {'[' * 9000}\n", "it is nested too deeply"),
        (f"{'a.' * 20_000}a = 1\n", "a line has more than 200 dots"),
        (f"# {'x' * 300_000}\n", "it is larger than 256 KiB"),
        ("[limits]\ncells = 1\n", "Known: cell_s, notebook_s, call_s"),
        ("= 3", "assignment.toml: "),
    ],
)
def test_a_wrong_assignment_names_file_and_field(tmp_path, write_course, more, reason):
    folder = write_course(tmp_path, TWO, more)
    with pytest.raises(CourseError) as caught:
        load_assignment(folder)
    assert str(folder / "assignment.toml") in str(caught.value)
    assert reason in str(caught.value)


def test_written_answers_need_no_names_and_can_have_no_points(tmp_path, write_course):
    folder = write_course(tmp_path, TWO)
    file = folder / "Double" / "exercise.toml"
    file.write_text('title = "Answers"\nsection = "7"\nkind = "answers"\n')
    assert load_assignment(folder).exercises[1].names == ()
    (folder / "assignment.toml").write_text(
        'title = "T"\nexercises = ["add", "Double"]\n[points]\nDouble = 3\n'
    )
    with pytest.raises(CourseError, match="graded by hand, so they have no names here"):
        load_assignment(folder)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("color = 'red'\n", "unknown field `color`"),
        (
            "kind = 'method of mine'\n",
            "`kind` cannot be 'method of mine'; it is one of: function, class, method",
        ),
        ("names = []\n", "names must not be empty"),
        ("kind = 'answers'\n", "answers are found by their headings"),
        ("optional = 'yes'\n", "`optional` needs true or false; it is text"),
    ],
)
def test_a_wrong_exercise_names_file_and_field(tmp_path, write_course, more, reason):
    folder = write_course(tmp_path, {"add": (CHECK, more)})
    with pytest.raises(CourseError) as caught:
        load_assignment(folder)
    assert str(folder / "add" / "exercise.toml") in str(caught.value)
    assert reason in str(caught.value)


def test_a_listed_exercise_without_its_file_is_named(tmp_path, write_course):
    folder = write_course(tmp_path, TWO)
    (folder / "add" / "exercise.toml").unlink()
    with pytest.raises(CourseError, match=r"add.exercise\.toml does not exist"):
        load_assignment(folder)


@pytest.mark.parametrize("name", ["", "..", "../add", "add/", "/add", "a\\u0000b"])
def test_an_exercise_is_a_folder_in_its_assignment(tmp_path, write_course, name):
    folder = write_course(tmp_path, TWO)
    (folder / "assignment.toml").write_text(f'title = "T"\nexercises = ["{name}"]\n')
    with pytest.raises(CourseError, match=r"is no name of an exercise's folder|null byte"):
        load_assignment(folder)


def test_an_exercise_is_listed_once(tmp_path, write_course):
    folder = write_course(tmp_path, TWO)
    (folder / "assignment.toml").write_text('title = "T"\nexercises = ["add", "add"]\n')
    with pytest.raises(CourseError, match="an exercise is listed twice"):
        load_assignment(folder)


def test_bytes_that_are_no_text_are_named(tmp_path, write_course):
    folder = write_course(tmp_path, TWO)
    (folder / "assignment.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(CourseError, match=r"assignment\.toml: "):
        load_assignment(folder)


@pytest.mark.parametrize("name", ["add/test_add.py", "add/exercise.toml", "assignment.toml"])
def test_the_digest_changes_with_every_file_of_the_assignment(tmp_path, write_course, name):
    folder = write_course(tmp_path, TWO)
    before = load_assignment(folder).digest
    assert load_assignment(folder).digest == before
    (folder / name).write_text((folder / name).read_text() + "\n# changed\n")
    assert load_assignment(folder).digest != before


def test_a_file_of_the_course_that_cannot_be_read_is_named(tmp_path, write_course):
    folder = write_course(tmp_path, TWO)
    (folder / "gone.py").symlink_to(tmp_path / "nowhere.py")
    with pytest.raises(CourseError, match=r"gone\.py cannot be read: No such file"):
        load_assignment(folder)


def test_the_digest_changes_with_the_reference_and_not_with_other_files(tmp_path, write_course):
    folder = write_course(tmp_path, TWO)
    before = load_assignment(folder).digest
    for name in (
        "notes.md", ".ipynb_checkpoints/cnn.ipynb", "add/__pycache__/x.pyc", "add/test_add.py~",
        ".pytest_cache/v/x",
    ):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("for the team")
    other = write_course(tmp_path, TWO)
    assert other.parent == folder.parent
    assert load_assignment(folder).digest == before
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "ops.py").write_text("def add(x): return x")
    assert load_assignment(folder).digest != before


LIBRARY = '[environment]\nfolder = "environment"\nsetup = "prepare"\npreload = ["json"]\n'
SIGNS = (
    '[[data]]\nname = "Signs"\nstand_in = "drawn signs"\nfolders = ["signs"]\n'
    'files = [["signs.npz"]]\n'
)


@pytest.fixture
def course_with(tmp_path, write_course):
    """Write a course with an environment, and return the course of its one assignment."""

    def write(text):
        folder = write_course(tmp_path, TWO)
        (folder.parent / "environment").mkdir(exist_ok=True)
        (folder.parent / "course.toml").write_text('title = "Signs"\n' + text)
        return load_assignment(folder).course

    return write


def test_a_course_declares_its_library_data_packages_and_models(course_with, tmp_path):
    more = (
        'names = ["scipy"]\ninstall = "pip install scipy"\n[models]\nNet = ["*Net*", "!*block*"]\n'
    )
    course = course_with(f"{LIBRARY}{SIGNS}[packages]\n{more}")
    assert course.title == "Signs"
    assert course.environment.folder == tmp_path / "exercises" / "environment"
    assert (course.environment.setup, course.environment.preload) == ("prepare", ("json",))
    assert [one.name for one in course.data] == ["Signs"]
    assert (course.packages, course.install) == (("scipy",), "pip install scipy")
    assert course.models == {"Net": ("*Net*", "!*block*")}


def test_the_reference_lies_inside_the_course_or_beside_it(course_with, tmp_path):
    assert course_with("").reference is None
    (tmp_path / "reference").mkdir()
    assert course_with("").reference == tmp_path / "reference"
    (tmp_path / "exercises" / "reference").mkdir()
    assert course_with("").reference == tmp_path / "exercises" / "reference"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("late = 3\n", "unknown field `late`"),
        ('[environment]\nfolder = "nowhere"\n', "environment.folder = 'nowhere' is no folder"),
        ('[environment]\nfolder = ".."\n', r"environment.folder = '..' is no folder of the course"),
        ('[environment]\nfolder = "environment"\nbeside = "x"\n', "environment.beside = 'x' is no"),
        (
            '[[data]]\nname = "S"\nfolder = "s"\n',
            r"`folder` in \[data\[0\]\]; it has: name, stand_in",
        ),
        ("[packages\n", r"line \d+, column \d+\); check dates, quotes and brackets there"),
        ('[environment]\nfolder = "environment"\nwalls = 0\n', "unknown field `walls`"),
        ('[environment]\nsetup = "prepare"\n', "missing required field `folder`"),
        (SIGNS.replace('"drawn signs"', '""'), r"data\[0\].stand_in must not be empty"),
        (SIGNS.replace('["signs"]', "3"), r"`data\[0\].folders` needs a list"),
        ('[packages]\nnames = ["scipy"]\n', "missing required field `install`"),
        ('[models]\nNet = "*Net*"\n', r"`models\[\.\.\.\]` needs a list .* text in quotes"),
    ],
)
def test_a_wrong_file_of_a_course_names_the_field(course_with, text, reason):
    with pytest.raises(CourseError, match=reason) as error:
        course_with(text)
    assert "course.toml" in str(error.value)


def test_a_change_of_the_library_is_a_change_of_the_assignment(course_with, tmp_path):
    folder = next((tmp_path / "exercises").glob("small*"), None) or course_with(LIBRARY).folder
    folder = next(folder.glob("small*"))
    before = load_assignment(folder).digest
    (tmp_path / "exercises" / "environment" / "library.py").write_text("X = 1\n")
    assert load_assignment(folder).digest != before


@pytest.mark.parametrize(
    "name",
    [
        "add/images.npy", "add/deep/er/data.csv", "helpers.txt", "../conftest.py", "../parts.py",
        "../environment/library/losses.py", "../../conftest.py",
    ],
)  # fmt: skip
def test_the_digest_changes_with_helpers_data_and_what_the_course_adds(
    tmp_path, write_course, name
):
    folder = write_course(tmp_path, TWO)
    found = {load_assignment(folder).digest}
    for content in ("one", "two"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(content)
        found.add(load_assignment(folder).digest)
    assert len(found) == 3


def test_what_lies_around_an_assignment_that_stands_alone_is_no_part_of_it(tmp_path, write_course):
    alone = write_course(tmp_path, TWO).rename(tmp_path / "homework")
    before = load_assignment(alone).digest
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.txt").write_text("of another matter")
    os.mkfifo(alone / "pipe")
    assert load_assignment(alone).digest == before
    (tmp_path / "conftest.py").write_text("")
    assert load_assignment(alone).digest != before
