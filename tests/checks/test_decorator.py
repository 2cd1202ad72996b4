import pytest

from grader.checks import check
from grader.checks.decorator import check_of
from grader.errors import CourseError


def says_something(student):
    """Something holds."""


def test_a_mark_keeps_points_feedback_and_needs():
    mark = check_of(check(points=2, feedback="Look.", needs="test_a")(says_something))
    assert (mark.points, mark.feedback, mark.needs) == (2, "Look.", ("test_a",))


def test_several_needs_are_kept_in_order():
    assert check_of(check(points=0, needs=("b", "a"))(says_something)).needs == ("b", "a")


def test_what_has_no_mark_is_no_check():
    assert check_of(lambda student: None) is None
    assert check_of(None) is None


def test_negative_points_are_an_error_of_the_course():
    with pytest.raises(CourseError, match="says_something: points must not be negative, got -1"):
        check(points=-1)(says_something)


@pytest.mark.parametrize("text", [None, "", "   \n"])
def test_a_check_without_a_claim_is_an_error_of_the_course(text):
    def silent(student): ...

    silent.__doc__ = text
    with pytest.raises(CourseError, match="silent: a check needs a docstring"):
        check(points=1)(silent)
