"""Markdown of students becomes harmless HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.report.student_markdown import rendered

ALLOWED = re.compile(
    r"</?(?:p|br|em|strong|s|code|pre|blockquote|ul|ol|li|hr|h[56]|table|thead|tbody|tr|th|td)>"
    r"|</a>|<a(?: href=\"(?:https?:|mailto:)[^\"<>]*\")? rel=\"noopener noreferrer nofollow\">"
)


def test_lists_emphasis_code_and_tables_are_kept():
    html = rendered("- **one**\n- `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<li><strong>one</strong></li>" in html
    assert "<code>two</code>" in html
    assert "<td>1</td>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](http://evil.example/a.png)",
        "[x](javascript:alert(1))",
        "<http://evil.example>",
        "<svg onload=alert(1)>",
        "| a |\n|---|\n| <iframe src=x> |",
        "```<b>\n</pre><script>\n```",
        "[a]: http://evil.example\n\n[a]",
        "> " * 500 + "deep",
        "\x00\ud800</p>",
    ],
)
def test_nothing_runs_and_nothing_is_loaded(text):
    assert "<" not in ALLOWED.sub("", rendered(text))


@given(st.text(alphabet="<>&\"'`*_[]()!#|-=:/ \nabscript\\", max_size=200))
def test_any_text_leaves_known_tags_and_links_to_pages_alone(text):
    assert "<" not in ALLOWED.sub("", rendered(text))
