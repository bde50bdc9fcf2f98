"""Who uses each detector, found in the source text of a product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from detectors.catalogue.description import Description
from detectors.catalogue.references import References, reached


def users(
    catalogue: Mapping[str, Description], sources: Mapping[str, str], roles: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Find who uses each detector, directly or through other modules.

    Parameters
    ----------
    catalogue : mapping of str to Description
        Detectors by name.
    sources : mapping of str to str
        Source text of each module of `detectors` and of the product, by its full name. The
        catalogue may be among them: listing a detector is not using it.
    roles : mapping of str to str
        What the modules of the product are to its reader, by the name of a module or package. A
        pair of braces in a role stands for the name of a package's module.

    Returns
    -------
    dict of str to tuple of str
        For each name in the catalogue the roles that reach it, in the order of `roles`; empty
        where none does. A function that several detectors share counts only for those that have
        no other.
    """
    own = {
        name: text for name, text in sources.items() if not _is_inside(name, "detectors.catalogue")
    }
    graph = References(own)
    used = {role: reached(graph, modules) for role, modules in _by_role(own, roles).items()}
    return {
        name: tuple(role for role, found in used.items() if found & nodes)
        for name, nodes in _nodes(catalogue).items()
    }


def _nodes(catalogue: Mapping[str, Description]) -> dict[str, frozenset[str]]:
    """Name the functions that tell each detector from all others."""
    nodes = {name: frozenset(_names(one.functions)) for name, one in catalogue.items()}
    times = Counter(node for found in nodes.values() for node in found)
    shared = {node for node, n in times.items() if n > 1}
    return {name: found - shared or found for name, found in nodes.items()}


def _names(functions: tuple[Callable[..., Any], ...]) -> Iterator[str]:
    for function in functions:
        if "<locals>" not in function.__qualname__:  # made from others, as every `recompute` is
            yield f"{function.__module__}.{function.__qualname__}"


def _by_role(sources: Mapping[str, str], roles: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place, role in roles.items():
        for module in sorted(name for name in sources if _is_inside(name, place)):
            inner = module.removeprefix(place).lstrip(".").partition(".")[0]
            found.setdefault(role.format(inner or place.rpartition(".")[2]), []).append(module)
    return found


def _is_inside(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")
