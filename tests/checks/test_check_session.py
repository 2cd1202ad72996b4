"""Order, dependencies, verdicts and points of checks."""

import gc
import sys
from fractions import Fraction

import pytest
import torch

from grader import errors
from grader.course import load_assignment
from grader.errors import CourseError
from grader.grading.check_session import CheckSession
from grader.verdict import Verdict

CHAIN = """
@check(points=1)
def test_z_first(student):
    "It answers."
    expect_tensor(student.answer(torch.ones(2)), call="answer(x)")

@check(points=2, needs="test_z_first", feedback="Twice.")
def test_b_values(student):
    "Every number is doubled."
    assert_equal(student.answer(torch.ones(2)), 2 * torch.ones(2), call="answer(x)")

@check(points=3, needs=("test_z_first", "test_b_values"))
def test_a_last(student):
    "Zero stays zero."
    assert_equal(student.answer(torch.zeros(1)), torch.zeros(1), call="answer(x)")

@check(points=0)
def test_alone(student):
    "It builds on nothing."
"""
ONE = """
@check(points=2, feedback="Look.")
def test_it(student):
    "It holds."
    {}
"""


def doubles(x):
    return 2 * x


def test_checks_run_in_the_order_of_the_file(course):
    results = course(CHAIN).grade(doubles)
    assert list(results) == ["test_z_first", "test_b_values", "test_a_last", "test_alone"]
    assert {r.verdict for r in results.values()} == {Verdict.PASSED}
    assert [r.points for r in results.values()] == [1, 2, 3, 0]
    assert results["test_b_values"].hint == results["test_b_values"].message == ""


def test_what_builds_on_a_failed_check_is_skipped_and_says_why(course):
    results = course(CHAIN).grade(lambda x: x)
    assert [str(r.verdict) for r in results.values()] == ["passed", "failed", "skipped", "passed"]
    assert results["test_b_values"].hint == "Twice."
    last = results["test_a_last"]
    assert last.message == "Not asked: it builds on “Every number is doubled.”, which did not pass."
    assert (last.points, last.max_points) == (0, 3)


def test_skipping_goes_on_down_the_chain_and_names_every_claim(course):
    results = course(CHAIN).grade(lambda x: None)
    assert [str(r.verdict) for r in results.values()] == ["failed", "skipped", "skipped", "passed"]
    assert "“It answers.” and “Every number is doubled.”" in results["test_a_last"].message


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (errors.NameNotDefined("answer"), Verdict.MISSING),
        (errors.StudentRaised("answer(x)", "ValueError", "no", "cell 3, line 2"), Verdict.RAISED),
        (errors.StudentRaised("answer(x)", "", "it is no module"), Verdict.RAISED),
        (errors.CallTimedOut("answer(x)", 5.0), Verdict.TIMED_OUT),
        (errors.BadAnswer("answer(x)", "None", "a tensor"), Verdict.FAILED),
        (errors.KernelDied("answer(x)", "the process exited"), Verdict.RAISED),
        (errors.OutOfMemory("answer(x)", 1 << 30), Verdict.OUT_OF_MEMORY),
        (AssertionError("it is not so"), Verdict.FAILED),
        (errors.KernelLost("no kernel"), Verdict.BROKEN),
        (errors.CourseError("a wrong file"), Verdict.BROKEN),
        (ZeroDivisionError("division by zero"), Verdict.BROKEN),
        (TypeError("a list cannot be sent"), Verdict.BROKEN),
    ],
)
def test_every_error_ends_in_its_verdict_with_its_words(course, error, verdict):
    class Student:
        def answer(self):
            raise error

    small = course(ONE.format("student.answer()"))
    (result,) = small.session.run(small.exercise, Student())
    assert (result.verdict, result.points, result.max_points) == (verdict, 0, 2)
    assert str(error) in result.message
    assert result.hint == "Look."
    assert ("The check itself failed" in result.message) is (verdict is Verdict.BROKEN)


def test_what_cannot_be_asked_of_an_object_is_a_sentence(course):
    class Plain:
        def __call__(self):
            """Be something that can be asked of."""

    small = course(ONE.format("student.answer().parameters()"))
    result = small.grade(Plain)["test_it"]
    assert result.message == "Plain.parameters() cannot be done: a Plain is no nn.Module"


def test_facts_are_kept_beside_the_sentence(course):
    def asks(error):
        class Student:
            def answer(self):
                raise error

        small = course(ONE.format("student.answer()"))
        return small.session.run(small.exercise, Student())[0].counterexample

    raised = asks(errors.StudentRaised("f(1)", "ValueError", "no", "cell 3, line 2"))
    assert (raised.call, raised.got, raised.where) == ("f(1)", "ValueError: no", "cell 3, line 2")
    assert asks(errors.StudentRaised("f(1)", "", "it is no module")).got == "it is no module"
    assert asks(errors.BadAnswer("f(1)", "None", "a tensor")).expected == "a tensor"
    assert asks(errors.CallTimedOut("f(1)", 5.0)).got == "no answer in 5 s"
    assert asks(AssertionError("no")) is None


@pytest.mark.parametrize(
    "body", ["import pytest; pytest.skip('not today')", "import sys; sys.exit(1)", "assert 1 == 2"]
)
def test_a_check_cannot_end_the_session(course, body):
    small = course(ONE.format(body))
    assert small.grade(doubles)["test_it"].verdict is not Verdict.PASSED
    assert small.grade(doubles)["test_it"].points == 0


def test_a_fixture_that_does_not_exist_is_the_courses_fault(course):
    small = course(ONE.format("pass").replace("(student)", "(student, stduent)"))
    result = small.grade(doubles)["test_it"]
    assert result.verdict is Verdict.BROKEN
    assert "stduent" in result.message


def test_a_long_message_is_cut(course):
    small = course(ONE.format("raise AssertionError('x' * 100_000)"))
    assert len(small.grade(doubles)["test_it"].message) == 2_000


def test_parametrized_checks_and_pytests_own_fixtures_work(course):
    small = course(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "@check(points=1)\n"
        "@given(whole_numbers((2,)))\n"
        "def test_multiples(student, tmp_path, n, x):\n"
        "    'It is linear.'\n"
        "    assert tmp_path.is_dir()\n"
        "    assert_equal(student.answer(n * x), 2 * n * x, call='answer(x)')\n"
    )
    results = small.grade(doubles)
    assert [r.verdict for r in results.values()] == [Verdict.PASSED] * 2
    assert len(results) == 2


def test_fixtures_of_a_conftest_of_the_course_are_found(course, tmp_path, monkeypatch):
    # pytest takes a conftest.py for the one it knows by the name: another course's, in this process
    for name in [name for name in sys.modules if name.split(".")[0] == "exercises"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "conftest.py").write_text(
        "import pytest\n"
        "pytest_plugins = ['grader.pytest_plugin']\n"
        "@pytest.fixture\n"
        "def two(): return 2.0\n"
    )
    small = course(ONE.format("assert two == 2.0").replace("(student)", "(student, two)"))
    assert small.grade(doubles)["test_it"].verdict is Verdict.PASSED


def test_points_are_scaled_to_the_total_of_the_assignment(course):
    results = course(CHAIN, assignment='[points]\nanswer = "7/2"\n').grade(doubles)
    assert [r.max_points for r in results.values()] == [
        Fraction(7, 12), Fraction(14, 12), Fraction(21, 12), 0,
    ]  # fmt: skip
    assert sum(r.points for r in results.values()) == Fraction(7, 2)


def test_an_optional_exercise_carries_no_points(course):
    results = course(CHAIN, "optional = true").grade(doubles)
    assert {r.max_points for r in results.values()} == {0}


def test_an_optional_exercise_carries_the_points_it_is_given(course):
    small = course(CHAIN, "optional = true", "[points]\nanswer = 12\n")
    assert sum(r.points for r in small.grade(doubles).values()) == 12


def test_checks_without_points_stay_without_points(course):
    small = course(ONE.format("pass").replace("points=2", "points=0"), "", "[points]\nanswer = 5\n")
    assert small.grade(doubles)["test_it"].max_points == 0


def test_what_could_not_be_asked_has_a_row_for_every_check(course):
    small = course(CHAIN)
    results = small.session.not_asked(small.exercise, Verdict.MISSING, "There is no answer.")
    assert [(r.verdict, r.points) for r in results] == [(Verdict.MISSING, 0)] * 4
    assert [r.max_points for r in results] == [1, 2, 3, 0]


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ("", "the exercise answer has no checks"),
        ("def test_it(student): 'It holds.'", "is no check: put @check above it"),
        (ONE.format("pass").replace("points=2", "points=2, needs='test_other'"),
         "answer: test_it needs test_other, which is no check before it"),
        (ONE.format("pass").replace("points=2", "points=2, needs='test_it'"),
         "answer: test_it needs test_it, which is no check before it"),
        ("def test_(:", "test_answer.py cannot be imported: SyntaxError"),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named"),
        ("1 / 0", "test_answer.py cannot be imported: ZeroDivisionError: division by zero"),
        ("@check(points=1)\ndef test_it(student): ...", "test_answer.py: test_it: a check needs"),
    ],
)  # fmt: skip
def test_wrong_checks_are_an_error_that_names_the_place(tmp_path, write_course, checks, reason):
    assignment = load_assignment(write_course(tmp_path, {"answer": checks}))
    session = CheckSession(assignment.exercises, course=assignment.course)
    with pytest.raises(CourseError) as caught, session:
        pass
    assert reason in str(caught.value)


def test_a_session_after_one_that_could_not_start_is_sound(tmp_path, write_course, course):
    assignment = load_assignment(write_course(tmp_path, {"answer": "1 / 0"}))
    with pytest.raises(CourseError):
        CheckSession(assignment.exercises, course=assignment.course).__enter__()
    assert course(CHAIN).grade(doubles)["test_a_last"].verdict is Verdict.PASSED


def test_checks_may_lie_deeper_in_the_folder_of_their_exercise(tmp_path, write_course):
    folder = write_course(tmp_path, {"answer": ONE.format("pass")})
    (folder / "answer" / "more").mkdir()
    (folder / "answer" / "test_answer.py").rename(folder / "answer" / "more" / "test_deep.py")
    assignment = load_assignment(folder)
    with CheckSession(assignment.exercises, course=assignment.course) as session:
        assert [name for name, *_ in session.rubric(assignment.exercises[0])] == ["test_it"]


def test_probing_asks_every_question_whatever_the_answers_are(course):
    small = course(CHAIN)
    student = small.student(lambda x: None)
    transcript = student.record()
    assert [*small.session.probe(small.exercise, student)]
    assert transcript == [("call", None)] * 3


def test_probing_goes_past_a_check_that_breaks(course):
    small = course(ONE.format("student.answer(torch.ones(1)).no_such_attribute") + CHAIN)
    student = small.student(doubles)
    transcript = student.record()
    assert [*small.session.probe(small.exercise, student)]
    assert len(transcript) == 4
    assert all(torch.is_tensor(answer) for _, answer in transcript)


ADDS_IN_FLOAT32 = """
@check(points=2)
def test_it(student):
    "The result can be used in a product."
    assert bool((torch.ones(2, 2) @ student.answer(torch.ones(2)) == 4).all())
"""
BANK_OF_DOUBLES = "from grader.checks import rewrite\n\n@rewrite\ndef doubles(x): return 2 * x\n"
UNUSABLE = {
    "another dtype": lambda x: 2 * x.double(),
    "another shape": lambda x: torch.ones(3, 3),
    "an array": lambda x: (2 * x).numpy(),
    "text": lambda x: "4",
    "nothing": lambda x: None,
    "a generator": lambda x: (2 * one for one in x),
    "a complex number": lambda x: 2 * x + 0j,
    "an infinite number": lambda x: float("inf"),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
def test_an_answer_that_breaks_a_check_pays_where_a_right_answer_passes(course, answer):
    results = course(ADDS_IN_FLOAT32, bank=BANK_OF_DOUBLES).grade(answer)
    assert results["test_it"].verdict is Verdict.FAILED
    assert results["test_it"].traceback == ""


def test_the_reason_names_the_error_of_the_check(course):
    results = course(ADDS_IN_FLOAT32, bank=BANK_OF_DOUBLES).grade(lambda x: 2 * x.double())
    assert "RuntimeError" in results["test_it"].message
    assert "dtype" in results["test_it"].message


def test_a_check_that_breaks_on_a_right_answer_too_leaves_the_points_open(course):
    results = course(ONE.format("1 / 0"), bank=BANK_OF_DOUBLES).grade(doubles)
    assert results["test_it"].verdict is Verdict.BROKEN


def test_a_fault_of_the_machine_is_not_asked_again(course):
    raises = "from grader.errors import KernelLost\n    raise KernelLost('no kernel')"
    results = course(ONE.format(raises), bank=BANK_OF_DOUBLES).grade(doubles)
    assert results["test_it"].verdict is Verdict.BROKEN


def test_the_error_of_a_check_is_not_kept_with_all_that_its_frames_hold(course):
    results = course(ONE.format("raise AssertionError('a check with a large network')")).grade(
        doubles
    )
    assert results["test_it"].verdict is Verdict.FAILED
    gc.collect()
    kept = [one for one in gc.get_objects() if type(one) is AssertionError]
    assert not [one for one in kept if "a large network" in str(one)]
