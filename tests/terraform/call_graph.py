"""What Python code can reach: a call graph over the project's own syntax trees, without running or importing anything.

It errs on the side of more. A definition is reached when its name stands in reached code, called or not. A method is
reached when its class is, and its name stands behind a dot anywhere in reached code. A module's top level is reached by
the import of it. What is never reached is what Python would never run: ``if TYPE_CHECKING``, and annotations of
functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TOP = "<module>"
Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = dict[str, str]
"""What an imported name stands for: ``telemetry.aws`` or ``telemetry.aws.client``."""


@dataclass(frozen=True)
class Definition:
    """A function, a method, a class without its methods, or a module's top level."""

    module: Module
    name: str

    def __str__(self) -> str:
        return f"{self.module.name}:{self.name}"


@dataclass(eq=False)
class Module:
    """A file, and what it defines at its top level."""

    name: str
    path: Path
    tree: ast.Module
    imports: Scope = field(init=False)
    definitions: dict[str, ast.AST] = field(init=False)

    def __post_init__(self) -> None:
        self.imports = _imports(_flat(self.tree.body))
        self.definitions = {TOP: self.tree}
        for node in _flat(self.tree.body):
            if isinstance(node, Function):
                self.definitions[node.name] = node
            if isinstance(node, ast.ClassDef):
                self.definitions[node.name] = node
                methods = [child for child in node.body if isinstance(child, Function)]
                self.definitions |= {f"{node.name}.{method.name}": method for method in methods}

    def methods(self, cls: str) -> dict[str, Definition]:
        """The methods of a class by their name."""
        names = [name for name in self.definitions if name.startswith(f"{cls}.")]
        return {name.partition(".")[2]: Definition(self, name) for name in names}


@dataclass(frozen=True)
class Code:
    """All that can be reached from some entries."""

    definitions: frozenset[Definition]

    def nodes(self) -> Iterator[tuple[Definition, ast.AST]]:
        """Every node of the syntax trees, with the definition that it is in."""
        for definition in self.definitions:
            for node in _nodes(definition.module.definitions[definition.name]):
                yield definition, node


class Program:
    """The modules below some folders. One that is not there is somebody else's, and is not looked into."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self.module = cache(self._read)

    def reach(self, entries: Iterable[Definition], called: Iterable[str] = ()) -> Code:
        """What can be reached from ``entries``. Methods named in ``called`` are called by a framework."""
        reached: set[Definition] = set()
        behind_a_dot = set(called)
        waiting = list(entries)
        while waiting:
            while waiting:
                one = waiting.pop()
                if one not in reached:
                    reached.add(one)
                    waiting += self._references(one)
                    behind_a_dot |= _attributes(one)
            for one in list(reached):
                for name, method in one.module.methods(one.name).items():
                    if (name in behind_a_dot or name.startswith("__")) and method not in reached:
                        waiting.append(method)
        return Code(frozenset(reached))

    def file(self, path: Path, name: str = "") -> Module:
        """A file that nothing imports."""
        return Module(name or path.stem, path, ast.parse(path.read_text()))

    def _read(self, name: str) -> Module | None:
        for folder in self._folders:
            place = folder.joinpath(*name.split("."))
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file():
                    return self.file(path, name)
        return None

    def _references(self, one: Definition) -> Iterator[Definition]:
        node = one.module.definitions[one.name]
        scope = one.module.imports | _imports(_nodes(node))
        for target in _imports(_nodes(node)).values():
            yield from self._top_levels(target)
        for child in _nodes(node):
            if isinstance(child, ast.Name):
                yield from self._named(one.module, scope, child.id)
            if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name) and child.value.id in scope:
                yield from self._defined(f"{scope[child.value.id]}.{child.attr}")

    def _named(self, module: Module, scope: Scope, name: str) -> Iterator[Definition]:
        if name in scope:
            yield from self._defined(scope[name])
        elif name in module.definitions:
            yield Definition(module, name)

    def _defined(self, target: str) -> Iterator[Definition]:
        """The definition ``package.module.name``, also where the module has imported it from another."""
        place, _, name = target.rpartition(".")
        module = self.module(place) if place else None
        if module is None:
            return
        if name in module.definitions:
            yield Definition(module, name)
        elif name in module.imports:
            yield from self._defined(module.imports[name])

    def _top_levels(self, target: str) -> Iterator[Definition]:
        """The modules and packages that an import of ``target`` runs."""
        parts = target.split(".")
        for length in range(1, len(parts) + 1):
            if module := self.module(".".join(parts[:length])):
                yield Definition(module, TOP)


def literal_strings(arguments: Iterable[ast.expr]) -> list[str]:
    """The arguments that are strings as they stand."""
    return [one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _attributes(one: Definition) -> set[str]:
    """Names behind a dot; and strings that could be such a name, for who calls a method by it."""
    names = set()
    for node in _nodes(one.module.definitions[one.name]):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.keyword):
            names.update(literal_strings([node.value]))
    return names


def _nodes(root: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a definition that run when it does: a module's or a class's without the bodies of its functions."""
    inside = isinstance(root, Function)
    waiting: list[ast.AST] = [*root.body] if isinstance(root, Function) else list(ast.iter_child_nodes(root))
    while waiting:
        node = waiting.pop()
        yield node
        waiting += _children(node, inside)


def _children(node: ast.AST, inside: bool) -> list[ast.AST]:
    if isinstance(node, Function):
        defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
        return [*node.decorator_list, *defaults, *(node.body if inside else [])]
    if isinstance(node, ast.ClassDef) and not inside:
        return list(node.decorator_list)
    if isinstance(node, ast.If) and _only_for_types(node):
        return list(node.orelse)
    if isinstance(node, ast.AnnAssign) and inside:
        return [child for child in (node.target, node.value) if child]
    return list(ast.iter_child_nodes(node))


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a top level, those within its ``if`` and ``try`` among them."""
    for statement in body:
        yield statement
        if not isinstance(statement, (*Function.__args__, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody"):
                if not (isinstance(statement, ast.If) and part == "body" and _only_for_types(statement)):
                    yield from _flat(getattr(statement, part, []))


def _only_for_types(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imports(nodes: Iterable[ast.AST]) -> Scope:
    names: Scope = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names
