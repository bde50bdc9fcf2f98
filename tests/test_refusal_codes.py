"""Every code under which a record is refused is explained where a user looks for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_MAKERS = {"Refused", "refuse", "RowError", "Unusable", "Fault"}  # first argument, or the second
_ROW = re.compile(r"^\| (`[^|]*`) \|", re.MULTILINE)


def codes_in_source() -> set[str]:
    """Collect the codes that any module can raise or keep."""
    found: set[str] = set()
    for path in sorted((ROOT / "surveillance").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                found |= _codes_of(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_remedies(node):
                assert isinstance(node.value, ast.Dict)
                found |= {text for key in node.value.keys if (text := _text(key))}
    return found


def _is_remedies(node: ast.Assign | ast.AnnAssign) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return isinstance(target, ast.Name) and target.id == "_REMEDIES"


def _codes_of(call: ast.Call) -> set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "unusable":  # place, (code, reason, remedy)
        faults = [arg for arg in call.args if isinstance(arg, ast.Tuple)]
        return {text for fault in faults if (text := _text(fault.elts[0]))}
    if name not in _MAKERS or len(call.args) < 2:
        return set()
    text = _text(call.args[0])
    return {text} if text else set()


def _text(node: ast.AST | None) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if isinstance(node, ast.Constant) and is_text else ""


def codes_in_docs() -> set[str]:
    """Collect the codes that have a row in a table of the page."""
    page = (ROOT / "docs" / "intake.md").read_text("utf-8")
    return {code for cell in _ROW.findall(page) for code in re.findall(r"`([a-z_]+)`", cell)}


def test_the_codes_are_found_in_the_source() -> None:
    assert {"wrong_shape", "wrong_partition", "bad_order", "unreadable_file"} <= codes_in_source()


def test_every_code_of_refusal_has_a_row_in_the_docs() -> None:
    assert codes_in_source() - codes_in_docs() == set()
