"""Written answers as HTML: Markdown without raw HTML, cleaned again before it reaches a page.

Two walls: the parser escapes HTML in the text, and `nh3` keeps a list of harmless tags. Pictures
become their description, links lead to http, https and mailto only, and the page's CSP loads and
runs nothing.

Here: text to safe HTML. Not here: which texts are answers (`reading/written_answers.py`).
"""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from grader.text import clean, clip

_MOST_TEXT = 20_000
_TAGS = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_HEADINGS = {f"h{level}": "h5" if level < 3 else "h6" for level in range(1, 7)}
"""Headings of an answer lie below those of the page."""


def rendered(text: str) -> Markup:
    """Return untrusted Markdown as HTML that loads nothing and runs nothing."""
    text = clip(clean(text), limit=_MOST_TEXT)
    try:
        html = _parser().render(text)
    except (RecursionError, ValueError):  # odd nesting; the text itself is still an answer
        html = f"<pre>{escape(text)}</pre>"
    return Markup(
        nh3.clean(
            html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )  # fmt: skip


@lru_cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    parser.enable(["table", "strikethrough"]).disable(["image"])
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    return parser


def _heading(self: object, tokens: list, place: int, options: object, env: object) -> str:  # type: ignore[type-arg]
    token = tokens[place]
    return f"<{'/' if token.nesting < 0 else ''}{_HEADINGS.get(token.tag, 'h6')}>"
