"""The same six questions in other autograders: nbgrader, otter-grader and plain nbclient.

A class in which every second student is wrong somewhere. The others run five fixed examples a
question, with the same text of the test everywhere; this grader asks all that its checks ask.
nbgrader: `autograde`, without feedback pages. otter: `otter run` for each notebook, as its own way
for a class needs containers. nbclient: one process, a stock kernel for each notebook with the tests
at its end. This grader: `grade`, with all its reports. What the others found is compared
with what is right, so that no row of theirs is fast because it graded nothing.

    python benchmarks/others.py [--submissions 12] [--repeats 3] [--environments FOLDER]
        [--tools nbgrader,otter,nbclient]
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from _measure import Spent, grade, import_torch, in_turn, measured, show
from _notebooks import SIX, write_class
from _others_tools import (
    NBGRADER,
    OTTER,
    Tool,
    environment,
    nbclient_class,
    nbgrader_class,
    otter_class,
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--environments", type=Path, default=cached / "grader-benchmarks")
    parser.add_argument("--tools", default="nbgrader,otter,nbclient", help="which of the others")
    options = parser.parse_args()
    makers: dict[str, Callable[[Path, int], Tool]] = {
        "nbgrader": lambda place, count: nbgrader_class(
            place, count, environment(options.environments, NBGRADER)
        ),
        "otter": lambda place, count: otter_class(
            place, count, environment(options.environments, OTTER)
        ),
        "nbclient": lambda place, count: nbclient_class(place, count, Path(sys.executable)),
    }
    chosen = options.tools.split(",")
    if unknown := set(chosen) - makers.keys():
        parser.error(f"--tools knows {', '.join(makers)}, not {', '.join(sorted(unknown))}")
    turns = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        place, count = Path(folder), options.submissions
        handed_in = place / "class"
        write_class(handed_in, count, half_wrong=True)
        foreign = [makers[name](place / name, count) for name in chosen]

        def ours(jobs: str, *, cache: Path | None = None) -> Spent:
            out = place / f"out-{next(turns)}"
            wanted = ("--only", ",".join(SIX), "--jobs", jobs)
            sheets = {"GRADER_CACHE": str(cache)} if cache else {}
            return measured(grade(handed_in, out, *wanted), env=sheets)

        ways = {"import torch": import_torch}
        for tool in foreign:
            ways[tool.name] = tool.run
        ways["this grader, 1 worker"] = lambda: ours("1")
        ways["this grader, 2 workers"] = lambda: ours("2")
        ways["2 workers, examples not drawn yet"] = lambda: ours(
            "2", cache=place / f"cache-{next(turns)}"
        )
        found = in_turn(ways, options.repeats)
        for tool in foreign:
            tool.compare()
        shutil.rmtree(handed_in)
    title = f"{options.submissions} submissions, every second one wrong"
    show(title, found, unit="this grader, 2 workers", each=options.submissions)


if __name__ == "__main__":
    main()
