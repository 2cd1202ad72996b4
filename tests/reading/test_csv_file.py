"""CSV files of other programs come back byte for byte, but for the cells that were changed."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.reading.csv_file import parse_csv, raw_of, read_csv, value_of

SIGNS = st.text(st.sampled_from('a0,;\t"\r\n =김ü |'), max_size=40)


@given(SIGNS, st.sampled_from(["utf-8", "utf-8-sig", "cp949", "utf-16"]))
def test_a_file_that_is_not_changed_keeps_its_bytes(text, encoding):
    data = text.encode(encoding, "ignore")
    assert parse_csv(data).as_bytes() == data


@given(st.binary(max_size=60))
def test_any_bytes_come_back_as_they_were(data):
    assert parse_csv(data).as_bytes() == data


@given(st.lists(st.lists(SIGNS, min_size=2, max_size=3), min_size=1, max_size=4))
def test_fields_are_those_that_a_writer_wrote(rows):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    parsed = parse_csv(f"a,b\r\n{file.getvalue()}".encode())
    assert [one.values for one in parsed.records[1:]] == rows


@given(SIGNS, st.sampled_from(",;\t"))
def test_a_value_is_the_same_after_it_was_written_as_a_field(value, delimiter):
    assert value_of(raw_of(value, delimiter)) == value
    beside = parse_csv(f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}".encode())
    beside.records[1].fields[2] = raw_of(value, delimiter)
    again = parse_csv(beside.as_bytes())
    assert [one.values for one in again.records[1:]] == [["1", "2", value]]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2", ","), ("a;b\n1,5;2", ";"), ("a\tb\n", "\t"), ('"a,b,c";d\n', ";"),
        ("sep=|\na,b|c", "|"),
    ],
)  # fmt: skip
def test_the_delimiter_is_that_of_the_first_line(text, delimiter):
    assert parse_csv(text.encode()).delimiter == delimiter


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_korean_is_read_in_each_encoding_that_korean_programs_write(encoding):
    parsed = parse_csv("학번,이름\n00123,홍길동".encode(encoding))
    assert parsed.records[1].values == ["00123", "홍길동"]


def test_western_letters_are_not_taken_for_korean():
    assert parse_csv("name\nMüller\nJosé".encode("cp1252")).records[1].values == ["Müller"]


def test_a_workbook_is_no_csv_file(tmp_path):
    (tmp_path / "students.xlsx").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(UsageError, match="save it as CSV"):
        read_csv(tmp_path / "students.xlsx")
