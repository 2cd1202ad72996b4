"""Rewrites magics that hold Python code, `%%time` or `x = %timeit -o f()`, as that code.

Used in two ways: a kernel rewrites a cell before it compiles it, and the trusted side before it
reads its text. Every line keeps its number. Options are dropped; a name that an option binds,
`%%capture out`, is bound by a call (`magic_results.py`).

Here: the text of cells. Not here: magics that hold no Python (`%%bash`, `%%writefile`, `!ls`); they
stay as they are.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence

from IPython.core.inputtransformer2 import TransformerManager

CAPTURED = "__notebook_captured__"
TIMED = "__notebook_timed__"

# by name, the options of each as `getopt` has them: a letter before a colon takes a value
_OPTIONS = {
    "time": "",
    "timeit": "n:r:tcp:qov:",
    "capture": "",
    "prun": "D:l:rs:T:q",
    "memit": "r:t:i:I:coT:",
    "mprun": "f:T:rcI:",
    "lprun": "f:m:D:T:rszu:",
    "snakeviz": "tf:h:p:n:",
    "pyinstrument": "",
    "scalene": "",
    "heat": "o:",
    "debug": "b:",
    "notify": "om:",
    "wandb": "h:",
}
_MAGIC = re.compile(
    r"(?P<indent>[ \t]*)(?P<target>[\w*\[][\w.,*\[\] \t]*=[ \t]*)?(?P<sign>%%?)"
    rf"(?P<name>{'|'.join(_OPTIONS)})(?=\s|$)(?P<rest>.*)",
    re.DOTALL,
)
_OTHER_CELL_MAGIC = re.compile(r"[ \t]*%%(?!\s)")
_COMMAND = re.compile(r"\s*(?:[%!?]|[\w*\[][\w.,*\[\] \t]*=[ \t]*!)")
# a text without an end is read to the end of its line, so that no line is read twice
_TOKEN = re.compile(
    r"#[^\n]*|\"\"\"|'''|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|[()\[\]{}]", re.DOTALL
)
_END = {quote: re.compile(rf"(?:\\.|[^\\])*?{quote}", re.DOTALL) for quote in ('"""', "'''")}


def transformer() -> TransformerManager:
    """Return IPython's translation of cells into Python, with magics that hold code rewritten."""
    made = TransformerManager()  # type: ignore[no-untyped-call]
    install(made)
    return made


def install(manager: TransformerManager) -> None:
    """Let a translation rewrite magics that hold code; a second call changes nothing."""
    steps: list[object] = manager.cleanup_transforms
    if unwrapped not in steps:
        steps.insert(0, with_all_lines)
        steps.append(unwrapped)


def with_all_lines(lines: list[str]) -> list[str]:
    """Turn blank lines at the start into comments: IPython removes them, and so moves all others.

    A cell magic must stay the first line, and is what IPython finds there.
    """
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if not first or (_is_cell_magic(lines[first]) and not _MAGIC.match(lines[first])):
        return lines
    return [f"{_indent(lines[first])}#\n"] * first + lines[first:]


def unwrapped(lines: list[str]) -> list[str]:
    """Return the lines of a cell, prompts removed, with the code of magics in their place."""
    if _is_python("".join(lines)):
        return lines
    starts = _statement_starts(lines)
    made: list[str] = []
    body = -1
    for number, line in enumerate(lines):
        is_head = body < 0
        found = _MAGIC.match(line) if number in starts else None
        if found and is_head and found["sign"] == "%%":
            made.append(_head(found))
            continue
        if is_head and number and _is_cell_magic(line):
            return lines  # `%%time` around a cell of another language
        if is_head and line.strip() and not line.lstrip().startswith("#"):
            if _is_cell_magic(line):
                return lines
            body = number
        made.append(line if found is None else _code(found))
    return _dedented(made, body) if body > 0 else made


def _head(found: re.Match[str]) -> str:
    code = _code(found)
    return f"# {found.group().lstrip()}" if code.strip() == "pass" else code


def _code(found: re.Match[str]) -> str:
    """Return the line that stands for one magic; the magic where there is none."""
    indent, target, name = found["indent"], found["target"] or "", found["name"]
    if name == "capture":
        bound = next((word for word in found["rest"].split() if word.isidentifier()), "")
        return f"{indent}{bound} = {CAPTURED}()\n" if bound else f"{indent}pass\n"
    code = _without_options(found["rest"], _OPTIONS[name]).rstrip("\n")
    if not target:
        return f"{indent}{code or 'pass'}\n"
    if name == "time":
        return f"{indent}{target}{code}\n"
    timed = f"{target}{TIMED}(lambda: ({code}))"
    return f"{indent}{timed}\n" if name == "timeit" and _is_python(timed) else found.group()


def _without_options(rest: str, options: str) -> str:
    valued = "".join(re.findall(r"(\w):", options)) or "\0"
    flags = "".join(re.findall(r"(\w)(?!:)", options)) or "\0"
    one = rf"(?:-[{flags}]*[{valued}]\s*[^\s-]\S*|-[{flags}]+|--[a-z][\w-]*(?:=\S*)?)"
    return re.sub(rf"^\s*(?:{one}(?:\s+|$))*", "", rest)


def _dedented(lines: list[str], body: int) -> list[str]:
    """Remove the indentation of a body that is indented as a whole below its magic."""
    indent = _indent(lines[body])
    if not indent:
        return lines
    return [*lines[:body], *(line.removeprefix(indent) for line in lines[body:])]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _is_cell_magic(line: str) -> bool:
    return bool(_OTHER_CELL_MAGIC.match(line))


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():  # "\d" in a student's string is not reported
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _statement_starts(lines: Sequence[str]) -> set[int]:
    """Return the numbers of the lines that begin outside of strings, brackets and continuations."""
    starts = set()
    quote, depth, goes_on = "", 0, False
    for number, line in enumerate(lines):
        if not quote and depth <= 0 and not goes_on:
            starts.add(number)
            if _COMMAND.match(line):
                goes_on = line.rstrip().endswith("\\")
                continue
        quote, depth = _scanned(line, quote, max(depth, 0))
        goes_on = not quote and line.rstrip().endswith("\\")
    return starts


def _scanned(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Return the quote that is open after a line, and how many brackets are."""
    place = 0
    while True:
        if quote:
            end = _END[quote].match(line, place)
            if end is None:
                return quote, depth
            quote, place = "", end.end()
        token = _TOKEN.search(line, place)
        if token is None:
            return "", depth
        place = token.end()
        if token.group() in _END:
            quote = token.group()
        elif token.group() in "([{":
            depth += 1
        elif token.group() in ")]}":
            depth -= 1
