"""In a browser: grading by keyboard, on a phone and a desk, with no fault of a page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from grader.serve.app import Access, make_app
from grader.serve.desk import Desk
from grader.serve.server import _listen
from tests.serve.conftest import HOSTILE, result, store

ANSWERS = 30


@pytest.fixture(scope="module")
def browser(chromium) -> Iterator[Browser]:
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve a class in a thread, which has the gradebook for itself."""
    out = tmp_path_factory.mktemp("desk")
    writers = [result(f"s{n}", f"Thought number {n} of {n * n}.") for n in range(ANSWERS - 1)]
    store(out, *writers, result(HOSTILE, HOSTILE, points=1))
    listener = _listen(0)
    access = Access.fresh(f"127.0.0.1:{listener.getsockname()[1]}", "ta")
    servers: list[uvicorn.Server] = []
    ready = threading.Event()

    def run() -> None:
        desk = Desk(out)
        app = make_app(desk, access, lambda: None)
        servers.append(uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")))
        ready.set()
        asyncio.run(servers[0].serve(sockets=[listener]))
        desk.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    yield f"http://{access.host}/?token={access.token}"
    servers[0].should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    opened.on("request", lambda asked: "127.0.0.1" in asked.url or faults.append(asked.url))
    opened.goto(address)
    yield opened
    context.close()
    assert faults == []


def test_thirty_answers_are_graded_with_the_keyboard_alone(page, address):
    site = address.partition("?")[0]
    page.goto(f"{site}question?key=7.2")
    page.fill("#points", "3")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    for points, text in (("3", "right"), ("1", "close")):
        page.fill("#new-points", points)
        page.fill("#new-text", text)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    page.goto(f"{site}answer?key=7.2&place=0")
    for place in range(ANSWERS):
        page.wait_for_url(f"**place={place}")
        page.keyboard.press("1" if place % 3 else "2")
        if place == 4:
            page.keyboard.press("c")
            page.keyboard.type("Say why, 1 2 c.")
            page.keyboard.press("Control+Enter")
        else:
            page.keyboard.press("Enter")
    page.wait_for_url("**/question?key=7.2")
    points = page.locator("section[aria-labelledby=answers] td.num").all_inner_texts()
    assert sorted(points) == ["1"] * 10 + ["3"] * 20
    page.goto(f"{site}answer?key=7.2&place=4")
    assert page.input_value("#comment") == "Say why, 1 2 c."


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize(
    "path",
    ["", "question?key=7.2", "answer?key=7.2&place=0", "student?name=s1", "clusters", "history"],
)
def test_every_page_fits_its_window_and_can_be_used_by_everybody(page, address, path, width):
    page.set_viewport_size({"width": width, "height": 900})
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        page.goto(address.partition("?")[0] + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_strange_text_runs_nothing_in_any_page(page, address):
    site = address.partition("?")[0]
    for path in ("", f"answer?key=7.2&place={ANSWERS - 1}", "clusters", "question?key=7.2"):
        page.goto(site + path)
        assert page.title() != "hit"
