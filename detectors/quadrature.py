"""Nodes and weights to integrate by."""

import math


def fejer(n_nodes: int) -> list[tuple[float, float]]:
    """Give nodes and weights of Fejer's first rule on (0, 1).

    Parameters
    ----------
    n_nodes : int
        How many.

    Returns
    -------
    list of tuple of float
        Node and weight; closed forms, so that no processor changes a bit.
    """
    rule = []
    for k in range(n_nodes):
        angle = (2 * k + 1) * math.pi / (2 * n_nodes)
        waves = (math.cos(2 * j * angle) / (4 * j * j - 1) for j in range(1, n_nodes // 2 + 1))
        rule.append(((1 - math.cos(angle)) / 2, (1 - 2 * math.fsum(waves)) / n_nodes))
    return rule
