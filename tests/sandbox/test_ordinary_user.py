"""The same walls, built by a user who has no rights: by a subprocess that has changed its user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import grader

NOBODY = 65534
CHECKOUT = Path(grader.__file__).resolve().parent.parent
BECOME = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from grader.sandbox import linux

# an interpreter in a home folder: shown to everybody, in this process's own view of the files
linux.unshare(linux.NEWNS)
linux.make_mounts_private()
base = Path(sys.base_prefix).resolve()
for parent in reversed(base.parents):
    if not parent.stat().st_mode & 1:
        held = os.open(base, os.O_PATH)
        linux.mount_tmpfs(str(parent), 1 << 20, 1_000, "755")
        linux.bind(f"/proc/self/fd/{held}", str(base), read_only=False)
        break
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[2:]])
"""
SCRIPT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from grader.kernel.execution import run_notebook
from grader.kernel.pristine import Pristine
from grader.kernel.processes import WarmParent
from grader.kernel.process_tree import end_descendants, tree_of
from grader.kernel.student import Student
from grader.records import Cell, Limits

limits = replace(
    Limits(), cell_s=20.0, memory_bytes=1 << 30, processes=24, scratch_bytes=32 << 20,
    scratch_files=1_000,
)
pristine = Pristine() if sys.argv[3] == "forked" else None
parent = WarmParent(forks=pristine.forks if pristine else None)
try:
    missing = parent.wait().missing
    cells = [Cell(i, "code", source) for i, source in enumerate(json.loads(sys.argv[2]))]
    notebook = run_notebook(cells, parent, limits, seed=1)
    found = {e.name: e.value for e in Student(notebook.connection, {}).values()}
    kernel = notebook._kernel._provisioner
    tree = tree_of(kernel.process.pid)
    ended = kernel.end_descendants() and end_descendants(kernel.process.pid, 0)
    notebook.close()
    print(json.dumps({
        "uid": os.getuid(), "forked": parent.is_forked, "missing": missing, "found": found,
        "cells": [[run.status, run.error] for run in notebook.cells],
        "started": len(tree) - 1, "ended": ended,
        "left": [pid for pid in tree if os.path.exists(f"/proc/{pid}")],
    }))
finally:
    parent.close()
    if pristine:
        pristine.close()
"""
CELLS = [
    """
import ctypes, os, socket
def refused(attempt):
    try:
        attempt()
        return False
    except BaseException:
        return True
libc = ctypes.CDLL(None, use_errno=True)
held = {
    "a file of this machine": refused(lambda: open("/etc/hostname").read()),
    "a file of the checkout": refused(lambda: open(CHECKOUT + "/pyproject.toml").read()),
    "where it lies": refused(lambda: os.stat(CHECKOUT + "/pyproject.toml")),
    "writing outside": refused(lambda: open("/usr/x", "w")),
    "the network": refused(lambda: socket.socket()),
    "tracing": libc.ptrace(16, 1, 0, 0) < 0,
    "namespaces": libc.unshare(0x10000000) < 0,
    "another user": refused(lambda: os.setuid(0)),
    "a large file": refused(lambda: open("x", "wb").write(bytes(64 << 20))),
}
through = [name for name, was_held in held.items() if not was_held]
pids = []
try:
    while len(pids) < 100:
        pid = os.fork()
        if pid == 0:
            import time
            time.sleep(100)
            os._exit(0)
        pids.append(pid)
except OSError:
    pass
forks = len(pids)
for pid in pids:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
""",
    "import mmap\nx = mmap.mmap(-1, 8 << 30)\nfor i in range(8 << 10): x.write(bytes(1 << 20))",
    "after = 1\nimport subprocess\nsubprocess.Popen(['sleep', '100'])",
]


@pytest.mark.parametrize("way", ["started", "forked"])
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else; the others are")
def test_the_walls_stand_for_an_ordinary_user(tmp_path, way):
    tmp_path.chmod(0o777)
    first = CELLS[0].replace("CHECKOUT", repr(str(CHECKOUT)))
    cells = json.dumps([first, *CELLS[1:]])
    done = subprocess.run(
        [sys.executable, "-c", BECOME, str(CHECKOUT), SCRIPT, str(CHECKOUT), cells, way],
        cwd="/", capture_output=True, text=True, check=False,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout)
    assert (told["uid"], told["forked"]) == (NOBODY, way == "forked")
    assert told["missing"] == {}
    assert told["cells"][0] == ["ok", ""]
    assert told["found"]["through"] == []
    assert 0 < told["found"]["forks"] < 24
    assert told["cells"][1] == ["died", "needed more than 1024 MiB of memory"]
    assert told["found"]["after"] == 1
    assert (told["started"], told["ended"]) == (1, True)
    assert not told["left"]
