"""A cluster of real processes on this machine: one client and one worker are killed on the way."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.course import load_assignment
from grader.errors import KernelLost, UsageError
from grader.grading.data_files import files_of
from grader.grading.plan import Plan
from grader.kernel import gpus
from grader.kernel.gpus import Found, Gpu
from grader.reading.submissions import find, load, read_attachment
from grader.records import Submission
from grader.runs import cluster as client_side
from grader.runs import cluster_worker as there
from grader.runs.cluster import connected
from grader.runs.parcels import Bundle, course_bundle, data_bundle, opened, parcel, unpack

pytest.importorskip("distributed")
if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

HANGS_S = 300.0
RIGHT = """
import torch
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y
"""
CLASS = {
    "ann": (RIGHT,),
    "bea": (RIGHT.replace("* K", "* K.flip(0, 1)"),),
    "cem": (RIGHT.replace(".sum()", ".sum() + 1 / 0"),),
    "dov": ("import numpy as np", "from mine import corr2d"),
}
ROWS = "SELECT student FROM results ORDER BY student"


@dataclass
class Processes:
    """The scheduler and the workers of a test, which ends them."""

    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, program: str, *args: object) -> None:
        scratch = self.folder / f"tmp-{name}"
        scratch.mkdir()
        with (self.folder / f"{name}.log").open("wb") as said:
            self.started[name] = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{program}", "--host", "127.0.0.1",
                 "--no-dashboard", *map(str, args)],
                cwd=scratch, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env={**os.environ, "TMPDIR": str(scratch)},
            )  # fmt: skip

    def worker(self, name: str, *more: object, threads: int = 1) -> None:
        self.start(
            name, "worker", "--scheduler-file", self.folder / "scheduler.json", "--name", name,
            "--nthreads", threads, "--no-nanny", "--memory-limit", 0,
            "--local-directory", self.folder / f"local-{name}", *more,
        )  # fmt: skip

    @property
    def address(self) -> str:
        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def left_by(self, name: str) -> list[str]:
        return [path.name for path in (self.folder / f"tmp-{name}").glob("*grader-*")]

    def end(self) -> None:
        for process in self.started.values():
            process.kill()
            process.wait()


def grade(folder: Path, out: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "grader", "grade", "class", "--only", "corr2d", "--out", out,
         *map(str, args)],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8",
    )  # fmt: skip


def told(process: subprocess.Popen[str], upto: str = "") -> str:
    """Return what a run prints: all of it, or until a line begins with `upto`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if upto and line.startswith(upto):
            return "".join(lines)
    process.wait(HANGS_S)
    process.stdout.close()
    return "".join(lines)


def checks_of(folder: Path, out: str) -> list[dict[str, str]]:
    with (folder / out / "checks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: text for name, text in row.items() if name != "seconds"} for row in rows]


def graded_in(text: str) -> list[str]:
    return re.findall(r"^\[\d+/\d+\] (\w+):", text, re.MULTILINE)


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + HANGS_S
    while not what():
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def class_of_four(tmp_path_factory, write_notebook) -> Path:
    folder = tmp_path_factory.mktemp("four")
    for student, cells in CLASS.items():
        write_notebook(folder / "class" / student / "hw.ipynb", *cells)
    (folder / "class" / "dov" / "mine.py").write_text(RIGHT)
    return folder


@pytest.fixture(scope="module")
def processes(tmp_path_factory) -> Iterator[Processes]:
    made = Processes(tmp_path_factory.mktemp("cluster"))
    try:
        made.start(
            "scheduler", "scheduler", "--port", 0, "--scheduler-file",
            made.folder / "scheduler.json",
        )  # fmt: skip
        made.worker("double", threads=2)
        made.worker("one")
        made.worker("two")
        for name in ("double", "one", "two"):
            wait_for(lambda name=name: "Registered to" in made.said(name))
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def runs(processes, class_of_four) -> tuple[str, str]:
    """Kill the client after its first result; in the second run, a worker. Return what was told."""
    on = ("--cluster", processes.address)
    client = grade(class_of_four, "cluster", *on)
    first = told(client, upto="[1/4]")
    client.kill()
    client.wait()
    assert client.stdout is not None
    client.stdout.close()
    client = grade(class_of_four, "cluster", *on)
    second = told(client, upto="[2/4]")
    processes.started["one"].send_signal(signal.SIGKILL)
    return first, second + told(client)


@pytest.fixture(scope="module")
def alone(class_of_four) -> list[dict[str, str]]:
    """The checks of a run with one local worker."""
    assert "4 graded" in told(grade(class_of_four, "alone", "--jobs", 1))
    return checks_of(class_of_four, "alone")


def test_a_killed_client_goes_on_where_it_was_and_a_killed_worker_loses_nothing(
    runs, processes, class_of_four
):
    first, second = runs
    assert len(graded_in(first)) == 1
    assert sorted(graded_in(second)) == sorted(CLASS), second
    stored = int(re.search(r"(\d+) stored before", second)[1])
    assert 1 <= stored < len(CLASS)
    with closing(sqlite3.connect(class_of_four / "cluster" / "gradebook.sqlite")) as book:
        assert [row[0] for row in book.execute(ROWS)] == sorted(CLASS)


def test_grades_of_a_cluster_are_those_of_this_machine(runs, class_of_four, alone):
    assert checks_of(class_of_four, "cluster") == alone
    assert {row["verdict"] for row in alone} >= {"passed", "failed", "raised"}


def test_grades_do_not_depend_on_the_number_of_workers(class_of_four, alone):
    assert "4 graded" in told(grade(class_of_four, "pair", "--jobs", 2))
    assert checks_of(class_of_four, "pair") == alone


def test_a_worker_that_cannot_be_used_is_named_with_the_remedy(runs):
    for said in runs:
        (double,) = re.findall(r"^worker double .*$", said, re.MULTILINE)
        assert "Start it with --nthreads 1" in double


def test_a_worker_that_is_left_keeps_no_file_and_no_process(runs, processes):
    wait_for(lambda: not processes.left_by("two"))
    pid = processes.started["two"].pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    assert processes.started["two"].poll() is None
    wait_for(lambda: "grader" not in children.read_text())


# ---- without processes


def test_a_missing_dask_is_a_sentence_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UsageError, match=r"pip install 'notebook-grader\[cluster\]'"),
        connected("local:1", Plan("cnn"), "cpu", print),
    ):
        pass


@pytest.mark.parametrize("address", ["local:", "local:0", "local:two", "nonsense:1", "127.0.0.1:1"])
def test_an_address_of_no_cluster_is_refused(address, monkeypatch):
    monkeypatch.setattr(client_side, "_CONNECT_S", 0.5)
    with (
        pytest.raises(UsageError, match=r"needs a number of workers|there is no scheduler at"),
        connected(address, Plan("cnn"), "cpu", print),
    ):
        pass


def dask_worker(threads=1, **resources):
    state = SimpleNamespace(nthreads=threads, total_resources=resources)
    return SimpleNamespace(name="w", state=state, address="tcp://127.0.0.1:1")


def test_a_worker_uses_a_gpu_only_if_it_declares_one(monkeypatch):
    one = Gpu(0, "NVIDIA H200", "/dev/nvidia0")
    monkeypatch.setattr(gpus, "look", lambda: Found((one,)))
    declares, plain = dask_worker(GPU=1), dask_worker()
    asked = {
        (device, name): there.probe("process", device, dask_worker=worker)
        for device in ("auto", "cpu", "cuda")
        for name, worker in (("declares", declares), ("plain", plain))
    }
    devices = {place: dict(found.inputs).get("device") for place, found in asked.items()}
    assert devices == {
        ("auto", "declares"): "cuda: NVIDIA H200", ("auto", "plain"): "cpu",
        ("cpu", "declares"): "cpu", ("cpu", "plain"): "cpu",
        ("cuda", "declares"): "cuda: NVIDIA H200", ("cuda", "plain"): None,
    }  # fmt: skip
    assert "--resources GPU=1" in asked["cuda", "plain"].refusal


def test_a_machine_that_cannot_close_off_the_network_is_refused_with_the_remedy(monkeypatch):
    from grader.sandbox import walls  # Linux only

    monkeypatch.setattr(walls, "missing_here", lambda: ["network namespace", "seccomp"])
    refused = there.probe("sandbox", "cpu", dask_worker=dask_worker())
    assert "the network" in refused.refusal
    assert "`grader doctor` on that machine shows every wall" in refused.refusal
    assert there.probe("process", "cpu", dask_worker=dask_worker()).refusal == ""


def test_a_key_is_that_of_the_machines_that_grade():
    here = Plan("cnn")
    same = Plan("cnn", elsewhere=tuple(here.of_machine().items()))
    other = Plan("cnn", elsewhere=(*here.of_machine().items(), ("device", "cuda: NVIDIA H200")))
    one = Submission("kim", "hw.ipynb", "0" * 64)
    assert here.key(one) == same.key(one) != other.key(one)
    assert other.facts()["device"] == "cuda: NVIDIA H200"


def test_a_course_that_was_sent_has_the_same_checks(tmp_path):
    sent = load_assignment("cnn")
    unpack(course_bundle(sent), tmp_path)
    inside = sent.folder.relative_to(sent.course.root)
    received = load_assignment(tmp_path / inside)
    assert received.digest == sent.digest
    here, far = Plan("cnn"), Plan(str(tmp_path / inside))
    one = Submission("kim", "hw.ipynb", "0" * 64)
    assert far.inputs(one) == here.inputs(one)
    assert course_bundle(received) == course_bundle(sent)


def test_data_that_were_sent_are_the_same_data(tmp_path, write_course):
    course = write_course(tmp_path / "course", {"double": ""})
    (course.parent / "course.toml").write_text(
        'title = "T"\n[[data]]\nname = "Digits"\nstand_in = "drawn"\nfolders = ["digits"]\n'
        'loose = ["."]\nfiles = [["a.bin", "b.bin"]]\n'
    )
    for name in ("a.bin", "b.bin", "other.bin"):
        path = tmp_path / "data" / "digits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    declared = load_assignment(course).course.data
    unpack(
        data_bundle(tmp_path / "data", files_of(tmp_path / "data", declared)), tmp_path / "there"
    )
    one = Submission("kim", "hw.ipynb", "0" * 64)
    plans = [Plan(str(course), data=tmp_path / place) for place in ("data", "there")]
    assert plans[0].inputs(one) == plans[1].inputs(one)
    assert not (tmp_path / "there" / "digits" / "other.bin").exists()


def test_bytes_that_changed_on_the_way_are_refused(tmp_path):
    whole = course_bundle(load_assignment("cnn"))
    with pytest.raises(KernelLost, match="other bytes than were sent"):
        unpack(Bundle(whole.digest, whole.packed[:-1] + b"x"), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_parcel_holds_what_was_handed_in_and_no_path_of_the_sender(tmp_path, write_notebook):
    write_notebook(tmp_path / "class" / "cnn" / "kim" / "a.ipynb", "x = 1")
    write_notebook(tmp_path / "class" / "cnn" / "kim" / "b.ipynb", "y = 2")
    (tmp_path / "class" / "cnn" / "kim" / "mine.py").write_text("z = 3")
    (sent,) = find([tmp_path / "class"], assignment="cnn").submissions
    packed = parcel(sent)
    (tmp_path / "there").mkdir()
    received = opened(packed, tmp_path / "there")
    assert len(packed.files) == 3  # each once, though notebooks also lie beside each other
    assert load(received).files == load(sent).files
    assert [read_attachment(one) for one in received.attachments] == [
        read_attachment(one) for one in sent.attachments
    ]
    assert (received.digest, received.path) == (sent.digest, sent.path)


def test_a_file_that_changed_after_it_was_found_is_told_as_on_this_machine(
    tmp_path, write_notebook
):
    for number, change in enumerate((lambda path: path.unlink(), lambda path: path.write_text(""))):
        path = write_notebook(tmp_path / f"class{number}" / "kim" / "hw.ipynb", "x = 1")
        (sent,) = find([path.parent.parent], assignment="cnn").submissions
        change(path)
        (tmp_path / f"there{number}").mkdir()
        received = opened(parcel(sent), tmp_path / f"there{number}")
        assert load(received).problem == load(sent).problem != ""


def test_large_notebooks_travel_without_their_outputs(tmp_path, write_notebook, monkeypatch):
    path = write_notebook(tmp_path / "class" / "kim" / "hw.ipynb", "x = 1")
    (sent,) = find([tmp_path / "class"], assignment="cnn").submissions
    monkeypatch.setattr("grader.runs.parcels.MOST_HANDED_IN_BYTES", path.stat().st_size - 1)
    packed = parcel(sent)
    assert packed.files == ()
    assert opened(packed, tmp_path) == load(sent)
