"""Own sentences are answers wherever they stand; links, questions and given sentences are none."""

import re

import pytest

from grader.course import load_assignment
from grader.reading.own_text import GivenText, fingerprint, read_fingerprints
from grader.reading.written_answers import collect_answers
from grader.records import Cell

TASKS = (
    "1. Assume that we have two kernels of size $k$.\n    1. Prove that one kernel has the "
    "same effect.\n    1. Is the converse true?\n1. Design a kernel that finds edges."
)
OWN = "Padding keeps the pixels of the border from counting less than the others."


def collect(*sources, raw=(), **options):
    """Collect from cells; a source that begins with `>>>` is code, and `raw` lists raw cells."""
    cells = [
        Cell(i, "raw" if i in raw else "code" if text.startswith(">>>") else "markdown", text)
        for i, text in enumerate(sources)
    ]
    code = [Cell(c.index, "code", c.source[4:]) if c.kind == "code" else c for c in cells]
    return collect_answers(code, **options)


def states(*sources, **options):
    return [(a.section, a.state) for a in collect(*sources, **options)]


def test_own_text_in_its_own_cell_under_a_section_is_an_answer():
    found = collect(
        "7.2. Convolutions for Images", ">>> X = 1", "I think a kernel finds local patterns.",
        "7.3. Padding and Stride", ">>> Y = X", OWN,
    )  # fmt: skip
    assert [(a.section, a.heading, a.cell) for a in found] == [
        ("7.2", "7.2. Convolutions for Images", 2),
        ("7.3", "7.3. Padding and Stride", 5),
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ("## 7.3 Padding\n\nA way to control shapes.",),
        ("## Padding", OWN),
        ("## 7.3 Padding", "See below."),
        ("## 7.3 Padding", "[Discussions](https://example.org/t/68)"),
        ("## 7.3 Padding", "https://example.org/a/b"),
        ("## 7.3 Padding", "What is the size of the result here?"),
        ("## 7.3 Padding", TASKS),
        ("## 7.3 Padding", "As in :numref:`sec_conv`, padding has effects."),
    ],
)
def test_descriptions_links_and_questions_under_a_section_are_none(cells):
    assert states(*cells) == []


def test_the_prose_of_a_book_between_its_code_is_no_answer():
    prose = (
        "We now look at an example of it.", "Let's try another stride now.",
        "In the code below we call it:", "Our result is as large as before.", OWN,
    )  # fmt: skip
    cells = [cell for text in prose for cell in (">>> x", text)]
    assert states("## 7.3 Padding and Stride", *cells) == []


@pytest.mark.parametrize(
    "text",
    [
        "패딩은 가장자리 픽셀을 잃지 않게 한다.", "填充让边缘的像素也被使用。",
        "パディングは端の画素を守る。",
        "Ohne Padding wird das Bild kleiner.", "**Padding keeps the size of images.**",
        "- Padding keeps the size.\n- A stride of 2 halves it.",
        "*My answer: zeros are written around it.*",
    ],
)  # fmt: skip
def test_own_text_under_a_section_counts_in_any_language_and_form(text):
    assert states("## 7.3 Padding and Stride", ">>> x", text) == [("7.3", "written")]


def test_the_handed_out_notebook_asks_for_text_under_its_headings_alone():
    given_out = [
        Cell(0, "markdown", "## 7.2 Padding"), Cell(1, "markdown", OWN),
        Cell(2, "markdown", "## 7.4 Discussion\n\nWrite what you saw in the plots."),
    ]  # fmt: skip
    asked = collect_answers(given_out, handed_out=given_out)
    assert [(a.section, a.state) for a in asked] == [("7.4", "template")]


def test_a_student_may_say_we():
    text = "We see that the border counts less."
    assert states("## 7.3 Padding", ">>> x", text) == [("7.3", "written")]


@pytest.mark.parametrize(
    "text",
    [
        TASKS,
        "1. What is padding?\n2. Why is it used?",
        "1. 패딩이란 무엇인가?\n2. 그 이유를 설명하시오.",
        "1. 为什么使用填充？\n2. 证明结果相同。",
        "1. Erkläre den Begriff.\n2. Warum ist das so?",
        "[Discussions](https://example.org/t/68)",
        "- [Discussion](https://example.org)\n- https://example.org/b",
        "<https://example.org/t/1>",
    ],
)
def test_lists_of_exercises_and_links_under_such_a_heading_are_template_text(text):
    (answer,) = collect("## 7.3 Exercises\n\n" + text)
    assert answer.state in ("template", "empty")


@pytest.mark.parametrize(
    "text",
    [
        "1. What is padding? Zeros around the image.\n2. Why is it used?",
        "1. What is padding?\n\nZeros around the image.",
        "1. What is padding?\n   **Zeros around the image.**",
        "1. What is padding?\n\n**1. Zeros around it.**",
        "1. Zeros around the image.\n2. To keep its size.",
        TASKS + "\n\n1. They are one linear map.\n2. No, a sum of kernels has more rank.",
        "> What is padding?\n\nZeros around the image.",
        "Q: What is padding?\nA: Zeros around the image.",
        "1. 패딩이란 무엇인가? 가장자리에 0을 채우는 것이다.",
        "为什么使用填充？因为边缘像素很少被使用。",
        "Warum Padding? Damit das Bild seine Größe behält.",
        "Use a padding of one pixel.",
        "Explain it: zeros around the image.",
        "![my plot](a.png)", "$y = x + 1$", "네",
        "See [this page](https://example.org): it says that borders count less.",
    ],
)  # fmt: skip
def test_an_answer_among_questions_is_written(text):
    (answer,) = collect("## 7.3 Exercises\n\n" + text)
    assert answer.state == "written"


def test_a_heading_that_is_a_question_asks_for_text():
    assert states("### 1. What is padding?\n\nZeros around it.") == [("", "written")]
    assert states("## 7.3 Exercises\n\n### What is padding?\n\nZeros.") == [("7.3", "written")]


def test_comments_alone_and_raw_cells_are_text():
    comments = ">>> # 1. Zeros are written around the image.\n# 2. Its size is kept."
    assert states("## 7.3 Exercises", comments) == [("7.3", "written")]
    assert states("## 7.3 Padding", comments) == [("7.3", "written")]
    assert states("## 7.3 Exercises", f'>>> """{OWN}"""') == [("7.3", "written")]
    assert states("## 7.3 Exercises", OWN, raw=(1,)) == [("7.3", "written")]


@pytest.mark.parametrize("code", [">>> # x = 1\n# y = x", ">>> x = 1  # the padding of it all"])
def test_code_and_code_that_is_commented_out_are_no_text(code):
    assert states("## 7.3 Exercises", code) == []


def test_given_sentences_are_no_answer_in_any_markup_or_line_breaks():
    book = "The kernel is *moved* over\nthe image. Its sums are the result."
    given = GivenText.of([book]).fingerprints
    text = "## 7.3 Summary\n\nThe **kernel** is moved over the image.\n\nIts sums are the\nresult."
    assert states(text, given=given) == [("7.3", "template")]
    assert states(text + " I checked it.", given=given) == [("7.3", "written")]
    assert states("## 7.3 Padding", ">>> x", book, given=given) == []


def test_sentences_of_the_handed_out_notebook_are_given_wherever_they_stand():
    given_out = [Cell(0, "markdown", f"## 7.3 Padding\n\n{OWN} What else do you see?")]
    assert states("## 7.3 Padding", ">>> x", OWN, handed_out=given_out) == []
    answer = "What else do you see? The result is larger."
    assert states("## 7.3 Padding", ">>> x", answer, handed_out=given_out) == [("7.3", "written")]


def test_fingerprints_ignore_markup_and_case_alone():
    assert fingerprint("The *kernel* `K`.") == fingerprint("the kernel k")
    assert fingerprint("the kernel k") != fingerprint("the kernels k")


@pytest.mark.parametrize(
    "kept",
    [
        "A sum of 2×2 windows, see Section 7.2, is small (Kim et al., 2015).",
        "A sum of $2 \\times 2$ windows, see :numref:`sec_a`, is small :cite:`Kim.Lee.ea.2015`.",
        "A sum of $2\\times2$ windows, see Section 8.1, is small [Kim et al., 2015].",
        "A sum of 2×2 windows, see sec_a, is small.",
    ],
)
def test_references_and_formulas_of_a_given_sentence_may_be_written_in_any_way(kept):
    given = GivenText.of(["A sum of $2 \\times 2$ windows, see :numref:`sec_b`, is small."])
    assert given.own_sentences(kept) == []


def test_a_sentence_that_a_converter_broke_into_two_paragraphs_is_one():
    given = GivenText.of(["The kernel moves over the image."])
    assert given.own_sentences("The kernel moves\n\nover the image.") == []


def test_the_fingerprints_of_the_course_can_be_read():
    folder = load_assignment("cnn").folder
    found = read_fingerprints(folder / "given_sentences.txt")
    assert len(found) > 100
    assert all(re.fullmatch("[0-9a-f]{12}", one) for one in found)
    assert fingerprint("Adjust the convolution window size.") in found
    assert read_fingerprints(folder / "no_such_file.txt") == frozenset()
