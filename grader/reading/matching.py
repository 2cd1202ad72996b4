"""Who on a list of students handed something in: by id, by login, by name; no guess between two.

What is known about an owner is compared in steps, from the surest to the weakest: the number of the
system that both name, ids and logins, whole names, parts of a file's name. The first step at which
anyone fits decides; where two fit there, nobody is chosen and both are named.

Here: comparing. Not here: reading lists (`roster.py`), whose a file is (`owners.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.reading.csv_file import folded
from grader.reading.naming import is_of_work
from grader.records import UNNAMED, Attendance, Identity, Listed
from grader.text import one_line

_NUMBERED = frozenset({"Canvas", "Moodle", "Brightspace", "ILIAS"})
"""Systems whose numbers of students are their own: no student number, no login."""
_COPY = re.compile(r"\s*(?:\(\d+\)|[-_ ]copy\d*|사본)+\s*$", re.IGNORECASE)
_PIECES = re.compile(r"[\s_()\[\]{}+,;&]+")
_FINER = re.compile(r"[\s_()\[\]{}+,;&.-]+")
_SHORTEST_NUMBER = 4
_MOST_MEMBERS = 5
_Key = tuple[str, str]


@dataclass(frozen=True)
class Who:
    """What is known about the owner of a submission."""

    label: str
    """The name of its row."""
    identity: Identity = UNNAMED


@dataclass(frozen=True)
class Match:
    """Who on the list it is; None with the reason where no one or more than one fits."""

    listed: Listed | None = None
    reason: str = ""
    members: tuple[Listed, ...] = ()
    """Who they are, where it is the name of a group."""


class Matcher:
    """A list of students, indexed by everything they are known under."""

    def __init__(self, students: Sequence[Listed]) -> None:
        self._students = students
        self._index: defaultdict[_Key, set[int]] = defaultdict(set)
        for place, one in enumerate(students):
            for key in _keys_of(one):
                self._index[key].add(place)

    def match(self, who: Who) -> Match:
        """Find one owner on the list."""
        for keys in _steps(who):
            known = set().union(*(self._index.get(key, set()) for key in keys))
            found = {place for place in known if not _is_another(self._students[place], who)}
            if len(found) == 1:
                return Match(self._students[found.pop()])
            if found:
                names = " and ".join(_in_words(self._students[i]) for i in sorted(found)[:3])
                return Match(None, f"may be {names}")
        return Match(None, "is not on the list")


def attendance(who: Sequence[Who], roster: Sequence[Listed]) -> tuple[list[Match], Attendance]:
    """Match all owners with a roster; return the matches, who is absent, and what to report."""
    matcher = Matcher(roster)
    matches = [matcher.match(one) for one in who]
    single = {match.listed for match in matches}
    groups = _groups(roster)
    for place, (one, match) in enumerate(zip(who, matches, strict=True)):
        names = (one.label, one.identity.name) if match.listed is None else ()
        known = next((groups[key] for name in names if (key := _squeezed(name)) in groups), ())
        # who handed in alone as well has a row of that
        if members := tuple(listed for listed in known if listed not in single):
            told = ", ".join(map(_in_words, members[:_MOST_MEMBERS]))
            more = f" and {len(members) - _MOST_MEMBERS} more" * (len(members) > _MOST_MEMBERS)
            matches[place] = Match(None, f"is the group of {told}{more}", members)
    here = single.union(*(match.members for match in matches))
    notes = [
        f"{one_line(one.label, limit=60)} {match.reason}"
        for one, match in zip(who, matches, strict=True)
        if match.listed is None
    ]
    absent = tuple(one for one in roster if one not in here)
    return matches, Attendance(absent, tuple(notes), len(roster))


def _groups(roster: Sequence[Listed]) -> dict[str, list[Listed]]:
    """Return the students of each group, by its name without blanks and signs."""
    found: defaultdict[str, list[Listed]] = defaultdict(list)
    for one in roster:
        for name in re.split(r"[,;]", one.group):
            if len(key := _squeezed(name)) > 1:  # `A` is a section more often than a team
                found[key].append(one)
    return found


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", folded(name))


def find_all(matcher: Matcher, label: str, identity: Identity) -> list[Listed]:
    """Find on another list an owner, or all members of a group."""
    one = find_listed(matcher, label, identity)
    if one is not None or not identity.members:
        return [] if one is None else [one]
    each = [
        find_listed(matcher, member.name, Identity(identity.system, listed=member))
        for member in identity.members
    ]
    return [found for found in each if found is not None]


def find_listed(matcher: Matcher, label: str, identity: Identity) -> Listed | None:
    """Find an owner on another list: by the system's number, then by what the roster has."""
    if identity.system and (found := matcher.match(Who(label, identity)).listed):
        return found
    if (one := identity.listed) is None:
        return matcher.match(Who(label, identity)).listed
    candidates: list[Who] = []
    if one.system_id:
        candidates.append(Who("", Identity(one.system, one.system_id)))
    candidates += [Who(text) for text in (*one.ids, *one.logins, one.name) if text]
    for who in candidates:
        if found := matcher.match(who).listed:
            return found
    return None


def _is_another(one: Listed, who: Who) -> bool:
    """Return whether one system has two numbers for them: the same name is no proof then."""
    identity = who.identity
    numbers = {one.system_id, identity.id}
    return one.system == identity.system != "" and len(numbers) == 2 and "" not in numbers


# ---- what a student on a list is known under


def _keys_of(one: Listed) -> Iterator[_Key]:
    if one.system_id:
        yield f"number of {one.system}", one.system_id
    for text in one.ids:
        yield "text", folded(text)
        yield "id", folded(text)
        yield "number", text.lstrip("0")
    for text in one.logins:
        yield "text", folded(text)
        yield "local", folded(text).partition("@")[0]
    if words := _words(one.name):
        yield "name", "".join(words)
        for turn in range(len(words)):
            yield "turned", "".join(words[turn:] + words[:turn])
    else:
        for text in one.ids:
            yield "nameless", folded(text)


def _words(name: str) -> list[str]:
    """Return the words of a name, first names first, without accents of punctuation."""
    last, comma, first = name.partition(",")
    ordered = f"{first} {last}" if comma else name
    composed = unicodedata.normalize("NFC", ordered).casefold()
    return [word for part in composed.split() if (word := re.sub(r"[\W_]", "", part))]


# ---- what is known about an owner, the surest first


def _steps(who: Who) -> Iterator[list[_Key]]:
    one = who.identity
    numbered = one.system in _NUMBERED
    if one.system and one.id:
        yield [(f"number of {one.system}", one.id)]
    texts = [one.name or who.label] if one.system else [who.label]
    if not one.system and (bare := _COPY.sub("", who.label)) != who.label:
        texts.append(bare)
    if one.id and not numbered:
        texts.append(one.id)
    yield [("text", folded(text)) for text in texts]
    yield [("local", folded(text).partition("@")[0]) for text in texts]
    yield [("name", "".join(_words(text))) for text in texts if _words(text)]
    yield [("turned", "".join(_words(text))) for text in texts if _words(text)]
    if not numbered:
        yield from _steps_of_pieces(texts)
    if numbered and one.id and not re.search(r"[^\W\d_]", one.name.replace("anon_", "")):
        yield [("id", one.id)]
    if numbered and one.id:
        yield [("nameless", folded(one.id))]


def _steps_of_pieces(texts: Sequence[str]) -> Iterator[list[_Key]]:
    """Yield what the parts of a file's name may be: `20240001_홍길동_hw2`."""
    finer = [piece for text in texts for piece in _FINER.split(text) if piece]
    # an id may hold a hyphen: 2024-0001
    pieces = [piece for text in texts for piece in _PIECES.split(text) if piece]
    pieces = list(dict.fromkeys((*pieces, *finer)))
    long = [p for p in pieces if len(p) >= _SHORTEST_NUMBER or not p.isdecimal()]
    known = [folded(piece) for piece in long if not is_of_work(piece) or piece.isdecimal()]
    yield [("text", piece) for piece in known]
    numbers = [t.lstrip("0") for t in (*texts, *long) if t.isdecimal() and t.lstrip("0")]
    yield [("number", number) for number in numbers]
    yield [("local", piece) for piece in known if not piece.isdecimal()]
    left = [piece for piece in finer if not is_of_work(piece) and not re.search(r"\d", piece)]
    if name := "".join(_words(" ".join(left))):
        yield [("name", name)]
        yield [("turned", name)]
    yield [("name", "".join(_words(piece))) for piece in left if len(piece) > 1]


def _in_words(one: Listed) -> str:
    told = [one.name, *one.ids[:1], *one.logins[:1], one.system_id]
    first, *others = [one_line(text, limit=40) for text in told if text][:2]
    return f"{first} ({others[0]})" if others else first
