"""Progress on the terminal while a class is graded: a live line, or plain lines in a log.

Everything goes to stderr; results go to stdout. Not here: the events (`scheduling.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from grader.points import standing_of
from grader.records import SubmissionResult
from grader.runs.scheduling import Event, Finished, Started
from grader.text import one_line


class Show:
    """Shows events: on a terminal the student being graded, in a log one line a result."""

    def __init__(self, total: int, console: Console | None) -> None:
        self._console = console
        self._total = total
        self.done = 0
        """How many submissions have their result."""
        self._running: dict[int, str] = {}
        self._bar: Progress | None = None
        if console is not None and console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                TimeElapsedColumn(), console=console, transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("starting", total=total)
            self._bar.start()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Started):
            self._running[event.position] = event.submission.student
        else:
            self._running.pop(event.position, None)
            self.done += 1
            self._line(event)
        if self._bar is not None:
            names = ", ".join(one_line(name, limit=24) for name in self._running.values())
            self._bar.update(self._task, completed=self.done, description=escape(names))

    def stop(self) -> None:
        """Remove the live line."""
        if self._bar is not None:
            self._bar.stop()

    def _line(self, event: Finished) -> None:
        if self._console is not None:
            number = f"[{self.done}/{self._total}]"
            line = f"{number} {_in_words(event.result)}"
            with suppress(OSError):  # a log on a full disk, a closed pipe: grading goes on
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(total: int, *, quiet: bool, live: bool = True) -> Iterator[Show]:
    """Show progress of `total` submissions on stderr, unless `quiet`.

    Without `live` there are plain lines on a terminal too, for a log among them.
    """
    console = Console(stderr=True, force_terminal=None if live else False)
    show = Show(total, None if quiet else console)
    try:
        yield show
    finally:
        show.stop()


def _in_words(result: SubmissionResult) -> str:
    standing = standing_of(result)
    points = f"{float(standing.points):g} of {float(standing.max_points):g} points"
    what = points if result.exercises else result.problem
    name = one_line(result.student, limit=40)
    return f"{name}: {result.status}, {one_line(what, limit=100)} ({result.seconds:.1f} s)"
