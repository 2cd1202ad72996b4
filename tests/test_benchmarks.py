"""What the benchmarks measure, and that the tests given to other autograders find the mistakes."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
KILLS_A_CHILD = """
import os, signal, subprocess, sys
spins = "import time\\nwhile time.process_time() < 0.4: pass\\nprint(flush=True)\\ntime.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", spins], stdout=subprocess.PIPE)
child.stdout.read(1)
child.kill()
os._exit(0)  # it waits for no child, so that the time of the child is lost to its own
"""


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize("groups", [True, False], ids=["control group", "sampled"])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processor_time_of_a_killed_child_is_counted(monkeypatch, groups):
    import _measure

    if not groups:
        monkeypatch.setattr(_measure, "_places", lambda: iter(()))
    spent = _measure.measured([sys.executable, "-c", KILLS_A_CHILD])
    assert spent.cpu_s > 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_a_whole_tree_is_seen():
    import _measure

    holds = "held = bytearray(100 << 20); import time; time.sleep(0.5)"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {holds!r}])"
    spent = _measure.measured([sys.executable, "-c", starts], memory=True)
    assert spent.peak_mib > 100 > spent.first_mib > 0


def test_a_command_that_fails_stops_the_measurement():
    import _measure

    with pytest.raises(SystemExit, match="ended with 3"):
        _measure.measured([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize("number", range(6))
def test_the_tests_for_other_autograders_find_exactly_the_mistakes_of_a_student(number):
    from _notebooks import IMPORTS, SIX, answers_of, failing
    from _others_tools import test_of as examples_of

    wrong = number % 2 == 1
    names: dict[str, object] = {}
    exec("".join([IMPORTS, *answers_of(number, wrong=wrong).values()]), names)
    failed = 0
    for name in SIX:
        try:
            exec(examples_of(name), dict(names))
        except (AssertionError, RuntimeError, ValueError):
            failed += 1
    assert failed == (failing(number) if wrong else 0)
