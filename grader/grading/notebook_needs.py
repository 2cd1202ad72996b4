"""What a notebook asks of a machine, read from its text: packages, devices, files, downloads.

Nothing is run and nothing is judged. Names of functions that open files or download are widely used
ones; what a notebook hides from its text is not seen.

Here: one notebook's cells. Not here: what this machine has (`runs/preflight.py`), what a run found
missing (`missing_packages.py`).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from grader.course import Exercise
from grader.grading.candidates import is_named, parsed
from grader.records import Cell

_DEVICE = re.compile(r"(cuda|mps|xpu)(?::\d+)?")
_SHELL = re.compile(
    r"^\s*[!%]\s*(?:sx\s+)?(?P<command>wget|curl|gdown|kaggle|git\s+clone)\b", re.MULTILINE
)
_WRITTEN = re.compile(
    r"^\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?(?P<path>[^\"'\n]+)", re.MULTILINE
)
_OPENS = """
open read_csv read_table read_excel read_json read_pickle read_parquet loadtxt genfromtxt load
imread loadmat read_image load_img ImageFolder DatasetFolder listdir from_file fromfile
"""
_WRITES = """
save savetxt savez savefig to_csv to_excel to_json to_pickle write_bytes write_text imwrite
makedirs mkdir dump imsave
"""
_DOWNLOADS = """
urlretrieve urlopen gdown load_state_dict_from_url download_url download_and_extract_archive
load_dataset hf_hub_download snapshot_download download_and_extract dataset_download
requests.get wget.download gdown.download hub.load torch.hub.load
"""
_OPENING, _WRITING = frozenset(_OPENS.split()), frozenset(_WRITES.split())
_LOADING = frozenset(_DOWNLOADS.split())
_REMOTE = re.compile(r"(?:https?|ftp)://")
_MOST_SHOWN = 120
_MOST_NAMES = 5_000


@dataclass(frozen=True)
class Needs:
    """What one notebook, or several of a student, ask for."""

    imports: frozenset[str] = frozenset()
    """Packages and modules, the first part of their names."""
    devices: frozenset[str] = frozenset()
    looks_for_device: bool = False
    """Whether it asks which devices there are, and so may do without."""
    files: frozenset[str] = frozenset()
    """Paths that it opens and does not write itself."""
    data_sets: frozenset[str] = frozenset()
    downloads: frozenset[str] = frozenset()
    hanging: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By import, the exercises whose definitions use it."""
    unread: int = 0
    """Cells whose text is no Python, or nested too deep."""


def needs_of(notebooks: Iterable[Sequence[Cell]], exercises: Sequence[Exercise]) -> Needs:
    """Read the needs of a submission from the cells of its notebooks."""
    reader = _Reader()
    for cells in notebooks:
        for cell in cells:
            if cell.kind == "code":
                reader.read(cell.source)
    return reader.needs(exercises)


class _Reader:
    """Collects over cells."""

    def __init__(self) -> None:
        self._imports: set[str] = set()
        self._bound: dict[str, str] = {}
        """By the name that an import binds, the package."""
        self._uses: defaultdict[str, set[str]] = defaultdict(set)
        """By the name of a definition, the names in it."""
        self._devices: set[str] = set()
        self._looks = False
        self._opened: set[str] = set()
        self._written: set[str] = set()
        self._data_sets: set[str] = set()
        self._downloads: set[str] = set()
        self._of_data_sets: set[str] = set()
        self._unread = 0

    def read(self, source: str) -> None:
        """Read one cell."""
        self._downloads |= {" ".join(one["command"].split()) for one in _SHELL.finditer(source)}
        self._written |= {one["path"].strip() for one in _WRITTEN.finditer(source)}
        tree = parsed(source)
        if tree is None:
            self._unread += bool(source.strip())
            return
        for node in ast.walk(tree):
            self._node(node)
        try:
            for statement in _at_top(tree):
                if len(self._uses) < _MOST_NAMES:
                    self._define(statement)
        except RecursionError:  # thousands of branches of one `if`
            self._unread += 1

    def needs(self, exercises: Sequence[Exercise]) -> Needs:
        """Return what was found."""
        own = {PurePosixPath(path).stem for path in self._written}
        written = {PurePosixPath(path).name for path in self._written}
        return Needs(
            frozenset(self._imports - own),
            frozenset(self._devices),
            self._looks,
            frozenset(p for p in self._opened if PurePosixPath(p).name not in written),
            frozenset(self._data_sets),
            frozenset(self._downloads),
            self._hanging(exercises),
            self._unread,
        )

    def _node(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                for one in names:
                    first = one.name.partition(".")[0]
                    self._imports.add(first)
                    self._bound[one.asname or first] = first
            case ast.ImportFrom(module=str(module), level=0, names=names):
                first = module.partition(".")[0]
                self._imports.add(first)
                for one in names:
                    self._bound[one.asname or one.name] = first
                    if module.rpartition(".")[2] == "datasets" and one.name[:1].isupper():
                        self._of_data_sets.add(one.asname or one.name)
            case ast.Constant(value=str(text)) if found := _DEVICE.fullmatch(text):
                self._devices.add(found[1])
            case ast.Attribute(attr="is_available" | "device_count" | "num_gpus" | "try_gpu"):
                self._looks = True
            case ast.Call():
                self._call(node)

    def _call(self, call: ast.Call) -> None:
        path = _dotted(call.func)
        name = path.rpartition(".")[2]
        keywords = {one.arg: one.value for one in call.keywords if one.arg}
        given = _text(call.args[0]) if call.args else ""
        given = given or next((text for value in keywords.values() if (text := _text(value))), "")
        if name in ("import_module", "__import__") and given:
            self._imports.add(given.partition(".")[0])
        if name == "cuda" and not path.startswith("torch."):
            self._devices.add("cuda")
        if name in ("try_gpu", "try_all_gpus"):
            self._looks = True
        if (".datasets." in f".{path}" and name[:1].isupper()) or path in self._of_data_sets:
            self._data_sets.add(name)
        if _is_true(keywords.get("download")):
            self._downloads.add(f"{name}(download=True)")
        elif _is_true(keywords.get("pretrained")) or _is_given(keywords.get("weights")):
            self._downloads.add(f"weights of {name}")
        elif {name, path} & _LOADING or (name in _OPENING and _REMOTE.match(given)):
            self._downloads.add(f"{path}({given[:_MOST_SHOWN]})")
        elif name in _OPENING and given and not _writes(call, name):
            self._opened.add(given[:_MOST_SHOWN])
        elif name in _WRITING or (name == "open" and given):
            texts = [given, *(_text(one) for one in call.args)]
            self._written |= {text for text in texts if text}

    def _define(self, statement: ast.stmt) -> None:
        """Note which names a definition at the top of a cell uses."""
        used = {one.id for one in ast.walk(statement) if isinstance(one, ast.Name)}
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._uses[statement.name] |= used
            for decorator in statement.decorator_list:  # a method that is added to a class
                for one in ast.walk(decorator):
                    if isinstance(one, ast.Name):
                        self._uses[one.id] |= used
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for one in ast.walk(statement):
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                    self._uses[one.id] |= used

    def _hanging(self, exercises: Sequence[Exercise]) -> dict[str, frozenset[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for exercise in exercises:
            answers = {name for name in self._uses if is_named(name, exercise.names)}
            for package in {self._bound[n] for n in self._reached(answers) if n in self._bound}:
                found[package].add(exercise.name)
        return {package: frozenset(names) for package, names in found.items()}

    def _reached(self, names: set[str]) -> set[str]:
        reached, due = set(names), list(names)
        while due:
            more = self._uses.get(due.pop(), set()) - reached
            reached |= more
            due += more
        return reached


def _at_top(tree: ast.AST) -> Iterator[ast.stmt]:
    """Yield statements outside of functions and classes, those in `if` and `with` as well."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            yield from _at_top(node)


def _dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < 10:
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_given(node: ast.AST | None) -> bool:
    return node is not None and not (isinstance(node, ast.Constant) and node.value is None)


def _writes(call: ast.Call, name: str) -> bool:
    """Return whether `open` is asked to write."""
    if name != "open":
        return False
    mode = _text(call.args[1]) if len(call.args) > 1 else ""
    mode = mode or next((_text(one.value) for one in call.keywords if one.arg == "mode"), "")
    return any(sign in mode for sign in "wax")
