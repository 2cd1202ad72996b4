"""Compares the code of a class, by fingerprints of short runs of tokens (winnowing).

A fingerprint counts the more, the fewer students have it. Those of the code that was given to the
class do not count, nor those that a tenth of the class shares: the book's own code, or the only
way to write something. Source: Schleimer, Wilkerson, Aiken, "Winnowing", SIGMOD 2003.

Here: scores of pairs, and clusters. Not here: tokens (`shape.py`), the page
(`report/similar.py`). A score indicates and does not prove.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grader.similar.shape import Line

_RUN = 12
"""Tokens of a fingerprint: a line of code or two."""
_WINDOW = 5
"""Of so many fingerprints in a row at least one is kept: 16 equal tokens are always found."""
_COMMON_SHARE = 0.1
_LEAST_COMMON = 4
"""What fewer students share is never taken for common."""
_LEAST_SHARED = 8
"""Fingerprints: about six lines."""
_LEAST_SCORE = 0.3
_MOST_PAIRS = 200
_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Pair:
    """Two students who share code that few others have."""

    first: str
    second: str
    score: float
    """Of the rarer code of the one with less of it, the share that both have; 0 to 1."""
    shared: int
    """How many fingerprints both have."""
    deviations: float
    """Standard deviations above the mean of all pairs of the class."""


@dataclass(frozen=True)
class Similar:
    """What a comparison found."""

    students: int
    compared: int
    """How many had enough code of their own."""
    pairs: tuple[Pair, ...]
    clusters: tuple[tuple[str, ...], ...]
    """Students connected by listed pairs, where more than two are."""
    rare: Mapping[str, frozenset[int]]
    """The fingerprints of each student that count."""


def compare(
    code: Mapping[str, Sequence[Line]],
    given: Iterable[Sequence[Line]] = (),
    book: Iterable[int] = (),
) -> Similar:
    """Compare the code of students, each with each.

    Args:
        code: lines by student.
        given: code that every student has been given.
        book: fingerprints of other code that every student could read.
    """
    students = list(code)
    of_book = np.fromiter(book, dtype=np.uint64)
    known = np.unique(np.concatenate([of_book, *(_hashes(lines) for lines in given)]))
    kept = [np.setdiff1d(_winnowed(_hashes(code[name])), known) for name in students]
    rare, weights = _without_common(kept)
    scores, shared = _scores(rare, weights)
    pairs = _pairs(students, scores, shared)
    sets = {
        name: frozenset(int(one) for one in prints)
        for name, prints in zip(students, rare, strict=True)
    }
    compared = sum(len(prints) >= _LEAST_SHARED for prints in rare)
    return Similar(len(students), compared, pairs, _clusters(pairs), sets)


def fingerprints(lines: Sequence[Line]) -> frozenset[int]:
    """Return all fingerprints of some code."""
    return frozenset(_hashes(lines).tolist())


def marked_lines(lines: Sequence[Line], rare: frozenset[int]) -> list[bool]:
    """Return for each line whether a fingerprint of `rare` covers a token of it."""
    marked = [False] * len(lines)
    for place, end in _pieces(lines):
        rows = [row for row in range(place, end) for _ in lines[row].shape]
        for start, one in enumerate(_runs(lines[place:end]).tolist()):
            if one in rare:
                for row in rows[start : start + _RUN]:
                    marked[row] = True
    return marked


# ---- fingerprints


def _pieces(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Return where each cell begins and ends."""
    cuts = [row for row in range(1, len(lines)) if lines[row].piece != lines[row - 1].piece]
    return list(zip([0, *cuts], [*cuts, len(lines)], strict=True))


def _hashes(lines: Sequence[Line]) -> _Hashes:
    """Return the hash of every run of tokens, in order; equal in every process."""
    return np.concatenate([_runs(lines[start:end]) for start, end in _pieces(lines)])


def _runs(lines: Sequence[Line]) -> _Hashes:
    ids = np.array([_id(text) for line in lines for text in line.shape], dtype=np.uint64)
    if len(ids) < _RUN:
        return np.zeros(0, dtype=np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(ids, _RUN)
    total = np.zeros(len(runs), dtype=np.uint64)
    for column in range(_RUN):
        total = (total ^ runs[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    return total


_IDS: dict[str, int] = {}


def _id(text: str) -> int:
    """Return the number of a token, equal in every process."""
    found = _IDS.get(text)
    if found is None:
        found = int.from_bytes(text.encode("utf-8", "surrogatepass")[:64], "big") % (2**61 - 1) + 1
        if len(_IDS) < 100_000:
            _IDS[text] = found
    return found


def _winnowed(hashes: _Hashes) -> _Hashes:
    """Keep the smallest of each window of hashes, each once."""
    if len(hashes) <= _WINDOW:
        return np.unique(hashes)
    windows = np.lib.stride_tricks.sliding_window_view(hashes, _WINDOW)
    return np.unique(windows.min(axis=1))


def _without_common(kept: Sequence[_Hashes]) -> tuple[list[_Hashes], dict[int, float]]:
    """Leave out what many have; return the rest, and what each fingerprint weighs."""
    everything = np.concatenate(kept) if kept else np.zeros(0, dtype=np.uint64)
    prints, counts = np.unique(everything, return_counts=True)
    most = max(_LEAST_COMMON, int(len(kept) * _COMMON_SHARE))
    few = counts <= most
    weights = np.log((len(kept) + 1) / counts[few])
    by_print = dict(zip(prints[few].tolist(), weights.tolist(), strict=True))
    return [np.intersect1d(one, prints[few]) for one in kept], by_print


# ---- pairs


def _scores(
    rare: Sequence[_Hashes], weights: Mapping[int, float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return for each pair the share of common weight, and the number of common fingerprints."""
    count = len(rare)
    common = np.zeros((count, count))
    shared = np.zeros((count, count), dtype=np.int64)
    own = np.array([sum(weights[one] for one in prints.tolist()) for prints in rare])
    holders: dict[int, list[int]] = {}
    for student, prints in enumerate(rare):
        for one in prints.tolist():
            holders.setdefault(one, []).append(student)
    # all fingerprints that equally many students have at once
    by_size: dict[int, list[tuple[list[int], float]]] = {}
    for one, found in holders.items():
        by_size.setdefault(len(found), []).append((found, weights[one]))
    for size, group in by_size.items():
        columns = np.array([found for found, _ in group])
        values = np.array([weight for _, weight in group])
        for i in range(size):
            for j in range(i + 1, size):
                place = (columns[:, i], columns[:, j])
                np.add.at(common, place, values)
                np.add.at(shared, place, 1)
    least = np.minimum.outer(own, own) if count else common
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.where(least > 0, common / least, 0.0)
    return scores, shared


def _pairs(
    students: Sequence[str],
    scores: npt.NDArray[np.float64],
    shared: npt.NDArray[np.int64],
) -> tuple[Pair, ...]:
    upper = np.triu_indices(len(students), k=1)
    values, counts = scores[upper], shared[upper]
    if not len(values):
        return ()
    mean, deviation = float(values.mean()), float(values.std()) or 1.0
    listed = (values >= _LEAST_SCORE) & (counts >= _LEAST_SHARED)
    order = sorted(np.flatnonzero(listed), key=lambda place: (-values[place], place))
    return tuple(
        Pair(
            students[upper[0][place]], students[upper[1][place]], float(values[place]),
            int(counts[place]), (float(values[place]) - mean) / deviation,
        )
        for place in order[:_MOST_PAIRS]
    )  # fmt: skip


def _clusters(pairs: Iterable[Pair]) -> tuple[tuple[str, ...], ...]:
    """Join pairs that have a student in common; the largest cluster first."""
    group: dict[str, set[str]] = {}
    for pair in pairs:
        joined = group.get(pair.first, {pair.first}) | group.get(pair.second, {pair.second})
        for student in joined:
            group[student] = joined
    different = {id(one): one for one in group.values()}.values()
    large = [tuple(sorted(one)) for one in different if len(one) > 2]
    return tuple(sorted(large, key=lambda one: (-len(one), one)))
