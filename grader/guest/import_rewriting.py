"""Rewrites the imports of a cell so that one that finds no package binds a placeholder.

`import seaborn as sns` becomes a `try` whose handler asks `MissingPackages`. An import inside a
`try` of the student's own that catches ImportError keeps raising: its fallback is the student's.

Here: the change to the syntax tree. Not here: what a placeholder does (`missing_modules.py`).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from grader.guest.missing_modules import MissingPackages

HOOK = "__notebook_packages__"
ADAPTED = frozenset({"pandas"})
"""Packages that are changed where they are here, once they have been imported."""
_CATCH = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def install(packages: MissingPackages) -> None:
    """Let rewritten code find the packages it asks."""
    packages.rewrite = rewritten
    setattr(builtins, HOOK, packages)


def rewritten(source: Any) -> Any:
    """Return Python text as code whose imports are rewritten; anything else as it is."""
    if not isinstance(source, str | bytes):
        return source
    try:
        tree: Any = ImportRewriter().visit(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source  # Python's own words for it
    return compile(tree, "<string>", "exec", dont_inherit=True)


class ImportRewriter(ast.NodeTransformer):
    """Rewrites a whole cell or file.

    Args:
        namespace: the names that are bound already, to tell which a cell uses without a definition.
    """

    def __init__(self, namespace: dict[str, Any] | None = None) -> None:
        self._namespace = namespace
        self._guarded = False

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Rewrite the imports of a module, and announce names that a star import may have given."""
        unknown = () if self._namespace is None else _unknown(node, self._namespace)
        self.generic_visit(node)
        if unknown:
            names = ast.Tuple([ast.Constant(name) for name in unknown], ast.Load())
            at = _after_star(node.body)
            call = ast.Expr(_ask("bind_unknown", names))
            ast.copy_location(call, node.body[min(at, len(node.body) - 1)])
            node.body.insert(at, call)
        return ast.fix_missing_locations(node)

    def visit_Try(self, node: ast.Try) -> ast.Try:
        """Leave the imports of a `try` that catches their error."""
        before = self._guarded
        self._guarded = before or any(_catches(handler.type) for handler in node.handlers)
        node.body = list(self._all(node.body))
        self._guarded = before
        for handler in node.handlers:
            self.generic_visit(handler)
        node.orelse = list(self._all(node.orelse))
        node.finalbody = list(self._all(node.finalbody))
        return node

    def visit_With(self, node: ast.With) -> ast.With:
        """Leave the imports below `suppress(ImportError)`."""
        before = self._guarded
        self._guarded = before or any(_suppresses(item.context_expr) for item in node.items)
        self.generic_visit(node)
        self._guarded = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Rewrite a function as it stands alone: it is called elsewhere."""
        before, self._guarded = self._guarded, False
        self.generic_visit(node)
        self._guarded = before
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """Rewrite `import a, b.c as d`, one by one."""
        return [self._import(node, alias) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        """Rewrite `from a import b, c as d` and `from a import *`."""
        if node.level or not node.module or node.module == "__future__":
            return node
        found: list[ast.stmt] = []
        for alias in node.names:
            if alias.name == "*":
                found.append(ast.Expr(_ask("star", ast.Constant(node.module))))
            else:
                value = _ask("part", ast.Constant(node.module), ast.Constant(alias.name))
                found.append(_assign(alias.asname or alias.name, value))
        names = [alias.asname or alias.name for alias in node.names if alias.name != "*"]
        return self._wrapped(node, node.module, found, names)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Rewrite `importlib.import_module("a")`, `__import__("a")` and `exec("import a")`."""
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in ("import_module", "__import__") and not self._guarded:
            node.func = ast.copy_location(_ask("importing", node.func), node.func)
        if name == "exec" and node.args and isinstance(node.func, ast.Name):
            node.args[0] = ast.copy_location(_ask("rewrite", node.args[0]), node.args[0])
        return node

    def _import(self, node: ast.Import, alias: ast.alias) -> ast.stmt:
        single = ast.copy_location(ast.Import([alias]), node)
        path = ast.Constant(alias.name)
        bound = alias.asname or alias.name.split(".")[0]
        value = _ask("part", path) if alias.asname else _ask("module", path)
        return self._wrapped(single, alias.name, [_assign(bound, value)], [bound])

    def _wrapped(
        self, node: ast.stmt, module: str, found: list[ast.stmt], names: Sequence[str]
    ) -> ast.stmt:
        missing = _ask("is_missing", ast.Constant(module))
        again: list[ast.stmt] = [ast.Raise()]
        if self._guarded:
            listed = ast.Tuple([ast.Constant(name) for name in names], ast.Load())
            call = ast.Expr(_ask("fallback", ast.Constant(module), listed))
            body: list[ast.stmt] = [ast.If(missing, [call], []), *again]
        else:
            body = [ast.If(ast.UnaryOp(ast.Not(), missing), again, []), *found]
        handler = ast.ExceptHandler(ast.Name("ImportError", ast.Load()), None, body)
        root = module.partition(".")[0]
        adapt: list[ast.stmt] = (
            [ast.Expr(_ask("imported", ast.Constant(root)))] if root in ADAPTED else []
        )
        made = ast.Try([node], [handler], adapt, [])
        for part in ast.walk(made):
            if part is not node and isinstance(part, ast.stmt | ast.expr | ast.excepthandler):
                ast.copy_location(part, node)
        return made

    def _all(self, statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
        for statement in statements:
            made = self.visit(statement)
            yield from made if isinstance(made, list) else [made]


def _ask(method: str, *args: ast.expr) -> ast.Call:
    function = ast.Attribute(ast.Name(HOOK, ast.Load()), method, ast.Load())
    return ast.Call(function, list(args), [])


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _catches(kind: ast.expr | None) -> bool:
    match kind:
        case None:
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _CATCH
        case ast.Tuple(elts=kinds):
            return any(map(_catches, kinds))
    return False


def _suppresses(context: ast.expr) -> bool:
    match context:
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=kinds):
            return any(map(_catches, kinds))
    return False


def _unknown(tree: ast.Module, namespace: dict[str, Any]) -> list[str]:
    """Return the names that a cell reads and that neither it nor anything before it defines."""
    read: dict[str, None] = {}
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read[name] = None
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=asname):
                bound.add(asname or name.split(".")[0])
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
    known = bound | namespace.keys() | vars(builtins).keys()
    return [name for name in read if name not in known]


def _after_star(body: Sequence[ast.stmt]) -> int:
    """Return the place in a cell after its last star import, which gives names to what follows."""
    place = 0
    for number, statement in enumerate(body, start=1):
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and (
                node.module == "__future__" or any(alias.name == "*" for alias in node.names)
            ):
                place = number
    return place
