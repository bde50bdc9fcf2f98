"""One construct of five that wanes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.worked.chart import Axis, Line, chart
from bench.worked.history import EFFECT, K, NaturalHistory, Part, table
from detectors.anytime import poisson as anytime
from detectors.effectiveness import response
from detectors.sequential import cusum
from detectors.small_population import exnex, platform
from detectors.small_population.attribution import Attribution, attribute

Counts = tuple[int, ...]
QUARTERS: tuple[Counts, ...] = (  # invented: events to date of each construct
    (0, 1, 0, 1, 0),
    (1, 1, 1, 1, 1),
    (1, 1, 3, 2, 2),
    (2, 1, 6, 2, 3),
    (3, 2, 8, 3, 3),
    (3, 2, 11, 3, 4),
)
PROGRAMMES = ("CPS1", "CPS1", "OTC", "OTC", "ASS1")
WANING = 2  # its place
A_CONSTRUCT = 4  # patients
FAMILY_ALPHA = 0.05


class Waning(NamedTuple):
    """What is known of the five constructs after a quarter."""

    month: int
    looks: tuple[response.Look, ...]
    chart: cusum.Look
    shared: float
    own: float
    alike: Attribution
    differ: Attribution
    platform_e: float


def waning_design(history: NaturalHistory) -> response.Design:
    """Plan the watch of a construct."""
    horizon = _expected(history, len(QUARTERS))
    return response.Design(horizon, alpha=FAMILY_ALPHA / len(PROGRAMMES))


def waning_chart(history: NaturalHistory) -> cusum.Design:
    """Plan the CUSUM of a construct, over the same looks with the same error."""
    return cusum.Design(
        1 / (1 - EFFECT),
        expected_per_look=_expected(history, 1),
        looks=len(QUARTERS),
        alpha=FAMILY_ALPHA / len(PROGRAMMES),
        after_signal="stay",
    )


def _expected(history: NaturalHistory, n_quarters: int) -> float:
    return history.rate * (1 - EFFECT) * A_CONSTRUCT * n_quarters / 4


def waning(history: NaturalHistory) -> list[Waning]:
    """Look at the five constructs each quarter."""
    states = [response.init(waning_design(history)) for _ in PROGRAMMES]
    chart_state = cusum.init(waning_chart(history))
    found = []
    for i, counts in enumerate(QUARTERS, 1):
        mu = _expected(history, i)
        steps = [
            response.step(state, response.Observation(events=n, expected=mu))
            for state, n in zip(states, counts, strict=True)
        ]
        states = [state for state, _ in steps]
        seen = cusum.Observation(events=counts[WANING], expected=mu)
        chart_state, chart_look = cusum.step(chart_state, seen)
        expected = [mu] * len(counts)
        evidence = platform.e_value(anytime.log_e(anytime.Design(), counts, expected))
        found.append(
            Waning(
                month=3 * i,
                looks=tuple(look for _, look in steps),
                chart=chart_look,
                shared=float(platform.posterior(counts, expected).p_above[WANING]),
                own=float(exnex.posterior(counts, expected).p_above[WANING]),
                alike=_attributed(counts, expected, math.inf),
                differ=_attributed(counts, expected, K * A_CONSTRUCT),
                platform_e=float(evidence.platform.e),
            )
        )
    return found


def _attributed(counts: Counts, expected: Sequence[float], k: float) -> Attribution:
    return attribute(counts, expected, PROGRAMMES, excess=1 / (1 - EFFECT), dispersion=k)


def one_wanes(history: NaturalHistory) -> Part:
    """Work out one construct of five that wanes."""
    design, found = waning_design(history), waning(history)
    heads = ["month", "own watch, LLR", "crossed", "CUSUM", "crossed", "shared", "EXNEX"]
    named = ["named, patients alike", f"named, k = {K * A_CONSTRUCT:g}", "e, platform"]
    rows = [
        [
            str(each.month),
            *(f"{each.looks[WANING].llr:.2f}", _yes(is_so=each.looks[WANING].has_crossed)),
            *(f"{each.chart.statistic:.2f}", _yes(is_so=each.chart.has_crossed)),
            *(f"{p:.3f}" for p in (each.shared, each.own, _named(each.alike), _named(each.differ))),
            f"{each.platform_e:.1f}",
        ]
        for each in found
    ]
    counts = [[str(3 * i), *map(str, each)] for i, each in enumerate(QUARTERS, 1)]
    power = response.operating_characteristics(design, 1 / (1 - EFFECT)).power
    charted = cusum.operating_characteristics(waning_chart(history), 1 / (1 - EFFECT)).power
    said = {
        "expected_a_quarter": f"{_expected(history, 1):.2g}",
        "counts": table(["month", *(f"construct {i}" for i in range(1, 6))], counts),
        "waning": table([*heads, *named], rows),
        "family_size": f"{design.limit.attained_size * len(PROGRAMMES):.2g}",
        "waning_power": f"{power:.2f}",
        "chart_power": f"{charted:.2f}",
        "chart_size": f"{waning_chart(history).boundary.attained_size:.4f}",
        "construct_k": f"{K * A_CONSTRUCT:g}",
        "levels": _levels(found[-1]),
        "reading": _reading(design, found),
    }
    return Part(said, _waning_figure(found))


def _yes(*, is_so: bool) -> str:
    return "yes" if is_so else "no"


def _named(found: Attribution) -> float:
    return float(found.of_construct[WANING])


def _levels(last: Waning) -> str:
    rows = []
    for words, found in (("patients alike", last.alike), ("patients differ", last.differ)):
        priors = {
            level: math.fsum(
                p for p, own in zip(found.prior.tolist(), found.level, strict=True) if own == level
            )
            for level in found.of_level
        }
        rows.append([words, *(f"{p:.3f} ({priors[x]:.2f})" for x, p in found.of_level.items())])
    return table(["", *last.alike.of_level], rows)


def _reading(design: response.Design, found: Sequence[Waning]) -> str:
    crossed = next(each.month for each in found if each.looks[WANING].has_crossed)
    others = "none does" if sum(each.has_crossed for each in found[-1].looks) == 1 else "some do"
    charted = next((each.month for each in found if each.chart.has_crossed), None)
    named = next((each.month for each in found if _named(each.alike) > 0.9), None)  # noqa: PLR2004 - nine in ten
    evidence = next((each.month for each in found if each.platform_e >= 1 / FAMILY_ALPHA), None)
    limit = design.limit.critical_value
    return (
        f"The own watch of construct 3 crosses its boundary of {limit:.2f} at month {crossed}, "
        f"{crossed - 6} months after the loss; of the other four {others}. The CUSUM crosses "
        f"its boundary of {found[-1].chart.critical_value:.2f} {_at(charted)}: it forgets the good "
        f"half year. The attribution names construct 3 with nine in ten {_at(named)}, and the "
        f"platform's e-value reaches 20 {_at(evidence)}."
    )


def _at(month: int | None) -> str:
    return "not within these 18 months" if month is None else f"at month {month}"


def _waning_figure(found: Sequence[Waning]) -> str:
    others = [i for i in range(len(PROGRAMMES)) if i != WANING]
    lines = [
        Line("construct 3, patients alike", [(each.month, _named(each.alike)) for each in found]),
        Line("construct 3, patients differ", [(each.month, _named(each.differ)) for each in found]),
        Line(
            "greatest of the others, alike",
            [(each.month, float(each.alike.of_construct[others].max())) for each in found],
        ),
    ]
    return chart(
        "Posterior probability that a construct has lost its effect",
        Axis("month", range(3, 19, 3)),
        Axis("probability", (0, 0.25, 0.5, 0.75, 1)),
        lines,
    )
