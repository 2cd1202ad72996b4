"""Options that several commands share, on rosters and on what goes back to a system.

Here: names and help. Not here: the commands (`cli.py`), what the options do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RosterOption = Annotated[
    Path | None,
    typer.Option("--roster", help="CSV of all students: adds ids, sections and who is absent."),
]
ExcelOption = Annotated[
    bool, typer.Option("--excel", help="CSV files for Excel; scripts read those without.")
]
CanvasOption = Annotated[
    Path | None,
    typer.Option("--canvas", help="Gradebook exported from Canvas; a copy of it is filled."),
]
ColumnOption = Annotated[
    str, typer.Option("--column", help="Its column: 'HW2 (1234)'. None is ever made.")
]
MoodleOption = Annotated[
    Path | None,
    typer.Option("--moodle", help="Grading worksheet of Moodle; a copy of it is filled."),
]
FeedbackZipOption = Annotated[
    bool, typer.Option("--feedback-zip", help="Feedback named as the system expects it.")
]
