"""What is known before anything is graded; nothing of a notebook is run."""

import re
from fractions import Fraction

import pytest

from grader.grading.plan import Plan
from grader.records import Listed, SubmissionResult
from grader.report.preflight_view import in_full, in_short
from grader.runs import pipeline, preflight, stored_run
from grader.runs.gradebook import Gradebook
from grader.verdict import Status

CHECK = "@check(points=2)\ndef test_it(student):\n    'It holds.'\n"


@pytest.fixture
def look(tmp_path, write_course, monkeypatch):
    plan = Plan(str(write_course(tmp_path, {"add": CHECK, "double": CHECK})))
    monkeypatch.setattr(
        preflight, "points_of", lambda given: [(one, Fraction(2)) for one in given.exercises]
    )

    def at(roster=None):
        found = pipeline.collect([tmp_path / "class"], plan, roster=roster)
        return preflight.preflight(plan, found, tmp_path / "out", 2)

    at.plan, at.out = plan, tmp_path / "out"
    return at


@pytest.fixture
def hand_in(tmp_path, write_notebook):
    return lambda name, *cells: write_notebook(tmp_path / "class" / name, *cells)


def test_what_was_found_and_passed_over_is_told_with_the_reason(look, hand_in, tmp_path):
    hand_in("ann/ch7.ipynb", "x = 1")
    hand_in("ann/ch8.ipynb", "x = 2")
    hand_in("bob/ch7.ipynb", "x = 1")
    (tmp_path / "class" / "cleo").mkdir()
    (tmp_path / "class" / "cleo" / "ch7.ipynb").write_bytes(b"{}")
    (tmp_path / "class" / ".DS_Store").write_bytes(b"x")
    seen = look()
    assert (seen.submissions, seen.notebooks) == (3, 3)
    assert seen.several == (("ann", ("ch7.ipynb", "ch8.ipynb")),)
    text = "\n".join(in_full(seen))
    assert re.search(r"  cleo: .*has no cells", text)
    assert ".DS_Store: its name begins with a dot" in text
    assert "found: 3 submissions, 3 notebooks; 1 cannot be graded; 1 with several" in text


def test_missing_packages_are_told_with_notebooks_points_and_the_command(look, hand_in):
    for student in ("ann", "bob"):
        imports = f"import lightning_x, wandb, math, torch, helper_of_{student}"
        hand_in(f"{student}/a.ipynb", imports,
                "def add(x): return wandb.f(x)\ndef double(x): return x")  # fmt: skip
        hand_in(f"{student}/helper_of_{student}.py", "x = 1")
    seen = look()
    rows = {one.name: (one.notebooks, one.points, one.command) for one in seen.missing}
    assert rows == {"wandb": (2, 4, "pip install wandb"), "lightning_x": (2, 0, "")}
    text = "\n".join(in_full(seen))
    assert "wandb: 2 notebooks, up to 4 points hang on it; `pip install wandb`" in text
    short = "\n".join(in_short(seen))
    assert "wandb (2), lightning_x (2); up to 4 points hang on them" in short
    assert "`pip install wandb`" in short


def test_a_stored_result_says_what_hangs_on_a_package_and_how_long_it_took(look, hand_in):
    hand_in("ann/a.ipynb", "import wandb\ndef add(x): return wandb.f(x)")
    hand_in("bob/a.ipynb", "x = 1")
    ann, _ = pipeline.collect([look.out.parent / "class"], look.plan).submissions
    with Gradebook.open(look.out / stored_run.GRADEBOOK) as gradebook:
        key = look.plan.key(ann)
        run = gradebook.start_run(
            look.plan.assignment.name, keys=[key], options={"exercises": "add,double"}
        )
        name = look.plan.assignment.name
        gradebook.save(
            SubmissionResult(key, "ann", "", name, Status.PARTIAL, seconds=40.0,
                             missing_packages={"wandb": Fraction(1)}), run,
        )  # fmt: skip
    seen = look()
    assert [(one.name, one.points) for one in seen.missing] == [("wandb", 1)]
    duration = seen.duration
    assert (duration.stored, duration.due, duration.measured_on) == (1, 1, 1)
    assert duration.each_s == 40.0
    assert "1 stored before (40.0 s each, the mean of 1 stored result)" in in_full(seen)[-1]


def test_without_stored_results_the_time_comes_from_a_rule_that_is_told(look, hand_in):
    hand_in("ann/a.ipynb", "x = 1")
    assert "by rule: 0.5 s a notebook and 0.3 s an exercise" in in_full(look())[-1]
    assert not look.out.exists()


def test_devices_files_and_downloads_are_told(look, hand_in, tmp_path):
    hand_in("ann/a.ipynb", "net.to('cuda')", "open('here.txt'); open('gone.txt')", "!wget x")
    (tmp_path / "class" / "ann" / "here.txt").write_text("x")
    seen = look()
    assert (seen.devices, seen.insisting) == ({"cuda": 1}, 1)
    assert seen.files == {"gone.txt": 1}
    assert seen.downloads == {"wget": 1}
    short = "\n".join(in_short(seen))
    assert "asked for: cuda in 1 notebook; downloads in 1; files that are not here in 1" in short


def test_the_roster_is_compared_beforehand(look, hand_in):
    hand_in("ann/a.ipynb", "x = 1")
    hand_in("zoe/a.ipynb", "x = 2")
    students = (Listed(1, ("7",), "ann"), Listed(2, ("8",), "kim"))
    text = "\n".join(in_full(look(students)))
    assert "1 of the roster absent" in text
    assert "handed in nothing (1):\n  kim" in text
    assert "zoe is not on the list" in text


def test_nothing_of_a_notebook_is_run(look, hand_in, tmp_path):
    hand_in("ann/a.ipynb", f"open({str(tmp_path / 'ran')!r}, 'w').write('x')\nimport this_is_not")
    look()
    assert not (tmp_path / "ran").exists()


def test_text_of_notebooks_is_one_line_each(look, hand_in):
    hand_in("ann/a.ipynb", "open('a\\n\\x1b[31mred')")
    text = "\n".join(in_full(look()))
    assert "\x1b" not in text
    assert "a [31mred: 1 notebook" in text


def test_a_package_in_the_folder_of_this_process_is_not_here(tmp_path, monkeypatch, look, hand_in):
    (tmp_path / "cwd" / "my_tools").mkdir(parents=True)
    (tmp_path / "cwd" / "my_tools" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.syspath_prepend(str(tmp_path / "cwd"))
    hand_in("ann/a.ipynb", "import my_tools")
    assert [one.name for one in look().missing] == ["my_tools"]


def test_many_files_passed_over_for_one_reason_are_one_line(look, hand_in, tmp_path):
    hand_in("ann.ipynb", "x = 1")
    for number in range(30):
        (tmp_path / "class" / f"slides{number}.pptx").write_bytes(b"x")
    text = "\n".join(in_full(look()))
    assert "passed over (30):" in text
    assert re.search(r"  30 files: it is no notebook.* \(slides\d+.pptx, .*, \.\.\.\)", text)
    assert text.count("slides") == 3
