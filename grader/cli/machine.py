"""The commands on this machine and on courses: `doctor`, `cache`, `list`."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.console import Console

from grader.cli.app import EXIT_BROKEN, EXIT_OK, app
from grader.cli.options import DataOption
from grader.course import list_assignments, load_assignment, load_course
from grader.grading.sheet_files import SheetFiles, cache_folder


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
