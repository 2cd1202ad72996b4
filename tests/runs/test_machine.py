import os

import pytest

from grader.errors import UsageError
from grader.records import Limits
from grader.runs import machine
from grader.runs.machine import Share, bytes_of_a_worker, share, size_from, workers_that_fit

GIB = 1 << 30
V2 = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = (
    "31 20 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 20 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
LIMITS = Limits()
ONE = bytes_of_a_worker(LIMITS)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Lay out files of `/proc` and `/sys` for a machine of 16 cores with 64 GiB at hand."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)

    def lay(files):
        about = {"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {64 << 20} kB\n", **files}
        for name, text in about.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return tmp_path

    return lay


def v2(group, files, *, inside="/"):
    laid = {f"sys/fs/cgroup{group}/{name}": text for name, text in files.items()}
    return {"proc/self/mountinfo": V2, "proc/self/cgroup": f"0::{inside}\n", **laid}


def v1(cpu, memory):
    laid = {f"sys/fs/cgroup/cpu,cpuacct/{name}": text for name, text in cpu.items()}
    laid |= {f"sys/fs/cgroup/memory/{name}": text for name, text in memory.items()}
    own = (
        "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/\n"  # not below the mount: a container
    )
    return {"proc/self/mountinfo": V1, "proc/self/cgroup": own, **laid}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Share(16, 64 * GIB)),
        (v2("", {"cpu.max": "max 100000", "memory.max": "max"}), Share(16, 64 * GIB)),
        (v2("", {"cpu.max": "200000 100000"}), Share(2, 64 * GIB)),
        (v2("", {"cpu.max": "350000 100000"}), Share(3, 64 * GIB)),
        (v2("", {"cpu.max": "20000 100000"}), Share(1, 64 * GIB)),
        (v2("/job", {"cpu.max": "400000 100000"}, inside="/job/step"), Share(16, 64 * GIB)),
        (
            {**v2("/job", {"cpu.max": "400000 100000"}, inside="/job/step"),
             "sys/fs/cgroup/job/step/cpu.max": "max 100000"},
            Share(4, 64 * GIB),
        ),
        (v2("", {"memory.max": 8 * GIB, "memory.current": 3 * GIB}), Share(16, 5 * GIB)),
        (
            v2("", {"memory.max": 8 * GIB, "memory.current": 3 * GIB,
                    "memory.stat": f"anon 5\ninactive_file {2 * GIB}\n"}),
            Share(16, 7 * GIB),
        ),
        (v1({"cpu.cfs_quota_us": -1, "cpu.cfs_period_us": 100000}, {}), Share(16, 64 * GIB)),
        (v1({"cpu.cfs_quota_us": 300000, "cpu.cfs_period_us": 100000}, {}), Share(3, 64 * GIB)),
        (
            v1({}, {"memory.limit_in_bytes": 9223372036854771712, "memory.usage_in_bytes": GIB}),
            Share(16, 64 * GIB),
        ),
        (
            v1({}, {"memory.limit_in_bytes": 4 * GIB, "memory.usage_in_bytes": GIB}),
            Share(16, 3 * GIB),
        ),
    ],
)  # fmt: skip
def test_a_run_uses_what_its_control_groups_leave_it(tree, files, expected):
    assert share(tree(files)) == expected


def test_a_set_of_processors_narrows_the_cores(tree, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert share(tree({})).cores == 3


def test_without_proc_the_cores_alone_count(tmp_path):
    assert share(tmp_path).memory_bytes is None
    assert workers_that_fit(Share(5, None), LIMITS) == 5


@pytest.mark.parametrize(
    ("found", "memory", "workers"),
    [
        (Share(4, 100 * ONE), None, 4),
        (Share(4, 3 * ONE), None, 3),
        (Share(4, ONE // 2), None, 1),
        (Share(8, 100 * ONE), 2 * ONE, 2),
        (Share(8, 2 * ONE), 100 * ONE, 2),
        (Share(8, None), 3 * ONE, 3),
    ],
)
def test_one_worker_a_core_as_far_as_memory_allows(found, memory, workers):
    assert workers_that_fit(found, LIMITS, memory) == workers


def test_a_submission_with_room_for_more_memory_takes_the_room_of_more():
    assert bytes_of_a_worker(Limits(memory_bytes=LIMITS.memory_bytes * 4)) > ONE


@pytest.mark.parametrize(
    ("text", "size"),
    [("8G", 8 * GIB), ("8 GiB", 8 * GIB), ("1.5g", 3 * GIB // 2), ("500M", 500 << 20),
     ("64kb", 64 << 10), ("4096", 4096)],
)  # fmt: skip
def test_a_size_is_read(text, size):
    assert size_from(text) == size


@pytest.mark.parametrize("text", ["", "0", "much", "-3G", "8X", "0.0001"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="--memory is a size such as 8G"):
        size_from(text)


def test_this_machine_gives_at_least_one_worker():
    assert machine.workers_that_fit(share(), LIMITS) >= 1
