"""The study as a page of tables, with its figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

from scipy import stats

from bench.study.cells import CELLS, SIZES
from bench.study.history import Alarm, Drawn, shipped
from bench.worked.chart import Axis, Line, chart
from surveillance.configuration.programmes import Excess, LostEffect

Kind = TypeVar("Kind", LostEffect, Excess)
Histories = Mapping[str, Mapping[int, Drawn]]
NULL = ("quiet-platform", "care-drifts", "heavy-loss", "one-patient",
        *(f"kept-{n}" for n in SIZES))  # fmt: skip
LOST = ("construct-wanes", "lost-everywhere", "biomarker-holds", "lot-effect", "five-patients",
        *(f"lost-{n}" for n in SIZES))  # fmt: skip
NAMED = {"construct-wanes": ("construct SIM-ASS1-01", "programme SIM-ASS1"),
         "lot-effect": ("lot SIM-CPS1-01-L2",),
         "lost-everywhere": ("platform",)}  # fmt: skip
HEAD = """# How often the watches err, and what they find

Written by `make study`; do not edit. Histories of outcome records are drawn (`docs/simulation.md`)
and looked at by the watches of the shipped configuration `ucd`, over five years and without a log.
The counts of patients are negative binomial with shape 0.65, and the natural history that a watch
is given is drawn too: the rate that 63 other patients showed. Alpha is what the configuration
states. Limits are Clopper and Pearson's at 95 %. A dash: fewer than half were found.
"""
BEST = """
Five patients who all lose an 80 % effect at once are found in half of the histories after {median}
patient-years. The 2.3 of a Poisson test hold for patients who are alike and a rate that is known.
Here each has a rate of their own, known from what they had in at most a year and a half before the
first dose, and a fifth of alpha goes to the rate of natural history. What the same test finds with
less known stands in `docs/decisions/0013-loss-of-effect-by-patient.md`.
"""


class Rate(NamedTuple):
    """A share with its exact limits, in per cent."""

    hits: int
    n: int

    @property
    def limits(self) -> tuple[float, float]:
        """Clopper and Pearson's limits at 95 %, as shares."""
        low = stats.beta.ppf(0.025, self.hits, self.n - self.hits + 1) if self.hits else 0.0
        high = stats.beta.ppf(0.975, self.hits + 1, self.n - self.hits)
        return float(low), float(high) if self.hits < self.n else 1.0

    def __str__(self) -> str:
        low, high = self.limits
        return f"{_per_cent(self.hits / self.n)} ({_per_cent(low)} to {_per_cent(high)})"


def pages(drawn: Histories) -> dict[str, str]:
    """Write the page and its figures.

    Parameters
    ----------
    drawn : mapping of str to mapping of int to Drawn
        By cell and seed.

    Returns
    -------
    dict of str to str
        Text by name of the file.
    """
    return {
        "study.md": _page(drawn),
        "study-false-alarms.svg": _false_alarm_figure(drawn),
        "study-found.svg": _found_figure(drawn),
    }


def false_alarms(drawn: Iterable[Drawn]) -> Rate:
    """Count programmes that kept their effect and were found to have lost it.

    Parameters
    ----------
    drawn : iterable of Drawn
        Histories of one cell in which nothing was lost.
    """
    hits = n = 0
    for one in drawn:
        n += one.n_programmes
        hits += len({alarm.programme for alarm in one.alarms if is_effect(alarm)})
    return Rate(hits, n)


def is_effect(alarm: Alarm) -> bool:
    """Return whether an alarm is of the design of the effect."""
    return alarm.criterion.startswith("effect_")


def found_after(one: Drawn) -> float:
    """Return patient-years since the loss until it was found; infinite where it was not.

    Parameters
    ----------
    one : Drawn
        A history in which an effect was lost.
    """
    years = (alarm.lost_years for alarm in one.alarms if is_effect(alarm) and alarm.is_true)
    return min(years, default=math.inf)


def _page(drawn: Histories) -> str:
    known = {name: list(of.values()) for name, of in drawn.items() if of}
    parts = [
        HEAD, "## False alarms of a kept effect\n", _alarm_table(known),
        "![false alarms by number of patients](study-false-alarms.svg)\n",
        "## Lost effects\n", _found_table(known),
        "![share found by patient-years](study-found.svg)\n",
    ]  # fmt: skip
    if "lost-5" in known:
        years = median(map(found_after, known["lost-5"]))
        parts.append(BEST.strip().format(median=_number(years)) + "\n")
    parts += ["## The other scenarios\n", *_others(known)]
    return "\n".join(parts)


def _alarm_table(known: Mapping[str, Sequence[Drawn]]) -> str:
    alpha = _design("effect", LostEffect).alpha
    rows = [
        (name, CELLS[name].n_patients, len(known[name]), rate.n, rate.hits, rate, _per_cent(alpha),
         "yes" if rate.limits[0] <= alpha else "no")
        for name in NULL if name in known
        for rate in (false_alarms(known[name]),)
    ]  # fmt: skip
    head = ("scenario", "patients", "histories", "programmes", "alarms", "% (limits)", "alpha, %",
            "within alpha")  # fmt: skip
    return _table(head, rows)


def _found_table(known: Mapping[str, Sequence[Drawn]]) -> str:
    rows = []
    for name in LOST:
        histories = known.get(name)
        if not histories:
            continue
        after = [found_after(one) for one in histories]
        rate = Rate(sum(map(math.isfinite, after)), len(after))
        rows.append((name, CELLS[name].n_patients, len(after), rate, _number(median(after)),
                     _level(name, histories), _beside(histories)))  # fmt: skip
    head = ("scenario", "patients", "histories", "found, % (limits)",
            "patient-years of lost effect to half of them", "level named right",
            "found before or without a loss, % of programmes")  # fmt: skip
    return _table(head, rows)


def _level(name: str, histories: Sequence[Drawn]) -> str:
    """Return how often the level was named, where more than one could be."""
    if name not in NAMED:
        return ""
    named = [alarm.level for one in histories for alarm in one.alarms if alarm.level]
    return str(Rate(sum(level in NAMED[name] for level in named), len(named))) if named else ""


def _beside(histories: Sequence[Drawn]) -> str:
    """Return the share of programmes with an alarm before, or without, a loss of their own."""
    hits = n = 0
    for one in histories:
        hits += len({a.programme for a in one.alarms if is_effect(a) and not a.is_true})
        n += one.n_programmes
    return str(Rate(hits, n))


def _others(known: Mapping[str, Sequence[Drawn]]) -> Iterable[str]:
    if histories := known.get("liver-failure"):
        alarms = [_of(one, "liver_failure") for one in histories]
        chances = [a[0].background_probability or 0.0 for a in alarms if a]
        yield (
            f"* **liver-failure** ({len(histories)} histories): the first case was found in "
            f"{_share(sum(map(bool, alarms)), len(alarms))}; the background probability shown "
            f"with it had a median of {median(chances):.2g}.\n"
        )
    if histories := known.get("class-successor"):
        n = sum(bool(_of(one, "seizure")) for one in histories)
        alpha = _design("seizure", Excess).alpha
        yield (
            f"* **class-successor** ({len(histories)} histories, 900 patients): observed against "
            f"expected crossed in {Rate(n, len(histories))} %, alpha {_per_cent(alpha)} %.\n"
        )
    if histories := known.get("biomarker-holds"):
        series = Rate(sum(len(_of(one, "ammonia")) for one in histories),
                      sum(one.n_series for one in histories))  # fmt: skip
        yield (
            f"* **biomarker-holds**: of {series.n} series of ammonia that held, {series} % were "
            "found to move, alpha 0.1 % each.\n"
        )
    if histories := known.get("heavy-loss"):
        n = sum(len(_of(one, "follow_up_lost")) for one in histories)
        total = sum(one.n_programmes for one in histories)
        share = _share(n, total)
        yield f"* **heavy-loss**: that patients are lost was found in {share} of programmes.\n"


def _of(one: Drawn, criterion: str) -> list[Alarm]:
    return [alarm for alarm in one.alarms if alarm.criterion.startswith(criterion)]


def _false_alarm_figure(drawn: Histories) -> str:
    rates = [(n, false_alarms(drawn[f"kept-{n}"].values())) for n in SIZES if drawn[f"kept-{n}"]]
    lines = [
        Line("found lost although kept, %", [(n, 100 * r.hits / r.n) for n, r in rates]),
        Line("upper limit, %", [(n, 100 * r.limits[1]) for n, r in rates]),
        Line("lower limit, %", [(n, 100 * r.limits[0]) for n, r in rates]),
    ]
    top = max([2.0, *(100 * rate.limits[1] for _, rate in rates)])
    ticks = [i * math.ceil(top) / 4 for i in range(5)]
    alpha = 100 * _design("effect", LostEffect).alpha
    x = Axis("patients", SIZES, is_log=True)
    return chart(
        "False alarms of a kept effect in five years", x, Axis("%", ticks), lines, mark=alpha
    )


def _found_figure(drawn: Histories) -> str:
    ticks = (0, 2, 4, 6, 8, 10, 12)
    lines = []
    for n in (1, 3, 5, 10):
        after = [found_after(one) for one in drawn[f"lost-{n}"].values()]
        at = [tick / 4 for tick in range(4 * ticks[-1] + 1)]
        if after:
            share = [(t, 100 * sum(x <= t for x in after) / len(after)) for t in at]
            lines.append(Line(f"{n} patient{'s' * (n > 1)}", share))
    x = Axis("patient-years since an 80 % effect was lost", ticks)
    return chart("Share of lost effects found", x, Axis("%", (0, 25, 50, 75, 100)), lines)


def _design(name: str, kind: type[Kind]) -> Kind:
    design = shipped().design[name]
    if not isinstance(design, kind):
        raise TypeError(name)
    return design


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _share(hits: int, n: int) -> str:
    return f"{_per_cent(hits / n)} %"


def _per_cent(share: float) -> str:
    return f"{100 * share:.3g}"


def _number(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "-"
