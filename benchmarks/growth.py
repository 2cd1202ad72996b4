"""What grows with the class: seconds a submission, memory of the supervisor and of all processes.

python benchmarks/growth.py [--submissions 10,100,300] [--jobs 2]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _measure import grade, measured, setting
from _notebooks import SIX, write_class


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", default="10,100,300")
    parser.add_argument("--jobs", default="2")
    options = parser.parse_args()
    print(f"\n{options.jobs} worker(s), every second submission wrong; {setting()}\n")
    print("| submissions | wall s | wall s each | CPU s each | supervisor MiB | all MiB |")
    print("|---|---|---|---|---|---|")
    for count in map(int, options.submissions.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            handed_in = Path(folder) / "class"
            write_class(handed_in, count, half_wrong=True)
            wanted = ("--only", ",".join(SIX), "--jobs", options.jobs)
            spent = measured(grade(handed_in, Path(folder) / "out", *wanted), memory=True)
        print(
            f"| {count} | {spent.wall_s:.1f} | {spent.wall_s / count:.2f} "
            f"| {spent.cpu_s / count:.2f} | {spent.first_mib:.0f} | {spent.peak_mib:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
