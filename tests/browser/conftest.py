"""A headless Chromium, driven by Playwright; without one these tests are skipped, and say why."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NEEDED = "install the Python packages playwright and axe-playwright-python"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start a browser for the tests of a module: its event loop runs until it is closed."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: install it, on Debian with `apt-get install chromium`")
    playwright = pytest.importorskip("playwright.sync_api", reason=NEEDED)
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One page that is open, with the errors of its scripts and what it asked the network for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def overflow(self) -> int:
        """Return how many pixels the page is wider than its window."""
        width = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(0, int(width))

    def serious(self) -> list[str]:
        """Return what axe-core finds that is serious or worse."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=NEEDED)
        found = axe.Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]


@pytest.fixture
def visit(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """Open the text of a page in a window of some width."""
    contexts = []

    def opened(html: str, width: int, scheme: str = "light") -> Visit:
        file = tmp_path / f"page-{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        # the checks of axe-core run as a script, which the page's own policy forbids
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
        )
        contexts.append(context)
        seen = Visit(context.new_page())
        seen.page.goto(file.as_uri())
        assert seen.requests == [file.as_uri()]
        return seen

    yield opened
    for context in contexts:
        context.close()
