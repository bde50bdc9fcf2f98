"""A tree of levels, as construct within programme within platform, or term within body system."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAX_NODES = 10_000


@dataclass(frozen=True, eq=False)
class Tree:
    """Nodes, each below one other or at the top.

    Attributes
    ----------
    parents : mapping of str to str or None
        Every node with the node right above it, None for a node at the top. Copied.
    nodes : tuple of str
        Names in alphabetical order. Computed, and not an argument.
    leaves : tuple of str
        Nodes without another below, in alphabetical order. Computed.
    children : tuple of tuple of int
        Places in `nodes` of what is right below each node. Computed.
    bottom_up : tuple of int
        Places in `nodes`, each after all that is below it. Computed.
    membership : ndarray of bool, shape (n_nodes, n_leaves)
        Whether a leaf is a node, or below it. Computed.

    Raises
    ------
    ValueError
        If there is no node or over 10,000, if a parent is not a node, or if nodes are above
        themselves.

    Notes
    -----
    A node has one parent, since a mapping has one value a key; for pairs, see `from_pairs`.

    Examples
    --------
    >>> tree = Tree({"platform": None, "liver": "platform", "a": "liver", "b": "liver"})
    >>> tree.leaves
    ('a', 'b')
    """

    parents: Mapping[str, str | None]
    nodes: tuple[str, ...] = field(init=False, repr=False)
    leaves: tuple[str, ...] = field(init=False, repr=False)
    children: tuple[tuple[int, ...], ...] = field(init=False, repr=False)
    bottom_up: tuple[int, ...] = field(init=False, repr=False)
    membership: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parents = dict(self.parents)
        if not 1 <= len(parents) <= MAX_NODES:
            raise ValueError(f"parents has {len(parents)} nodes: must be 1 to {MAX_NODES}")
        for node, parent in sorted(parents.items(), key=lambda item: item[0]):
            if parent is not None and parent not in parents:
                raise ValueError(f"parents[{node!r}] is {parent!r}: must be a node of the tree")
        nodes = tuple(sorted(parents))
        place = {node: i for i, node in enumerate(nodes)}
        below: list[list[int]] = [[] for _ in nodes]
        for node in nodes:
            parent = parents[node]
            if parent is not None:
                below[place[parent]].append(place[node])
        order = _bottom_up(nodes, parents, below, place)
        leaves = tuple(node for node, under in zip(nodes, below, strict=True) if not under)
        for name, value in (
            ("parents", parents),
            ("nodes", nodes),
            ("leaves", leaves),
            ("children", tuple(map(tuple, below))),
            ("bottom_up", order),
            ("membership", _membership(nodes, leaves, below, order)),
        ):
            object.__setattr__(self, name, value)


def from_pairs(pairs: list[tuple[str, str | None]]) -> Tree:
    """Build a tree from rows of a node and its parent.

    Parameters
    ----------
    pairs : list of tuple of str and (str or None)
        A row for each node; None for a node at the top.

    Returns
    -------
    Tree
        The tree.

    Raises
    ------
    ValueError
        If a node has two rows, and so two parents, or the rows are no tree.

    Examples
    --------
    >>> from_pairs([("platform", None), ("a", "platform"), ("b", "platform")]).nodes
    ('a', 'b', 'platform')
    """
    parents: dict[str, str | None] = {}
    for node, parent in pairs:
        if node in parents:
            raise ValueError(f"{node!r} has two parents, {parents[node]!r} and {parent!r}")
        parents[node] = parent
    return Tree(parents)


def _bottom_up(
    nodes: tuple[str, ...],
    parents: Mapping[str, str | None],
    below: list[list[int]],
    place: Mapping[str, int],
) -> tuple[int, ...]:
    """Order the nodes from the leaves up; what is left over goes round in a circle."""
    n_open = [len(under) for under in below]
    order = [i for i, n in enumerate(n_open) if n == 0]
    for i in order:
        parent = parents[nodes[i]]
        if parent is not None:
            n_open[place[parent]] -= 1
            if n_open[place[parent]] == 0:
                order.append(place[parent])
    if len(order) < len(nodes):
        stuck = nodes[min(set(range(len(nodes))) - set(order))]
        raise ValueError(f"{stuck!r} is above itself, or has nodes below it that are: must not be")
    return tuple(order)


def _membership(
    nodes: tuple[str, ...], leaves: tuple[str, ...], below: list[list[int]], order: tuple[int, ...]
) -> NDArray[np.bool_]:
    member = np.zeros((len(nodes), len(leaves)), dtype=np.bool_)
    column = {leaf: j for j, leaf in enumerate(leaves)}
    for i in order:
        if below[i]:
            member[i] = member[below[i]].any(axis=0)
        else:
            member[i, column[nodes[i]]] = True
    return member
