import pytest

from grader.checks import mistake
from grader.checks.bank import load_bank
from grader.errors import CourseError

BANK = """
from grader.checks import mistake, rewrite

@rewrite
def twice(x): return x + x

@mistake("it is squared", hint="Add.", caught_by="test_values")
def squares(x): return x * x

def helper(x): return x

@mistake("nothing is done", hint="Add.", caught_by=("test_values", "test_shape"))
def identity(x): return x
"""


def test_a_bank_keeps_the_order_of_its_file(tmp_path):
    path = tmp_path / "bank.py"
    path.write_text(BANK)
    bank = load_bank(path)
    assert [entry.name for entry in bank.rewrites] == ["twice"]
    assert [(entry.name, entry.title) for entry in bank.mistakes] == [
        ("squares", "it is squared"),
        ("identity", "nothing is done"),
    ]
    assert bank.mistakes[1].caught_by == {"test_values", "test_shape"}
    assert bank.rewrites[0].answer(4) == 8


def test_no_file_is_an_empty_bank(tmp_path):
    bank = load_bank(tmp_path / "bank.py")
    assert bank.rewrites == bank.mistakes == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def (", "SyntaxError"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_bank_that_cannot_be_imported_is_an_error_that_names_the_file(tmp_path, text, reason):
    path = tmp_path / "bank.py"
    path.write_text(text)
    with pytest.raises(CourseError) as caught:
        load_bank(path)
    assert str(caught.value).startswith(f"{path} cannot be imported: {reason}")


def test_a_mistake_that_no_check_catches_is_refused():
    with pytest.raises(CourseError, match="no check catches"):
        mistake("harmless", hint="", caught_by=())(abs)
