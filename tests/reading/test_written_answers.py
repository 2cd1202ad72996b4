"""Written answers are collected by heading, in any language, and empty ones are recognised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.reading.written_answers import MOST_CHARACTERS, collect_answers, in_short, section_order
from grader.records import Cell


def collect(*sources, **options):
    """Collect from cells; a source that begins with `>>>` is code."""
    cells = [
        Cell(i, "code" if text.startswith(">>>") else "markdown", text)
        for i, text in enumerate(sources)
    ]
    return collect_answers(cells, **options)


def brief(*sources, **options):
    return [(a.section, a.heading, a.cell, a.state) for a in collect(*sources, **options)]


@pytest.mark.parametrize(
    "heading",
    ["## Discussion", "### 3 Exercises", "#Summary", "**Takeaways**", "Q&A", "<h2>Notes</h2>",
     "## 느낀점", "## 정리하기", "### 토론", "## 연습문제", "**요약:**", "## 小结", "## まとめ",
     "### Memos", "## What I learned", "## 메모", "## 논의", "## 분석", "## [Discussion](#top)",
     "<details><summary>Discussion</summary>", "Discussion\n----------",
     "### Take-away message", "## Zusammenfassung", "Summary and Discussion", "느낀 점"],
)  # fmt: skip
def test_text_under_such_a_heading_is_an_answer(heading):
    (answer,) = collect(f"{heading}\n\nsome text")
    assert (answer.text, answer.state) == ("some text", "written")


@pytest.mark.parametrize(
    "source",
    ["Discussion\nsome text", "<h3>Discussion</h3>some text", "토의:\nsome text",
     "## Discussion: some text here"],
)  # fmt: skip
def test_text_may_follow_a_heading_at_once(source):
    (answer,) = collect(source)
    assert answer.text.startswith("some text")
    assert answer.state == "written"


def test_a_request_to_write_is_no_heading():
    assert brief("## 토의", "여기에 답변을 작성하세요") == [("", "토의", 1, "template")]


def test_text_under_other_headings_is_none():
    assert brief("## 7.3 Padding\n\nA way to control shapes.", "### LeNet\n\ntext") == []


def test_the_section_is_the_last_number_of_a_heading():
    assert brief("## 7.2. Convolutions", ">>> x", "### Discussion\n\nmine") == [
        ("7.2", "Discussion", 2, "written")
    ]


def test_numbers_that_a_pdf_converter_made_up_are_no_sections():
    source = "2 7.2. Convolutions for Images"
    assert brief(source, "2.0.6 Summary\n\nmine\n\n3 7.3. Padding and Stride\n\nother") == [
        ("7.2", "2.0.6 Summary", 1, "written")
    ]


def test_text_after_the_code_of_an_exercise_belongs_to_it_until_the_next_heading():
    sources = ("## 7.2 Exercises", ">>> corr2d(X, K)", "It finds edges.", "## 7.3 Padding\n\nno")
    assert brief(*sources) == [("7.2", "7.2 Exercises", 2, "written")]


def test_sub_headings_stay_inside_an_answer_and_alone_are_none():
    assert brief("## 8.6 Notes\n\n### Key features\n\ntext") == [("8.6", "8.6 Notes", 0, "written")]
    assert brief("## 8.2 Exercises\n\n### VGG-16", ">>> VGG()") == []


def test_a_label_introduces_an_answer_on_its_own_line():
    assert brief("## 7.5 Pooling", "**Takeaway:** max is better.") == [
        ("7.5", "Takeaway", 1, "written")
    ]


@pytest.mark.parametrize(
    ("text", "state"),
    [("", "empty"), ("  \n---\n", "empty"), ("<!-- write here -->", "empty"),
     ("YOUR ANSWER HERE", "template"), ("*Type your answer here.*", "template"),
     ("여기에 답을 작성하세요.", "template"), ("TODO", "template"), ("...", "template"),
     ('<img src="curves.png">', "written"), ("[Your answer here]", "template"),
     ("(Write your discussion here)", "template"),
     ("The answer is that writing more here helps.", "written"), ("네", "written")],
)  # fmt: skip
def test_empty_and_template_text_is_recognised(text, state):
    (answer,) = collect(f"## 7.2 Discussion\n\n{text}")
    assert answer.state == state


def test_the_handed_out_text_is_template_text():
    given_out = [Cell(0, "markdown", "## Discussion\n\nExplain why  padding matters.")]
    source = "## Discussion\n\nExplain *why* padding matters."
    assert brief(source, handed_out=given_out) == [("", "Discussion", 0, "template")]
    assert brief(source + "\n\nBecause.", handed_out=given_out)[0][3] == "written"


def test_an_exercise_solved_in_code_alone_is_no_empty_answer():
    assert brief("## 7.5 Exercises", ">>> def f(): ...") == []


def test_a_title_over_other_answer_headings_is_no_empty_answer():
    assert brief("### Notes & Exercises\n\n## 7.1 Notes\n\ntext") == [
        ("7.1", "7.1 Notes", 0, "written")
    ]


def test_a_numbered_heading_above_another_is_an_empty_answer():
    assert brief("## 7.4 Discussion", "## 7.5 Discussion\n\ntext") == [
        ("7.4", "7.4 Discussion", 0, "empty"),
        ("7.5", "7.5 Discussion", 1, "written"),
    ]


def test_lines_inside_a_code_fence_are_no_headings():
    (answer,) = collect("## Notes\n\n```\n# 7.9 Padding\n```\nafter")
    assert "after" in answer.text


def test_pictures_in_the_text_are_left_out_and_long_text_is_cut():
    (answer,) = collect("## Notes\n\n![x](data:image/png;base64," + "A" * 10**6 + ") seen")
    assert answer.text == "![x](picture) seen"
    (answer,) = collect("## Notes\n\n" + "word " * 10**5)
    assert len(answer.text) < MOST_CHARACTERS + 100


def test_in_short_every_section_is_counted_and_the_silent_ones_are_named():
    answers = collect(
        "## 7.2 Discussion\n\none",
        "## 7.10 Discussion\n\ntwo",
        "## 7.10 Exercises\n\nthree",
        "## 7.4 Discussion",
        "## 7.5 Discussion\n\nTODO",
    )
    asked = collect("## 8.6 Discussion")
    assert in_short(answers, handed_out=asked) == (
        "3 answers in 2 sections (7.2: 1, 7.10: 2); 1 left empty; 1 still as handed out; "
        "nothing written in 7.4, 7.5, 8.6"
    )


def test_in_short_no_text_at_all_is_said_in_words():
    assert in_short(()) == (
        "no written answer was found below a heading such as Discussion, Exercises or Summary"
    )
    assert in_short(collect("## 7.2 Discussion")).endswith("; 1 left empty")
    assert in_short(collect("## Summary\n\ntext")) == "1 answer in 1 section (elsewhere: 1)"


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec=None)), max_size=6))
def test_any_names_of_sections_can_be_sorted(sections):
    assert sorted([*sections, "7.10", ""], key=section_order)[-1] is not None


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec=None)), max_size=4))
def test_any_text_is_collected_or_not_without_an_error(sources):
    for answer in collect("## 7.2 Notes", *sources):
        assert answer.state in ("written", "empty", "template")
        answer.text.encode("utf-8")
