"""Starts the server: one thread for pages and the gradebook, one that writes reports.

It listens on 127.0.0.1 alone. Not here: pages (`app.py`), what they show (`desk.py`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from grader.errors import UsageError
from grader.report.writers import write_run
from grader.runs.stored_run import latest
from grader.serve.access import Access
from grader.serve.app import make_app
from grader.serve.desk import Desk
from grader.serve.publisher import Publisher

_ADDRESS = "127.0.0.1"


def serve(out: Path, *, port: int, who: str, ready: Callable[[str], None]) -> None:
    """Serve a gradebook until the process is interrupted.

    Args:
        out: the folder of the gradebook and the reports.
        port: 0 for any that is free.
        who: name of the instructor, for the history.
        ready: called with the address to open once connections are accepted.

    Raises:
        UsageError: there is no gradebook or no run, or the port is taken.
    """
    desk = Desk(out)
    publisher = None
    try:
        _ = desk.work  # a gradebook without a run is refused before the address is printed
        listener = _listen(port)
        host = f"{_ADDRESS}:{listener.getsockname()[1]}"
        access = Access.fresh(host, who)
        publisher = Publisher(lambda: _write(out))
        publisher.changed()  # a server that was killed may have left decisions unwritten
        app = make_app(desk, access, publisher.changed)
        settings = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        ready(f"http://{host}/?token={access.token}")
        uvicorn.Server(settings).run(sockets=[listener])
    finally:
        if publisher is not None:
            publisher.close()
        desk.close()


def _write(out: Path) -> None:
    write_run(latest(out), out)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_ADDRESS, port))
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot use port {port}: {error.strerror}. Choose another.") from error
    listener.listen()
    return listener
