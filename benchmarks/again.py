"""What a second run costs: nothing changed, every student renamed, one exercise's checks changed.

python benchmarks/again.py [--submissions 60] [--repeats 3]
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
from pathlib import Path

from _measure import ROOT, Spent, grade, import_torch, in_turn, measured, show
from _notebooks import SIX, write_class

CHANGED = "pool2d"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    turns = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        handed_in, course, out = (Path(folder) / name for name in ("class", "course", "out"))
        write_class(handed_in, options.submissions)
        shutil.copytree(ROOT / "exercises", course / "exercises")
        shutil.copytree(ROOT / "reference", course / "reference")
        assignment = str(course / "exercises" / "cnn")

        def run(into: Path = out) -> Spent:
            wanted = ("--strict", "--only", ",".join(SIX), "--assignment", assignment)
            return measured(grade(handed_in, into, *wanted))

        def renamed() -> Spent:
            for place in [*handed_in.iterdir()]:
                number = place.name.rpartition("-")[2]
                place.rename(place.with_name(f"renamed-{next(turns)}-{number}"))
            return run()

        def changed() -> Spent:
            checks = Path(assignment) / CHANGED / f"test_{CHANGED}.py"
            text = checks.read_text(encoding="utf-8")
            checks.write_text(f"{text}\n_TURN = {next(turns)}\n", encoding="utf-8")
            return run()

        run()
        ways = {
            "import torch": import_torch,
            "all new": lambda: run(Path(folder) / f"out-{next(turns)}"),
            "unchanged": run,
            "all renamed": renamed,
            f"checks of `{CHANGED}` changed": changed,
        }
        found = in_turn(ways, options.repeats)
    show(f"{options.submissions} submissions again, default workers", found, unit="all new")


if __name__ == "__main__":
    main()
