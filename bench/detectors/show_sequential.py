"""The section of the sequential tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from bench.detectors.budgets import Budget, judged, verdict
from bench.detectors.text import at, count, ratio, rounded, table
from bench.detectors.watches import BOUNDED, WATCHED

Found = dict[str, Any]
SECTION = Path(__file__).with_name("sequential.md")
N_WATCHES = 10_000
MOST_MICROSECONDS = 20.0  # for a step
SETTINGS = {
    "poisson": "Poisson, horizon to 50, continuous looks",
    "poisson_20_looks": "Poisson, horizon to 50, 20 looks",
    "poisson_200_looks": "Poisson, horizon to 50, 200 looks",
    "conditional": "conditional, to event 50 or less",
    "conditional_time": "conditional, to 50 historical person-times or less",
    "poisson_far": "Poisson, horizon 500, continuous looks",
    "conditional_far": "conditional, to event 500",
    "shared": "platform, 20 constructs, all exchangeable",
    "exnex": "platform, 20 constructs, EXNEX",
}
BOUNDS = dict.fromkeys(list(SETTINGS)[:5], 0.1) | dict.fromkeys(list(SETTINGS)[5:7], 2.0)
BOUNDS |= dict.fromkeys(list(SETTINGS)[7:], 0.05)
BUDGETS = (
    *(
        Budget(
            f"{'posterior' if name in {'shared', 'exnex'} else 'critical value'}: {what}",
            BOUNDS[name], "s", ("sequential", name, "cpu_seconds"), ("size", "farthest", 500),
        )
        for name, what in SETTINGS.items()
    ),
    Budget("one step of the slowest test with a boundary made beforehand", MOST_MICROSECONDS,
           "µs", ("slowest", "bounded", "microseconds"), ("size", "n_watches", N_WATCHES)),
    Budget("one step of the slowest of the other tests", MOST_MICROSECONDS, "µs",
           ("slowest", "any", "microseconds"), ("size", "n_watches", N_WATCHES)),
    Budget("10,000 watches closed, of the slowest test with a boundary made beforehand", 1.0, "s",
           ("slowest", "bounded", "many"), ("size", "n_watches", N_WATCHES)),
)  # fmt: skip


class Published(NamedTuple):
    """A time of another program, and where ours is."""

    work: str
    peer: str
    seconds: str
    place: str


def published() -> Iterator[Published]:
    """Give the published seconds: the handbook of statistics, section 5."""
    r = "R Sequential 4.5.1"
    for horizon, seconds in zip((1, 5, 10, 20, 50, 100), (".02", ".10", ".23", ".60", "2.0", "8.9"),
                                strict=True):  # fmt: skip
        work = f"`CV.Poisson`, alpha 0.01, horizon {horizon}"
        yield Published(work, r, seconds, f"poisson {horizon}")
    for horizon, seconds in ((10, ".15"), (50, "1.4")):
        work = f"`Performance.Poisson`, horizon {horizon}"
        yield Published(work, r, seconds, f"performance {horizon}")
    for n_max, seconds in ((10, ".10"), (20, ".41"), (50, "4.7")):
        work = f"`CV.CondPoisson`, liberal, to event {n_max}"
        yield Published(work, r, seconds, f"conditional {n_max}")
    yield Published("`CV.CondPoisson`, exact, to event 10", r, "2.0", "conditional exact 10")
    for n, seconds in ((20, "22.6"), (50, "over 60")):
        work = f"`CV.CondPoisson`, horizon 2, {n} historical events"
        yield Published(work, r, seconds, f"conditional time {n}")
    for n, seconds in ((20, ".06"), (50, ".36"), (100, "2.0"), (200, "9.6")):
        yield Published(f"`CV.Binomial`, {n} events", r, seconds, f"binomial {n}")


def section(found: Found) -> str:
    """Write the section; the same numbers always give the same bytes."""
    part = found.get("sequential", {})
    steps = part.get("steps", {})
    template = Template(SECTION.read_text(encoding="utf-8"))
    return template.substitute(
        budgets=judged(found | {"slowest": _slowest(steps)}, BUDGETS),
        settings="\n\n".join([_settings(part), *_refusals(part)]),
        published=_beside(part.get("beside_r", {})),
        steps=_steps(found, steps),
    ).rstrip("\n")


def _slowest(steps: Found) -> Found:
    """Find the slowest test with a boundary made beforehand, and the slowest of the others."""
    found: Found = {}
    for name, members in (("bounded", list(BOUNDED)), ("any", [*WATCHED.keys() - BOUNDED.keys()])):
        times = [steps.get(member, {}).get("microseconds") for member in members]
        if times and None not in times:  # of a part of the tests the slowest is not known
            found[name] = {"microseconds": max(times), "many": max(times) * N_WATCHES / 1e6}
    return found


def _settings(part: Found) -> str:
    rows = []
    for name, what in SETTINGS.items():
        one = part.get(name, {})
        refused = sum(one.get("refusals", {}).values())
        cells = [count(one["n_settings"]), count(refused)] if "n_settings" in one else ["-", "-"]
        rows.append([what, *cells, one.get("setting", "-"), rounded(at(one, "cpu_seconds"))])
    return table(["", "settings", "refused", "slowest setting", "its CPU s"], rows)


def _refusals(part: Found) -> Iterator[str]:
    lines = [
        f"- {what}: {n} settings, {reason}"
        for name, what in SETTINGS.items()
        for reason, n in part.get(name, {}).get("refusals", {}).items()
    ]
    if lines:
        yield "\n".join(["Refused, with `#` for a number:", "", *lines])


def _beside(part: Found) -> str:
    rows = [
        [one.work, one.peer, one.seconds, rounded(at(part, one.place, "cpu_seconds"))]
        for one in published()
    ]
    return table(["work", "peer", "published s", "longwatch, CPU s"], rows)


def _steps(found: Found, steps: Found) -> str:
    rows = []
    for name in WATCHED:
        one = steps.get(name, {})
        microseconds = at(one, "microseconds")
        many = None if microseconds is None else microseconds * N_WATCHES / 1e6
        is_whole = found["size"]["n_watches"] >= N_WATCHES
        rows.append(
            [
                name,
                "made beforehand" if name in BOUNDED else "none",
                "-" if microseconds is None else count(one["n_watches"]),
                rounded(microseconds),
                ratio(MOST_MICROSECONDS, microseconds),
                rounded(many),
                verdict(MOST_MICROSECONDS, microseconds, is_whole=is_whole),
            ]
        )
    columns = ["test", "boundary", "watches", "µs a step", "budget / measured", "10,000 steps, s"]
    return table([*columns, ""], rows)
