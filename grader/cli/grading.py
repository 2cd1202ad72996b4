"""The commands that grade, and the one that looks first: `grade`, `preflight`, `check`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from grader.cli.app import EXIT_BROKEN, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, app, say
from grader.cli.options import (
    DEFAULT_OUT,
    AssignmentOption,
    CanvasOption,
    ColumnOption,
    DataOption,
    DeviceOption,
    ExcelOption,
    FeedbackZipOption,
    IsolationOption,
    MoodleOption,
    OnlyOption,
    OutOption,
    RosterOption,
    SeedOption,
    TimesOption,
    VerboseOption,
    ZipEncodingOption,
)
from grader.course import load_assignment
from grader.errors import UsageError
from grader.grading.data_files import find_data, places_of
from grader.grading.plan import Isolation, Plan
from grader.grading.sheet_files import cache_folder
from grader.kernel import gpus
from grader.records import DEFAULT_SEED, Found, Listed
from grader.runs import logs
from grader.runs.deferred_signals import was_asked

if TYPE_CHECKING:
    from grader.reading.times import HandedIn
    from grader.runs.cluster import Cluster
    from grader.runs.preflight import Preflight
    from grader.runs.scheduling import Event


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
    only: OnlyOption = "",
    all_cells: Annotated[
        bool, typer.Option("--all-cells", help="With --only: run the cells it does not need, too.")
    ] = False,
    seed: SeedOption = DEFAULT_SEED,
    data: DataOption = None,
    isolation: IsolationOption = "sandbox",
    device: DeviceOption = "auto",
    zip_encoding: ZipEncodingOption = "",
    roster: RosterOption = None,
    times: TimesOption = None,
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
    from grader.report.loading import load_in_the_background  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415  (what a command needs is loaded when it runs)
    from grader.runs.preflight import preflight as look  # noqa: PLC0415
    from grader.runs.progress import progress  # noqa: PLC0415

    logs.configure(verbose=verbose)
    pipeline.require_unclaimed(out)  # not after minutes of reading
    plan = _plan(
        assignment, _names(only), seed, data, isolation, "cpu" if cluster else device, all_cells
    )
    workers = 0 if cluster else _jobs(jobs, memory, plan)
    delivery = Delivery.planned(
        out, canvas=canvas, column=column, moodle=moodle, feedback=feedback_zip
    )
    collected = pipeline.collect(
        submissions, plan, zip_encoding=zip_encoding, roster=students_of(roster)
    )
    collected, about_times = _with_times(collected, times_of(times, moodle))
    found = collected.submissions

    def begin() -> None:
        if not quiet:
            count = elsewhere.workers if elsewhere else workers
            _print_first(look(plan, collected, out, count), about_times)

    def note(event: Event) -> None:
        show(event)
        load_in_the_background()  # of the reports; workers have work now

    with progress(len(found), quiet=quiet, live=not verbose) as show, pipeline.claimed(out):
        try:
            with _cluster(cluster, plan, device, jobs, memory) as elsewhere:
                run = pipeline.grade_and_store(
                    elsewhere.plan if elsewhere else plan, found, out, jobs=workers,
                    elsewhere=elsewhere.grade_all if elsewhere else None, fresh=fresh,
                    passed_over=collected.passed_over, attendance=collected.attendance,
                    begin=begin, show=note,
                )  # fmt: skip
            from grader.report.frames import frames_of  # noqa: PLC0415  (loads pandas)
            from grader.report.writers import write_run  # noqa: PLC0415

            frames = frames_of(run)
            write_run(run, out, excel=excel, frames=frames)
            delivered = delivery.write(run, out, frames)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and not was_asked():
                raise
            show.stop()
            say(_interrupted(show.done, len(found), out))
            raise typer.Exit(EXIT_INTERRUPTED) from None
    from grader.report.run_output import print_run  # noqa: PLC0415

    print_run(run, out, delivered, quiet=quiet)
    if verbose and (traces := logs.tracebacks_of(run.results)):
        say(traces)
    raise typer.Exit(_exit_code(run, strict=strict))


@app.command()
def preflight(
    submissions: Annotated[list[Path], typer.Argument(help="Notebooks, folders, zip files.")],
    assignment: AssignmentOption = "cnn",
    out: OutOption = DEFAULT_OUT,
    only: OnlyOption = "",
    roster: RosterOption = None,
    zip_encoding: ZipEncodingOption = "",
) -> None:
    """Show what was handed in and what is missing here; nothing is run."""
    from grader.report.preflight_view import in_full  # noqa: PLC0415
    from grader.runs import pipeline  # noqa: PLC0415
    from grader.runs.preflight import preflight as look  # noqa: PLC0415

    plan = _plan(assignment, _names(only), DEFAULT_SEED, None, "sandbox", "auto")
    found = pipeline.collect(
        submissions, plan, zip_encoding=zip_encoding, roster=students_of(roster)
    )
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
        say(traces)
    Console().print(check_view(result, hints=hints))
    if result.status == "broken":
        raise typer.Exit(EXIT_BROKEN)
    if result.status == "unreadable":
        raise typer.Exit(EXIT_USAGE)
    raise typer.Exit(EXIT_FAILED if pipeline.failed(result) else EXIT_OK)


def _plan(
    assignment: str, only: tuple[str, ...], seed: int, data: Path | None, isolation: str,
    device: str, all_cells: bool = False,
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
    plan = Plan(
        assignment, only, seed, levels[isolation], found, gpus=chosen, all_cells=all_cells,
        cache=sheets,
    )  # fmt: skip
    assert plan.assignment  # reports a wrong name of an exercise before anything is read
    return plan


def _print_first(seen: Preflight, about_times: Sequence[str]) -> None:
    """Print what there is to know before anything is graded."""
    from grader.report.preflight_view import in_short  # noqa: PLC0415

    print(*in_short(seen), *about_times, "", sep="\n", flush=True)


def _with_times(found: Found, times: Sequence[HandedIn]) -> tuple[Found, Sequence[str]]:
    """Give submissions the times of a table; return also what there is to say about it."""
    if not times:
        return found, ()
    from grader.runs.handing_in import found_with_times  # noqa: PLC0415

    return found_with_times(found, times)


def times_of(times: Path | None, moodle: Path | None) -> tuple[HandedIn, ...]:
    """Read when students handed in: from the table that is given, or from Moodle's worksheet."""
    from grader.reading.times import read_times, times_in  # noqa: PLC0415

    if times is not None:
        return read_times(times)
    return times_in(moodle) if moodle is not None else ()


def _names(only: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in only.split(",") if name.strip())


def students_of(roster: Path | None) -> tuple[Listed, ...] | None:
    """Read a roster if one is given."""
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

    with connected(address, plan, device, say) as cluster:
        yield cluster


def _exit_code(run: object, *, strict: bool) -> int:
    from grader.runs.pipeline import failed  # noqa: PLC0415
    from grader.runs.stored_run import StoredRun  # noqa: PLC0415

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
