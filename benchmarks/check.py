"""How long a student waits: `grader check` of one function, cold, against `import torch`.

python benchmarks/check.py [--repeats 5] [--notebook hw2.ipynb] [--exercise corr2d]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _measure import import_torch, in_turn, measured, show
from _notebooks import ANSWERS, IMPORTS, write_notebook


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--notebook", type=Path, help="A right one; one small cell without.")
    parser.add_argument("--exercise", default="corr2d")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        notebook = options.notebook or Path(folder) / "hw2.ipynb"
        if options.notebook is None:
            write_notebook(notebook, [IMPORTS + ANSWERS["corr2d"]])
        check = [sys.executable, "-m", "grader", "check", str(notebook), options.exercise]
        measured(check)  # files are read from disk once, and compiled
        found = in_turn(
            {
                "import torch": import_torch,
                "check": lambda: measured(check),
                "check, examples not drawn yet": lambda: measured(
                    check, env={"GRADER_CACHE": tempfile.mkdtemp(dir=folder)}
                ),
            },
            options.repeats,
        )
    show(f"`check` of `{options.exercise}`", found, unit="import torch")


if __name__ == "__main__":
    main()
