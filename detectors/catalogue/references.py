"""What each name of some packages refers to, read from their source text.

A node is a function, a class or a value at the top of a module, by its full name, or a module
itself. It refers to the nodes that its text names: through imports, also those inside functions,
through what a package hands on from its modules, and through attributes of modules. Names that are
parameters or local variables are not taken for those of the module.

What is looked up by a string when the program runs is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class _Module:
    """A module's top: what it imports, what it defines, and what it runs besides."""

    name: str
    imports: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)


class References(Mapping[str, frozenset[str]]):
    r"""What each name refers to; a module is read when it is first asked for.

    A module refers to all that it defines and hands on, and to what it runs when it is imported.

    Parameters
    ----------
    sources : mapping of str to str
        Source text of each module, by its full name.

    Examples
    --------
    >>> inner = "def f(x): return g(x)\ng = abs"
    >>> found = References({"p": "from p.inner import f", "p.inner": inner, "q": "import p\np.f"})
    >>> sorted(found["p.inner.f"]), sorted(found["q"])
    (['p.inner.g'], ['p.inner.f'])
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._modules: dict[str, _Module] = {}
        self._known: dict[str, frozenset[str]] = {}

    def __getitem__(self, node: str) -> frozenset[str]:
        if node not in self._known:
            self._known[node] = self._of(node)
        return self._known[node]

    def __iter__(self) -> Iterator[str]:
        for name in self._sources:
            yield name
            yield from (f"{name}.{defined}" for defined in self._module(name).definitions)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _module(self, name: str) -> _Module:
        if name not in self._modules:
            self._modules[name] = _read(name, ast.parse(self._sources[name]))
        return self._modules[name]

    def _of(self, node: str) -> frozenset[str]:
        if node in self._sources:
            module = self._module(node)
            handed_on = map(self._resolve, module.imports.values())
            inside = {name for name in handed_on if name and name.startswith(f"{node}.")}
            own = {f"{node}.{name}" for name in module.definitions}
            return self._named(module.loose, module) | own | inside
        name, _, defined = node.rpartition(".")
        if name not in self._sources or defined not in self._module(name).definitions:
            raise KeyError(node)
        module = self._module(name)
        return self._named(module.definitions[defined], module) - {node}

    def _named(self, statements: Iterable[ast.stmt], module: _Module) -> frozenset[str]:
        own = {name: f"{module.name}.{name}" for name in module.definitions}
        known = module.imports | own
        chains = {chain for statement in statements for chain in _chains(statement, known)}
        return frozenset(filter(None, map(self._resolve, chains)))

    def _resolve(self, chain: str) -> str | None:
        """Follow a full name to its node; None outside the packages."""
        parts = chain.split(".")
        size = next(
            (n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in self._sources), 0
        )
        if not size:
            return None
        name = ".".join(parts[:size])
        if size == len(parts):
            return name
        module = self._module(name)
        if parts[size] in module.definitions:
            return f"{name}.{parts[size]}"
        if parts[size] in module.imports:
            return self._resolve(".".join([module.imports[parts[size]], *parts[size + 1 :]]))
        return name  # an attribute that it was given elsewhere


def reached(graph: Mapping[str, frozenset[str]], start: Iterable[str]) -> frozenset[str]:
    """Follow references from some nodes as far as they go.

    Parameters
    ----------
    graph : mapping of str to frozenset of str
        What each node refers to.
    start : iterable of str
        Nodes to begin at.

    Returns
    -------
    frozenset of str
        These nodes and all that they refer to, directly or through others.

    Examples
    --------
    >>> sorted(reached({"a": frozenset("b"), "b": frozenset("c"), "d": frozenset("a")}, ["a"]))
    ['a', 'b', 'c']
    """
    found, left = set(start), list(start)
    while left:
        new = graph.get(left.pop(), frozenset()) - found
        found |= new
        left += new
    return frozenset(found)


def _read(name: str, tree: ast.Module) -> _Module:
    module = _Module(name)
    for statement in _at_top(tree.body):
        match statement:
            case ast.Import() | ast.ImportFrom():
                module.imports |= _imported(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                module.definitions.setdefault(statement.name, []).append(statement)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if _stored([statement]):
                for stored in _stored([statement]):
                    module.definitions.setdefault(stored, []).append(statement)
            case _:
                module.loose.append(statement)
    return module


def _at_top(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):  # such as `if TYPE_CHECKING:`
            yield from _at_top(
                [x for x in ast.iter_child_nodes(statement) if isinstance(x, ast.stmt)]
            )
        else:
            yield statement


def _imported(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    if isinstance(statement, ast.ImportFrom):
        return {x.asname or x.name: f"{statement.module}.{x.name}" for x in statement.names}
    return {
        x.asname or x.name.partition(".")[0]: x.name if x.asname else x.name.partition(".")[0]
        for x in statement.names
    }


def _stored(body: Iterable[ast.AST]) -> set[str]:
    """Names that statements bind, without those of functions and classes inside them."""
    names: set[str] = set()
    left = list(body)
    while left:
        node = left.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
                continue
            case ast.Lambda():
                continue
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case _:
                pass
        left += ast.iter_child_nodes(node)
    return names


def _chains(node: ast.AST, known: Mapping[str, str]) -> Iterator[str]:
    """Full names, attributes included, that a piece of a program refers to."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            yield from _of_function(node, known)
        case ast.Name(id=name) if name in known:
            yield known[name]
        case ast.Attribute():
            base, attributes = _unchained(node)
            if not isinstance(base, ast.Name):
                yield from _chains(base, known)
            elif base.id in known:
                yield ".".join([known[base.id], *attributes])
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _chains(child, known)


def _of_function(node: _Function, known: Mapping[str, str]) -> Iterator[str]:
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    arguments = [x for x in ast.walk(node.args) if isinstance(x, ast.arg)]
    outside: list[ast.AST] = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    outside += [x.annotation for x in arguments if x.annotation]
    if not isinstance(node, ast.Lambda):
        outside += [*node.decorator_list, *filter(None, [node.returns])]
    for one in outside:
        yield from _chains(one, known)
    bound = {x.arg for x in arguments} | _stored(body)
    inner = {name: target for name, target in known.items() if name not in bound}
    for one in body:
        for inside in ast.walk(one):
            if isinstance(inside, ast.Import | ast.ImportFrom):
                inner |= _imported(inside)
    for one in body:
        yield from _chains(one, inner)


def _unchained(node: ast.Attribute) -> tuple[ast.expr, list[str]]:
    attributes: list[str] = []
    base: ast.expr = node
    while isinstance(base, ast.Attribute):
        attributes.insert(0, base.attr)
        base = base.value
    return base, attributes
