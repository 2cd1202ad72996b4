"""The pre-flight in words: in full for `grader preflight`, in short at the top of a run.

Here: lines of text. Not here: the facts (`runs/preflight.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from grader.records import PassedOver
from grader.report.rounding import shown
from grader.runs.preflight import EXERCISE_S, NOTEBOOK_S, Duration, MissingImport, Preflight
from grader.text import one_line

_MOST_SHOWN = 20
_MOST_PASSED_OVER = 200
_MOST_ALIKE = 5
"""Files that are passed over for one reason are named one by one up to this many."""


def in_short(seen: Preflight) -> list[str]:
    """Return a few lines for the top of a run."""
    lines = [_found(seen)]
    if seen.missing:
        names = ", ".join(f"{_name(one.name)} ({one.notebooks})" for one in seen.missing[:6])
        more = f" and {len(seen.missing) - 6} more" if len(seen.missing) > 6 else ""
        points = sum(one.points for one in seen.missing)
        hang = f"; up to {shown(points)} points hang on them" if points else ""
        lines.append(f"not installed here: {names}{more}{hang}")
        if seen.install:
            lines.append(f"  `{seen.install}`")
    asked = [
        f"{label} in {sum(counts.values())}"
        for label, counts in (
            ("downloads", seen.downloads),
            ("files that are not here", seen.files),
        )
        if counts
    ]
    if seen.devices:
        many = _many(max(seen.devices.values()), "notebook")
        asked.insert(0, f"{' or '.join(seen.devices)} in {many}")
    if asked:
        lines.append(f"asked for: {'; '.join(asked)}. `grader preflight` names them.")
    lines.append(_duration(seen.duration))
    return lines


def in_full(seen: Preflight) -> list[str]:
    """Return everything, a paragraph for each kind."""
    return [
        _found(seen),
        *_roster(seen),
        *_listed(
            "cannot be graded", [f"{_name(who)}: {one_line(why)}" for who, why in seen.unreadable]
        ),
        *_listed(
            "have several notebooks, graded together",
            [f"{_name(who)}: {_names(names)}" for who, names in seen.several],
        ),
        *_listed(
            "handed in before, another attempt counts",
            [f"{_name(who)}: {_names(names)}" for who, names in seen.earlier],
        ),
        *_passed_over(seen.passed_over),
        *_missing(seen),
        *_devices(seen),
        *_counted("data sets opened", seen.data_sets),
        *_counted("files opened that are not here", seen.files),
        *_counted("downloads asked for (there is no network while grading)", seen.downloads),
        *_listed("not looked into, too large to read beforehand", list(map(_name, seen.large))),
        "",
        _duration(seen.duration),
    ]


def _found(seen: Preflight) -> str:
    parts = [f"{_many(seen.submissions, 'submission')}, {_many(seen.notebooks, 'notebook')}"]
    parts += [f"{len(seen.unreadable)} cannot be graded"] if seen.unreadable else []
    parts += [f"{len(seen.several)} with several notebooks"] if seen.several else []
    parts += [f"{_many(len(seen.passed_over), 'file')} passed over"] if seen.passed_over else []
    if seen.found.attendance is not None:
        parts.append(f"{len(seen.found.attendance.absent)} of the roster absent")
    return f"found: {'; '.join(parts)}"


def _roster(seen: Preflight) -> list[str]:
    if (attending := seen.found.attendance) is None:
        return []
    absent = [
        one_line(one.name or "".join((*one.ids, *one.logins)[:1])) for one in attending.absent
    ]
    return [
        *_listed("on the roster, and handed in nothing", absent),
        *_listed("no single student of the roster", list(attending.notes)),
    ]


def _passed_over(files: Sequence[PassedOver]) -> list[str]:
    """List files with their reasons, those of one common reason in one line."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for one in files:
        names[one.reason].append(one.name)
    rows: list[str] = []
    for reason, those in names.items():
        if len(those) > _MOST_ALIKE:
            some = ", ".join(PurePath(name).name for name in those[:3])
            rows.append(f"{len(those)} files: {one_line(reason)} ({one_line(some)}, ...)")
        else:
            rows += [f"{one_line(name, limit=200)}: {one_line(reason)}" for name in those]
    return _listed("passed over", rows, most=_MOST_PASSED_OVER, count=len(files))


def _missing(seen: Preflight) -> Iterator[str]:
    if not seen.missing:
        return
    yield ""
    yield f"imported and not installed here ({len(seen.missing)}):"
    for one in seen.missing[:_MOST_SHOWN]:
        yield f"  {_package(one)}"
    if len(seen.missing) > _MOST_SHOWN:
        yield f"  and {len(seen.missing) - _MOST_SHOWN} more"
    if seen.install:
        yield f"  all at once: `{seen.install}`"


def _package(one: MissingImport) -> str:
    hang = f"up to {shown(one.points)} points hang on it" if one.points else "no points hang on it"
    remedy = (
        f"`{one.command}`"
        if one.command
        else "no widely known package: perhaps a file of the student"
    )
    return f"{_name(one.name)}: {_many(one.notebooks, 'notebook')}, {hang}; {remedy}"


def _devices(seen: Preflight) -> Iterator[str]:
    if not seen.devices:
        return
    yield from _counted("devices asked for", seen.devices)
    if seen.insisting:
        yield f"  {seen.insisting} of them never ask whether there is one"


def _duration(one: Duration) -> str:
    if not one.due:
        return f"time: none, all {one.stored} results are stored"
    stored = f", {one.stored} stored before" if one.stored else ""
    basis = (
        f"{one.each_s:.1f} s each, the mean of {_many(one.measured_on, 'stored result')}"
        if one.measured_on
        else f"{one.each_s:.0f} s each by rule: {NOTEBOOK_S} s a notebook and {EXERCISE_S} s an "
        "exercise, as measured with the sample course"
    )
    workers = _many(one.workers, "worker")
    return (
        f"time: about {_span(one.seconds)} for {one.due} to grade with {workers}{stored} ({basis})"
    )


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _counted(title: str, counts: Mapping[str, int]) -> list[str]:
    rows = [
        f"{one_line(name, limit=120)}: {_many(many, 'notebook')}" for name, many in counts.items()
    ]
    return _listed(title, rows)


def _listed(
    title: str, rows: Sequence[str], *, most: int = _MOST_SHOWN, count: int | None = None
) -> list[str]:
    if not rows:
        return []
    more = [f"  and {len(rows) - most} more"] if len(rows) > most else []
    return [
        "",
        f"{title} ({len(rows) if count is None else count}):",
        *(f"  {row}" for row in rows[:most]),
        *more,
    ]


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _name(text: str) -> str:
    return one_line(text, limit=60)


def _names(names: Sequence[str]) -> str:
    return one_line(", ".join(names), limit=200)
