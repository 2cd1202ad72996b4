"""Makes notebook commands harmless and quick: installers, downloads, prompts, backends.

`!pip`, `%pip`, `!apt-get`, `!wget` and the like print one line and do nothing: there is no network,
and left alone they cost 8 to 68 s a notebook. Other `!commands` run as before. `input()` refuses.

The shell's source is changed after parsing: a call of `get_ipython().system("pip ...")` is sent
elsewhere. Replacing `system` itself would add a frame between the student's variables and the
`$name` in a command. Not here: what a command may reach (that is the sandbox's).
"""

from __future__ import annotations

import ast
import builtins
import getpass
import os
import re
from typing import Any, NoReturn

from IPython.utils.text import SList

_INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
# line magics of extensions that show something, and that a usual machine has
_OF_EXTENSIONS = ("tensorboard", "watermark", "wandb", "memit", "mprun", "lprun", "bigquery")

# what may stand before a program: a bracket, sudo with options, variables, a wrapper
_BEFORE = r"[\s({]*(?:(?:sudo|nohup|time|yes|exec)(?:\s+-\S+)*\s+|\w+=\S*\s+)*"
_PYTHON = r"""["']?(?:\S*python[\d.]*|[{$]*sys\.executable\}*)["']?(?:\s+-[a-ln-zA-Z]\S*)*"""
_SKIPPED = re.compile(
    rf"{_BEFORE}(?:"
    r"(?:\S*/)?(?:pip[\d.]*|(?:micro)?mamba|conda|uv|apt|apt-get|aptitude|wget|curl)(?=\s|$|[>)])"
    rf"|{_PYTHON}\s+-m\s+pip\b)"
)
_PARTS = re.compile(
    r"""(?P<text>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^;&|\n'"\\]|(?<=>)&|&(?=>)|['"\\])+)"""
    r"|(?P<between>&&|\|\||[;|&\n])",
    re.DOTALL,
)
_MOST_SHOWN = 120
_SELF_CHECK = re.compile(r"""(?:^|[\s/"'])selfcheck(?:\.py)?["']?\s*$""")


class NoInput(EOFError):
    """A cell asked for input."""


def install(shell: Any) -> None:
    """Change an IPython shell as this module's docstring says; a second call changes nothing.

    Args:
        shell: an `InteractiveShell`, of a kernel or of a test.
    """
    if any(isinstance(step, _SkipCommands) for step in shell.ast_transformers):
        return
    shell.system = shell.system_raw  # the default of a terminal wants a pseudo terminal
    shell.skip_system = _skip
    shell.skip_getoutput = _skip_and_return_nothing
    shell.ast_transformers.append(_SkipCommands())
    for name in _INSTALLERS:
        shell.register_magic_function(_magic_that_skips(name), "line", name)
    shell.register_magic_function(_matplotlib_inline(shell), "line", "matplotlib")
    for name in ("load_ext", "reload_ext"):
        shell.register_magic_function(_load_if_here(shell, name), "line", name)
    for name in _OF_EXTENSIONS:
        shell.register_magic_function(_magic_that_skips(name), "line", name)
    shell.register_magic_function(_run_file(shell), "line", "run")
    # with its context around every frame, the traceback of an endless recursion takes 18 s
    shell.InteractiveTB.set_mode("Plain")
    # an installer started in some other way gives up at once
    os.environ.update(PIP_NO_INDEX="1", PIP_RETRIES="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    refuse_input_of(shell)


def refuse_input_of(shell: Any) -> None:
    """Let `input()` and `getpass()` raise, in a shell and in the kernel it may have."""
    builtins.input = refuse_input
    getpass.getpass = refuse_input
    if (kernel := getattr(shell, "kernel", None)) is not None:
        # it puts its own two in their place before each cell
        kernel.raw_input = kernel.getpass = refuse_input


def refuse_input(*args: object, **kwargs: object) -> NoReturn:
    """Raise what `input()` raises here.

    Raises:
        NoInput: always.
    """
    raise NoInput("input() gets no answer while a notebook is graded; write the value in the cell")


def without_skipped(command: str) -> str | None:
    """Return a shell command without its installers and downloads; None where it has none.

    Each is replaced by `:`, so that what follows an `&&` still runs.
    """
    parts = []
    found = False
    for match in _PARTS.finditer(command):
        part = match.group()
        if match.lastgroup == "text" and _SKIPPED.match(part):
            found = True
            part = re.sub(r"\S.*\S", ":", part, flags=re.DOTALL)
        parts.append(part)
    return "".join(parts).strip() if found else None


class _SkipCommands(ast.NodeTransformer):
    """Sends the calls that IPython makes of `!command` elsewhere where they should not run."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Call(func=ast.Name(id="get_ipython")),
                    attr="system" | "getoutput" as attr,
                ) as func,
                args=[ast.Constant(value=str(command)) as argument, *_],
            ):
                rest = without_skipped(command)
                if rest is None:
                    return node
                if set(rest) <= set(": ;&|\n"):
                    func.attr = f"skip_{attr}"
                else:
                    argument.value = rest
        return node


def _skip(command: str, *args: object, **kwargs: object) -> None:
    line = " ".join(command.split())
    if len(line) > _MOST_SHOWN:
        line = line[:_MOST_SHOWN] + "..."
    print(f"skipped while grading: {line}")


def _skip_and_return_nothing(command: str, *args: object, **kwargs: object) -> SList:
    _skip(command)
    return SList()


def _magic_that_skips(name: str) -> Any:
    def magic(line: str) -> None:
        _skip(f"{name} {line}")

    magic.__doc__ = f"Do nothing, and say so: {name} is not used while grading."
    return magic


def _load_if_here(shell: Any, name: str) -> Any:
    manager = shell.extension_manager
    load = manager.load_extension if name == "load_ext" else manager.reload_extension

    def magic(line: str) -> None:
        try:
            load(line.strip())
        except Exception as error:  # an extension may raise anything
            print(f"skipped while grading: %{name} {line} ({type(error).__name__})")

    magic.__doc__ = "Load an extension if it is here."
    return magic


def _run_file(shell: Any) -> Any:
    run = shell.find_line_magic("run")

    def magic(line: str) -> object:
        try:
            return run(line)
        except Exception as error:  # what a file that is not there raises; one in a file is shown
            if not _SELF_CHECK.search(line) or "not found" not in str(error):
                raise
            shell.user_ns["check"] = _ask_nothing
            return None

    magic.__doc__ = "Run a file; the self-check of a handout, which is not here, does nothing."
    return magic


def _ask_nothing(*what: object) -> None:
    """Do nothing, as `library/selfcheck.py` does."""


def _matplotlib_inline(shell: Any) -> Any:
    def matplotlib(line: str) -> None:
        """Draw into the notebook for every backend: there is no screen."""
        if line.strip() in ("-l", "--list"):
            print("Available matplotlib backends: ['inline']")
            return
        shell.enable_matplotlib("inline")

    return matplotlib
