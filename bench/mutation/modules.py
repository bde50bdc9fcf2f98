"""The modules of `detectors`, and the tests that belong to each."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACT = "tests/contracts/test_detectors.py"


def source_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def all_modules() -> list[str]:
    paths = sorted((ROOT / "detectors").rglob("*.py"))
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in paths]
    return [name for name in names if not name.endswith("__init__")]


def chosen(names: list[str]) -> list[str]:
    """Turn names of modules and packages into names of modules; all, if there are none."""
    unknown = [name for name in names if not _within(name)]
    if unknown:
        raise SystemExit(f"no module or package of detectors: {', '.join(unknown)}")
    return [module for name in names for module in _within(name)] if names else all_modules()


def _within(name: str) -> list[str]:
    return [module for module in all_modules() if module == name or module.startswith(f"{name}.")]


@cache
def imports_of(path: Path) -> frozenset[str]:
    """List the modules that a file imports, or imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def tests_of(module: str) -> tuple[str, ...]:
    """List doctests, the module's own tests, those that use it nearly, and the contracts."""
    own = [path for path in _tests() if path.stem == f"test_{module.rsplit('.', 1)[-1]}"]
    users = {module} | {other for other in all_modules() if module in imports_of(source_of(other))}
    users |= {package for package in _packages() if module in imports_of(_init_of(package))}
    near = [path for path in _tests() if path not in own and imports_of(path) & users]
    paths = [source_of(module), *own, *near]
    return (*(str(path.relative_to(ROOT)) for path in paths), CONTRACT)


def _init_of(package: str) -> Path:
    return ROOT / package.replace(".", "/") / "__init__.py"


@cache
def _packages() -> tuple[str, ...]:
    """List the packages, whose users mostly import what it is made of through it."""
    paths = sorted((ROOT / "detectors").rglob("__init__.py"))
    return tuple(".".join(path.parent.relative_to(ROOT).parts) for path in paths)


@cache
def _tests() -> tuple[Path, ...]:
    return tuple(sorted((ROOT / "tests/detectors").rglob("test_*.py")))
