"""Finds the definitions that answer an exercise: by name, and only the student's own.

A name counts only if the student's cells define it: a function, a class, or an assignment, not an
import. A notebook may define a name several times, the later one an experiment; every one is a
candidate, and the best one counts.

Here: what the source says and the names say. Not here: judging a candidate (`grader.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from IPython.core.inputtransformer2 import TransformerManager

from grader.course import Exercise
from grader.guest import magics
from grader.reading.notebook_file import MOST_CELLS
from grader.records import Cell
from grader.text import is_too_long_to_parse, parse_python

if TYPE_CHECKING:  # it loads torch, which a look at a text does not need
    from grader.kernel.observations import Captured

MOST_CANDIDATES = 6
_MOST_PARTS = 10  # of a dotted name; a chain of a million would take quadratic time
# leading blank lines, indents and prompts; each takes one pass
_PROMPTS: list[Callable[[list[str]], list[str]]] = TransformerManager().cleanup_transforms  # type: ignore[no-untyped-call, assignment]
_HELP = re.compile(r"[\w.*%]+\?{1,2}")
_KINDS = {
    "function": ("function",),
    "class": ("class", "function"),  # a factory function is accepted where a class is asked for
    "method": ("method", "function"),  # or a plain function of the object
    "values": ("tensor", "module", "plain"),
}


@dataclass(frozen=True)
class Source:
    """What one cell's text says about names."""

    imports: Mapping[str, str] = field(default_factory=dict)
    """What imports bind, and of what: `F` of `torch.nn.functional`."""
    binds: frozenset[str] = frozenset()
    stars: frozenset[str] = frozenset()
    """Modules of which everything is imported: `from helper import *`."""
    mentions: frozenset[str] = frozenset()
    """Names that are used, as they are written: `F.conv2d`."""


@lru_cache(maxsize=MOST_CELLS)  # every exercise asks again; emptied after each submission
def read_source(source: str) -> Source:
    """Parse what a cell binds; a cell that does not parse, magics removed, binds nothing."""
    tree = parsed(source)
    if tree is None:
        return Source()
    imports: dict[str, str] = {}
    binds: set[str] = set()
    mentions: set[str] = set()
    stars: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                imports |= _imported(node)
                stars |= _starred(node)
            case ast.FunctionDef(name=bound) | ast.ClassDef(name=bound):
                binds.add(bound)
            case ast.Name(id=bound, ctx=ast.Store()):
                binds.add(bound)
            case ast.Name(id=used):
                mentions.add(used)
            case ast.Attribute():
                mentions.add(_dotted(node))
    return Source(imports, frozenset(binds), frozenset(stars), frozenset(mentions))


def _starred(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the module of which an import takes everything."""
    is_star = isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names)
    return {getattr(node, "module", None) or ""} if is_star else set()


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Return the names that an import binds, with what each stands for."""
    found: dict[str, str] = {}
    for name in node.names:
        if isinstance(node, ast.ImportFrom):
            found[name.asname or name.name] = f"{node.module}.{name.name}"
        else:
            first = name.name.split(".")[0]
            found[name.asname or first] = name.name if name.asname else first
    return found


def parsed(source: str) -> ast.Module | None:
    """Return the tree of a cell, magics removed; None where it does not parse."""
    if is_too_long_to_parse(source):  # which would be found out by parsing, without magics
        return None
    return parse_python(source) or parse_python(without_magics(source))


def without_magics(source: str) -> str:
    """Return a cell with `pass` in place of shell commands, questions and magics without code.

    In one pass, where IPython tokenizes the whole cell once more for every magic of it: 400 lines
    of `!ls` take it ten seconds, and no deadline interrupts this process.
    """
    lines = source.splitlines(keepends=True)
    for strip in _PROMPTS:
        lines = strip(lines)
    lines = magics.unwrapped(lines)
    kept = []
    goes_on = False
    for line in lines:
        text = line.strip()
        name, sign, value = line.partition("=")
        # the body of a cell magic may be Python, and is parsed as such
        if goes_on or text.startswith("%%"):
            kept.append("\n")
        elif text.startswith(("%", "!", "?")) or _HELP.fullmatch(text):
            kept.append(line[: len(line) - len(line.lstrip())] + "pass\n")
        elif sign and value.lstrip().startswith(("!", "%")):
            kept.append(f"{name}= None\n")
        else:
            kept.append(line)
            continue
        goes_on = text.endswith("\\")
    return "".join(kept)


def sources_of(cells: Sequence[Cell]) -> dict[int, Source]:
    """Return what the text of each code cell says, by number."""
    return {cell.index: read_source(cell.source) for cell in cells if cell.kind == "code"}


def own_definitions(
    catalog: Sequence[Captured],
    cells: Sequence[Cell],
    modules: Mapping[str, frozenset[str]] | None = None,
) -> list[Captured]:
    """Leave out of a catalog what only an import bound, unless of a module of the student's own.

    Args:
        catalog: every definition there is.
        cells: the notebook.
        modules: the student's own modules, with the names each defines.
    """
    own = modules or {}
    in_modules = frozenset().union(*own.values())
    sources = sources_of(cells)

    def is_own(entry: Captured) -> bool:
        source = sources.get(entry.cell)
        if source is None:  # the catalog comes from the sandbox, and may name any cell
            return False
        if entry.name in source.binds:
            return True
        if entry.name in source.imports:
            return any(part in own for part in source.imports[entry.name].split(".")[:-1])
        if entry.imported and entry.name in in_modules:
            return True
        return not (source.stars and entry.imported)

    return [entry for entry in catalog if is_own(entry)]


def candidates_for(exercise: Exercise, own: Sequence[Captured]) -> list[Captured]:
    """Return the definitions that may answer an exercise, in order of time.

    A name spelled as in the book comes before names that only fit a pattern; `!*pattern*` takes
    names out again.
    """
    exact = [entry for entry in own if entry.name in exercise.names and _fits(entry, exercise)]
    found = exact or [
        entry
        for entry in own
        if entry.kind in _KINDS[exercise.kind] and is_named(entry.name, exercise.names)
    ]
    if len(found) > MOST_CANDIDATES:
        half = MOST_CANDIDATES // 2
        return [*found[:half], *found[-half:]]
    return found


def is_named(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a name matches patterns, of which `!*pattern*` excludes names again."""

    def one_of(wanted: Iterable[str]) -> bool:
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in wanted)

    out = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return one_of(patterns) and not one_of(out)


def _fits(entry: Captured, exercise: Exercise) -> bool:
    """Return whether a definition with exactly the name of an exercise may answer it.

    A call may be answered by a class (`class block(nn.Sequential)`), or by a module whose class
    the student wrote; `pool2d = nn.MaxPool2d(3)`, with which the book goes on, is the library's.
    """
    if exercise.kind == "function" and entry.kind in ("class", "module"):
        return not entry.imported
    return entry.kind in _KINDS[exercise.kind]


def callables(own: Sequence[Captured]) -> dict[str, Captured]:
    """Return the functions and classes by name; the last definition of a name wins."""
    return {entry.name: entry for entry in own if entry.kind in ("function", "class")}


def forbidden_names(cell: Cell, forbid: Sequence[str], cells: Sequence[Cell] = ()) -> list[str]:
    """Return those of the forbidden dotted names that a cell uses.

    `torch.nn.functional.conv2d` is found as `F.conv2d` too, whichever of `cells` holds the import;
    `self.conv2d` and a function `conv2d` of the student's own are something else. Not found: a
    name that is put together while the code runs.
    """
    if not forbid:
        return []
    judged = read_source(cell.source)
    aliases: dict[str, str] = {}
    for source in (*sources_of(cells).values(), judged):
        aliases.update(source.imports)
    used = set()
    for name in judged.mentions:
        first, dot, rest = name.partition(".")
        used.add(f"{aliases.get(first, first)}{dot}{rest}")
    return [name for name in forbid if name in used]


def _dotted(node: ast.expr) -> str:
    """Return `F.conv2d` as it is written; empty for what is no name, or has more parts than any."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < _MOST_PARTS:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
