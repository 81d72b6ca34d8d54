"""The code that can run from some entries, read and not run: a run shows only the branches that it takes.

It errs on the side of more, for it compares names alone, whatever they stand for. The top level of a module is reached
where it is imported; a function where its name stands in reached code, called or not; all methods of a class where its
name does, for frameworks call some that no code of the project names. What is outside the project is not looked into.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple


class Part(NamedTuple):
    """Code that is reached as a whole: where ``name`` stands in reached code, or, without one, where it is imported."""

    path: Path
    tree: ast.AST
    name: str = ""


def reached(entries: Iterable[Part], root: Path) -> list[Part]:
    """The entries, and what they reach of the modules below ``root``."""
    waiting = list(entries)
    found: list[Part] = []
    names = {""}
    files: set[Path] = set()
    while ready := [part for part in waiting if part.name in names]:
        waiting = [part for part in waiting if part.name not in names]
        found += ready
        for path, tree, _ in ready:
            for node in ast.walk(tree):
                names |= _named(node)
                new = _imported(node, path, root) - files
                files |= new
                waiting += [part for file in new for part in _parts(file)]
    return found


def _parts(file: Path) -> Iterator[Part]:
    """The bodies of a file's functions and methods, and the rest: what an import runs."""
    tree = ast.parse(file.read_text())
    for statement in tree.body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                functions = [statement]
            case ast.ClassDef(body=body):
                functions = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            case _:
                continue
        for function in functions:
            yield Part(file, ast.Module(function.body, []), statement.name)
            function.body = []
    yield Part(file, tree)


def _named(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name, asname=str()):
            return {name}
    return set()


def _imported(node: ast.AST, path: Path, root: Path) -> set[Path]:
    """The files, packages' among them, that an import in ``path`` runs."""
    match node:
        case ast.Import(names=aliases):
            modules = [alias.name for alias in aliases]
        case ast.ImportFrom(module=module, names=aliases, level=level):
            root = path.parents[level - 1] if level else root
            modules = [f"{module}.{alias.name}" if module else alias.name for alias in aliases]
        case _:
            return set()
    places = {place for module in modules for place in accumulate(module.split("."), Path.joinpath, initial=root)}
    return {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}
