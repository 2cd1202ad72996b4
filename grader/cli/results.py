"""The commands on what was graded: `report`, `serve`, `similar`."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.app import app, say
from grader.cli.grading import students_of, times_of
from grader.cli.options import (
    DEFAULT_OUT,
    AssignmentOption,
    CanvasOption,
    ColumnOption,
    ExcelOption,
    FeedbackZipOption,
    MoodleOption,
    OutOption,
    RosterOption,
    TimesOption,
    WhoOption,
    ZipEncodingOption,
)
from grader.course import load_assignment
from grader.errors import UsageError
from grader.text import one_line

_MOST_PAIRS_SHOWN = 20


@app.command()
def report(
    out: OutOption = DEFAULT_OUT,
    compare: Annotated[
        str,
        typer.Option("--compare", help="Which grades changed since a run: its number, or last."),
    ] = "",
    points: Annotated[
        Path | None,
        typer.Option("--points", help="Read points given by hand from this CSV first."),
    ] = None,
    who: WhoOption = "",
    roster: RosterOption = None,
    times: TimesOption = None,
    excel: ExcelOption = False,
    canvas: CanvasOption = None,
    column: ColumnOption = "",
    moodle: MoodleOption = None,
    feedback_zip: FeedbackZipOption = False,
) -> None:
    """Render the latest run of a gradebook again, or compare it with an earlier one."""
    from grader.report.delivery import Delivery  # noqa: PLC0415
    from grader.report.frames import frames_of  # noqa: PLC0415
    from grader.report.terminal import attendance_lines, lateness_lines  # noqa: PLC0415
    from grader.report.writers import write_run  # noqa: PLC0415
    from grader.runs.handing_in import run_with_times  # noqa: PLC0415
    from grader.runs.stored_run import keep_people, latest  # noqa: PLC0415

    if compare:
        if points or roster or times or canvas or column or moodle or excel or feedback_zip:
            raise UsageError(
                "--compare writes no other report; run `grader report` with the other options "
                "first, and --compare alone after it."
            )
        _compare(out, compare)
        return
    if points is not None:
        _read_points(out, points, who)
    delivery = Delivery.planned(
        out, canvas=canvas, column=column, moodle=moodle, feedback=feedback_zip
    )
    run = latest(out)
    about_times: tuple[str, ...] = ()
    if (students := students_of(roster)) is not None:
        run = run.with_roster(students)
    if handed_in := times_of(times, moodle):
        run, about_times = run_with_times(run, handed_in)
    if students is not None or handed_in:
        keep_people(out, run)  # for later reports, and for `grader serve`
    frames = frames_of(run)
    for path in write_run(run, out, excel=excel, frames=frames)[:3]:
        print(path)
    if students is not None:
        print(*attendance_lines(run), sep="\n")
    for line in (*about_times, *lateness_lines(run)):
        print(line)
    for line in delivery.write(run, out, frames):
        print(line)


@app.command()
def serve(
    out: OutOption = DEFAULT_OUT,
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0: any free one.")] = 0,
    who: WhoOption = "",
) -> None:
    """Grade written answers and decide about verdicts in the browser, on this machine alone."""
    try:
        from grader.serve.server import serve as run_server  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"`grader serve` needs {error.name}: pip install 'notebook-grader[serve]'."
        ) from error

    run_server(out, port=port, who=who or getpass.getuser(), ready=_announce)


def _announce(address: str) -> None:
    print(f"Open {address}\nCtrl-C ends it; everything you decide is stored at once.", flush=True)


@app.command()
def similar(
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(help="Notebooks, folders, zip files; without, the code that was judged."),
    ] = None,
    assignment: AssignmentOption = "cnn",
    out: OutOption = DEFAULT_OUT,
    zip_encoding: ZipEncodingOption = "",
) -> None:
    """List pairs of submissions that share code which others do not have: evidence to look at."""
    from grader.report.similar import write_similar  # noqa: PLC0415
    from grader.similar.gather import book_prints, given_code, stored_code, submitted_code  # noqa: PLC0415
    from grader.similar.pairs import compare  # noqa: PLC0415

    loaded = load_assignment(assignment)
    if submissions:
        code = submitted_code(submissions, loaded.name, zip_encoding=zip_encoding)
    else:
        code = stored_code(out)
    found = compare(code, given_code(loaded), book_prints(loaded))
    for pair in found.pairs[:_MOST_PAIRS_SHOWN]:
        print(f"{pair.score:4.0%}  {one_line(pair.first)} and {one_line(pair.second)}")
    count = len(found.pairs)
    print(f"{count} pair{'s' * (count != 1)} of {found.students} students to look at")
    for path in write_similar(found, code, out, assignment=loaded.title):
        print(path)


def _compare(out: Path, run: str) -> None:
    from grader.report.comparison import comparison_lines, write_comparison  # noqa: PLC0415
    from grader.runs.comparison import compare_runs  # noqa: PLC0415

    if run != "last" and not (run.isascii() and run.isdigit()):
        raise UsageError(f"--compare is the number of a run, or last, not {run!r}.")
    comparison = compare_runs(out, None if run == "last" else int(run))
    print(*comparison_lines(comparison), sep="\n")
    print(write_comparison(comparison, out))


def _read_points(out: Path, table: Path, who: str) -> None:
    from grader.serve.answer_table import read_points  # noqa: PLC0415
    from grader.serve.desk import Desk  # noqa: PLC0415

    with closing(Desk(out)) as desk:
        changed, passed_over = read_points(desk, table, who or getpass.getuser())
    print(f"{changed} row{'s' * (changed != 1)} of {table} changed something.")
    for line in passed_over:
        say(line)
