"""Tables that R Sequential prints look by look: every row and every column, and where it errs."""

import math
from typing import Any

import numpy as np
import pytest
from data import reference_json
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, lambertw
from scipy.stats import binom, poisson

from detectors.sequential import poisson_maxsprt, spending_functions
from detectors.sequential.binomial_maxsprt import (
    Spent,
    critical_value,
    spending_boundary,
    varying_log_likelihood_ratio,
)
from detectors.sequential.binomial_maxsprt.boundary import least_exposed
from detectors.sequential.binomial_paths import signal_chances
from detectors.sequential.poisson_paths import crossing_probability

HALF_A_DIGIT = 0.5e-4 + 1e-12  # of what is printed to four decimals

# The example of `Analyze.Binomial`: each look's ratios, cases and controls. N = 200, alpha = 0.05,
# M = 3; targets of the Wald type at the first look and the last, and given in between.
LOOKS = [
    ((1.1, 1.3, 1.2, 1.0), (1, 0, 0, 0), (0, 1, 1, 1)),
    ((1.0, 1.5), (12, 1), (0, 10)),
    ((1.5, 1.0), (12, 10), (10, 14)),
    ((2.0,), (20,), (10,)),
]


def peer() -> dict[str, Any]:
    document: dict[str, Any] = reference_json("sequential/analyze_examples.json")
    return document


def binomial() -> dict[str, Any]:
    table: dict[str, Any] = peer()["binomial"]["t4"]
    return table


def poisson_table(name: str) -> dict[str, Any]:
    power, wald = peer()["poisson_power"]["t3"], peer()["poisson_wald"][-1]
    table: dict[str, Any] = {"power": power, "wald": wald}[name]
    return table


def ratios_to(look: int) -> list[float]:
    return [
        ratio
        for ratios, cases, controls in LOOKS[: look + 1]
        for ratio, case, control in zip(ratios, cases, controls, strict=True)
        for _ in range(case + control)
    ]


def cases_to(look: int) -> int:
    return sum(sum(cases) for _, cases, _ in LOOKS[: look + 1])


def wald_targets() -> NDArray[np.float64]:
    """Alpha that the flat boundary has spent by each event, of 200 with one control to a case."""
    least = least_exposed((1.0,) * 200, critical_value(200, ratio=1.0, min_events=3).value, 3)
    return np.cumsum(signal_chances([0.5] * 200, least))


def boundary() -> Spent:
    wald, ends = wald_targets(), [len(ratios_to(look)) for look in range(4)]
    targets = [wald[ends[0] - 1], 0.02, 0.04, wald[ends[3] - 1]]
    ratios = ratios_to(3)
    return spending_boundary(ratios, n_max=200, min_events=3, looks=ends, targets=targets)


def law_of(ratios: list[float], rate_ratio: float) -> NDArray[np.float64]:
    """Chance of each number of cases."""
    masses = np.ones(1)
    for ratio in ratios:
        masses = np.convolve(masses, [ratio, rate_ratio]) / (ratio + rate_ratio)
    return masses


def most_likely(ratios: list[float], cases: int) -> float:
    def surplus(rate: float) -> float:
        return sum(rate / (rate + z) for z in ratios) - cases

    return float(brentq(surplus, 1e-6, 1e6, xtol=1e-12))


def log_ratio(ratios: list[float], cases: int, rate: float) -> float:
    return cases * math.log(rate) - sum(math.log((rate + z) / (1 + z)) for z in ratios)


@pytest.mark.parametrize(
    ("kind", "first"), [("poisson_power", 1), ("poisson_wald", 0), ("binomial", 0)]
)
def test_every_shorter_table_is_the_beginning_of_the_longest(kind: str, first: int) -> None:
    found = peer()[kind]
    tables = (list(found.values()) if isinstance(found, dict) else found)[first:]
    for number, table in enumerate(tables, start=1):
        assert table.keys() == tables[-1].keys()
        for name, column in table.items():
            rows = column if isinstance(column, list) else [column]
            longest = tables[-1][name][:number]
            same = [a == b or {a, b} == {None, "NA"} or _is_same(a, b)
                    for a, b in zip(rows, longest, strict=True)]  # fmt: skip
            assert all(same), name


def _is_same(one: str, other: str) -> bool:
    return one not in {None, "NA"} and float(one) == float(other)


def test_binomial_looks_have_the_counts_and_the_expectation_of_the_peer() -> None:
    for look, (_, cases, controls) in enumerate(LOOKS):
        ratios = ratios_to(look)
        row = {name: column[look] for name, column in binomial().items()}

        assert int(row["Test"]) == look + 1
        assert (int(row["Cases"]), int(row["Controls"])) == (sum(cases), sum(controls))
        assert int(row["Cum. cases"]) == cases_to(look)
        assert int(row["Cum. controls"]) == len(ratios) - cases_to(look)
        assert_allclose(sum(1 / (1 + z) for z in ratios), float(row["E[Cases|H0]"]), atol=0.005)


def test_binomial_boundaries_and_spending_are_those_of_the_peer() -> None:
    found = boundary()

    for look in range(4):
        row = {name: column[look] for name, column in binomial().items()}
        assert abs(found.alpha_target[look] - float(row["target alpha"])) <= HALF_A_DIGIT
        assert abs(found.alpha_spent[look] - float(row["actual alpha"])) <= HALF_A_DIGIT
        if row["CV"] is None:
            assert found.alpha_spent[look] == 0
            assert found.least_exposed[look] == 5  # of four events
        else:
            assert found.least_exposed[look] == int(row["CV"])
        assert (cases_to(look) >= found.least_exposed[look]) == (row["Reject H0"] == "Yes")


def test_binomial_spending_by_groups_is_that_of_plain_convolution() -> None:
    found, masses, spent, come = boundary(), np.ones(1), 0.0, 0

    for look, (least, used, target) in enumerate(
        zip(found.least_exposed, found.alpha_spent, found.alpha_target, strict=True)
    ):
        ratios = ratios_to(look)
        masses = np.convolve(masses, law_of(ratios[come:], 1.0))
        come = len(ratios)
        spent += masses[least:].sum()
        assert_allclose(used, spent, rtol=1e-12)
        assert spent <= target < spent + masses[least - 1]  # one fewer would spend too much
        masses = masses[:least]


def test_the_peers_binomial_ratios_lie_on_a_grid_and_ours_are_the_greatest() -> None:
    for look in range(4):
        ratios, cases = ratios_to(look), cases_to(look)
        said, llr = (float(binomial()[name][look]) for name in ("RR estimate", "LLR"))
        best = most_likely(ratios, cases)

        found = varying_log_likelihood_ratio(cases, ratios)

        assert abs(best - said) <= 0.005 + 1e-3  # the peer tries every hundredth
        if best > 1:
            assert_allclose(log_ratio(ratios, cases, said), llr, atol=0.5e-6)  # digits printed
            assert_allclose(found, log_ratio(ratios, cases, best), rtol=1e-10)
            assert llr < found < llr + 2e-4
        else:
            assert float(found) == llr == 0


def halved_as_by_the_peer(ratios: list[float], cases: int, start: float, level: float) -> float:
    """Halve up to 1000 until the chance of so many cases and more is right to 0.001."""
    low, high, chance = start, 1000.0, 0.0
    at = (low + high) / 2
    while abs(chance - level) > 0.001:
        chance = law_of(ratios, at)[cases:].sum()
        low, high = (low, at) if chance > level else (at, high)
        at = (low + high) / 2  # once more than it was tried
    return at


def test_the_peers_upper_limits_of_the_binomial_ratio_are_too_low() -> None:
    for look in range(4):
        ratios, cases = ratios_to(look), cases_to(look)
        said = [float(binomial()[name][look]) for name in ("RR_CI_lower", "RR_CI_upper")]

        low = halved_as_by_the_peer(ratios, cases, 0.0, 0.025)
        high = halved_as_by_the_peer(ratios, cases, low, 0.975)

        assert_allclose([low, high], said, rtol=0, atol=0.5e-3 + 1e-12)  # digits printed
        # At an upper limit the chance of so few should be 0.025; the peer adds that of the count.
        at_high = law_of(ratios, high)
        assert at_high[: cases + 1].sum() > 0.025 + 0.6 * at_high[cases]


@pytest.mark.parametrize("name", ["power", "wald"])
def test_poisson_looks_have_the_sums_ratios_and_decisions_of_the_peer(name: str) -> None:
    table = poisson_table(name)
    means, counts = (np.cumsum([float(x) for x in table[key]]) for key in ("mu0", "Events"))

    llr = poisson_maxsprt.log_likelihood_ratio(counts.astype(int), means)

    assert_allclose(means, [float(x) for x in table["Cum. mu0"]], rtol=1e-12)
    assert counts.tolist() == [float(x) for x in table["Cum. Events"]]
    assert_allclose(counts / means, [float(x) for x in table["RR estimate"]], atol=0.005 + 1e-12)
    assert_allclose(llr, [float(x) for x in table["LLR"]], atol=0.005 + 1e-12)
    for count, least, is_rejected in zip(counts, table["CV"], table["Reject H0"], strict=True):
        assert (least is not None and count >= int(least)) == (is_rejected == "Yes")


def test_targets_of_the_power_type_are_those_of_the_peer_or_were_given() -> None:
    found = [spending_functions.power(0.02, 0.05, parameter=0.5), 0.02, 0.04]

    assert_allclose(
        found, [float(x) for x in poisson_table("power")["target alpha"]], atol=HALF_A_DIGIT
    )


def test_targets_of_the_wald_type_follow_the_events_that_were_seen() -> None:
    table = poisson_table("wald")
    value = poisson_maxsprt.critical_value(10.0).value

    def deadline(n: int) -> float:
        return float(-n * lambertw(-math.exp(-1 - value / n)).real)  # Kulldorff's boundary

    for count, target in zip(table["Cum. Events"], table["target alpha"], strict=True):
        n = int(count)
        spent = crossing_probability(deadline, first_event=1, horizon=deadline(n)) if n else 0.0
        assert abs(spent - float(target)) <= HALF_A_DIGIT


@pytest.mark.parametrize("name", ["power", "wald"])
def test_the_peers_lower_limits_of_the_poisson_ratio_are_too_high(name: str) -> None:
    table = poisson_table(name)
    for n, mean, low, high in zip(
        *([float(x) for x in table[key]] for key in ("Cum. Events", "Cum. mu0")),
        *([float(x) for x in table[key]] for key in ("RR_CI_lower", "RR_CI_upper")),
        strict=True,
    ):
        # It asks for 0.025 of more events, where as many and more should have it.
        assert_allclose(low, gammaincinv(n + 1, 0.025) / mean, atol=1.01e-4)  # its grid
        assert_allclose(high, gammaincinv(n + 1, 0.975) / mean, atol=1.01e-4)
        assert poisson.sf(n - 1, low * mean) > 0.025 + 0.9 * poisson.pmf(n, low * mean)


def test_the_peers_intervals_miss_oftener_than_they_say() -> None:
    mean, n = 2.0, np.arange(200)
    low, high = (gammaincinv(n + 1, level) / mean for level in (0.025, 0.975))
    proper = np.where(n > 0, gammaincinv(np.maximum(n, 1), 0.025), 0.0) / mean

    missed, ours = (poisson.pmf(n, mean)[(lower > 1) | (high < 1)].sum() for lower in (low, proper))

    assert missed > 0.05
    assert ours <= 0.05
    cases = np.arange(28)
    upper = np.array([_upper(27, c) for c in range(28)])
    assert binom.pmf(cases, 27, 0.5)[upper < 1].sum() > 0.025


def _upper(n: int, cases: int) -> float:
    if cases == 0:
        return math.inf
    return float(brentq(lambda r: binom.sf(cases - 1, n, r / (1 + r)) - 0.975, 1e-9, 1e9))


def test_condition_on_history_has_no_table_since_the_peer_stops() -> None:
    for name in ("condpoisson", "condpoisson_wald"):
        assert peer()[name].startswith("There is no file called")
