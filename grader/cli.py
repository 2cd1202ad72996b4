"""The commands: parse, call one function, print, choose an exit code. Nothing is decided here."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from grader.cli_options import (
    CanvasOption,
    ColumnOption,
    ExcelOption,
    FeedbackZipOption,
    MoodleOption,
    RosterOption,
)
from grader.course import list_assignments, load_assignment, load_course
from grader.errors import GraderError, SubmissionError, UsageError
from grader.grading.data_files import find_data, places_of
from grader.grading.plan import Isolation, Plan
from grader.grading.sheet_files import SheetFiles, cache_folder
from grader.kernel import gpus
from grader.records import DEFAULT_SEED, Listed
from grader.runs import logs
from grader.runs.deferred_signals import stoppable, was_asked
from grader.text import one_line

if TYPE_CHECKING:
    from grader.runs.cluster import Cluster

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_BROKEN, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
DEFAULT_OUT = Path("reports/latest")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Grade notebooks of PyTorch exercises. Exit codes: 0 graded, 1 a check failed (--strict, "
    "check), 2 wrong usage or nothing to grade, 3 internal error, 130 interrupted.",
)

AssignmentOption = Annotated[
    str, typer.Option("--assignment", help="Name of an assignment of the course, or its folder.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the gradebook and reports.")]
IsolationOption = Annotated[
    str, typer.Option("--isolation", help="sandbox, or process: no walls, trusted notebooks only.")
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with the files of the course's data sets."),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="The log on stderr, and the traceback of what is broken.")
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto: a GPU if there is one. cpu: a notebook a core. cuda: a notebook a GPU.",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Of examples, kernels and training."),
]

ZipEncodingOption = Annotated[
    str, typer.Option("--zip-encoding", help="Of names in zip files: cp949. Chosen without.")
]
WhoOption = Annotated[str, typer.Option("--who", help="Your name, for the history.")]
_MOST_PAIRS_SHOWN = 20


@app.command()
def grade(
    submissions: Annotated[list[Path], typer.Argument(help="Notebooks, folders, zip files.")],
    assignment: AssignmentOption = "cnn",
    out: OutOption = DEFAULT_OUT,
    jobs: Annotated[
        str,
        typer.Option("--jobs", help="Workers: a number, or auto: one a core, as memory allows."),
    ] = "auto",
    memory: Annotated[
        str, typer.Option("--memory", help="Of all workers together: 8G. What is free, without.")
    ] = "",
    cluster: Annotated[
        str, typer.Option("--cluster", help="Grade on a dask cluster: tcp://HOST:8786, or local:4.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Grade again what is stored.")] = False,
    only: Annotated[str, typer.Option("--only", help="Some exercises: corr2d,pool2d.")] = "",
    all_cells: Annotated[
        bool, typer.Option("--all-cells", help="With --only: run the cells it does not need, too.")
    ] = False,
    seed: SeedOption = DEFAULT_SEED,
    data: DataOption = None,
    isolation: IsolationOption = "sandbox",
    device: DeviceOption = "auto",
    zip_encoding: ZipEncodingOption = "",
    roster: RosterOption = None,
    excel: ExcelOption = False,
    canvas: CanvasOption = None,
    column: ColumnOption = "",
    moodle: MoodleOption = None,
    feedback_zip: FeedbackZipOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a check failed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no table.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Grade submissions, store every result as it is found, and write the reports."""
    from grader.report.delivery import Delivery  # noqa: PLC0415
    from grader.report.frames import frames_of  # noqa: PLC0415
    from grader.report.preflight_view import in_short  # noqa: PLC0415
    from grader.report.run_output import print_run  # noqa: PLC0415
    from grader.report.writers import write_run  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415  (what a command needs is loaded when it runs)
    from grader.runs.preflight import preflight as look  # noqa: PLC0415
    from grader.runs.progress import progress  # noqa: PLC0415

    logs.configure(verbose=verbose)
    pipeline.require_unclaimed(out)  # not after minutes of reading
    plan = _plan(assignment, _names(only), seed, data, isolation, "cpu" if cluster else device)
    plan = replace(plan, all_cells=all_cells)
    workers = 0 if cluster else _jobs(jobs, memory, plan)
    delivery = Delivery.planned(
        out, canvas=canvas, column=column, moodle=moodle, feedback=feedback_zip
    )
    collected = pipeline.collect(
        submissions, plan, zip_encoding=zip_encoding, roster=_students(roster)
    )
    found = collected.submissions
    seen = None if quiet else look(plan, collected, out, workers or 1)
    with progress(len(found), quiet=quiet, live=not verbose) as show, pipeline.claimed(out):
        try:
            with _cluster(cluster, plan, device, jobs, memory) as elsewhere:
                run = pipeline.grade_and_store(
                    elsewhere.plan if elsewhere else plan, found, out, jobs=workers,
                    elsewhere=elsewhere.grade_all if elsewhere else None, fresh=fresh,
                    passed_over=collected.passed_over, attendance=collected.attendance,
                    begin=lambda: _say_first(seen),
                    show=show,
                )  # fmt: skip
            frames = frames_of(run)
            write_run(run, out, excel=excel, frames=frames)
            delivered = delivery.write(run, out, frames)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and not was_asked():
                raise
            show.stop()
            _say(_interrupted(show.done, len(found), out))
            raise typer.Exit(EXIT_INTERRUPTED) from None
    print_run(run, out, delivered, quiet=quiet)
    if verbose and (traces := logs.tracebacks_of(run.results)):
        _say(traces)
    raise typer.Exit(_exit_code(run, strict=strict))


@app.command()
def preflight(
    submissions: Annotated[list[Path], typer.Argument(help="Notebooks, folders, zip files.")],
    assignment: AssignmentOption = "cnn",
    out: OutOption = DEFAULT_OUT,
    only: Annotated[str, typer.Option("--only", help="Some exercises: corr2d,pool2d.")] = "",
    roster: RosterOption = None,
    zip_encoding: Annotated[
        str, typer.Option("--zip-encoding", help="Of names in zip files: cp949. Chosen without.")
    ] = "",
) -> None:
    """Show what was handed in and what is missing here; nothing is run."""
    from grader.report.preflight_view import in_full  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415
    from grader.runs.preflight import preflight as look  # noqa: PLC0415

    plan = _plan(assignment, _names(only), DEFAULT_SEED, None, "sandbox", "auto")
    found = pipeline.collect(submissions, plan, zip_encoding=zip_encoding, roster=_students(roster))
    print(*in_full(look(plan, found, out, _jobs("auto", "", plan))), sep="\n")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="Your notebook.")],
    exercises: Annotated[list[str] | None, typer.Argument(help="Some exercises only.")] = None,
    assignment: AssignmentOption = "cnn",
    hints: Annotated[int, typer.Option("--hints", min=0, max=3, help="How much help.")] = 3,
    seed: SeedOption = DEFAULT_SEED,
    data: DataOption = None,
    isolation: IsolationOption = "sandbox",
    device: DeviceOption = "auto",
    verbose: VerboseOption = False,
) -> None:
    """Check one notebook and show, on the terminal, what is wrong and on which input."""
    from grader.report.terminal import check_view  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415

    logs.configure(verbose=verbose)
    plan = _plan(assignment, tuple(exercises or ()), seed, data, isolation, device)
    result = pipeline.check_one(notebook, plan)
    if verbose and (traces := logs.tracebacks_of([result])):
        _say(traces)
    Console().print(check_view(result, hints=hints))
    if result.status == "broken":
        raise typer.Exit(EXIT_BROKEN)
    if result.status == "unreadable":
        raise typer.Exit(EXIT_USAGE)
    raise typer.Exit(EXIT_FAILED if pipeline.failed(result) else EXIT_OK)


@app.command()
def report(
    out: OutOption = DEFAULT_OUT,
    compare: Annotated[
        str,
        typer.Option("--compare", help="Which grades changed since a run: its number, or last."),
    ] = "",
    points: Annotated[
        Path | None,
        typer.Option("--points", help="Read the points of a person from this CSV first."),
    ] = None,
    who: WhoOption = "",
    roster: RosterOption = None,
    excel: ExcelOption = False,
    canvas: CanvasOption = None,
    column: ColumnOption = "",
    moodle: MoodleOption = None,
    feedback_zip: FeedbackZipOption = False,
) -> None:
    """Render the latest run of a gradebook again, or compare it with an earlier one."""
    from grader.report.delivery import Delivery  # noqa: PLC0415
    from grader.report.frames import frames_of  # noqa: PLC0415
    from grader.report.terminal import attendance_lines  # noqa: PLC0415
    from grader.report.writers import write_run  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415

    if compare:
        _compare(out, compare)
        return
    if points is not None:
        _read_points(out, points, who)
    delivery = Delivery.planned(
        out, canvas=canvas, column=column, moodle=moodle, feedback=feedback_zip
    )
    run = pipeline.latest(out)
    if (students := _students(roster)) is not None:
        run = run.with_roster(students)
    frames = frames_of(run)
    for path in write_run(run, out, excel=excel, frames=frames)[:3]:
        print(path)
    if students is not None:
        print(*attendance_lines(run), sep="\n")
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

    course = load_assignment(assignment)
    if submissions:
        code = submitted_code(submissions, course.name, zip_encoding=zip_encoding)
    else:
        code = stored_code(out)
    found = compare(code, given_code(course), book_prints(course))
    for pair in found.pairs[:_MOST_PAIRS_SHOWN]:
        print(f"{pair.score:4.0%}  {one_line(pair.first)} and {one_line(pair.second)}")
    count = len(found.pairs)
    print(f"{count} pair{'s' * (count != 1)} of {found.students} students to look at")
    for path in write_similar(found, code, out, assignment=course.title):
        print(path)


@app.command()
def doctor(data: DataOption = None) -> None:
    """Show which walls, which data and which device this machine has."""
    from grader.doctor import examine  # noqa: PLC0415

    console = Console()
    sound = True
    for line in examine(load_course(), data):
        console.print(line.as_text())
        sound = sound and line.good is not False
    raise typer.Exit(EXIT_OK if sound else EXIT_BROKEN)


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it.")] = False,
) -> None:
    """Show the cache of drawn examples and right answers, or clear it.

    It makes runs shorter and changes no verdict. GRADER_CACHE names its folder; GRADER_CACHE=off
    keeps none.
    """
    from grader.report.terminal import cache_view  # noqa: PLC0415

    folder = cache_folder(os.environ)
    files = SheetFiles(folder) if folder else None
    entries = () if files is None else files.clear() if clear else files.entries()
    Console().print(cache_view(folder, entries, cleared=clear))


@app.command("list")
def list_command(
    assignment: Annotated[str, typer.Argument(help="An assignment; all of them without.")] = "",
) -> None:
    """List assignments, or the exercises and points of one."""
    if not assignment:
        for name in list_assignments():
            print(f"{name}\t{load_assignment(name).title}")
        return
    from grader.runs.pipeline import points_of  # noqa: PLC0415

    for exercise, points in points_of(load_assignment(assignment)):
        note = "optional" if exercise.optional else ""
        print(f"{exercise.section}\t{exercise.name}\t{float(points):g}\t{exercise.title}\t{note}")


def main() -> NoReturn:
    """Run a command; print a `GraderError` as one sentence, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # for names the terminal cannot encode
            stream.reconfigure(errors="replace")
    code: str | int | None = EXIT_OK
    try:
        with stoppable():
            app()
    except SystemExit as ended:
        code = ended.code
    except (UsageError, SubmissionError) as error:
        _say(str(error))
        code = EXIT_USAGE
    except GraderError as error:
        _say(str(error))
        code = EXIT_BROKEN
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    if was_asked():
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(EXIT_INTERRUPTED)  # everything is cleaned up; unloading torch would take a second
    sys.exit(code)


def _plan(
    assignment: str, only: tuple[str, ...], seed: int, data: Path | None, isolation: str,
    device: str,
) -> Plan:  # fmt: skip
    levels: dict[str, Isolation] = {"sandbox": "sandbox", "process": "process"}
    if isolation not in levels:
        raise UsageError(f"--isolation is sandbox or process, not {isolation!r}.")
    declared = load_assignment(assignment).course.data
    found = find_data(data, declared)
    if data is not None and found is None:
        needs = places_of(declared) or "data, for the course declares none"
        raise UsageError(f"{data} does not hold {needs}, or one of the files is broken.")
    chosen = gpus.choose(device, gpus.look())
    # without walls, student code could write what decides the verdicts of others
    sheets = cache_folder(os.environ) if isolation == "sandbox" else None
    plan = Plan(assignment, only, seed, levels[isolation], found, gpus=chosen, cache=sheets)
    assert plan.assignment  # reports a wrong name of an exercise before anything is read
    return plan


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
        _say(line)


def _names(only: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in only.split(",") if name.strip())


def _students(roster: Path | None) -> tuple[Listed, ...] | None:
    if roster is None:
        return None
    from grader.reading.roster import read_roster  # noqa: PLC0415

    return read_roster(roster)


def _jobs(text: str, memory: str, plan: Plan) -> int:
    """Return how many workers are started at most.

    A number that is given holds, except where `--memory` has no room for so many.
    """
    from grader.runs import machine  # noqa: PLC0415

    most = machine.size_from(memory) if memory else None
    if text == "auto":
        return machine.workers_that_fit(machine.share(), plan.spending, most)
    if text.isdigit() and int(text) > 0:
        wanted = machine.Share(int(text), None)
        return machine.workers_that_fit(wanted, plan.spending, most)
    raise UsageError(f"--jobs is auto or a whole number from 1 on, not {text!r}.")


@contextmanager
def _cluster(
    address: str, plan: Plan, device: str, jobs: str, memory: str
) -> Iterator[Cluster | None]:
    """Connect to a cluster if one is asked for."""
    if not address:
        yield None
        return
    if jobs != "auto" or memory:
        raise UsageError(
            "--jobs and --memory are about workers of this machine. With --cluster, the number of "
            "its workers decides."
        )
    from grader.runs.cluster import connected  # noqa: PLC0415

    with connected(address, plan, device, _say) as cluster:
        yield cluster


def _exit_code(run: object, *, strict: bool) -> int:
    from grader.runs.pipeline import StoredRun, failed  # noqa: PLC0415

    assert isinstance(run, StoredRun)
    if any(result.status == "broken" for result in run.results):
        return EXIT_BROKEN
    if all(result.status == "unreadable" for result in run.results):
        return EXIT_USAGE
    if strict and any(failed(result) for result in run.results):
        return EXIT_FAILED
    return EXIT_OK


def _interrupted(done: int, total: int, out: Path) -> str:
    if not done:
        return f"Interrupted: none of {total} graded. The same command starts again."
    return (
        f"Interrupted: {done} of {total} graded, and stored in {out}. The same command goes on "
        f"there; `grader report --out {out}` writes the reports of what is done."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
