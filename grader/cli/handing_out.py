"""The command for what students get: `handout`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.app import app, say
from grader.grading.plan import Plan
from grader.records import DEFAULT_SEED, HANDOUT_SEED

if TYPE_CHECKING:  # it loads torch
    from grader.selfcheck.exercises import SelfCheck


@app.command()
def handout(
    assignment: Annotated[
        str, typer.Argument(help="Name of an assignment of the course, or its folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for what students get.")],
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=2**32 - 1, help="Of the examples; grading has another one."
        ),
    ] = HANDOUT_SEED,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds other files.")
    ] = False,
) -> None:
    """Write what students get: the notebook, and a self-check without any right answer in source.

    The self-check is one Python file and one file of numbers. Students need PyTorch and no grader.
    """
    from grader.selfcheck import folder  # noqa: PLC0415  (what a command needs is loaded then)

    plan = Plan(assignment, seed=seed)
    folder.require_room(out, folder.names_of(plan.assignment), force=force)
    from grader.selfcheck.exercises import self_checks  # noqa: PLC0415  (it loads torch)

    say("Trying the checks on known answers ...")
    checks = self_checks(plan)
    for path in folder.write(out, folder.files_of(plan.assignment, checks)):
        print(path)
    print()
    for line in _table(checks.exercises):
        print(line)
    if not checks.names_mistakes:
        say("The file would be too large with the known mistakes: the self-check names none.")
    if seed == DEFAULT_SEED:
        say("These are the examples of `grader grade` without --seed: students know them now.")


def _table(checks: tuple[SelfCheck, ...]) -> list[str]:
    """Return a line for each exercise with questions, and one for each reason to have none."""
    asked = [one for one in checks if one.questions]
    width = max((len(one.exercise.name) for one in asked), default=0)
    lines = [
        f"{one.exercise.name:{width}}  {len(one.questions):3} questions, call {one.noticed} of "
        f"{one.known} known mistakes wrong, name {len(one.mistakes)}"
        for one in asked
    ]
    for reason in dict.fromkeys(one.reason for one in checks if not one.questions):
        names = ", ".join(one.exercise.name for one in checks if one.reason == reason)
        lines.append(f"no self-check, because {reason}: {names}")
    return lines
