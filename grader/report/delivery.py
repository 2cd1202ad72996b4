"""What goes back to a system: filled gradebooks and a zip of feedback, beside the reports.

Here: which files, and that none is written over its input. Not here: their content
(`lms_files.py`, `feedback_zip.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import UsageError
from grader.runs.stored_run import StoredRun

if TYPE_CHECKING:  # they load pandas, which a run without deliveries needs at its end only
    from grader.report.frames import RunFrames
    from grader.report.lms_files import Sheet

_CANVAS, _MOODLE, _ZIP = "canvas.csv", "moodle.csv", "feedback.zip"


@dataclass(frozen=True)
class Delivery:
    """What to deliver; its inputs were read, and are sound."""

    sheets: tuple[tuple[str, Sheet], ...] = ()
    """Each with the name of the file to write."""
    feedback: bool = False

    @classmethod
    def planned(
        cls, out: Path, *, canvas: Path | None, column: str, moodle: Path | None, feedback: bool
    ) -> Delivery:
        """Read what was exported, before anything is graded.

        Raises:
            UsageError: a file is not what it should be, or would be written over.
        """
        if column and canvas is None:
            raise UsageError("--column names a column of the file that --canvas gives; give both.")
        if canvas is None and moodle is None:
            return cls((), feedback)
        from grader.report.lms_files import canvas_sheet, moodle_sheet  # noqa: PLC0415

        sheets = []
        if canvas is not None:
            _refuse_own(canvas, out / _CANVAS)
            sheets.append((_CANVAS, canvas_sheet(canvas, column)))
        if moodle is not None:
            _refuse_own(moodle, out / _MOODLE)
            sheets.append((_MOODLE, moodle_sheet(moodle)))
        return cls(tuple(sheets), feedback)

    def write(self, run: StoredRun, out: Path, frames: RunFrames) -> list[str]:
        """Write the files of a run whose reports are written; return what to report about them.

        Raises:
            UsageError: a file cannot be written.
            CannotStore: the disk is full.
        """
        from grader.report.feedback_zip import feedback_zip  # noqa: PLC0415
        from grader.report.lms_files import fill  # noqa: PLC0415
        from grader.report.writers import feedback_names, write_file  # noqa: PLC0415

        notes: list[str] = []
        for name, sheet in self.sheets:
            filled = fill(sheet, run, frames)
            write_file(out / name, filled.content)
            first, *others = filled.notes
            notes += [f"{first}: {out / name}", *others]
        if self.feedback:
            names = feedback_names([result.student for result in run.results])
            pages = [(out / "feedback" / name).read_bytes() for name in names]
            write_file(out / _ZIP, feedback_zip(run, names, pages))
            notes.append(f"feedback for {len(pages)} students: {out / _ZIP}")
        return notes


def _refuse_own(given: Path, written: Path) -> None:
    if written.exists() and given.exists() and given.samefile(written):
        raise UsageError(
            f"{given} would be written over; keep the exported file outside of {written.parent}."
        )
