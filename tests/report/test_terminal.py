"""The terminal shows a class in a table and one student's checks, in 80 columns, without markup."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from grader.grading.sheet_files import Entry
from grader.points import Standing
from grader.records import PassedOver
from grader.report.terminal import cache_view, check_view, passed_over_view, summary_table


def printed(renderable):
    file = io.StringIO()
    Console(file=file, width=80, color_system=None).print(renderable)
    return file.getvalue()


def test_points_after_the_policy_stand_beside_the_others(class_of_five):
    adjusted = [Standing(Fraction(9, 2), Fraction(10)) for _ in class_of_five]
    text = printed(summary_table(class_of_five, max_points=Fraction(48), adjusted=adjusted))
    assert "after policy" in text
    assert text.count("4.5/10") == len(class_of_five)
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_class_fits_80_columns_and_says_what_went_wrong(class_of_five):
    text = printed(summary_table(class_of_five, max_points=Fraction(48)))
    assert all(len(line) <= 80 for line in text.splitlines())
    for words in ("lee", "4/18", "22.2", "flipped", "pool2d", "8/8, 4 open", "0/48", "internal"):
        assert words in text


def test_a_student_sees_call_got_and_expected(flawed):
    text = printed(check_view(flawed))
    for words in ("call:", "[[0.0, 1.0]]", "got:", "expected:", "try:", "known mistake", "cell 12"):
        assert words in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_hints_are_given_one_kind_at_a_time(flawed):
    views = [printed(check_view(flawed, hints=hints)) for hints in range(4)]
    assert ["try:" in view for view in views] == [False, True, True, True]
    assert ["known mistake" in view for view in views] == [False, False, True, True]
    assert ["not symmetric" in view for view in views] == [False, False, False, True]


def test_markup_in_a_students_text_is_shown_and_not_obeyed(hostile):
    text = "[bold red]x[/] [link=file:x]y[/link] :smile:"
    result = hostile(text)
    assert "[bold red]x[/]" in printed(check_view(result))
    assert "[bold" in printed(summary_table([result]))


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_can_be_printed(hostile, text):
    printed(check_view(hostile(text))).encode("utf-8")
    printed(summary_table([hostile(text)])).encode("utf-8")


def test_no_escape_sequence_of_a_student_reaches_the_terminal(hostile):
    result = hostile("\x1b[2J\x1b]0;title\x07")
    assert "\x1b" not in printed(check_view(result)) + printed(summary_table([result]))


def test_what_was_passed_over_is_listed_with_its_reason_and_cut_for_display_only():
    long = PassedOver("class/" + "a" * 5000 + ".csv", "it is no notebook")
    lines = [PassedOver(f"class/{number}.pdf", "it is a PDF") for number in range(110)]
    text = " ".join(printed(passed_over_view([long, *lines])).split())
    assert "111 passed over:" in text
    assert "is no notebook" in text
    assert "class/0.pdf: it is a PDF" in text
    assert "more, in report.html" in text
    assert len(text) < 10_000
    assert printed(passed_over_view([])).strip() == ""


def test_no_escape_sequence_of_a_file_name_reaches_the_terminal():
    text = printed(passed_over_view([PassedOver("\x1b[2Jx[bold]y.csv", "it is no notebook")]))
    assert "\x1b" not in text
    assert "[bold]y.csv" in text


def test_the_cache_is_listed_by_assignment_with_its_size():
    sizes = {"cnn/a.sheet": 3 << 20, "cnn/b.sheet": 1 << 20, "rnn/gru.sheet": 2048}
    entries = [Entry(Path(name), size, 0.0) for name, size in sizes.items()]
    lines = printed(cache_view(Path("/home/someone/c"), entries)).splitlines()
    assert [line.split() for line in lines] == [
        ["/home/someone/c"],
        ["assignment", "entries", "size"],
        ["cnn", "2", "4.0", "MiB"],
        ["rnn", "1", "2.0", "KiB"],
        ["3", "entries,", "4.0", "MiB"],
    ]
