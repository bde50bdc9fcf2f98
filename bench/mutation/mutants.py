"""Small changes to a module, each of which some test should notice."""

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType

SWAPPED: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
LEFT_ALONE = {  # types and messages change nothing that a number shows; a decorator is no statistic
    "annotation",
    "returns",
    "decorator_list",
    "bases",
}


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes
    ----------
    key : str
        Module, function, and the expression before and after; without line numbers, so that it
        still names the same change when lines have moved.
    line : int
        Line of the change.
    code : callable
        Compiles the changed module.
    module : str
    body : str or None
        Name, with the module, of the function or method in whose body the change lies; None if it
        lies in what runs when the module is imported: constants, defaults, fields.
    """

    key: str
    line: int
    code: Callable[[], CodeType]
    module: str = ""
    body: str | None = None

    def is_drawn(self, share: float, seed: int) -> bool:
        """Say whether the mutant is in a sample that no other mutant's presence changes."""
        digest = hashlib.sha256(f"{seed} {self.key}".encode()).digest()
        return int.from_bytes(digest[:8]) < share * 2**64


@dataclass(frozen=True)
class _Site:
    owner: ast.AST
    field: str
    place: int | None
    node: ast.AST
    shown: ast.AST  # the expression or statement in which the change is shown
    function: str
    body: str | None

    def put(self, node: ast.AST) -> None:
        if self.place is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.place] = node


def unmutated(path: Path) -> Mutant:
    """Make the module as it is, which its tests must let live."""
    return Mutant("", 0, partial(compile, path.read_text(encoding="utf-8"), str(path), "exec"))


def mutants_of(path: Path, name: str) -> list[Mutant]:
    """Make every mutant of a module, in the order of its text."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    seen: Counter[str] = Counter()
    found = []
    for site in list(_sites(tree, tree, name, None)):
        before = _text(site.shown)
        for changed in _variants(site):
            site.put(changed)
            after = _text(changed if site.shown is site.node else site.shown)
            key = f"{site.function}: `{before}` -> `{after}`"
            seen[key] += 1
            numbered = key if seen[key] == 1 else f"{key} ({seen[key]})"
            code = partial(_compiled, tree, site, changed, str(path))
            found.append(Mutant(numbered, _line(site), code, name, site.body))
            site.put(site.node)
    return found


def _compiled(tree: ast.Module, site: _Site, changed: ast.AST, path: str) -> CodeType:
    site.put(changed)
    code = compile(ast.fix_missing_locations(tree), path, "exec")
    site.put(site.node)
    return code


def _sites(owner: ast.AST, shown: ast.AST, function: str, body: str | None) -> Iterator[_Site]:
    if isinstance(owner, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{owner.name}"
    for field, value in ast.iter_fields(owner):
        if field in LEFT_ALONE:
            continue
        within = body or _body(owner, field, function)
        for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_silent(node):
                continue
            context = _context(owner, node, shown)
            yield _Site(owner, field, place, node, context, function, within)
            yield from _sites(node, context, function, within)


def _body(owner: ast.AST, field: str, function: str) -> str | None:
    return function if isinstance(owner, ast.FunctionDef) and field == "body" else None


def _context(owner: ast.AST, node: ast.AST, shown: ast.AST) -> ast.AST:
    """Show a bare constant or operator within what it is a part of."""
    if isinstance(owner, ast.arguments):
        return owner
    if isinstance(node, ast.stmt) or hasattr(owner, "body"):
        return node
    if isinstance(node, ast.Constant | ast.operator | ast.cmpop | ast.boolop | ast.unaryop):
        return owner if isinstance(owner, ast.expr | ast.stmt) else shown
    return node if isinstance(node, ast.expr) else shown


def _is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom)


def _variants(site: _Site) -> Iterator[ast.AST]:
    node = site.node
    for kind in SWAPPED.get(type(node), ()):
        yield kind()
    if isinstance(node, ast.Constant):
        for value in _other_values(node.value, is_default="defaults" in site.field):
            yield ast.copy_location(ast.Constant(value), node)
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.UAdd):
        yield node.operand
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.copy_location(ast.Pass(), node)  # such as a validator
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield ast.copy_location(ast.Return(ast.Constant(None)), node)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _other_values(value: object, *, is_default: bool) -> list[bool | int | float | str]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [
            other for other in (value + 1, value - 1) if other != value
        ]  # 1e300 + 1 is no other
    return [f"{value} "] if is_default and isinstance(value, str) else []


def _line(site: _Site) -> int:
    nodes = (site.node, site.shown, *ast.walk(site.shown))
    return next((node.lineno for node in nodes if hasattr(node, "lineno")), 0)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())
