"""How a process is started that notebooks run in: command, environment, and its first message.

Here: what a warm parent, the pristine process and a cold kernel have in common. Not here: the
processes themselves (`processes.py`, `pristine.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from grader.course import Environment
from grader.sandbox import messages, policy

BOOT = policy.PACKAGE / "sandbox" / "boot.py"
# isolated from the user's site and from the folder of the file, as by -I, which would ignore the
# hash seed too: sets of strings have one order in all kernels of all runs
PYTHON = (sys.executable, "-s", "-P", "-X", "utf8")
SAME_HASHES = {"PYTHONHASHSEED": "0"}


def environment_of(*, with_gpu: bool) -> dict[str, str]:
    """Return the environment that a process with libraries starts with; it sets its own later."""
    kept = ("PATH", *policy.GPU_ENVIRONMENT) if with_gpu else ("PATH",)
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return {"PATH": "", **inherited, **SAME_HASHES}


def start_of(
    scratch: Path, environment: Environment, *, isolate: bool, data: str = "",
    gpus: Sequence[str] = (), left_out: Collection[str] = (), without: Sequence[str] = (),
) -> messages.Start:  # fmt: skip
    """Return how a process is built that notebooks of a course run in."""
    found = policy.libraries(environment.hidden)
    folder = [] if environment.folder is None else [str(environment.folder)]
    beside = "" if environment.beside is None else str(environment.beside)
    return messages.Start(
        str(scratch),
        list(found.read),
        list(found.hidden),
        shown=[str(policy.GUEST_LIBRARY), *folder, *filter(None, (beside, data))],
        path=[*found.path, *folder],
        preload=[n for n in (*policy.PRELOADED, *environment.preload) if n not in left_out],
        isolate=isolate,
        gpus=list(gpus),
        without=list(without),
        setup=environment.setup,
        beside=beside,
    )
