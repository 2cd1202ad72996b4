"""What a student sees of a self-check, and what it leaves as it was."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from grader.reading import self_checks
from grader.selfcheck import student_file
from tests.selfcheck.conftest import load

SOURCE = Path(student_file.__file__)


def test_the_file_needs_python_3_9_and_torch_alone():
    text = SOURCE.read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    assert "from __future__ import annotations" in text  # of which none is evaluated
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    imported = {name.name for node in imports for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"torch"}


def test_a_handed_in_file_is_recognised_by_its_beginning_and_its_data_by_their_name():
    assert self_checks.is_handed_out("hw/selfcheck.py", SOURCE.read_bytes())
    assert self_checks.is_handed_out(student_file.DATA, b"PK")
    assert not self_checks.is_handed_out("selfcheck.py", b"def check(x): return x\n")
    assert (self_checks.MODULE, self_checks.DATA) == ("selfcheck", student_file.DATA)


def test_run_as_a_program_it_says_how_it_is_used():
    done = subprocess.run([sys.executable, SOURCE], capture_output=True, text=True, check=True)
    assert "selfcheck.check()" in done.stdout


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.ones(2), "a float32 tensor (2,)"),
        (torch.tensor([1]), "an int64 tensor (1,)"),
        (torch.tensor([1], dtype=torch.uint8), "a uint8 tensor (1,)"),
        (torch.ones(1).numpy(), "an ndarray"),
        ([1], "a list of 1"),
        (object(), "an object"),
        (len, "a builtin_function_or_method"),
    ],
)
def test_a_value_has_the_article_that_is_spoken(value, words):
    assert student_file.described(value) == words


def test_right_answers_are_said_to_be_right_and_nothing_is_promised(ask):
    lines = ask("double", double=lambda x: x + x)
    assert lines == ["double: right on all 9 questions.", student_file.NO_PROMISE]
    assert "no promise of full points" in lines[1]


def test_a_function_is_known_by_its_own_name_that_of_the_notebook_or_a_pattern(ask):
    def double(x):
        return x + x

    right = ["double: right on all 9 questions.", student_file.NO_PROMISE]
    assert ask(double) == ask(double, anything=double) == right
    by_another_name = lambda x: x + x  # noqa: E731
    assert ask(by_another_name, twice_as_much=by_another_name) == right
    assert ask("twice", twice=by_another_name) == right
    assert ask("double", twice=by_another_name) == right


def test_without_names_all_that_the_notebook_defines_is_asked(ask):
    lines = ask(double=lambda x: 2 * x, Layer=torch.nn.Linear)
    assert lines == [
        "Not defined here: fourfold.",
        "Without a self-check, `grader check` asks them: Layer.",
        "double: right on all 9 questions.",
        student_file.NO_PROMISE,
    ]
    (nothing,) = ask(x=3)
    assert nothing.startswith("Nothing that is asked is defined here: double, fourfold.")


def test_a_layer_of_torch_under_the_name_of_an_exercise_is_no_answer(ask):
    assert ask(double=torch.nn.ReLU())[0].startswith("Nothing that is asked")


def test_the_smallest_wrong_call_is_shown_as_it_would_be_typed(ask):
    lines = ask("double", double=lambda x: x + 1 if x.numel() == 2 else 2 * x)
    assert lines[0].startswith("double: right")
    lines = ask("double", double=lambda x: 2 * x if x.numel() == 6 else x + 2)
    assert lines == [
        "double: not right on 1 of 9 questions. The smallest call:",
        "  call      double(torch.tensor([1.0, 1.0]))",
        "  returned  a float32 tensor (2,): [3.0, 3.0]",
        "  expected  a float32 tensor (2,): [2.0, 2.0]",
        "  differs   At (0): 3, and 2 was expected (2 of 2 numbers differ).",
        "  asked     x keeps its numbers.",
    ]


def test_arguments_are_shown_as_they_would_be_typed():
    x = torch.tensor([[1.0, 2.5], [float("nan"), -float("inf")]])
    typed = student_file.typed
    assert typed({"a": [1.5, (2,)], "b": None}) == "{'a': [1.5, (2,)], 'b': None}"
    assert typed(x[:1]) == "torch.tensor([[1.0, 2.5]])"
    assert typed(x[1]) == "torch.tensor([float('nan'), float('-inf')])"
    assert typed(x[:1].t().contiguous().t()[:, :1].double()) == (
        "torch.tensor([[1.0]], dtype=torch.float64)"
    )
    assert typed(torch.arange(4).reshape(2, 2).t()) == "torch.tensor([[0, 1], [2, 3]]).t()"
    assert typed(torch.zeros(0, 3)) == "torch.zeros((0, 3))"
    assert typed(torch.zeros(8, 8)) == "a float32 tensor (8, 8)"


def wrong(ask, function):
    """Return the shown facts by their names."""
    lines = [line.strip().split(None, 1) for line in ask("double", double=function)[1:]]
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2}


@pytest.mark.parametrize(
    ("answer", "differs"),
    [
        (lambda x: (2 * x)[None], "The shape is (1, 2), and (2,) was expected."),
        (lambda x: (2 * x).tolist(), "A tensor was expected, not a list of 2."),
        (lambda x: (2 * x).numpy(), "A tensor was expected, not an ndarray."),
        (lambda x: None, "A tensor was expected, not None."),
        (lambda x: 2 * x + 0j, "The numbers are complex."),
        (lambda x: 2 * x * torch.nan, "At (0): nan, and 2 was expected (2 of 2 numbers differ)."),
        (lambda x: torch.empty(2, device="meta"), "It cannot be compared: "),
    ],
)
def test_shape_and_type_are_said_where_these_differ(ask, answer, differs):
    assert wrong(ask, answer)["differs"].startswith(differs)


@pytest.mark.parametrize("kind", [torch.int64, torch.float64, torch.float16, torch.float32])
def test_the_dtype_is_free_where_the_numbers_are_right(ask, kind):
    assert ask("double", double=lambda x: (2 * x).to(kind))[0].startswith("double: right")


def test_an_error_is_shown_with_the_line_of_the_student(ask, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text("import torch\ndef double(x):\n    y = x + x\n    return torch.cat(y, 7)\n")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    found = wrong(ask, names["double"])
    assert found["raised"].startswith("TypeError: ")
    assert found["at"] == "line 4 of double: return torch.cat(y, 7)"


def test_a_call_that_cannot_be_made_is_an_error_of_the_call(ask):
    found = wrong(ask, lambda: 3)
    assert "0 positional arguments" in found["raised"]
    assert found["at"] == "the call itself"


class Mute(Exception):
    """An error without words."""

    def __str__(self):
        raise ValueError


@pytest.mark.parametrize("error", [SystemExit(3), Mute(), RuntimeError("x" * 10_000)])
def test_any_error_is_an_answer_in_bounded_words(ask, error):
    def double(x):
        raise error

    found = wrong(ask, double)
    assert found["raised"].startswith(type(error).__name__)
    assert max(map(len, found.values())) < 400


def test_a_changed_argument_is_told(ask):
    lines = ask("double", double=lambda x: x.mul_(2))
    assert lines[2:4] == [
        "  changed   its argument number 1, which it must leave alone",
        "  after     a float32 tensor (2,): [2.0, 2.0]",
    ]
    told = "It answers like this known one: x itself is doubled. Build a new tensor."
    assert lines[-1] == f"  mistake   {told}"


def test_a_known_mistake_is_named_where_all_answers_are_its_own(ask):
    lines = ask("double", double=lambda x: x.pow(2))
    told = "It answers like this known one: the numbers are squared. x + x, not x * x."
    assert lines[-1] == f"  mistake   {told}"
    nearly = ask("double", double=lambda x: x.pow(2) if x.numel() == 6 else x - 1)
    assert not any("known one" in line for line in nearly)


def test_what_a_wrong_part_may_have_caused_is_left_open(ask):
    names = {}
    exec("def double(x): return x + 1\ndef fourfold(x): return double(double(x))", names)
    lines = ask("fourfold", **names)
    assert lines[0] == "fourfold: open. It builds on double (not right yet): look there first."
    names["double"] = lambda x: x + x
    assert ask("fourfold", **names)[0] == "fourfold: right on all 1 questions."
    alone = ask("fourfold", fourfold=lambda x: x)
    assert alone[0] == "fourfold: not right on 1 of 1 questions. The smallest call:"


def test_an_interrupt_ends_a_call_and_says_which(ask):
    def double(x):
        raise KeyboardInterrupt  # Ctrl-C in a loop that never ends

    first, second = ask("double", double=double)
    assert first.startswith("double: stopped. This call had not ended: double(torch.tensor([")
    assert second == "  Does every loop of it come to an end?"


def test_settings_are_those_of_a_new_session_for_each_question_and_are_put_back(ask):
    seen = []

    def double(x):
        seen.append(
            (torch.rand(1).item(), random.random(), np.random.rand(), torch.get_default_dtype(),
             torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.ones(1).device.type)
        )  # fmt: skip
        print("a trace")
        warnings.warn("a warning", stacklevel=1)
        torch.manual_seed(7)
        random.seed(7)
        np.random.seed(7)
        torch.set_default_dtype(torch.float16)
        return x + x

    torch.manual_seed(3)
    before = torch.get_rng_state()
    pythons, numpys = random.getstate(), np.random.get_state()[1].tolist()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            lines = ask("double", double=double)
            assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert lines == ["double: right on all 9 questions.", student_file.NO_PROMISE]
    assert len({*seen}) == 1
    assert seen[0][3:] == (torch.float32, True, False, "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert random.getstate() == pythons
    assert np.random.get_state()[1].tolist() == numpys


def test_arguments_are_made_anew_for_every_call_and_every_check(ask):
    kept = []

    def double(x):
        kept.append(x)
        y = x + x
        if len(x) == 2 and x.ndim == 2:
            x.zero_()
        return y

    assert ask("double", double=double)[0] == ask("double", double=double)[0]
    assert len({x.data_ptr() for x in kept}) == len(kept)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Layer", "Layer has no self-check: `grader check` asks it."),
        ("doubel", "doubel is no exercise of this self-check. It asks: double, fourfold."),
        ("double", "double is not defined here. Run the cell that defines it first."),
        ("[", "[ is no exercise of this self-check. It asks: double, fourfold."),
        ("", "'' is no exercise of this self-check. It asks: double, fourfold."),
        (3, "3 is no exercise of this self-check. It asks: double, fourfold."),
        (None, "None is no exercise of this self-check. It asks: double, fourfold."),
    ],
)
def test_a_name_that_cannot_be_asked_is_said_with_what_can(ask, name, told):
    assert ask(name) == [told]


def test_a_value_in_the_place_of_a_function_is_said(ask):
    assert ask("double", double=torch.ones(2)) == [
        "double is a float32 tensor (2,). Give the function itself."
    ]


@pytest.mark.parametrize("size", [0, 10, 500, -1])
def test_a_damaged_file_of_questions_is_a_sentence(handed_out, capsys, size):
    path = handed_out / "selfcheck.dat"
    data = path.read_bytes()
    path.write_bytes(data[:size])
    load(handed_out).check("double")
    assert capsys.readouterr().out == (
        "selfcheck.dat is damaged or incomplete. Get selfcheck.py and selfcheck.dat again, and put "
        "both beside your notebook.\n"
    )


def test_changed_numbers_in_the_file_are_noticed(handed_out, capsys):
    path = handed_out / "selfcheck.dat"
    data = bytearray(path.read_bytes())
    for place in range(60, 90):
        data[place] ^= 255
    path.write_bytes(data)
    load(handed_out).check("double")
    assert "damaged" in capsys.readouterr().out


def test_a_missing_file_of_questions_is_a_sentence(handed_out, capsys):
    (handed_out / "selfcheck.dat").unlink()
    load(handed_out).check()
    assert capsys.readouterr().out.startswith(f"selfcheck.dat is missing in {handed_out}. Get ")


def test_files_of_different_handouts_are_noticed(handed_out, capsys):
    module = load(handed_out)
    module.FORMAT = 2
    module.check()
    assert "are of different handouts" in capsys.readouterr().out


SCRIPT = """
import sys
sys.modules["grader"] = None  # an import of it would fail
sys.path.insert(0, {folder!r})
import selfcheck
def double(x):
    return x + x
def fourfold(x):
    return double(x)
selfcheck.check()
class Loop:
    def __call__(self, x):
        import _thread
        _thread.interrupt_main()
        while True:
            pass
double = Loop()
selfcheck.check("double")
print("after")
"""


def test_it_runs_as_a_plain_script_without_the_grader(handed_out):
    ran = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT.format(folder=str(handed_out))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert lines[0] == "double: right on all 9 questions."
    assert lines[1] == "fourfold: not right on 1 of 1 questions. The smallest call:"
    assert lines[-3].startswith("double: stopped.")
    assert lines[-1] == "after"
    assert ran.stderr == ""
