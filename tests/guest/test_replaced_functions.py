"""On the CPU, every function that is replaced does what plain torch does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.guest import stand_in_gpu

PROGRAM = Path(__file__).with_name("replaced_functions.py")
# what they do without a GPU is something else than in plain torch, and has its own test
FOR_A_GPU_ALONE = {"cuda", "xpu", "pin_memory"}


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, object]]:
    """What every case gives in plain torch, and with the stand-ins."""
    found = {}
    for way in ("plain", "replaced"):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, str(PROGRAM), way],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found[way] = json.loads(done.stdout)
    return found


def test_a_replaced_function_does_on_the_cpu_what_plain_torch_does(answers):
    plain, replaced = answers["plain"], answers["replaced"]
    assert {name: replaced[name] for name in plain if replaced[name] != plain[name]} == {}


def test_every_replaced_function_is_compared_with_plain_torch(answers):
    compared = {name.split()[0] for name in answers["plain"]}
    replaced = {
        f"{owner.__name__.rpartition('.')[2]}.{name}"
        for owner, name in stand_in_gpu.places()
        if owner not in stand_in_gpu._ANSWERS and name not in FOR_A_GPU_ALONE
    }
    assert replaced - compared == set()
