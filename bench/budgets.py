"""The budgets of the design, and what was measured against each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Found = dict[str, Any]
MILLION = 1_000_000


class Budget(NamedTuple):
    """One budget: its bound, and where its number is found; None if it was not measured."""

    what: str
    bound: float
    unit: str
    is_least: bool  # the measure must be at least the bound; else at most
    measured: Callable[[Found], float | None]
    note: str = ""


class Verdict(NamedTuple):
    """A budget beside its measure."""

    budget: Budget
    measured: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as good as the budget; 1 is just met."""
        if not self.measured:
            return None
        bound = self.budget.bound
        return self.measured / bound if self.budget.is_least else bound / self.measured

    @property
    def is_met(self) -> bool | None:
        return None if self.ratio is None else self.ratio >= 1


def _at(*keys: str) -> Callable[[Found], float | None]:
    def get(found: Found) -> float | None:
        value: Any = found
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return float(value)

    return get


def _rate(*keys: str) -> Callable[[Found], float | None]:
    def get(found: Found) -> float | None:
        n, seconds = _at(*keys, "n_lines")(found), _at(*keys, "cpu_seconds")(found)
        return None if n is None or seconds is None else n / seconds

    return get


_OTHERS = ("triage", "publish", "watch and admit", "findings: write")


def two_stages(found: Found) -> float | None:
    """Return lines a CPU second of revise and screen alone, without the stages after them."""
    stages: Found = found.get("in_process", {}).get("number", {}).get("stages", {})
    if "seconds" not in stages:
        return None
    others = sum(float(stages["seconds"][name]) for name in _OTHERS)
    return float(stages["n_lines"]) / (float(stages["whole"]) - others)


def _rebuild_ratio(found: Found) -> float | None:
    own = _at("kafka", "rebuild", "per_cpu_second_after_start")(found)
    other = _rate("in_process", "day", "whole")(found)
    return own / other if own and other else None


def _memory_a_million(found: Found) -> float | None:
    store = found.get("store", {})
    if store.get("n_cases", 0) < MILLION:  # buffers of fixed size would be taken for growth
        return None
    return float(store["memory_mb"]) / float(store["n_cases"]) * MILLION


def _measures(found: Found) -> float | None:
    screening = found.get("screening", {})
    if screening.get("n_pairs", 0) < MILLION:
        return None
    seconds = sum(screening["measures_cpu_seconds"].values())
    return float(seconds) / float(screening["n_pairs"]) * 3 * MILLION


def _whole_vaers(key: str) -> Callable[[Found], float | None]:
    def get(found: Found) -> float | None:
        part = found.get("vaers", {})
        return float(part[key]) if part.get("is_whole") and key in part else None

    return get


# Milliseconds of the 95th percentile: the console's pages, less what a page adds to its query.
_QUERIES = {
    "ranking": ("ranking, 50 rows", 150),
    "as_of": ("signals as of a day, 50 rows", 250),
    "newest": ("newest findings of the largest product", 50),
    "listing_page": ("line listing of the largest pair, 50 rows", 300),
}


def _of_registers() -> tuple[Budget, ...]:
    return tuple(
        Budget(f"{what}, {database}", bound, "ms", is_least=False,
               measured=_at("register", database, "queries", name, "p95_ms"))
        for database in ("sqlite", "postgresql")
        for name, (what, bound) in _QUERIES.items()
    ) + tuple(
        Budget(f"rebuild of a register, {database}", 300, "s", is_least=False,
               measured=_at("register", database, "fill", "wall_seconds"),
               note="1 M findings, 300,000 states, 1 M case versions")
        for database in ("sqlite", "postgresql")
    )  # fmt: skip


BUDGETS = (
    Budget("through Kafka, revise and screen, state stored", 30_000, "/s a core", is_least=True,
           measured=_at("kafka", "one_worker", "per_cpu_second_after_start"),
           note="triage and publish run beside them; without the worker's start"),
    Budget("the same in process", 60_000, "/s a core", is_least=True, measured=two_stages,
           note="epochs of 10,000 lines"),
    Budget("the whole pipeline in process", 60_000, "/s a core", is_least=True,
           measured=_rate("in_process", "number", "whole"), note="with triage and publish"),
    Budget("intake to signal, p99", 3, "s", is_least=False, measured=lambda _: None,
           note="bench/latency.py measures it"),
    Budget("full screen of 3 million pairs", 10, "s", is_least=False, measured=_measures,
           note="every measure that there is, of every pair"),
    Budget("prior fit, EB05 and EB95 of 102,483 pairs", 5, "s", is_least=False,
           measured=lambda _: None, note="measured by make bench-detectors"),
    Budget("rebuild of a lost partition, to the in-process rate", 1, "ratio", is_least=True,
           measured=_rebuild_ratio, note="from Kafka, all partitions of one lost worker"),
    Budget("memory of revise per million standing cases", 150, "MB", is_least=False,
           measured=_memory_a_million),
    Budget("its CPU time, to pandas that reads and counts the same once", 30, "times",
           is_least=False, measured=_whole_vaers("times_pandas"),
           note="2,619 daily screenings, with the register"),
    Budget("replay of VAERS 1990-2000, on two cores", 60, "s", is_least=False,
           measured=_whole_vaers("wall_seconds"), note="on the wall: other work counts"),
    Budget("its memory", 1_000, "MB", is_least=False, measured=_whole_vaers("memory_mb"),
           note="with the process that writes the register"),
    Budget("its directory, bytes a report", 2_000, "bytes", is_least=False,
           measured=_whole_vaers("disk_bytes_a_report"), note="register included"),
    *_of_registers(),
)  # fmt: skip


def verdicts(found: Found) -> list[Verdict]:
    """Compare what was measured with every budget."""
    return [Verdict(budget, budget.measured(found)) for budget in BUDGETS]
