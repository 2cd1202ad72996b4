"""The commands: parse, call one function, print, choose an exit code. Nothing is decided here."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from grader.course import list_assignments, load_assignment, load_course
from grader.errors import GraderError, SubmissionError, UsageError
from grader.grading.data_files import find_data, places_of
from grader.grading.plan import Isolation, Plan
from grader.kernel import gpus
from grader.records import DEFAULT_SEED
from grader.runs import logs
from grader.runs.deferred_signals import stoppable, was_asked

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
    fresh: Annotated[bool, typer.Option("--fresh", help="Grade again what is stored.")] = False,
    only: Annotated[str, typer.Option("--only", help="Some exercises: corr2d,pool2d.")] = "",
    all_cells: Annotated[
        bool, typer.Option("--all-cells", help="With --only: run the cells it does not need, too.")
    ] = False,
    seed: SeedOption = DEFAULT_SEED,
    data: DataOption = None,
    isolation: IsolationOption = "sandbox",
    device: DeviceOption = "auto",
    zip_encoding: Annotated[
        str, typer.Option("--zip-encoding", help="Of names in zip files: cp949. Chosen without.")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a check failed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no table.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Grade submissions, store every result as it is found, and write the reports."""
    from grader.report.missing import missing_in_words  # noqa: PLC0415
    from grader.report.terminal import passed_over_view, summary_table  # noqa: PLC0415
    from grader.report.writers import write_run  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415  (what a command needs is loaded when it runs)
    from grader.runs.progress import progress  # noqa: PLC0415

    logs.configure(verbose=verbose)
    pipeline.require_unclaimed(out)  # not after minutes of reading
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    plan = _plan(assignment, names, seed, data, isolation, device)
    plan = replace(plan, all_cells=all_cells)
    collected = pipeline.collect(submissions, plan, zip_encoding=zip_encoding)
    found = collected.submissions
    with progress(len(found), quiet=quiet, live=not verbose) as show, pipeline.claimed(out):
        try:
            run = pipeline.grade_and_store(
                plan, found, out, jobs=_jobs(jobs, memory, plan), fresh=fresh,
                passed_over=collected.passed_over, show=show,
            )  # fmt: skip
            write_run(run, out)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and not was_asked():
                raise
            show.stop()
            _say(_interrupted(show.done, len(found), out))
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if not quiet:
        Console().print(summary_table(run.results, max_points=run.max_points))
        if lines := missing_in_words(run.results):
            print("", *lines, sep="\n")
        count = f"{len(run.results)} submission{'s' * (len(run.results) != 1)}"
        print(f"\n{run.origins.as_text()}")
        print(f"{count}; reports in {out / 'report.html'}")
        Console().print(passed_over_view(run.passed_over))
    else:
        if again := run.origins.graded_again():
            _say(again)
        if run.passed_over:
            print(f"{len(run.passed_over)} passed over; {out / 'report.html'} names them")
    if verbose and (traces := logs.tracebacks_of(run.results)):
        _say(traces)
    raise typer.Exit(_exit_code(run, strict=strict))


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
def report(out: OutOption = DEFAULT_OUT) -> None:
    """Render the latest run of a gradebook again."""
    from grader.report.writers import write_run  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415

    for path in write_run(pipeline.latest(out), out)[:3]:
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


def run() -> NoReturn:
    """Be the program `grader`: run a command, and end this process with its exit code.

    What is open is closed as at any end; but torch, if it was loaded, is not taken apart, which
    would take a quarter of the time that it takes to import.
    """
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # a full disk, a closed pipe: Python reports it
            raise ended from None
        atexit._run_exitfuncs()
        os._exit(ended.code)


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
    plan = Plan(assignment, only, seed, levels[isolation], found, gpus=chosen)
    assert plan.assignment  # reports a wrong name of an exercise before anything is read
    return plan


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
