"""Labels, for the pages, of the facts of a run: device, isolation, walls, data, seed, version.

`SubmissionResult.facts` holds them under short keys. Here: a label for each key, the order of the
pages, and data sets replaced by stand-ins. Not here: where facts come from (`Plan.facts`,
`grading/grader.py`), counting them over a class (`overview.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

# in the order of the pages; a fact that is not listed follows under its own name
_LABELS = {
    "device": "device",
    "devices": "devices",
    "isolation": "isolation",
    "walls": "walls",
    "data": "data",
    "seed": "seed",
    "grader": "grader version",
}


def labelled(facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each fact with its label: the known ones first, in the order of the pages."""
    known = [(label, facts[fact]) for fact, label in _LABELS.items() if facts.get(fact)]
    others = sorted(fact for fact in facts if fact not in _LABELS)
    return [*known, *((fact.replace("_", " "), facts[fact]) for fact in others)]


def stand_ins(facts: Mapping[str, str]) -> str:
    """Name what stood in for data sets whose files were not found; empty where nothing did."""
    return "; ".join(part for part in facts.get("data", "").split("; ") if "stand-in" in part)
