"""A list of students -> `Listed` records: `students.csv`, or what a system exports.

Columns are found by their usual names in English and Korean, as Canvas, Moodle, Blackboard,
Gradescope, GitHub Classroom, Google Classroom and nbgrader write them. Ids stay text: `00123`.

Here: columns and rows. Not here: bytes to fields (`csv_file.py`), who is who (`matching.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from grader.errors import UsageError
from grader.reading.csv_file import CsvFile, Record, folded, read_csv
from grader.records import Listed
from grader.text import one_line

_ROLES: dict[str, str] = {
    "id": "id|student id|studentid|student number|student no|student #|sid|sis user id|sis id|"
    "id number|idnumber|matriculation number|matrikelnummer|orgdefinedid|org defined id|identifier|"
    "user id|userid|university id|학번|학생번호|학생 번호|학생 id|학생id|id번호|id 번호",
    "login": "login|login id|loginid|sis login id|username|user name|user|netid|net id|account|"
    "github username|github|eid|onyen|unix login|아이디|로그인|로그인 아이디|로그인 id|"
    "사용자 아이디|사용자아이디|사용자 id|사용자명",
    "name": "name|full name|fullname|student|student name|display name|이름|성명|학생|학생 이름|"
    "학생이름|학생명|성함|full name (first last)|lastname,firstname",
    "first": "first name|firstname|first|given name|given names|forename|vorname|이름(first name)",
    "last": "last name|lastname|last|surname|family name|nachname|성",
    "email": "email|e mail|mail|email address|e mail address|이메일|이메일 주소|전자우편|메일|"
    "전자 우편 주소|메일 주소",
    "group": "group|groups|team|teams|group name|team name|그룹|조|팀|모둠",
    "section": "section|sections|class|lab|tutorial|분반|반|섹션",
}
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names.split("|")}
_NO_STUDENT = {"student, test", "test student", "points possible"}


def read_roster(path: Path) -> tuple[Listed, ...]:
    """Return the students of a roster, each once, in its order.

    Raises:
        UsageError: it cannot be read, or none of its columns names students.
    """
    found = students_of(read_csv(path))
    if not found:
        raise UsageError(f"{path} lists no student; the first line names the columns.")
    return _each_once(found)


def students_of(file: CsvFile) -> list[Listed]:
    """Return the student of every row that has one; `Listed.row` is the record's place.

    Raises:
        UsageError: no column names students.
    """
    start = next((i for i, one in enumerate(file.records) if not one.is_blank), None)
    if start is None:
        raise UsageError(f"{file.path} is empty; it needs a line that names the columns.")
    header = file.records[start].values
    columns = columns_of(header)
    if not columns.keys() & {"id", "login", "name", "first", "last", "email", "Canvas", "Moodle"}:
        raise UsageError(
            f"{file.path} has no column with ids, logins or names; it has: "
            f"{', '.join(one_line(name, limit=40) for name in header[:12])}. "
            "Call one of them `id`, `login`, `name` or `email`."
        )
    made = [_listed(record, columns, start + 1 + at)
            for at, record in enumerate(file.records[start + 1 :])]  # fmt: skip
    return [one for one in made if one is not None]


def columns_of(header: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of columns by role: id, login, name, first, last, email, section, Canvas.

    `ID` of a Canvas gradebook and `Identifier` of a Moodle worksheet are numbers of that system.
    """
    names = [re.sub(r"[\s_-]+", " ", folded(name.strip().strip('"'))) for name in header]
    roles: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        if role := _ROLE_OF.get(name):
            roles[role].append(place)
    of_canvas = bool({"sis login id", "sis user id"} & set(names)) or (
        names[:1] == ["student"] and any(re.search(r"\(\d+\)$", name) for name in names)
    )
    if of_canvas and "id" in names:
        roles["Canvas"] = [names.index("id")]
        roles["id"].remove(names.index("id"))
    if "identifier" in names and names.index("identifier") == 0 and "full name" in names:
        roles["Moodle"] = [0]
        roles["id"].remove(0)
    if roles["last"] and not roles["first"]:  # `성` and `이름`
        roles["first"], roles["name"] = roles["name"], []
    return {role: places for role, places in roles.items() if places}


def _listed(record: Record, columns: Mapping[str, list[int]], row: int) -> Listed | None:
    values = [" ".join(value.split()) for value in record.values]

    def of(role: str) -> tuple[str, ...]:
        found = (values[place] for place in columns.get(role, ()) if place < len(values))
        return tuple(dict.fromkeys(value for value in found if value))

    names = of("name") or (", ".join(filter(None, (" ".join(of("last")), " ".join(of("first"))))),)
    system = next((one for one in ("Canvas", "Moodle") if one in columns), "")
    number = "".join(of(system)[:1])
    if system == "Moodle":  # `Participant 123`, in the language of the site
        number = "".join(re.findall(r"\d+$", number))
    made = Listed(
        row, of("id"), names[0], ", ".join((*of("section"), *of("group"))),
        (*of("login"), *of("email")),
        system if number else "", number, ", ".join(of("group")),
    )  # fmt: skip
    if folded(made.name) in _NO_STUDENT:
        return None
    return made if made.ids or made.name or made.logins or made.system_id else None


def _each_once(students: Sequence[Listed]) -> tuple[Listed, ...]:
    """Merge rows that are equal but for section and group: a student may be in several."""
    found: dict[Listed, Listed] = {}
    for one in students:
        same = replace(one, row=0, section="", group="")
        first = found.get(same, one)
        section, group = _joined(first.section, one.section), _joined(first.group, one.group)
        found[same] = replace(first, section=section, group=group)
    return tuple(found.values())


def _joined(first: str, more: str) -> str:
    return ", ".join(dict.fromkeys(part for text in (first, more) for part in text.split(", ")
                                   if part))  # fmt: skip
