"""Shows what this machine has: which walls stand, which data, which device.

Every wall is built for real, in a temporary process. Not here: how it is built.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from grader.course import Course, Environment
from grader.errors import KernelLost, SandboxError, SandboxUnavailable
from grader.grading.data_files import find_data
from grader.kernel import cgroups, gpus
from grader.kernel.gpu_trial import try_out
from grader.kernel.processes import WarmParent
from grader.sandbox.policy import PROMISES, Wall


@dataclass(frozen=True)
class Finding:
    """One line of the findings; `good` is None for a neutral one."""

    what: str
    state: str
    good: bool | None = None

    def as_text(self) -> Text:
        """Return the line as it is printed."""
        mark, style = {True: ("ok", "green"), False: ("--", "red"), None: ("  ", "")}[self.good]
        line = Text(f"{mark}  ", style=style)
        return line.append(f"{self.what}: ", style="bold").append(self.state, style="default")


def examine(course: Course, wanted: Path | None) -> Iterator[Finding]:
    """Test everything and yield the findings, the most important first.

    Args:
        course: whose data and packages are looked for.
        wanted: the folder given with `--data`, if any.
    """
    yield Finding("machine", f"{platform.system()} {platform.release()}, {platform.machine()}")
    if sys.platform != "linux":
        remedy = "kernels start cold and are not isolated; grade with --isolation process"
        yield Finding("sandbox", f"not on {sys.platform}: {remedy}", good=False)
    else:
        yield from _walls(course.environment)
    yield from _data(course, wanted)
    yield from _packages(course)
    yield from _devices(gpus.look())


def _data(course: Course, wanted: Path | None) -> Iterator[Finding]:
    for one in course.data:
        folder = find_data(wanted, [one])
        if folder is not None:
            yield Finding("data", f"{one.name} in {folder}", good=True)
        else:
            yield Finding("data", f"no files of {one.name} here: {one.stand_in} stand in")


def _packages(course: Course) -> Iterator[Finding]:
    missing = [name for name in course.packages if importlib.util.find_spec(name) is None]
    if missing:
        remedy = f"; {course.install} installs them" if course.install else ""
        yield Finding("packages", f"not here: {', '.join(missing)}{remedy}")
    elif course.packages:
        yield Finding("packages", "all that notebooks of the course use", good=True)


def _walls(environment: Environment) -> Iterator[Finding]:
    warm = WarmParent(environment=environment)
    try:
        ready = warm.wait()
    except SandboxUnavailable as error:
        yield Finding("sandbox", str(error), good=False)
        return
    except KernelLost as error:
        yield Finding("warm process", str(error), good=False)
        return
    finally:
        warm.close()
    for wall in Wall:
        reason = ready.missing.get(wall)
        yield Finding(f"wall, {wall}", reason or "stands", good=reason is None)
    for promise, ways in PROMISES.items():
        kept = any(not way & ready.missing.keys() for way in ways)
        yield Finding(f"closed off, {promise}", "yes" if kept else "no", good=kept)
    yield _groups()
    yield Finding(
        "warm process", f"ready in {ready.seconds:.1f} s, {ready.threads} thread", good=True
    )


def _groups() -> Finding:
    """Return whether kernels get control groups; without them the walls and promises still hold."""
    found = cgroups.place()
    if isinstance(found, str):
        return Finding("control groups", f"none: {found}")
    state = "; ".join(part for part in (found.what, found.lacking) if part)
    return Finding("control groups", f"in {found.folder}: {state}", good=True)


def _devices(found: gpus.Found) -> Iterator[Finding]:
    yield Finding("device", gpus.describe(found.gpus))
    if not found.gpus:
        yield Finding("GPU", f"none: {found.missing}")
    for gpu in found.gpus:
        if not gpus.is_free(gpu):
            yield Finding(f"GPU, {gpu.node}", f"{gpu.name}, in use by another run")
            continue
        warm = WarmParent(gpus=[gpu])
        try:
            with gpus.leased([gpu]):
                warm.wait()
                try_out(warm, gpu)
            yield Finding(f"GPU, {gpu.node}", f"{gpu.name}, computes in a locked kernel", good=True)
        except SandboxError as error:
            yield Finding(f"GPU, {gpu.node}", str(error), good=False)
        finally:
            warm.close()
