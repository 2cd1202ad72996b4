"""Options that several commands share: names, help and defaults. Not here: what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_OUT = Path("reports/latest")

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
OnlyOption = Annotated[str, typer.Option("--only", help="Some exercises: corr2d,pool2d.")]
RosterOption = Annotated[
    Path | None,
    typer.Option(
        "--roster", help="CSV of all students: adds ids, sections, groups and who is absent."
    ),
]
TimesOption = Annotated[
    Path | None,
    typer.Option("--times", help="CSV of when students handed in. Without: --moodle's."),
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
