"""`list`, `doctor`, faults of a course, and the sentence for every wrong use."""

import sys
import zipfile

import pytest

from grader.cli import main


def test_wrong_use_of_the_real_command_is_a_sentence_too(grader):
    code, out, err = grader("grade", "nowhere.ipynb")
    assert (code, out, err) == (2, "", "nowhere.ipynb does not exist; check the path.\n")


def test_the_assignments_are_listed_one_a_line(grader):
    code, out, err = grader("list")
    assert (code, err) == (0, "")
    assert "cnn\tHW2: CNN" in out.splitlines()


def test_the_exercises_of_an_assignment_are_listed_with_their_points(grader):
    code, out, _ = grader("list", "cnn")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert rows[0] == ["7.2", "corr2d", "10", "Cross-correlation", ""]
    assert ["0", "optional"] in [[row[2], row[4]] for row in rows]


def test_the_doctor_names_walls_data_and_device(grader):
    code, out, err = grader("doctor")
    assert code in (0, 3)
    assert err == ""
    for word in ("machine:", "data:", "device:", "sandbox" if code else "wall, seccomp: stands"):
        assert word in out


def test_the_cache_of_a_graded_notebook_is_shown_and_cleared(
    grader, check_here, honest, write_notebook, tmp_path
):
    cache = {"GRADER_CACHE": str(tmp_path / "cache")}
    notebook = write_notebook(tmp_path / "hw2.ipynb", honest)
    first = grader("check", notebook, "corr2d", **cache)
    again = check_here(notebook, "corr2d", **cache)
    assert first == again
    shown = grader("cache", **cache)
    assert str(tmp_path / "cache") in shown.out.replace("\n", "")
    assert "1 entry, " in shown.out
    assert "cnn " in shown.out
    cleared = grader("cache", "--clear", **cache)
    assert cleared.code == 0
    assert "1 entry, " in cleared.out
    assert "removed" in cleared.out
    assert "0 entries, " in grader("cache", **cache).out


def test_without_a_cache_nothing_is_kept_and_the_command_says_so(
    grader, check_here, honest, write_notebook, tmp_path
):
    notebook = write_notebook(tmp_path / "hw2.ipynb", honest)
    without = {"GRADER_CACHE": "off", "XDG_CACHE_HOME": str(tmp_path / "c")}
    assert check_here(notebook, "corr2d", **without).code == 0
    assert not (tmp_path / "c").exists()
    assert "no cache" in grader("cache", **without).out


def test_without_walls_student_code_is_given_no_cache_to_write(
    check_here, honest, write_notebook, tmp_path
):
    notebook = write_notebook(tmp_path / "hw2.ipynb", honest)
    cache = {"GRADER_CACHE": str(tmp_path / "c")}
    assert check_here(notebook, "corr2d", "--isolation", "process", **cache).code == 0
    assert not (tmp_path / "c").exists()


def test_without_a_command_the_help_is_shown_with_the_exit_codes(grader):
    code, out, err = grader()
    assert code == 2
    assert "0 graded, 1 a check failed" in " ".join((out + err).split())


@pytest.fixture(scope="module")
def places(tmp_path_factory, write_notebook, honest):
    """A folder with one of everything that cannot be graded."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "empty").mkdir()
    (folder / "file").write_text("x")
    with zipfile.ZipFile(folder / "no-notebook.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    (folder / "damaged.zip").write_bytes(b"PK\x03\x04 and no more")
    write_notebook(folder / "hw.ipynb", honest)
    write_notebook(folder / "two" / "a.ipynb", honest)
    write_notebook(folder / "two" / "b.ipynb", honest)
    return folder


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("grade nowhere.ipynb", "nowhere.ipynb does not exist; check the path."),
        ("check nowhere.ipynb", "nowhere.ipynb does not exist; check the path."),
        ("grade empty", "nothing to grade in empty; looked for .ipynb and .zip files."),
        ("grade empty file.md", "file.md does not exist"),
        ("grade damaged.zip", "nothing to grade in damaged.zip: "),
        ("check two", "two holds 2 submissions; give the notebook to check."),
        ("grade hw.ipynb --only corr2d,nothing", "cnn has no exercise 'nothing'. It has: corr2d,"),
        ("check hw.ipynb nothing", "cnn has no exercise 'nothing'. It has: corr2d,"),
        ("grade hw.ipynb --assignment rnn", "there is no assignment 'rnn'. The course has: cnn"),
        ("list rnn", "there is no assignment 'rnn'. The course has: cnn"),
        ("grade hw.ipynb --jobs 0", "--jobs is auto or a whole number from 1 on, not '0'."),
        ("grade hw.ipynb --jobs many", "--jobs is auto or a whole number from 1 on, not 'many'."),
        ("grade hw.ipynb --memory lots", "--memory is a size such as 8G or 500M, not 'lots'."),
        ("grade hw.ipynb --isolation none", "--isolation is sandbox or process, not 'none'."),
        ("grade hw.ipynb --device tpu", "--device is auto, cpu or cuda, not 'tpu'."),
        ("grade hw.ipynb --data empty", "empty does not hold FashionMNIST/raw"),
        ("grade hw.ipynb --out file", "cannot open the gradebook file"),
        ("grade hw.ipynb --seed -1", "Invalid value for '--seed'"),
        ("grade hw.ipynb --seed seven", "Invalid value for '--seed'"),
        ("check hw.ipynb --hints 4", "Invalid value for '--hints'"),
        ("report --out empty", "Run `grader grade` first, or give --out."),
        ("grade", "Missing argument"),
        ("mark hw.ipynb", "No such command 'mark'"),
    ],
)
def test_wrong_use_is_a_sentence_on_stderr_and_exit_code_2(
    places, monkeypatch, capsys, command, sentence
):
    monkeypatch.chdir(places)
    monkeypatch.setattr(sys, "argv", ["grader", *command.split()])
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:  # in this process: loading torch anew takes seconds
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert sentence in " ".join(err.replace("│", " ").split())


def test_a_file_that_is_no_notebook_has_a_row_and_there_is_nothing_to_grade(grader, places):
    paths = ("file", "no-notebook.zip")
    code, out, _ = grader("grade", *paths, "--only", "corr2d", "--out", "out", cwd=places)
    assert code == 2
    assert "2 submissions" in out
    grades = (places / "out" / "grades.csv").read_text()
    assert grades.count("unreadable") == 2


@pytest.mark.parametrize("command", ["list {}", "grade kim.ipynb --assignment {}"])
def test_a_file_of_the_course_that_is_wrong_ends_with_3_and_is_named(
    grader, tmp_path, write_course, write_notebook, command
):
    course = write_course(tmp_path, {"double": "import no_such_module"})
    write_notebook(tmp_path / "kim.ipynb", "x = 1")
    code, out, err = grader(*command.format(course).split(), cwd=tmp_path)
    assert code == 3
    assert "graded" not in out
    assert "test_double.py cannot be imported: ModuleNotFoundError" in err


def run_here(monkeypatch, capsys, *args):
    monkeypatch.setattr(sys, "argv", ["grader", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_preflight_says_what_is_there_and_makes_no_folder(
    tmp_path, write_notebook, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path / "class" / "kim" / "hw2.ipynb", "import torch\nx = 1")
    write_notebook(tmp_path / "class" / "lee" / "hw2.ipynb", "import torch\nx = 2")
    (tmp_path / "students.csv").write_text("학번;이름\n00123;kim\n00124;zoe\n", encoding="cp949")
    code, out, err = run_here(monkeypatch, capsys, "preflight", "class", "--roster", "students.csv")
    assert (code, err) == (0, "")
    assert "found: 2 submissions, 2 notebooks; 1 of the roster absent" in out
    assert "lee is not on the list" in out
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("preflight empty", "nothing to grade in empty"),
        ("preflight nowhere", "nowhere does not exist"),
        ("preflight hw.ipynb --roster file", "has no column with ids, logins or names"),
        ("preflight hw.ipynb --roster nowhere", "cannot read nowhere"),
        ("grade hw.ipynb --roster nowhere.csv", "cannot read nowhere.csv"),
        ("grade hw.ipynb --canvas file --column x", "file is no gradebook of Canvas"),
        ("grade hw.ipynb --column x", "--column names a column of the file that --canvas gives"),
        ("grade hw.ipynb --moodle file", "file is no grading worksheet of Moodle"),
        ("report --canvas nowhere --column x", "cannot read nowhere"),
    ],
)
def test_files_of_other_systems_are_read_before_anything_is_graded(
    places, monkeypatch, capsys, command, sentence
):
    monkeypatch.chdir(places)
    code, out, err = run_here(monkeypatch, capsys, *command.split())
    assert (code, out) == (2, "")
    assert sentence in err
