"""What workers bring: a class of right submissions with one worker and with two, start included.

Each row is a fresh `grader grade` as a process, in turn with `import torch`.

    python benchmarks/workers.py [--submissions 60] [--jobs 1,2] [--repeats 3]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

from _measure import Spent, grade, import_torch, in_turn, measured, show
from _notebooks import SIX, write_class


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=60)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default=",".join(SIX))
    options = parser.parse_args()
    turns = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        handed_in = Path(folder) / "class"
        write_class(handed_in, options.submissions)

        def with_jobs(number: str) -> Spent:
            wanted = ("--strict", "--only", options.only, "--jobs", number)
            return measured(grade(handed_in, Path(folder) / f"out-{next(turns)}", *wanted))

        ways = {"import torch": import_torch}
        for number in options.jobs.split(","):
            ways[f"{number} worker(s)"] = lambda number=number: with_jobs(number)
        found = in_turn(ways, options.repeats)
    title = f"{options.submissions} right submissions"
    show(title, found, unit="import torch", each=options.submissions)


if __name__ == "__main__":
    main()
