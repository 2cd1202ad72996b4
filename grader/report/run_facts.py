"""What a run used, with readable names: device, isolation, data and other known facts.

Here: names, and the sentence on stand-ins. Not here: where facts come from (`Plan.facts`, the
grading).
"""

from __future__ import annotations

from collections.abc import Mapping

# in the order of the pages; a fact that is not listed follows under its own name
_NAMES = {
    "device": "device",
    "devices": "devices",
    "isolation": "isolation",
    "walls": "walls",
    "data": "data",
    "seed": "seed",
    "grader": "grader version",
}


def named(facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return every fact with a readable name, the known ones first."""
    known = [(name, facts[fact]) for fact, name in _NAMES.items() if facts.get(fact)]
    others = sorted(fact for fact in facts if fact not in _NAMES)
    return [*known, *((fact.replace("_", " "), facts[fact]) for fact in others)]


def stand_ins(facts: Mapping[str, str]) -> str:
    """Return the stand-ins for data sets whose files were not found; empty without any."""
    return "; ".join(part for part in facts.get("data", "").split("; ") if "stand-in" in part)
