"""The server as a process: its address, its reports, and what a kill leaves behind."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from grader.errors import UsageError
from grader.serve.desk import Desk
from grader.serve.server import serve

PATIENCE_S = 60


BEFORE = 4 + 4 + 4 + 1
"""Points of the class without those of the written answers."""


@contextmanager
def served(out: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    command = [sys.executable, "-m", "grader", "serve", "--out", str(out), "--who", "ta"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http\S+", server.stdout.readline())[0]
        with httpx.Client(base_url=address.partition("/?")[0], timeout=PATIENCE_S) as client:
            client.get(address)
            yield server, client
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def form_of(client: httpx.Client, path: str) -> str:
    return re.search(r'name="csrf" value="(\w+)"', client.get(path).text)[1]


def grade_all(client: httpx.Client, secret: str) -> int:
    client.post("/worth", data={"csrf": secret, "key": "7.2", "points": "4"})
    for place in range(3):
        answer = client.post(
            "/grade",
            data={"csrf": secret, "key": "7.2", "place": place, "after": "0", "points": "3"},
        )
        assert answer.status_code == 303
    return 3


def points_in(out: Path) -> list[str]:
    with (out / "grades.csv").open(encoding="utf-8-sig") as file:
        return [row["points"] for row in csv.DictReader(file)]


def test_grades_follow_what_was_decided_while_the_server_runs(out):
    with served(out) as (server, client):
        grade_all(client, form_of(client, "/"))
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if (out / "grades.csv").is_file() and sum(map(float, points_in(out))) > BEFORE + 8:
                break
            time.sleep(0.1)
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE_S)
    assert sum(map(float, points_in(out))) == BEFORE + 3 * 3


def test_a_killed_server_loses_nothing_and_the_next_one_writes_the_grades(out):
    with served(out) as (server, client):
        count = grade_all(client, form_of(client, "/"))
        os.kill(server.pid, signal.SIGKILL)
    desk = Desk(out)
    assert sum(row.points is not None for row in desk.graded("7.2")) == count
    desk.close()
    with served(out) as (server, client):
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE_S)
    assert sum(map(float, points_in(out))) == BEFORE + 3 * count


def test_a_folder_without_a_gradebook_and_a_port_in_use_are_sentences(tmp_path, out):
    with pytest.raises(UsageError, match="grader grade"):
        serve(tmp_path / "none", port=0, who="ta", ready=print)
    with served(out) as (_, client):
        port = client.base_url.port
        with pytest.raises(UsageError, match=f"port {port}"):
            serve(out, port=port, who="ta", ready=print)
