"""The gradebook: one SQLite file that holds every result, run by run.

Each result is stored at once (one commit each, synced to disk), so an interrupted run resumes where
it stopped. Grading again under another key leaves the old row: history is kept.
The journal is SQLite's rollback journal and not WAL: between two results the gradebook is one
file, which can be copied, and which works on a network folder. SQLite 3.31 is enough.

Here: storing and queries. For queries in SQL the file has a view `checks`, one row a check:
`sqlite3 gradebook.sqlite 'select verdict, count(*) from checks group by verdict'`.
Not here: tables and migrations (`gradebook_schema.py`), what a key is made of (the grading
decides), frames (`report/frames.py`).
"""

from __future__ import annotations

import math
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from grader.errors import NO_ROOM, CannotStore, GraderError, UsageError
from grader.points import fraction_as_text, standing_of, text_as_fraction
from grader.records import SubmissionResult
from grader.runs.gradebook_schema import no_gradebook, prepare
from grader.text import without_surrogates
from grader.verdict import Status

_LOCK_S = 30.0
_SECRET_BITS = 128


@dataclass(frozen=True)
class Run:
    """One run of `grade`: when, on what, asked for how."""

    id: int
    assignment: str
    started_at: str
    """UTC, ISO 8601."""
    options: dict[str, str]
    keys: tuple[str, ...]
    """The results it is to produce, in the order in which the submissions were listed."""


class Gradebook:
    """An open gradebook. Use it as a context manager, in one thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Gradebook:
        """Open a gradebook, making the file and its folder where there is none.

        Raises:
            UsageError: the file is no gradebook, a newer grader made it, or it cannot be opened.
            CannotStore: the disk is full.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=_LOCK_S, isolation_level=None)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise CannotStore(str(path.parent), str(error.strerror)) from error
            raise UsageError(f"cannot open the gradebook {path}: {error}.") from error
        except sqlite3.Error as error:
            raise UsageError(f"cannot open the gradebook {path}: {error}.") from error
        try:
            prepare(connection, path)
        except sqlite3.OperationalError as error:
            connection.close()
            raise _in_words(path, error) from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise no_gradebook(path) from error
        except BaseException:
            connection.close()
            raise
        return cls(connection, path)

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; every result is stored already."""
        self._connection.close()

    def start_run(
        self,
        assignment: str,
        *,
        keys: Sequence[str] = (),
        options: Mapping[str, str] | None = None,
        started_at: str = "",
    ) -> int:
        """Begin a run and return its number.

        Args:
            assignment: its name.
            keys: the results to produce, in the order in which reports list them.
            options: what was asked for, to be shown with the results.
            started_at: UTC, ISO 8601; now, when empty.
        """
        stored = msgspec.json.encode(storable(dict(options or {}))).decode()
        now = started_at or datetime.now(UTC).isoformat(timespec="seconds")
        with self.transaction() as execute:
            added = execute(
                "INSERT INTO runs(assignment, started_at, options) VALUES (?, ?, ?)",
                (storable(assignment), now, stored),
            )
            run_id = int(added.lastrowid or 0)
            for position, key in enumerate(dict.fromkeys(keys)):
                execute("INSERT INTO run_entries VALUES (?, ?, ?)", (run_id, position, key))
        return run_id

    def secret(self) -> int:
        """Return the number that only this gradebook has, drawing it where there is none yet.

        Held-out data is drawn from it: the same for all submissions, and unknown to all of them.
        """
        kept = "SELECT value FROM secrets WHERE name = 'held_out'"
        if (row := self._execute(kept).fetchone()) is None:
            drawn = str(secrets.randbits(_SECRET_BITS))
            with self.transaction() as execute:  # another run may have been first
                execute("INSERT OR IGNORE INTO secrets VALUES ('held_out', ?)", (drawn,))
                row = execute(kept, ()).fetchone()
        return int(row[0])

    def save(
        self, result: SubmissionResult, run_id: int, exercises: Mapping[str, str] | None = None
    ) -> None:
        """Store a result and add it to a run, durably; once this returns, a crash loses nothing.

        A result of the same key is replaced. One that the run did not list comes after the others.

        Args:
            result: what was graded.
            run_id: the run.
            exercises: the keys under which its exercises can serve other runs, by their names.

        Raises:
            CannotStore: the disk is full; what was stored before is still there.
        """
        standing = standing_of(result)
        row = (
            result.key,
            storable(result.student),
            storable(result.submission),
            storable(result.assignment),
            str(result.status),
            float(standing.points),
            float(standing.max_points),
            storable(result.finished_at),
            _encode(result),
        )
        with self.transaction() as execute:
            execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            execute("DELETE FROM exercise_results WHERE result = ?", (result.key,))
            for name, key in (exercises or {}).items():
                execute(
                    "INSERT OR REPLACE INTO exercise_results VALUES (?, ?, ?)",
                    (key, storable(name), result.key),
                )
            self._list(execute, run_id, result.key)

    def reuse(self, key: str, run_id: int) -> None:
        """Add a stored result to a run."""
        with self.transaction() as execute:
            self._list(execute, run_id, key)

    def find(self, key: str) -> SubmissionResult | None:
        """Return the result stored under a key.

        None also for a broken result, since an internal error is worth another try, and for a
        result that an older grader wrote in another form.
        """
        row = self._execute("SELECT record, status FROM results WHERE key = ?", (key,)).fetchone()
        if row is None or row[1] == Status.BROKEN:
            return None
        try:
            return _decode(row[0])
        except msgspec.MsgspecError:
            return None

    def find_alike(self, content: str) -> SubmissionResult | None:
        """Return a result of any student whose key begins with `content`: see `Plan.key`.

        None for a broken one, as in `find`.
        """
        rows = self._execute(
            "SELECT record FROM results WHERE key > ? AND key < ? AND status <> ? "
            "ORDER BY rowid DESC LIMIT 1",
            (f"{content}-", f"{content}.", Status.BROKEN),  # a full stop follows the dash
        )
        for (record,) in rows:
            with suppress(msgspec.MsgspecError):
                return _decode(record)
        return None

    def holding(
        self, exercises: Mapping[str, str]
    ) -> list[tuple[SubmissionResult, frozenset[str]]]:
        """Return the results that hold exercises under these keys, and the names of those.

        Args:
            exercises: keys by the names of the exercises.

        Returns:
            Each exercise once at most; the results that hold most come first.
        """
        found: dict[str, set[str]] = {}
        for name, key in exercises.items():
            row = self._execute(
                "SELECT result FROM exercise_results WHERE key = ? AND exercise = ?",
                (key, storable(name)),
            ).fetchone()
            if row is not None:
                found.setdefault(row[0], set()).add(name)
        held = [(self.find(key), frozenset(names)) for key, names in found.items()]
        return sorted(
            [(result, names) for result, names in held if result is not None],
            key=lambda pair: len(pair[1]),
            reverse=True,
        )

    def previous(self, student: str, assignment: str) -> SubmissionResult | None:
        """Return the latest stored result of a student; None also in an older form."""
        rows = self._execute(
            "SELECT record FROM results WHERE student = ? AND assignment = ? "
            "ORDER BY rowid DESC LIMIT 1",
            (storable(student), storable(assignment)),
        )
        for (record,) in rows:
            with suppress(msgspec.MsgspecError):
                return _decode(record)
        return None

    def results_of(self, run_id: int) -> list[SubmissionResult]:
        """Return what a run has produced so far, in the order in which submissions were listed.

        Raises:
            UsageError: there is no such run, or its records were written in another form.
        """
        run = self.run(run_id)
        rows = self._execute(
            "SELECT record FROM run_entries JOIN results USING (key) "
            "WHERE run_id = ? ORDER BY position",
            (run.id,),
        )
        try:
            return [_decode(row[0]) for row in rows]
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"the results in {self.path} were stored by another version; grade again."
            ) from error

    def run(self, run_id: int) -> Run:
        """Describe one run.

        Raises:
            UsageError: there is no such run.
        """
        row = self._execute(
            "SELECT id, assignment, started_at, options FROM runs WHERE id = ?", (run_id,)
        ).fetchone()
        if row is None:
            raise UsageError(f"{self.path} holds no run {run_id}; grade something first.")
        keys = self._execute(
            "SELECT key FROM run_entries WHERE run_id = ? ORDER BY position", (run_id,)
        )
        options = msgspec.json.decode(row[3], type=dict[str, str])
        return Run(row[0], row[1], row[2], options, tuple(key for (key,) in keys))

    def options_of(self, **wanted: str) -> dict[str, str] | None:
        """Return the options of the latest run with these among them, None without such a run."""
        rows = self._execute("SELECT options FROM runs ORDER BY id DESC").fetchall()
        for (stored,) in rows:
            options = msgspec.json.decode(stored, type=dict[str, str])
            if wanted.items() <= options.items():
                return options
        return None

    def seconds_of(self, assignment: str, exercises: str) -> list[float]:
        """Return how long each submission of the latest run of these exercises took."""
        rows = self._execute(
            "SELECT json_extract(record, '$.seconds') FROM run_entries JOIN results USING (key) "
            "WHERE status IN ('graded', 'partial') AND run_id = (SELECT max(id) FROM runs "
            "WHERE assignment = ? AND json_extract(options, '$.exercises') = ?)",
            (storable(assignment), storable(exercises)),
        )
        return [float(seconds) for (seconds,) in rows if seconds]

    def latest_run(self) -> int | None:
        """Return the number of the run started last; None in an empty gradebook."""
        row = self._execute("SELECT max(id) FROM runs").fetchone()
        return None if row[0] is None else int(row[0])

    def query(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        return self._execute(statement, values).fetchall()

    def _list(self, execute: _Execute, run_id: int, key: str) -> None:
        execute(
            "INSERT OR IGNORE INTO run_entries SELECT ?, "
            "(SELECT coalesce(max(position), -1) + 1 FROM run_entries WHERE run_id = ?), ?",
            (run_id, run_id, key),
        )

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.IntegrityError as error:
            raise UsageError(f"{self.path} holds no such run ({error}).") from error
        except sqlite3.Error as error:
            raise _in_words(self.path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[_Execute]:
        """Run statements of which all are stored, durably, or none."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield self._execute
            self._execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk; the next process to open it rolls back
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise


_Execute = Callable[[str, Sequence[object]], sqlite3.Cursor]


# ---- records as JSON


def _encode(result: SubmissionResult) -> str:
    return msgspec.json.encode(
        storable(msgspec.to_builtins(result, enc_hook=fraction_as_text))
    ).decode()


def _decode(record: str) -> SubmissionResult:
    return msgspec.json.decode(record, type=SubmissionResult, dec_hook=text_as_fraction)


def storable(value: Any) -> Any:
    """Replace what JSON and SQLite cannot hold: lone surrogates, seconds that are no number."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def _in_words(path: Path, error: sqlite3.Error) -> GraderError:
    """Return the error for a failure of SQLite, which has rolled back, so the file is whole."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return UsageError(f"cannot use the gradebook {path}: {error}. Is another run using it?")
    if isinstance(error, sqlite3.OperationalError):
        return CannotStore(str(path), str(error))
    return UsageError(f"the gradebook {path} cannot be used: {error}.")
