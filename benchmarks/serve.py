"""How long the pages of `grader serve` take with a large class.

The sample class is graded once in another process, without its trainings; its results under other
names make the class. Every kind of page is asked for several times, at an address that another page
names. Without the network: the application is called in this process.

    python benchmarks/serve.py [--students 300] [--repeats 5]
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from _measure import ROOT, grade, measured, setting

from grader.course import load_assignment
from grader.runs.gradebook import Gradebook
from grader.runs.stored_run import GRADEBOOK, latest
from grader.serve.access import Access
from grader.serve.app import make_app
from grader.serve.desk import Desk
from reports import class_of

_HOST = "127.0.0.1:8000"
_LINK = re.compile(r'href="(/[^"]*)"')


class Browser:
    """Asks an application of this process, in this thread: a gradebook is open in one only."""

    def __init__(self, desk: Desk) -> None:
        access = Access.fresh(_HOST, "An instructor")
        transport = httpx.ASGITransport(make_app(desk, access, lambda: None))
        self._client = httpx.AsyncClient(transport=transport, base_url=f"http://{_HOST}")
        self._runner = asyncio.Runner()
        self.get(f"/?token={access.token}")

    def get(self, address: str) -> httpx.Response:
        """Return the answer to an address."""
        return self._runner.run(self._client.get(address))


def one_of_each(browser: Browser) -> dict[str, str]:
    """Return an address of each kind of page, by its path."""
    found: dict[str, str] = {"/": "/"}
    due = ["/"]
    while due:
        for link in _LINK.findall(browser.get(due.pop()).text):
            address = html.unescape(link)
            path = address.partition("?")[0].partition("#")[0]
            if path not in found and not path.startswith("/static"):
                found[path] = address
                due.append(address)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    exercises = [one.name for one in load_assignment("cnn").exercises]
    plain = ",".join(name for name in exercises if not name.endswith("_training"))
    with tempfile.TemporaryDirectory() as folder:
        graded, out = Path(folder) / "graded", Path(folder) / "out"
        measured(grade(ROOT / "submissions", graded, "--assignment", "cnn", "--only", plain))
        run = class_of(latest(graded), options.students)
        out.mkdir()
        with Gradebook.open(out / GRADEBOOK) as gradebook:
            about = {"title": run.title, "exercises": ",".join(run.exercises)}
            number = gradebook.start_run("cnn", options=about | {"max_points": str(run.max_points)})
            for one in run.results:
                gradebook.save(one, number)
        desk = Desk(out)
        browser = Browser(desk)
        pages = one_of_each(browser)
        print(f"\nPages of {options.students} students; {setting()}")
        print("\n| page | ms, median | ms, longest | KiB |\n|---|---|---|---|")
        for path, address in sorted(pages.items()):
            times = []
            for _ in range(options.repeats):
                started = time.perf_counter()
                answer = browser.get(address)
                times.append(1000 * (time.perf_counter() - started))
                assert answer.status_code == 200, (address, answer.text[:200])
            size = len(answer.content) / 1024
            print(f"| `{path}` | {statistics.median(times):.0f} | {max(times):.0f} | {size:.0f} |")
        desk.close()


if __name__ == "__main__":
    main()
