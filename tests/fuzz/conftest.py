"""How long the fuzzing goes on: a little with the other tests, 10,000 inputs a test in `make fuzz`.

There the inputs are others every time; what is printed about a failure repeats it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_MOST_MORE_BYTES = 1 << 30

settings.register_profile(
    "fuzz",
    database=None,
    deadline=None,
    max_examples=10_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True, scope="module")
def bounded_memory() -> Iterator[None]:
    """Let no input take more than 1 GiB; a MemoryError is nothing that a test allows."""
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
    used = int(lines["VmData"].split()[0]) << 10
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + _MOST_MORE_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)
