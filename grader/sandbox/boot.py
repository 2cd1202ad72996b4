"""Starts the pristine process, a warm one or a cold kernel: run as a file, never imported.

It makes modules of the grader importable without adding the checkout to `sys.path`, which would
expose `reference/` and `exercises/` as well.
"""

import sys
import types
from pathlib import Path

if __name__ == "__main__":
    package = types.ModuleType("grader")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["grader"] = package

    from grader.sandbox import pristine, zygote

    if sys.argv[1] == "cold":
        zygote.start_cold([int(descriptor) for descriptor in sys.argv[2:]])
    elif sys.argv[1] == "pristine":
        pristine.main(int(sys.argv[2]))
    else:
        zygote.main(int(sys.argv[1]))
