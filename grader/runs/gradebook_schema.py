"""The tables of a gradebook, and how a file made by an older grader gets those of this one.

Not here: what is stored and asked for (`gradebook.py`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from grader.errors import UsageError

_APPLICATION_ID = 0x47524442  # "GRDB", in the header of the file


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check that a file is a gradebook, and migrate its schema.

    Raises:
        UsageError: it is none, or a newer grader made it.
    """
    # FULL: a commit is on the disk when it returns, even if the process or the machine dies next
    for pragma in ("journal_mode = DELETE", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN IMMEDIATE")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != _APPLICATION_ID and (tables or application or version):
        raise no_gradebook(path)
    if version > len(_MIGRATIONS):
        raise UsageError(
            f"{path} was written by a newer grader (schema {version}, this one knows "
            f"{len(_MIGRATIONS)}); update the grader, or choose another --out."
        )
    if version == len(_MIGRATIONS):
        connection.execute("COMMIT")  # without writes: a full disk must not prevent reading
        return
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")


def no_gradebook(path: Path) -> UsageError:
    """Return the error for a file that is no gradebook."""
    return UsageError(f"{path} is no gradebook; choose another --out, or move that file away.")


_AS_NUMBER = """CASE instr({0}, '/') WHEN 0 THEN CAST({0} AS REAL)
    ELSE CAST(substr({0}, 1, instr({0}, '/') - 1) AS REAL) / substr({0}, instr({0}, '/') + 1) END"""
_POINTS = _AS_NUMBER.format("json_extract(c.value, '$.points')")
_MAX_POINTS = _AS_NUMBER.format("json_extract(c.value, '$.max_points')")

# schema n is made by the first n of these; a change of schema appends one and edits none
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE results(
            key TEXT PRIMARY KEY, student TEXT NOT NULL, submission TEXT NOT NULL,
            assignment TEXT NOT NULL, status TEXT NOT NULL, points REAL NOT NULL,
            max_points REAL NOT NULL, finished_at TEXT NOT NULL, record TEXT NOT NULL)
        """,
        """
        CREATE TABLE runs(
            id INTEGER PRIMARY KEY AUTOINCREMENT, assignment TEXT NOT NULL,
            started_at TEXT NOT NULL, options TEXT NOT NULL)
        """,
        """
        CREATE TABLE run_entries(
            run_id INTEGER NOT NULL REFERENCES runs(id), position INTEGER NOT NULL,
            key TEXT NOT NULL, PRIMARY KEY (run_id, position), UNIQUE (run_id, key))
        """,
        f"""
        CREATE VIEW checks AS SELECT
            r.key, r.student, r.submission, r.assignment, r.finished_at,
            json_extract(c.value, '$.exercise') AS exercise,
            json_extract(c.value, '$.check') AS "check",
            json_extract(c.value, '$.verdict') AS verdict,
            {_POINTS} AS points, {_MAX_POINTS} AS max_points,
            json_extract(c.value, '$.seconds') AS seconds,
            json_extract(c.value, '$.message') AS message,
            json_extract(e.value, '$.mistake.title') AS mistake
        FROM results AS r, json_each(r.record, '$.exercises') AS e,
            json_each(e.value, '$.checks') AS c
        """,
    ),
    ("CREATE TABLE secrets(name TEXT PRIMARY KEY, value TEXT NOT NULL)",),
    (
        """
        CREATE TABLE exercise_results(
            key TEXT PRIMARY KEY, exercise TEXT NOT NULL, result TEXT NOT NULL)
        """,
        "CREATE INDEX exercises_of_results ON exercise_results(result)",
    ),
    (
        """
        CREATE TABLE decisions(
            id INTEGER PRIMARY KEY AUTOINCREMENT, assignment TEXT NOT NULL,
            student TEXT NOT NULL, exercise TEXT NOT NULL, item TEXT NOT NULL,
            kind TEXT NOT NULL, points TEXT, max_points TEXT, text TEXT NOT NULL,
            seen TEXT NOT NULL, who TEXT NOT NULL, made_at TEXT NOT NULL, rubric TEXT NOT NULL)
        """,
        "CREATE INDEX decisions_about ON decisions(assignment, student, exercise, item)",
        """
        CREATE TABLE rubric_items(
            id INTEGER PRIMARY KEY AUTOINCREMENT, assignment TEXT NOT NULL,
            question TEXT NOT NULL, text TEXT NOT NULL, points TEXT NOT NULL,
            retired INTEGER NOT NULL DEFAULT 0)
        """,
        """
        CREATE TABLE questions(
            assignment TEXT NOT NULL, question TEXT NOT NULL, max_points TEXT NOT NULL,
            PRIMARY KEY (assignment, question))
        """,
    ),
)
