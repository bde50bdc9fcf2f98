"""Which work of longwatch stands beside which of another program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bench.detectors.text import ratio

Found = dict[str, Any]

# Published seconds of openEBGM 0.9.1: the handbook of statistics, section 5.
PUBLISHED_CAERS = 40.6  # full fit
PUBLISHED = {"full fit": 112.0, "squashing, fit and scores": 30.0}  # of 102,483 pairs
# Where openEBGM is installed its full fit of CAERS takes as long as so many turns of the loop.
TURNS_OF_CAERS = 1_400

DIFFERENCES = (
    ("PRR", "vigipy", ("vigipy", "prr")),
    ("PRR, lower limit", "vigipy", ("vigipy", "prr_lower")),
    ("ROR", "vigipy", ("vigipy", "ror")),
    ("ROR, lower limit", "vigipy", ("vigipy", "ror_lower")),
    ("one-sided exact p", "vigipy", ("vigipy", "p")),
    ("BCPNN, normal approximation, lower limit", "vigipy", ("vigipy", "bcpnn_lower")),
    ("IC025, exact", "R's `qgamma`", ("R ic025",)),
    ("IC025, exact, against BCPNN, which is another quantity", "vigipy", ("vigipy", "ic025")),
    ("EBGM", "openEBGM", ("openEBGM scores", "ebgm")),
    ("EB05", "openEBGM", ("openEBGM scores", "eb05")),
    ("EB95", "openEBGM", ("openEBGM scores", "eb95")),
    ("EBGM", "vigipy", ("vigipy scores", "ebgm")),
    ("EB05", "vigipy", ("vigipy scores", "eb05")),
    ("EB95", "vigipy", ("vigipy scores", "eb95")),
)


class Row(NamedTuple):
    """A piece of work, longwatch's time and a peer's; a part without seconds says why."""

    work: str
    ours: Found
    peer: str
    theirs: Found

    @property
    def ratio(self) -> str:
        """How many times as fast longwatch is."""
        return ratio(self.theirs.get("cpu_seconds"), self.ours.get("cpu_seconds"))


class Scaled(NamedTuple):
    """A published time, what it is to be multiplied by, and what was measured in its place."""

    work: str
    published: float
    factor: float | None
    measured: Found

    @property
    def seconds(self) -> float | None:
        """The time to be expected here."""
        return None if self.factor is None else self.published * self.factor


def rows(part: Found) -> Iterator[Row]:
    """Set one set's work beside that of the peers."""
    measures, vigipy, r = part["measures"], part["vigipy"], part["r"]
    of_vigipy = vigipy.get("measures", vigipy)
    for work, own, other in (
        ("PRR with interval", "prr", "prr"),
        ("ROR with interval", "ror", "ror"),
        ("one-sided exact p", "fisher", "rfet"),
        ("BCPNN, normal approximation", "bcpnn_normal", "bcpnn"),
    ):
        yield Row(work, _of(measures, own), "vigipy", _of(of_vigipy, other))
    yield Row("IC with exact interval", _of(measures, "ic"), "R, `qgamma`, IC025 alone",
              clocked(r, "ic", "ic"))  # fmt: skip
    mixture, components = part["prior_mixture"], part["prior"]
    yield Row("`truncated_mixture` fit and scores", _of(mixture, "both"), "vigipy, GPS",
              _of(vigipy.get("gps", vigipy), "both"))  # fmt: skip
    yield Row("`openebgm` fit", _of(components, "fit"), "openEBGM, full",
              clocked(r, "full", "fit"))  # fmt: skip
    yield Row("squashing, fit and scores", _of(part["squashed"], "both"), "openEBGM, autoSquash",
              together(r))  # fmt: skip
    score = _of(components, "score")
    yield Row("scores at a given prior", score, "vigipy", vigipy.get("scores", vigipy))
    for digits in ("two", "six"):
        yield Row("scores at a given prior", score, f"openEBGM, {digits} digits",
                  clocked(r, "scores", f"{digits}_digits"))  # fmt: skip


def _of(part: Found, key: str) -> Found:
    """Go one down, or stay at what says why there is nothing."""
    return dict(part.get(key, part if "failed" in part else {}))


def clocked(r: Found, key: str, name: str) -> Found:
    """Return the times of one clock of one part in R."""
    part = _of(r, key)
    if f"{name}_cpu_seconds" not in part:
        return part
    return {f"{unit}_seconds": part[f"{name}_{unit}_seconds"] for unit in ("cpu", "wall")}


def together(r: Found) -> Found:
    """Add up openEBGM's squashing, fit and scores."""
    clocks = [clocked(r, "squashed", name) for name in ("squash", "fit", "score")]
    if not all("cpu_seconds" in clock for clock in clocks):
        return clocks[0]
    return {key: sum(clock[key] for clock in clocks) for key in ("cpu_seconds", "wall_seconds")}


def scaled(sets: Found) -> Iterator[Scaled]:
    """Scale openEBGM's published times by the loop in R; give also what was measured."""
    caers, simulated = sets.get("caers", {}).get("r", {}), sets["simulated"]["r"]
    factor = None
    if "loop_cpu_seconds" in caers.get("loop", {}):
        turn = caers["loop"]["loop_cpu_seconds"] / caers["loop"]["n_times"]
        factor = turn * TURNS_OF_CAERS / PUBLISHED_CAERS
    yield Scaled("full fit of CAERS", PUBLISHED_CAERS, factor, clocked(caers, "full", "fit"))
    measured = (clocked(simulated, "full", "fit"), together(simulated))
    for (what, published), own in zip(PUBLISHED.items(), measured, strict=True):
        yield Scaled(f"{what}, 102,483 pairs", published, factor, own)


def differences(part: Found) -> Iterator[tuple[str, str, Found]]:
    """Yield the comparisons that were made: what, with whom, and how far apart."""
    for what, peer, place in DIFFERENCES:
        found: Any = part
        for key in place:
            found = found.get(key, {})
        if found:
            yield what, peer, found
