"""A cell is translated once, and afresh where the translation may have changed."""

from __future__ import annotations

import pytest

from grader.guest import translated_cells


@pytest.fixture
def counted(shell):
    """A shell that notes the texts that it translates."""
    translate, asked = shell.transform_cell, []

    def counting(text: str) -> str:
        asked.append(text)
        return translate(text)

    shell.transform_cell = counting
    cells = translated_cells.install(shell)
    yield shell, asked
    shell.events.unregister("post_execute", cells.forget)
    shell.transform_cell = translate


def test_a_text_is_translated_once_until_its_cell_has_run(counted):
    shell, asked = counted
    text = "x = 1"
    assert shell.transform_cell(text) == shell.transform_cell(text) == "x = 1\n"
    shell.run_cell(text)
    assert asked == [text]
    shell.run_cell(text)
    assert asked == [text, text]


def test_another_text_is_translated_anew(counted):
    shell, asked = counted
    assert [shell.transform_cell(text) for text in ("a", "b", "a")] == ["a\n", "b\n", "a\n"]
    assert asked == ["a", "b", "a"]


@pytest.mark.parametrize("silent", [False, True])
def test_what_a_cell_changes_in_the_translation_holds_for_the_same_text_after_it(counted, silent):
    shell, _ = counted
    steps = shell.input_transformers_post
    shell.user_ns["change"] = lambda: steps.append(lambda lines: ["y = 2\n"])
    try:
        shell.run_cell("change()", silent=silent)
        shell.run_cell("change()", silent=silent)
        assert shell.user_ns["y"] == 2
    finally:
        steps.clear()


def test_a_text_that_cannot_be_translated_is_not_remembered(counted):
    shell, asked = counted

    def refuse(lines):
        raise SyntaxError("no")

    shell.input_transformers_post.append(refuse)
    try:
        for _ in range(2):
            with pytest.raises(SyntaxError):
                shell.transform_cell("x")
    finally:
        shell.input_transformers_post.clear()
    assert shell.transform_cell("x") == "x\n"
    assert asked == ["x", "x", "x"]
