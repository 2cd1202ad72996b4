"""Students who make the same mistake are one cluster, by what their code answers."""

from dataclasses import replace

import pytest

from grader.records import Counterexample, NamedMistake
from grader.report.clusters import mistakes
from grader.report.pages import report_page
from grader.verdict import Verdict

LONG = Counterexample("f([[1.0, 2.0, 3.0]])", "[[1.0, 2.0, 9.0]]", "[[1.0, 2.0, 3.0]]")
SHORT = Counterexample("f([[1.0]])", "[[9.0]]", "[[1.0]]")


@pytest.fixture
def wrong(make, exercise, check):
    """Make a student with one wrong exercise."""

    def made(student, *, example=SHORT, behaviour="", verdict=Verdict.FAILED, mistake=None, **more):
        failed = check(verdict=verdict, counterexample=example, **more)
        one = exercise("corr2d", failed, behaviour=behaviour, mistake=mistake)
        return make(student, one)

    return made


def test_equal_answers_are_one_cluster_with_the_smallest_example(wrong):
    results = [
        wrong("a", example=LONG, behaviour="d1"), wrong("b", behaviour="d1"),
        wrong("c", example=LONG, behaviour="d2"),
    ]  # fmt: skip
    first, second = mistakes(results).clusters
    assert (first.students, first.who, first.example) == (("a", "b"), (0, 1), SHORT)
    assert (first.same_answers, first.named) == (True, False)
    assert second.students == ("c",)


def test_a_named_mistake_keeps_its_name(wrong):
    known = NamedMistake("the kernel is flipped", "")
    results = [wrong("a", behaviour="d1", mistake=known), wrong("b", mistake=known)]
    (cluster,) = mistakes(results).clusters
    assert (cluster.title, cluster.named) == ("the kernel is flipped", True)
    assert cluster.students == ("a", "b")


def test_without_a_digest_equal_results_of_a_check_are_one_cluster(wrong):
    found = mistakes([wrong("a"), wrong("b"), wrong("c", example=LONG)]).clusters
    assert [cluster.students for cluster in found] == [("a", "b"), ("c",)]


def test_messages_of_errors_are_compared_without_their_numbers(wrong):
    def raised(student, got):
        return wrong(student, example=Counterexample("f()", got, ""), verdict=Verdict.RAISED)

    found = mistakes([
        raised("a", "RuntimeError: size 3 and 4 at 0x7f11"),
        raised("b", "RuntimeError: size 5 and 12 at 0x7f22"),
        raised("c", "ValueError: size 5 and 12 at 0x7f22"),
    ]).clusters  # fmt: skip
    assert [cluster.students for cluster in found] == [("a", "b"), ("c",)]


def test_checks_that_fail_for_the_same_students_are_one_row(make, exercise, check):
    def two(student):
        first, second = (
            check(name=f"test_{n}", claim=f"Claim {n}.", verdict=Verdict.FAILED) for n in "ab"
        )
        return make(student, exercise("Net", first, second))

    (cluster,) = mistakes([two("x"), two("y")]).clusters
    assert cluster.also == ("Claim b.",)
    assert cluster.students == ("x", "y")


def test_what_is_not_attempted_never_crowds_out_a_mistake(make, exercise, check, wrong):
    missing = exercise("pool2d", check("pool2d", verdict=Verdict.MISSING))
    optional = replace(missing, exercise="extra", optional=True)
    found = mistakes([wrong("a"), *(make(f"m{n}", missing, optional) for n in range(40))])
    assert [cluster.exercise for cluster in found.clusters] == ["corr2d"]
    assert [(one.exercise, one.count) for one in found.not_attempted] == [("pool2d", 40)]


def test_what_is_left_out_is_counted(wrong):
    found = mistakes([wrong(f"s{n}", behaviour=f"d{n}") for n in range(30)])
    assert (len(found.clusters), found.left_out) == (25, 5)


def test_the_page_links_the_members_of_a_cluster(wrong):
    page = report_page(
        [wrong("a", behaviour="d"), wrong("b", behaviour="d")], exercises=["corr2d"],
        max_points=4, files=["a.html", "b c.html"],
    )  # fmt: skip
    cluster = page[page.index('id="mistakes"') : page.index('id="exercises"')]
    assert 'href="feedback/a.html"' in cluster
    assert 'href="feedback/b%20c.html"' in cluster
    assert 'class="differs"' in cluster
