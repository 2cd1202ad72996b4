"""Immutable records passed between modules, from a file handed in to a stored result.

Here: plain data, no behaviour beyond sums over itself. Not here: how a record is made, stored or
shown. Everything is JSON through msgspec; points are `Fraction`s and are rounded only in
`report/rounding.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from grader.verdict import Status, Verdict

DEFAULT_SEED = 20_240
HANDOUT_SEED = 1_706
"""Of the examples that students get: not those that they are graded with."""


@dataclass(frozen=True)
class Cell:
    """One cell as it was handed in, without its outputs. `index` counts all cells from 0."""

    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str


@dataclass(frozen=True)
class NotebookFile:
    """One notebook of a submission."""

    name: str
    """As its student knows it, folders included: `part1/ch7.ipynb`."""
    cells: tuple[Cell, ...]
    digest: str
    """sha256 of its bytes, hexadecimal."""


@dataclass(frozen=True)
class Attachment:
    """One file beside a notebook, not read yet (`reading/sources.py`)."""

    name: str
    """Its path beside the notebook, with `/`: `data/x.csv`."""
    path: str
    """The file on disk that holds it: itself, or an archive."""
    member: str = ""
    """Empty for a file on disk; otherwise where it is inside the archive."""
    size: int = 0
    """In bytes, as the file system or the archive states it."""
    mark: str = ""
    """Changes when the content does: an archive's checksum, or a hash."""


@dataclass(frozen=True)
class PassedOver:
    """A file or a student that was found and has no row."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listed:
    """One student of a roster."""

    row: int = 0
    """Which record of its file."""
    ids: tuple[str, ...] = ()
    """As they are written, `00123`; the first one is shown."""
    name: str = ""
    section: str = ""
    logins: tuple[str, ...] = ()
    """Login names and mail addresses."""
    system: str = ""
    system_id: str = ""
    """The number by which `system` knows the student."""
    group: str = ""
    """Who hands in together, as the roster's column `group` or `team` says; several with commas."""


@dataclass(frozen=True)
class Identity:
    """The owner of a submission as the system names them that collected it."""

    system: str = ""
    """`Canvas`, `Moodle`, ...; empty where a file or a folder named the owner."""
    id: str = ""
    name: str = ""
    place: str = ""
    """What the download calls the file, its folder included: `kimada_12_34_hw2.ipynb`."""
    earlier: tuple[str, ...] = ()
    """What was handed in before and does not count."""
    listed: Listed | None = None
    """Who on the roster it is."""
    members: tuple[Listed, ...] = ()
    """Who on the roster they are, where a group handed in."""
    handed_in: str = ""
    """When, as the system names it: ISO 8601, with a time zone where one is known."""
    marked_late: bool = False
    """Whether the system marked it as late, as Canvas does, which names no time."""


UNNAMED = Identity()
"""The identity of an owner whom no system named."""


@dataclass(frozen=True)
class Attendance:
    """A roster, compared with what was handed in."""

    absent: tuple[Listed, ...] = ()
    """Who handed in nothing."""
    notes: tuple[str, ...] = ()
    """Submissions of students who are not on the roster, or may be one of two."""
    count: int = 0
    """How many students it lists."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in: a notebook or several, readable or not."""

    student: str
    path: str
    """Where it was found, as shown: a file's path, or `archive.zip!member`."""
    digest: str
    """Hash of the cells and files handed in, hexadecimal; outputs of cells do not count."""
    cells: tuple[Cell, ...] = ()
    """Of the only notebook, or of the first."""
    problem: str = ""
    """Why it cannot be graded, as a sentence with a remedy; empty when it can."""
    notes: tuple[str, ...] = ()
    """What a reader should know: repaired cell ids, a file that failed validation, ..."""
    files: tuple[NotebookFile, ...] = ()
    """All notebooks; empty stands for the one with `cells`."""
    attachments: tuple[Attachment, ...] = ()
    """What lies beside the notebooks, the notebooks themselves included."""
    due: tuple[Attachment, ...] = ()
    """Notebooks that are not read yet (`reading/due.py`), each marked with its sha256."""
    owner: Identity = UNNAMED
    """No input of a result: an equal notebook of another student has the same."""
    judged: tuple[ExerciseResult, ...] = ()
    """Exercises whose stored results still hold; they are not asked again."""

    @property
    def notebooks(self) -> tuple[NotebookFile, ...]:
        """Return every notebook, each of which runs in a kernel of its own."""
        due = tuple(NotebookFile(one.name, (), one.mark) for one in self.due)
        return self.files or due or (NotebookFile("", self.cells, self.digest),)


@dataclass(frozen=True)
class Found:
    """Everything found in the paths of a run."""

    submissions: tuple[Submission, ...]
    passed_over: tuple[PassedOver, ...] = ()
    attendance: Attendance | None = None
    """None without a roster."""


@dataclass(frozen=True)
class Limits:
    """What one submission may spend."""

    cell_s: float = 30.0
    """This and the next four are processor seconds of the kernel and all it started."""
    notebook_s: float = 240.0
    call_s: float = 5.0
    exercise_s: float = 60.0
    submission_s: float = 1_200.0
    """For a notebook and all questions about it, fresh kernels included."""
    wall_factor: float = 4.0
    """How many times as long a cell, a call or an exercise may take by the wall clock, for code
    that sleeps; the wait for a core of a busy machine is left out (`kernel/deadlines.py`)."""
    total_wall_factor: float = 1.25
    """The same for all cells of a notebook together, and for a submission."""
    interrupt_s: float = 6.0
    """For an interrupted cell to end. A step of a large network is one call of torch, and no
    interrupt is seen before it ends; to run the notebook again without the cell costs more."""
    training_s: float = 0.5
    """For one training of a cell; no verdict depends on its length."""
    training_most_s: float = 6.0
    """The same while the cell has taken few steps, each of which is slow."""
    training_steps: int = 30
    cpu_s: int = 600
    memory_bytes: int = 4 << 30
    gpu_memory_fraction: float = 0.5
    """Of a GPU's memory, what torch may take; the rest is room for other users of it."""
    scratch_bytes: int = 256 << 20
    scratch_files: int = 20_000
    file_bytes: int = 128 << 20
    processes: int = 48
    """Threads included: a kernel has 8 of its own, and a default pool of threads up to 32."""
    open_files: int = 256
    """Of each process: a kernel has 48 of its own. Every one can be a full socket of 400 KiB."""
    output_bytes: int = 5 << 20
    exercise_answer_bytes: int = 256 << 20
    """What a kernel may answer in all to the questions of one exercise, and of a submission: a
    whole homework answers 40 MiB, and the grader holds what an exercise has answered."""
    submission_answer_bytes: int = 1 << 30
    kernel_restarts: int = 2
    """Fresh kernels after a cell ended one, and after the calls of one exercise did."""
    reviving_s: float = 300.0
    """For running the notebook again, in all."""


@dataclass(frozen=True)
class CellRun:
    """How one code cell ran."""

    index: int
    status: Literal["ok", "raised", "timed_out", "died", "not_run", "not_needed"]
    seconds: float = 0.0
    error: str = ""
    """`NameError: name 'corr2d' is not defined`; empty when the cell ran through."""
    line: int = 0
    """Line of the cell the error came from, counted from 1; 0 when not known."""
    file: str = ""
    """Which notebook of several; empty for the only one."""
    note: str = ""
    """What it used that this machine lacks, or why its error is not the student's."""
    excused: bool = False
    """Whether its error is not the student's, and so does not make the submission partial."""
    cause: int | None = None
    """The failed cell before it that would have bound a name which this one lacked."""

    @property
    def failed(self) -> bool:
        """Whether it was to run, and did not run through."""
        return self.status not in ("ok", "not_needed")


@dataclass(frozen=True)
class Picture:
    """An image that is too large to be shown as numbers."""

    title: str
    width: int
    height: int
    shades: str
    """One character a pixel, row by row: 0 (black) to f (white), x for no finite number."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest input found on which a function is wrong, as text."""

    call: str
    got: str
    expected: str
    where: str = ""
    working: str = ""
    """The arithmetic of the first wrong entry, where the check's author gives it."""
    pictures: tuple[Picture, ...] = ()
    """Inputs that are images, where the check's author gives them."""


@dataclass(frozen=True)
class CheckResult:
    """How one check of one exercise ended."""

    exercise: str
    check: str
    claim: str
    """The check's docstring: what must hold."""
    verdict: Verdict
    points: Fraction
    max_points: Fraction
    seconds: float = 0.0
    message: str = ""
    hint: str = ""
    """The feedback sentence of the check's author, shown when it did not pass."""
    counterexample: Counterexample | None = None
    hidden: bool = False
    """Whether students see its title and verdict only."""
    traceback: str = ""
    """Of a broken check, for debugging; on no page of a student."""


@dataclass(frozen=True)
class NamedMistake:
    """A known wrong implementation that agrees with the student's on every probe."""

    title: str
    hint: str


@dataclass(frozen=True)
class ExerciseResult:
    """The checks of one exercise, on the best of the student's candidates."""

    exercise: str
    title: str
    section: str
    optional: bool
    checks: tuple[CheckResult, ...]
    name: str = ""
    """The name in the notebook that was judged; empty when there is none."""
    cell: int | None = None
    """Index of the cell that defines it."""
    source: str = ""
    """That cell, so that feedback can show it."""
    other_cells: tuple[int, ...] = ()
    """Cells that hold other definitions of the name, which earned no more."""
    mistake: NamedMistake | None = None
    notes: tuple[str, ...] = ()
    by_hand: bool = False
    """Whether it is graded by hand: its one check summarises the answers, without points."""
    file: str = ""
    """The notebook of several whose definition was judged; empty for the only one."""
    behaviour: str = ""
    """Digest of a failing function's answers to all questions (`grading/behaviour.py`)."""

    @property
    def is_solved(self) -> bool:
        """Whether every check passed."""
        return all(check.verdict is Verdict.PASSED for check in self.checks)

    @property
    def points(self) -> Fraction:
        """What was earned."""
        return sum((check.points for check in self.checks), Fraction(0))

    @property
    def max_points(self) -> Fraction:
        """What could be earned."""
        return sum((check.max_points for check in self.checks), Fraction(0))


@dataclass(frozen=True)
class WrittenAnswer:
    """One passage of the student's own text, for manual grading."""

    section: str
    heading: str
    cell: int
    text: str
    state: Literal["written", "empty", "template"] = "written"
    file: str = ""
    """Which notebook of several; empty for the only one."""


@dataclass(frozen=True)
class LossCurve:
    """The losses one cell's training went through, step by step."""

    cell: int
    losses: tuple[float | None, ...]
    """None where a loss was no finite number, which JSON cannot hold."""
    file: str = ""
    """Which notebook of several; empty for the only one."""


@dataclass(frozen=True)
class SubmissionResult:
    """Everything that is known about one submission after it was graded."""

    key: str
    """Hash of the inputs, a dash, hash of the student and path (`Plan.key`)."""
    student: str
    submission: str
    assignment: str
    status: Status
    exercises: tuple[ExerciseResult, ...] = ()
    cells: tuple[CellRun, ...] = ()
    answers: tuple[WrittenAnswer, ...] = ()
    curves: tuple[LossCurve, ...] = ()
    notes: tuple[str, ...] = ()
    """About what was handed in (`Submission.notes`)."""
    run_notes: tuple[str, ...] = ()
    """What was seen while it ran."""
    missing_packages: dict[str, Fraction] = field(default_factory=dict)
    """Missing packages that the notebook uses, with the open points of each."""
    problem: str = ""
    seconds: float = 0.0
    finished_at: str = ""
    """UTC, ISO 8601."""
    traceback: str = ""
    """Of a broken submission, for debugging; on no page of a student."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the run used: `isolation`, `device`, `data`, `grader`."""
    inputs: dict[str, str] = field(default_factory=dict)
    """What the result depends on, by name (`Plan.inputs`)."""

    @property
    def points(self) -> Fraction:
        """What was earned over all exercises."""
        return sum((exercise.points for exercise in self.exercises), Fraction(0))

    @property
    def max_points(self) -> Fraction:
        """What could be earned over all exercises."""
        return sum((exercise.max_points for exercise in self.exercises), Fraction(0))
