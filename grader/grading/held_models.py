"""Finds models that a notebook holds without a class or function that is named after them.

Older editions write `net = nn.Sequential(...)`, and some students call their class `Net`. Such a
model may answer an exercise that declares its `layers`. It must be the student's own: made of
layers of torch and of classes of the notebook, and no library's model of that name was used.

Here: what names, layers and the text of cells say. Not here: judging (`grader.py`), names that are
spelled like the exercise's (`candidates.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from grader.course import Exercise
from grader.grading.candidates import MOST_CANDIDATES, Source, is_named, sources_of
from grader.guest.model_names import is_model_name
from grader.kernel.observations import Captured, HeldModel
from grader.records import Cell

_OWN = frozenset({"torch", "__main__"})


def models_for(
    exercise: Exercise,
    own: Sequence[Captured],
    held: Sequence[HeldModel],
    cells: Sequence[Cell],
    *,
    others: Sequence[Exercise] = (),
    patterns: Sequence[str] = (),
    modules: Collection[str] = (),
) -> list[Captured]:
    """Return the models, or their classes, that may answer an exercise; the last ones of many.

    Args:
        exercise: declares the layers; without them no model counts.
        own: definitions of the student's own, in order of time.
        held: the models that names hold.
        cells: the notebook.
        others: exercises of the assignment; a model with the name of another one answers that,
            unless this one builds on it.
        patterns: of the names of models of this kind in libraries.
        modules: names of the student's own modules.
    """
    if not exercise.layers:
        return []
    described = {model.number: model for model in held}
    sources = sources_of(cells)
    classes = {entry.name: entry for entry in own if entry.kind == "class"}
    beside = {exercise.name, *exercise.builds_on}  # a model may be made of what it builds on
    taken = [one for one in others if one.kind == "class" and one.name not in beside]
    parts = [one for one in others if one.name in exercise.builds_on]
    found: dict[tuple[str, int], Captured] = {}
    for entry in own:
        model = described.get(entry.number)
        if model is None or entry.name not in sources[entry.cell].binds:
            continue
        if not model.origins <= _OWN.union(modules) or not _looks_like(exercise, entry, model):
            continue
        if any(is_named(name, o.names) for o in taken for name in (entry.name, model.type_name)):
            continue
        if _library_models(sources, entry.cell, patterns, modules):
            continue
        is_part = any(is_named(model.type_name, one.names) for one in parts)
        answer = entry if is_part else classes.get(model.type_name, entry)
        found[answer.name, answer.cell] = answer
    return list(found.values())[-MOST_CANDIDATES:]


def _looks_like(exercise: Exercise, entry: Captured, model: HeldModel) -> bool:
    """Return whether a model has the exercise's layers, or its name."""
    return is_named(entry.name, exercise.names) or bool(re.fullmatch(exercise.layers, model.layers))


def _library_models(
    sources: dict[int, Source], last: int, patterns: Sequence[str], modules: Collection[str]
) -> bool:
    """Return whether cells up to `last` use an imported model whose name fits patterns."""
    read = [source for number, source in sources.items() if number <= last]
    imports = {name: origin for source in read for name, origin in source.imports.items()}
    bound = frozenset().union(*(source.binds for source in read))
    stars = frozenset().union(*(source.stars for source in read)) - set(modules)
    for name in frozenset().union(*(source.mentions for source in read)):
        first, _, rest = name.partition(".")
        origin = imports.get(first, "").split(".")[0]
        foreign = origin not in ("", *modules) or (stars and not rest and first not in bound)
        if foreign and is_model_name(name.rpartition(".")[2], patterns):
            return True
    return False
