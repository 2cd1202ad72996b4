"""Right parts: when they enter a kernel, which one, and that keeping them earns nothing."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from grader.course import Exercise, load_assignment
from grader.errors import CourseError
from grader.grading.grader import Grader
from grader.grading.plan import Plan
from grader.grading.right_parts import SecondChances, definition_of, read_parts
from grader.reading.submissions import find_submissions
from grader.records import CheckResult
from grader.verdict import Verdict

PARTS = """
def double(x):
    return 2 * x

def half(x):
    return x / 2

def quadruple(x):
    return double(double(x))
"""
ASKS = """
@check(points=2)
def test_it(student):
    "It gives {due}."
    assert_equal(student.{name}(torch.ones(1)), {due} * torch.ones(1), call="{name}([1])")
"""
USED = "double(half(quadruple(1)))"


def exercise(name, *builds_on):
    return Exercise(name, "", "", "function", (name,), False, Path(), builds_on=builds_on)


def results(**verdicts):
    return {
        name: [CheckResult(name, "test", "", Verdict(verdict), Fraction(0), Fraction(1))]
        for name, verdict in verdicts.items()
    }


CHAIN = [exercise("double"), exercise("quadruple", "double"), exercise("last", "quadruple")]


def chances(exercises, sources=(USED,)):
    return SecondChances(exercises, {"double": "D", "quadruple": "Q"}, sources)


def asked(found):
    return found and (dict(found.parts), [e.name for e in found.exercises])


def test_a_part_enters_after_its_own_exercise_was_asked_with_the_parts_it_builds_on():
    rounds = chances(CHAIN)
    found = results(double="failed", quadruple="failed", last="raised")
    assert asked(rounds.next(found)) == ({"double": "D"}, ["quadruple"])
    assert asked(rounds.next(found)) == ({"quadruple": "Q"}, ["last"])
    assert rounds.next(found) is None


def test_a_part_that_is_right_in_the_second_round_does_not_enter():
    rounds = chances(CHAIN)
    rounds.next(results(double="failed", quadruple="failed", last="failed"))
    found = results(double="failed", quadruple="passed", last="failed")
    assert rounds.next(found) is None


@pytest.mark.parametrize("verdict", ["failed", "raised", "timed_out", "out_of_memory", "missing"])
def test_a_part_that_lost_points_enters_however_it_lost_them(verdict):
    found = results(double=verdict, quadruple="failed")
    assert asked(chances(CHAIN).next(found)) == ({"double": "D"}, ["quadruple"])


@pytest.mark.parametrize(
    "found",
    [
        results(double="passed", quadruple="failed"),
        results(double="broken", quadruple="failed"),
        results(double="failed", quadruple="passed"),
        results(double="failed", quadruple="broken"),
        results(quadruple="failed"),  # the run does not ask for the part
    ],
)
def test_no_part_enters_without_need(found):
    assert chances(CHAIN).next(found) is None


def test_an_exercise_may_be_asked_again_while_a_part_is_wrong_that_its_kernel_lacks():
    rounds = chances(CHAIN)
    found = results(double="failed", quadruple="failed")
    assert not rounds.may_ask(CHAIN[0], found)
    assert rounds.may_ask(CHAIN[1], found)
    assert rounds.may_ask(CHAIN[2], found)
    rounds.next(found)
    assert not rounds.may_ask(CHAIN[1], found)
    assert rounds.may_ask(CHAIN[2], found)
    assert not rounds.may_ask(CHAIN[2], results(double="failed", quadruple="passed"))


def test_a_part_that_is_not_judged_counts_as_right():
    assert chances(CHAIN[1:]).next(results(quadruple="raised")) is None


def test_what_was_judged_for_good_before_is_not_asked_again():
    found = results(double="failed", quadruple="failed", last="failed")
    again = SecondChances(CHAIN, {"double": "D", "quadruple": "Q"}, (USED,), done=["quadruple"])
    assert asked(again.next(found)) == ({"quadruple": "Q"}, ["last"])


def test_a_part_that_no_code_uses_does_not_enter():
    found = results(double="failed", quadruple="failed")
    assert chances(CHAIN, ["def double(x): return x", "x = 'double'"]).next(found) is None
    assert chances(CHAIN, ["import utils\nutils.double(1)"]).next(found) is not None


def test_a_part_enters_with_what_it_uses_and_nothing_else(tmp_path):
    path = tmp_path / "parts.py"
    path.write_text("import torch\n" + PARTS)
    assert "half" not in definition_of("quadruple", path)
    assert "def double" in definition_of("quadruple", path)
    assert "quadruple" not in definition_of("double", path)
    with pytest.raises(CourseError, match="defines no triple"):
        definition_of("triple", path)


def test_the_shipped_parts_are_those_that_exercises_build_on():
    assignment = load_assignment("cnn")
    used = {name for e in assignment.exercises for name in e.builds_on}
    assert set(read_parts(assignment)) == used


@pytest.fixture(scope="module")
def parts_grader(tmp_path_factory, write_course):
    """A grader of double, half, quadruple (builds on double) and eight (builds on quadruple)."""
    folder = write_course(
        tmp_path_factory.mktemp("parts"),
        {
            "double": ASKS.format(name="double", due=2),
            "half": ASKS.format(name="half", due=0.5),
            "quadruple": (ASKS.format(name="quadruple", due=4), 'builds_on = ["double"]'),
            "eight": (ASKS.format(name="eight", due=8), 'builds_on = ["double", "quadruple"]'),
        },
    )
    (folder / "parts.py").write_text(PARTS)
    with Grader(Plan(str(folder))) as grader:
        yield grader


@pytest.fixture
def earned(parts_grader, tmp_path, write_notebook):
    """Grade one or several notebooks of one student; return the points by exercise."""

    def run(*notebooks):
        folder = tmp_path / "small" / "kim"
        for number, cells in enumerate(notebooks):
            write_notebook(folder / f"{number}.ipynb", *cells)
        (found,) = find_submissions([folder.parent], assignment="small")
        result = parts_grader.grade(found)
        return {one.exercise: int(one.points) for one in result.exercises}, result

    return run


def test_what_builds_on_wrong_parts_keeps_its_points(earned):
    points, result = earned(
        [
            "def double(x): return x",
            "def quadruple(x): return double(double(x))",
            "def eight(x, quadruple=quadruple): return double(quadruple(x))",
        ]
    )
    assert points == {"double": 0, "half": 0, "quadruple": 2, "eight": 2}
    assert result.exercises[2].notes == (
        "Asked again with a right double in place of yours, which is charged on its own.",
    )


def test_a_helper_that_another_notebook_of_the_student_has_right_is_not_replaced(earned):
    wrong = ["def double(x): return x", "def quadruple(x): return double(double(x))"]
    points, _ = earned(wrong, ["def double(x): return 2 * x"])
    assert points == {"double": 2, "half": 0, "quadruple": 0, "eight": 0}


KEEPERS = {
    "globals": "for name in ('double', 'quadruple', 'half'):\n"
    "        found = globals().get(name)\n"
    "        if found is not None and found.__module__ == '__parts__': LOOT[name] = found",
    "the collector of garbage": "import gc, types\n"
    "    for found in gc.get_objects():\n"
    "        if isinstance(found, types.FunctionType) and found.__module__ == '__parts__':\n"
    "            LOOT[found.__name__] = found",
    "frames": "import sys\n    frame = sys._getframe()\n    while frame is not None:\n"
    "        for name, found in [*frame.f_locals.items(), *frame.f_globals.items()]:\n"
    "            if getattr(found, '__module__', '') == '__parts__': LOOT[name] = found\n"
    "        frame = frame.f_back",
}
PATCHES = """
import builtins
LOOT = {}
def keep(made):
    def patched(source, *args, **named):
        out = made(source, *args, **named)
        for given in (*args, out):
            if isinstance(given, dict):
                LOOT.update({k: v for k, v in given.items() if k in ("double", "quadruple")})
        return out
    return patched
builtins.exec, builtins.compile = keep(builtins.exec), keep(builtins.compile)
"""
THIEF = """
LOOT = {{}}
def steal():
    {body}
def double(x): steal(); return LOOT["double"](x)
def quadruple(x): steal(); return LOOT["quadruple"](x)
def half(x): steal(); return LOOT["half"](x)
def eight(x):
    steal()
    double(quadruple(x))
    raise ValueError("ask me again with right parts")
"""


@pytest.mark.parametrize("body", KEEPERS.values(), ids=KEEPERS)
def test_a_notebook_that_keeps_what_enters_earns_nothing_by_it(earned, body):
    points, result = earned([THIEF.format(body=body)])
    assert points == {"double": 0, "half": 0, "quadruple": 0, "eight": 0}
    assert not any(c.verdict is Verdict.BROKEN for one in result.exercises for c in one.checks)


def test_a_notebook_that_patches_what_makes_the_parts_earns_nothing_by_it(earned):
    points, _ = earned([PATCHES, THIEF.format(body="pass").replace("LOOT = {}\n", "")])
    assert points == {"double": 0, "half": 0, "quadruple": 0, "eight": 0}


def test_points_do_not_depend_on_what_else_is_asked(parts_grader, earned, tmp_path):
    notebook = [
        "def double(x): return x",
        "def quadruple(x): return double(double(x))",
        "def eight(x, quadruple=quadruple): return double(quadruple(x)) + 1",
    ]
    whole, _ = earned(notebook)
    (found,) = find_submissions([tmp_path / "small"], assignment="small")
    for asked in (("quadruple",), ("eight",), ("half", "eight")):
        with Grader(replace(parts_grader.plan, only=asked)) as grader:
            alone = grader.grade(found).exercises
        assert {one.exercise: int(one.points) for one in alone} == {n: whole[n] for n in asked}
    assert whole == {"double": 0, "half": 0, "quadruple": 2, "eight": 0}


def test_what_was_judged_before_is_not_asked_again_and_what_builds_on_it_is_judged_beside_it(
    parts_grader, earned, tmp_path
):
    whole, first = earned(["def double(x): return x", "def quadruple(x): return double(double(x))"])
    (found,) = find_submissions([tmp_path / "small"], assignment="small")
    double, half, quadruple, eight = first.exercises
    marked = replace(double, notes=("kept",))
    with_some = parts_grader.grade(replace(found, judged=(marked, half, eight)))
    assert with_some.exercises == (marked, half, with_some.exercises[2], eight)
    assert with_some.exercises[2].notes == quadruple.notes  # asked again, with a right part
    assert int(with_some.points) == sum(whole.values()) == 2
