"""Dates and times as people and systems write them, in English and Korean -> `datetime`.

`2026-03-14 23:59`, `Saturday, 14 March 2026, 11:59 PM`, `2026년 3월 14일 오후 11:59`. A time
without an offset stays without a zone: the due date's zone is then taken (`runs/stored_run.py`).
Names of zones such as `CST` stand for several zones and are left out, except UTC and those of the
IANA list. A date without a time is the beginning of that day.

Here: one text. Not here: which column of a file holds them (`times.py`).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

Order = Literal["", "day first", "month first"]
"""How dates such as 3/4/2026 are read; empty where that is not known."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = (
    re.compile(
        r"(?P<y>\d{4})\s*[-/.년]\s*(?P<m>\d{1,2})\s*[-/.월]\s*(?P<d>\d{1,2})(?!\d)\s*[.일]?"
    ),
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\.?[\s-]+{_MONTH}[,\s-]+(?P<y>\d{{4}})"),
    re.compile(rf"{_MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})"),
)
_DOTTED = re.compile(r"(?<!\d)(?P<d>\d{1,2})\.\s*(?P<m>\d{1,2})\.\s*(?P<y>\d{4})")
_SLASHED = re.compile(r"(?<!\d)(?P<first>\d{1,2})[/-](?P<second>\d{1,2})[/-](?P<y>\d{4})")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\d{3})?")
_TIME = re.compile(
    r"(?P<before>오전|오후|am|pm)?\s*(?P<h>\d{1,2})\s*[:시]\s*(?P<min>\d\d?)\s*분?"
    r"(?:\s*:?\s*(?P<s>\d\d?)(?:[.,]\d+)?\s*초?)?(?:\s*(?P<after>am|pm|a\.m\.?|p\.m\.?))?"
)
_OFFSET = re.compile(r"(?:utc|gmt)?\s*(?P<sign>[+-])(?P<h>\d\d?):?(?P<m>\d\d)?")
_WEEKDAY = re.compile(
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?|[월화수목금토일]요일"
    r"|\([월화수목금토일]\)"
)
_IANA = re.compile(r"[A-Za-z]+(?:/[A-Za-z_+-]+)+")
_ZONE_LEFT_OUT = re.compile(r"(?:[a-z]{2,5}|한국 표준시)?")


def moment_of(text: str, order: Order = "") -> datetime | None:
    """Return the moment that a text names, None where it names none.

    Args:
        text: a cell of a table, or a line of a file.
        order: how dates with slashes are read, where both readings are possible.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    if found := _COMPACT.fullmatch(plain):  # Sakai, UTC
        return _made(*map(int, found.groups()[:6]), zone=UTC)
    zone, rest = _zone_by_name(plain)
    rest = re.sub(r"(?<=\d)t(?=\d)", " ", rest.casefold())
    date, rest = _date(rest, order)
    if date is None:
        return None
    hour = minute = second = 0
    if clock := _TIME.search(rest):
        hour, minute, second = int(clock["h"]), int(clock["min"]), int(clock["s"] or 0)
        half = (clock["before"] or clock["after"] or "").replace(".", "")
        if half and not 1 <= hour <= 12:
            return None
        if half:
            hour = hour % 12 + 12 * (half in ("pm", "오후"))
        offset, left = _offset(rest[clock.end() :])
        zone, rest = zone or offset, rest[: clock.start()] + left
    left_over = re.sub(r"\bat\b|[\s,.|()-]+", " ", _WEEKDAY.sub(" ", rest)).strip()
    if not _ZONE_LEFT_OUT.fullmatch(left_over) or (left_over and not clock):
        return None
    return _made(*date, hour, minute, second, zone=zone)


def order_of(texts: list[str]) -> Order:
    """Return how the dates of a column are read: one day beyond the 12th tells it for all."""
    found = [one for text in texts if (one := _SLASHED.search(text))]
    if any(int(one["first"]) > 12 for one in found):
        return "day first"
    return "month first" if any(int(one["second"]) > 12 for one in found) else ""


def attempt_moment(attempt: str) -> str:
    """Return the time in the name of an attempt, `2026-03-14-23-59-00`, as ISO 8601; or nothing."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)(?:-(\d\d))?", attempt)
    if not found:
        return ""
    made = _made(*(int(part or 0) for part in found.groups()), zone=None)
    return made.isoformat() if made else ""


def _date(text: str, order: Order) -> tuple[tuple[int, int, int] | None, str]:
    """Return year, month and day, and the text without them."""
    for pattern in (*_DATES, _DOTTED):
        if found := pattern.search(text):
            parts = found.groupdict()
            month = int(parts["m"]) if "m" in parts else _MONTHS.index(parts["month"]) + 1
            rest = text[: found.start()] + " " + text[found.end() :]
            return (int(parts["y"]), month, int(parts["d"])), rest
    if found := _SLASHED.search(text):
        first, second = int(found["first"]), int(found["second"])
        order = order or order_of([found[0]])
        if first == second or order:
            day, month = (first, second) if order == "day first" else (second, first)
            rest = text[: found.start()] + " " + text[found.end() :]
            return (int(found["y"]), month, day), rest
    return None, text


def _zone_by_name(text: str) -> tuple[tzinfo | None, str]:
    if not (found := _IANA.search(text)):
        return None, text
    try:
        return ZoneInfo(found[0]), text[: found.start()] + text[found.end() :]
    except (KeyError, ValueError, OSError):  # no such zone
        return None, text


def _offset(text: str) -> tuple[tzinfo | None, str]:
    """Return the zone that follows a time, and what is left of the text."""
    bare = text.strip()
    if found := _OFFSET.match(bare):
        minutes = int(found["h"]) * 60 + int(found["m"] or 0)
        if minutes < 24 * 60:
            offset = timedelta(minutes=-minutes if found["sign"] == "-" else minutes)
            return timezone(offset), bare[found.end() :]
    if found := re.match(r"(?:z|utc|gmt)\b", bare):
        return UTC, bare[found.end() :]
    return None, text


def _made(
    year: int, month: int, day: int, hour: int, minute: int, second: int, *, zone: tzinfo | None
) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
