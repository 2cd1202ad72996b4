"""Results on the terminal: a table of the class, and one student's checks in full.

Text of students is shown through `rich.text.Text`, which interprets no markup in it. Every view is
readable in 80 columns and without colours, as in the log of a CI job.

Here: renderables. Not here: printing, progress and exit codes (`cli.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.grading.sheet_files import Entry
from grader.points import Standing, standing, standing_of
from grader.records import (
    UNNAMED,
    CellRun,
    CheckResult,
    ExerciseResult,
    PassedOver,
    SubmissionResult,
)
from grader.report.rounding import percent, shown, total_of
from grader.runs.stored_run import StoredRun
from grader.text import clean, clip, one_line
from grader.verdict import Status, Verdict

_MOST_PASSED_OVER = 100


def summary_table(
    results: Sequence[SubmissionResult],
    *,
    max_points: Fraction = Fraction(0),
    adjusted: Sequence[Standing] = (),
) -> Table:
    """Tabulate the class: student, status, points, and what went wrong in a few words.

    Args:
        results: a row each.
        max_points: what the assignment is worth.
        adjusted: points of the same results after the policy, where there is one.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("student", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("%", justify="right", no_wrap=True)
    if adjusted:
        table.add_column("after policy", justify="right", no_wrap=True)
    table.add_column("what went wrong", overflow="fold")
    for place, result in enumerate(results):
        total = total_of(result, max_points)
        share = percent(total.share)
        table.add_row(
            Text(one_line(result.student, limit=40)),
            Text(str(result.status), style=result.status.style),
            Text(_points(total) + _open(total)),
            Text("" if share is None else str(share)),
            *([Text(_points(adjusted[place]))] if adjusted else ()),
            Text(_in_short(result)),
        )
    return table


def passed_over_view(
    passed_over: Sequence[PassedOver], *, most: int = _MOST_PASSED_OVER
) -> RenderableType:
    """List what was found and has no row, each with its reason."""
    lines = [Text(f"{len(passed_over)} passed over:")] if passed_over else []
    for one in passed_over[:most]:
        lines.append(_line(f"  {one_line(one.name, limit=200)}: {one_line(one.reason)}", "dim"))
    if len(passed_over) > most:
        lines.append(Text(f"  and {len(passed_over) - most} more, in report.html"))
    return Group(*lines)


def cache_view(
    folder: Path | None, entries: Sequence[Entry], *, cleared: bool = False
) -> RenderableType:
    """Show where what earlier runs have kept lies, and how much of each assignment.

    Args:
        folder: of the cache; None where there is none.
        entries: what it holds, or what was removed.
        cleared: whether they were removed.
    """
    if folder is None:
        return Text("no cache: GRADER_CACHE is off, or there is no home folder")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("assignment", overflow="fold")
    for name in ("entries", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in sorted({entry.assignment for entry in entries}):
        of_one = [entry.size for entry in entries if entry.assignment == name]
        table.add_row(Text(one_line(name, limit=60)), str(len(of_one)), _size(sum(of_one)))
    total = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
    total += f", {_size(sum(entry.size for entry in entries))}"
    parts: list[RenderableType] = [_line(str(folder))]
    if entries:
        parts += [table]
    return Group(*parts, Text(f"{total}{' removed' if cleared else ''}"))


def attendance_lines(run: StoredRun, *, most: int = _MOST_PASSED_OVER) -> list[str]:
    """Return lines on the roster and on earlier attempts; none where there is nothing to know."""
    lines = []
    if (attending := run.attendance) is not None:
        here = attending.count - len(attending.absent)
        lines.append(
            f"roster: {here} of {attending.count} handed in, {len(attending.absent)} nothing"
        )
        lines += [f"  {one_line(note, limit=300)}" for note in attending.notes[:most]]
        if len(attending.notes) > most:
            lines.append(f"  and {len(attending.notes) - most} more")
    for result in run.results:
        if earlier := run.people.get(result.key, UNNAMED).earlier:
            names = one_line(", ".join(earlier), limit=200)
            lines.append(
                f"{one_line(result.student, limit=40)}: not graded, another counts: {names}"
            )
    return lines


def lateness_lines(run: StoredRun) -> list[str]:
    """Return a sentence on submissions whose lateness is not known, where it may cost points."""
    if run.policy.due is None:
        return []
    count = sum(run.handed_in(one) is None for one in run.results if one.exercises)
    if not count:
        return []
    return [
        f"No time of handing in is known for {count} of {len(run.results)} submissions. They count "
        "as on time, or as 1 day late where the system marked them late; "
        "`grader report --times FILE.csv` gives the times."
    ]


def check_view(result: SubmissionResult, *, hints: int = 3) -> RenderableType:
    """Show one notebook's result to the student, failures in full.

    Args:
        result: of that notebook.
        hints: how many kinds of hint follow a failure: 1 what to try, 2 the name of a known
            mistake too, 3 the advice for that mistake; 0 shows got and expected only.
    """
    return Group(*_parts(result, hints))


def _parts(result: SubmissionResult, hints: int) -> Iterator[RenderableType]:
    yield Text(one_line(result.student), style="bold")
    if result.problem:
        whose = "internal error: " if result.status is Status.BROKEN else ""
        yield _line(f"  {whose}{one_line(result.problem)}", result.status.style)
    for exercise in result.exercises:
        yield Text("")
        yield from _exercise(exercise, hints)
    failed = [run for run in result.cells if run.failed]
    if failed:
        yield Text("")
        yield _line("cells that did not run through (counted from 0):", "bold")
        for run in failed:
            place = _place(run)
            what = one_line(run.error, limit=300) or run.status.replace("_", " ")
            yield _indented(f"{place}: {what}", 2)
            if run.note:
                yield _indented(f"({one_line(run.note, limit=200)})", 4, "dim")
    for note in (*result.notes, *result.run_notes):
        yield _line(f"note: {one_line(note)}", "dim")
    if result.exercises:
        total = standing_of(result)
        share = percent(total.share)
        yield Text("")
        suffix = "" if share is None else f" ({share} %)"
        yield _line(f"{_points(total)} points{suffix}{_open(total)}", "bold")


def _exercise(exercise: ExerciseResult, hints: int) -> Iterator[RenderableType]:
    earned = standing(exercise.checks)
    head = Text(one_line(exercise.exercise, limit=60), style="bold")
    where = f"  cell {exercise.cell}" if exercise.cell is not None else ""
    where += f" of {one_line(exercise.file, limit=60)}" if where and exercise.file else ""
    points = f"  {_points(earned)}" if earned.max_points else "  no points"
    if exercise.by_hand:
        points = "  graded by hand"
    head.append(f"{points}{_open(earned)}{where}", style="not bold dim")
    yield head
    if _is_missing(exercise):
        yield _indented("not found in the notebook", 2, "red")
        wrong = (check.message for check in exercise.checks if check.verdict.is_wrong)
        for message in dict.fromkeys(filter(None, wrong)):
            yield _indented(one_line(message, limit=600), 4)
        return
    if exercise.other_cells:
        others = ", ".join(map(str, exercise.other_cells))
        yield _indented(f"also defined in: cell {others}; the best one counts", 2, "dim")
    for note in exercise.notes:
        yield _indented(one_line(note), 2, "dim")
    for check in exercise.checks:
        if exercise.by_hand and check.verdict is Verdict.PASSED:  # neither right nor wrong
            yield _indented(one_line(check.message), 2)
        else:
            yield from _check(check, hints)
    if exercise.mistake and hints >= 2 and any(check.verdict.is_wrong for check in exercise.checks):
        yield _indented(f"known mistake: {one_line(exercise.mistake.title)}", 2, "yellow")
        if hints >= 3:
            yield _indented(one_line(exercise.mistake.hint, limit=1000), 4)


def _check(check: CheckResult, hints: int) -> Iterator[RenderableType]:
    mark, style = check.verdict.mark, check.verdict.style
    claim = one_line(check.claim or check.check, limit=200)
    ending = "" if check.verdict is Verdict.PASSED else f" [{check.verdict.words}]"
    yield _indented(f"{mark}  {claim}{ending}", 2, style)
    if not check.verdict.is_wrong or check.hidden:
        return
    example = check.counterexample
    if example:
        facts = (
            ("call", example.call),
            ("got", example.got),
            ("expected", example.expected),
            ("where", example.where),
        )
        for label, fact in facts:
            if fact.strip():
                shown_fact = clip(clean(fact).strip(), limit=600)
                yield _indented(f"{label + ':':<10}{shown_fact}", 6)
    elif check.message:
        yield _indented(clip(clean(check.message).strip(), limit=1000), 6)
    if check.hint and hints >= 1:
        yield _indented(f"{'try:':<10}{one_line(check.hint, limit=1000)}", 6, "cyan")


def _place(run: CellRun) -> str:
    place = f"cell {run.index}" + (f", line {run.line}" if run.line else "")
    return f"{one_line(run.file, limit=60)}, {place}" if run.file else place


def _in_short(result: SubmissionResult) -> str:
    if result.problem:
        return one_line(result.problem, limit=160)
    named, missing, wrong, broken = [], [], [], []
    for exercise in result.exercises:
        verdicts = {check.verdict for check in exercise.checks}
        if any(verdict.is_ours for verdict in verdicts):
            broken.append(exercise.exercise)
        elif not any(verdict.is_wrong for verdict in verdicts):
            continue
        elif exercise.mistake:
            named.append(f"{exercise.exercise}: {exercise.mistake.title}")
        elif _is_missing(exercise):
            missing += [] if exercise.optional else [exercise.exercise]
        else:
            wrong.append(exercise.exercise)
    parts = [_listed("broken, internal error: ", broken), "; ".join(named[:2])]
    parts += [_listed("wrong: ", wrong), _listed("missing: ", missing)]
    return one_line("; ".join(part for part in parts if part), limit=160)


def _listed(label: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{label}{', '.join(names[:4])}{more}" if names else ""


def _is_missing(exercise: ExerciseResult) -> bool:
    wrong = [check for check in exercise.checks if check.verdict.is_wrong]
    return bool(wrong) and all(check.verdict is Verdict.MISSING for check in wrong)


def _size(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{size / (1 << 10):.1f} KiB"


def _points(total: Standing) -> str:
    return f"{shown(total.points)}/{shown(total.max_points)}"


def _open(total: Standing) -> str:
    return f", {shown(total.open)} open" if total.open else ""


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, overflow="fold")


def _indented(text: str, by: int, style: str = "") -> Padding:
    return Padding(_line(text, style), (0, 0, 0, by))
