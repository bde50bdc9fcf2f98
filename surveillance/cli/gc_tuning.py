"""Garbage collection for programs that hold millions of small objects and make no cycles."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Leave what is loaded out of collections, and make them rare.

    A stage keeps names, counts and cases for ever and drops rows by reference count, and a list
    of ten thousand matters is made of some hundred thousand rows that stay. With Python's
    thresholds a fifth of the time went into walking them again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
