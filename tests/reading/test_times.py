"""The time of handing in: from names, from stamps, and from tables of any system."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from grader.errors import UsageError
from grader.reading.moments import moment_of
from grader.reading.submissions import find
from grader.reading.times import read_times, times_in
from grader.records import Identity, Listed
from grader.runs.handing_in import timed

NIGHT = datetime(2026, 3, 14, 23, 59)
CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": []}
SEOUL = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-14 23:59", "2026-03-14T23:59:00", "2026/03/14 23:59", "14.03.2026 23:59",
        "Saturday, 14 March 2026, 11:59 PM", "Sat Mar 14, 2026 11:59 pm", "14-Mar-2026 23:59",
        "March 14th, 2026 at 11:59 p.m.", "2026. 3. 14. 오후 11:59", "3/14/2026 23:59",
        "2026년 3월 14일 토요일 오후 11:59", "2026년 3월 14일 오후 11시 59분",
        "2026-03-14 (토) 23:59",
        "2026-03-14 23:59:00 CST", "２０２６-03-14 23:59",
    ],
)  # fmt: skip
def test_a_time_is_read_as_people_and_systems_write_it(text):
    assert moment_of(text) == NIGHT


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-03-14T23:59:00+09:00", 23), ("2026-03-14 14:59:00Z", 23),
        ("2026-03-14 06:59:00 -0800", 23), ("2026-03-14 14:59:00.123 UTC", 23),
        ("2026-03-14 23:59:00 Asia/Seoul", 23), ("20260314145900123", 23),
    ],
)  # fmt: skip
def test_an_offset_or_a_zone_that_is_named_counts(text, hour):
    assert moment_of(text) == NIGHT.replace(hour=hour, tzinfo=SEOUL)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "14 March", "2026-02-30 10:00", "2026-03-14 25:00", "3/4/2026 10:00",
     "2026-03-14 13:00 PM", "2026-03-14 23:59 hello world", "2026-03-14 23:59 No/Where",
     "11:59 PM", "=1+2"],
)  # fmt: skip
def test_what_is_no_time_or_may_be_two_is_not_guessed(text):
    assert moment_of(text) is None


@pytest.fixture
def times(tmp_path):
    def read(text, encoding="utf-8"):
        path = tmp_path / "times.csv"
        path.write_bytes(text.encode(encoding))
        return {(*one.listed.ids, one.listed.name)[0]: one.at for one in read_times(path)}

    return read


@pytest.mark.parametrize(
    "table",
    [
        "id,handed in\n00123,2026-03-14 23:59\n7,-\n",
        "Identifier,Full name,ID number,Status,Last modified (submission),Last modified (grade)\n"
        'Participant 5,Ada Kim,00123,Submitted,"Saturday, 14 March 2026, 11:59 PM",-\n',
        "학번;이름;제출 시각\r\n00123;홍길동;2026. 3. 14. 오후 11:59\r\n",
        "성명,학번,최종 수정 (제출물)\n홍길동,00123,2026년 3월 14일 토요일 오후 11:59\n",
        "Name,SID,Submission Time\nAda,00123,2026-03-14 23:59:00\nBo,7,\n",
        "date,id,submitted at\n2020-01-01,00123,2026-03-14T23:59:00\n",
        "sep=;\nid;timestamp\n00123;14/03/2026 23:59\n8;01/02/2026 10:00\n",
    ],
)
def test_the_column_with_the_time_is_found_in_usual_tables(times, table):
    assert times(table)["00123"] == "2026-03-14T23:59:00"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
def test_a_table_from_excel_is_read_in_each_encoding(times, encoding):
    assert times("학번;제출일시\r\n00123;2026-03-14 23:59\r\n", encoding) == {
        "00123": "2026-03-14T23:59:00"
    }


def test_of_several_rows_of_a_student_the_latest_counts(times):
    rows = "id,time\n7,2026-03-14 10:00\n7,2026-03-16 10:00\n7,2026-03-15 10:00\n"
    assert times(rows) == {"7": "2026-03-16T10:00:00"}


@pytest.mark.parametrize(
    ("table", "remedy"),
    [
        ("id,colour\n7,red\n", "Call it `handed in`"),
        ("id,submitted at,submission time\n7,x,y\n", "two columns"),
        ("id,time\n7,3/4/2026 10:00\n", "row 2: cannot read the time '3/4/2026 10:00'. Write"),
        ("id,time\n7,-\n", "no time in its column"),
        ("colour,time\nred,2026-03-14\n", "Call one of them `id`"),
        ("", "empty"),
    ],
)
def test_a_table_that_is_not_understood_is_refused_with_the_remedy(times, table, remedy):
    with pytest.raises(UsageError) as error:
        times(table)
    assert remedy in str(error.value)


def owners(tmp_path, layout):
    for name, data in layout.items():
        path = tmp_path / "course" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cells = [CELL | {"source": f"x = {name!r}"}]
        made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
        path.write_text(json.dumps(made) if data is None else data, encoding="utf-8")
    found = find([tmp_path / "course"], assignment="cnn").submissions
    return {one.student: one.owner for one in found}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ({"HW_bo_attempt_2026-03-13-10-00-00_a.ipynb": None,
          "HW_bo_attempt_2026-03-14-23-59-00_a.ipynb": None,
          "HW_cy_attempt_2026-03-12-10-00-00_a.ipynb": None}, "2026-03-14T23:59:00"),
        ({"71-90 - bo - Mar 14, 2026 1159 PM/a.ipynb": None,
          "72-90 - cy - Mar 12, 2026 246 PM/a.ipynb": None}, "2026-03-14T23:59:00"),
        ({"submitted/bo/cnn/a.ipynb": None, "submitted/cy/cnn/a.ipynb": None,
          "submitted/bo/cnn/timestamp.txt": "2026-03-14 23:59:00.123456 UTC"},
         "2026-03-14T23:59:00+00:00"),
        ({"submitted/bo/hw2/a.ipynb": None, "submitted/cy/hw2/a.ipynb": None,
          "submitted/bo/hw2/timestamp.txt": "2026-03-14 23:59:00.123456 UTC"},
         "2026-03-14T23:59:00+00:00"),
        ({"submitted/bo/cnn/a.ipynb": None, "submitted/cy/cnn/a.ipynb": None,
          "submitted/bo/cnn/timestamp.txt": "2026-03-14 23:59:00 UTC",
          "submitted/bo/hw9/timestamp.txt": "2026-05-14 23:59:00 UTC"},
         "2026-03-14T23:59:00+00:00"),
        ({"HW/B, B(bo)/Submission attachment(s)/a.ipynb": None, "HW/grades.csv": "",
          "HW/C, C(cy)/Submission attachment(s)/a.ipynb": None,
          "HW/B, B(bo)/timestamp.txt": "20260314235900123"}, "2026-03-14T23:59:00+00:00"),
        ({"submitted/bo/cnn/a.ipynb": None, "submitted/cy/cnn/a.ipynb": None,
          "submitted/bo/cnn/data/timestamp.txt": "2026-03-14 23:59:00 UTC"}, ""),
        ({"bo.ipynb": None, "timestamp.txt": "2026-03-14 23:59:00 UTC"}, ""),
    ],
    ids=["Blackboard", "Brightspace", "nbgrader", "nbgrader, a name of its own",
         "nbgrader, two assignments", "Sakai", "a student's own file", "no system"],
)  # fmt: skip
def test_a_system_that_writes_the_time_is_believed_and_no_student(tmp_path, layout, expected):
    assert owners(tmp_path, layout)["bo"].handed_in == expected


def test_canvas_marks_what_is_late_and_names_no_time(tmp_path):
    known = owners(
        tmp_path,
        {"kimada_LATE_1001_50001_hw2.ipynb": None, "leebo_1002_50002_hw2.ipynb": None,
         "LATE_anon_c3d4_50002_hw2.ipynb": None, "이영희_late_1003_5_과제.ipynb": None,
         "late_1004_50004_hw2.ipynb": None},
    )  # fmt: skip
    assert {name for name, one in known.items() if one.marked_late} == {
        "kimada", "anon_c3d4", "이영희",
    }  # fmt: skip
    assert {one.handed_in for one in known.values()} == {""}


def test_a_late_attempt_that_was_replaced_in_time_is_not_late(tmp_path):
    layout = {"kimada_LATE_1_5_hw2.ipynb": None, "kimada_1_6_hw2-1.ipynb": None}
    assert not owners(tmp_path, layout)["kimada"].marked_late


def test_times_find_their_owners_as_a_roster_does(times, tmp_path):
    table = tmp_path / "times.csv"
    table.write_text(
        'id,name,handed in\n00123,"Kim, Ada",2026-03-14 10:00\n9,홍길동,2026-03-15 10:00\n'
        "8,김민수,2026-03-15 10:00\n7,김민수,2026-03-16 10:00\n",
        encoding="utf-8",
    )
    roster = Listed(1, ("00123",), "Ada K.")
    labels = ["kimada", "홍길동 (1)", "김민수", "zoe", "=1+2"]
    owners = [
        Identity("Canvas", "501", "kimada", listed=roster), Identity(), Identity(),
        Identity(handed_in="2026-03-01T00:00:00"), Identity(),
    ]  # fmt: skip
    got = timed(labels, owners, read_times(table))
    assert [one.handed_in for one in got.owners] == [
        "2026-03-14T10:00:00", "2026-03-15T10:00:00", "", "2026-03-01T00:00:00", "",
    ]  # fmt: skip
    assert got.notes[0] == "times of handing in: known for 3 of 5 submissions"
    assert got.notes[1] == "  no time for (2): 김민수, =1+2"


@pytest.mark.parametrize(
    ("header", "cell", "known"),
    [("Last modified (submission)", '"Sunday, 15 March 2026, 12:10 AM"', 1),
     ("최종 수정 (제출)", '"2026년 3월 15일 일요일, 오전 12:10"', 1),
     ("Zuletzt geändert", '"15. März 2026"', 0), ("Time", "soon", 0)],
)  # fmt: skip
def test_times_of_a_worksheet_are_taken_where_it_has_them_and_never_stop_it(
    tmp_path, header, cell, known
):
    path = tmp_path / "worksheet.csv"
    path.write_text(
        f"Identifier,Full name,Grade,Maximum Grade,{header}\nParticipant 7,Ada Kim,,10,{cell}\n",
        encoding="utf-8",
    )
    assert [one.at for one in times_in(path)] == ["2026-03-15T00:10:00"][:known]


def test_a_worksheet_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="check the path"):
        times_in(tmp_path / "worksheet.csv")
