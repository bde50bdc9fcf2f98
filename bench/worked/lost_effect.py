"""Complete loss of an 80 % effect in five patients."""

from __future__ import annotations

import math

import numpy as np

from bench.worked.chart import Axis, Line, chart
from bench.worked.history import (
    ALPHA,
    EFFECT,
    MONTHS,
    N_PATIENTS,
    POWER,
    K,
    NaturalHistory,
    Part,
    table,
)
from detectors.effectiveness import response
from detectors.effectiveness.detection import TimeToDetect, time_to_detect
from detectors.effectiveness.paths import upper_paths
from detectors.effectiveness.process import Process


def lost(history: NaturalHistory, k: float, *, n: int = N_PATIENTS) -> TimeToDetect:
    """Compute how long a complete loss takes to see."""
    return time_to_detect(
        n_patients=n,
        natural_rate=history.rate,
        effect=EFFECT,
        dispersion=k,
        alpha=ALPHA,
        power=POWER,
    )


def wald_years(history: NaturalHistory, effect: float) -> float:
    """Compute Wald's approximation of the mean patient-years, both rates known."""
    information = history.rate * (-math.log1p(-effect) - effect)  # a patient-year
    return math.log(POWER / ALPHA) / information


def false_signals(found: TimeToDetect, history: NaturalHistory, k: float) -> float:
    """Compute the type I error of the boundary for patients alike where they differ."""
    law = Process(k * N_PATIENTS)
    horizon = found.horizon * history.rate * (1 - EFFECT)
    paths = upper_paths(
        found.critical_value, horizon, first_event=1, dispersion=math.inf, process=law
    )
    return 1 - paths.silent(law)


def lost_effect(history: NaturalHistory) -> Part:
    """Work out the loss of an 80 % effect in five patients."""
    alike = lost(history, math.inf)
    shapes = (math.inf, 10.0, 3.0, 2.0, 1.0, K)
    differ = [
        [_shape(k), *(word for n in (N_PATIENTS, 30) for word in _found(lost(history, k, n=n)))]
        for k in shapes
    ]
    heads = ["k", "mean, 5 patients", "plan for", "limit", "mean, 30 patients", "plan for", "limit"]
    false = [f"{false_signals(alike, history, k):.3f}" for k in shapes[1:]]
    said = {
        "kept": f"{history.rate * (1 - EFFECT):g}",
        "alpha": f"{ALPHA:g}",
        "power": f"{POWER:g}",
        "effects": "\n".join(_effect(history, effect) for effect in (EFFECT, 0.9, 0.5)),
        "wald": f"{wald_years(history, EFFECT):.1f}",
        "mean": f"{alike.expected:.2f}",
        "months": f"{alike.expected / N_PATIENTS * MONTHS:.1f}",
        "horizon": f"{alike.horizon:.2f}",
        "horizon_3": f"{lost(history, 3.0).horizon:.1f}",
        "differ": table(heads, differ),
        "false": table(
            ["k", *(f"{k:g}" for k in shapes[1:])], [["type I error, 5 patients", *false]]
        ),
    }
    return Part(said, _power_figure(history))


def _effect(history: NaturalHistory, effect: float) -> str:
    found = time_to_detect(
        n_patients=N_PATIENTS, natural_rate=history.rate, effect=effect, alpha=ALPHA, power=POWER
    )
    times = (
        wald_years(history, effect),
        found.expected,
        found.expected_given_signal,
        found.horizon,
    )
    return f"| {effect:.0%} | " + " | ".join(f"{each:.2f}" for each in times) + " |"


def _found(found: TimeToDetect) -> tuple[str, str, str]:
    limit = f"{found.limiting_power:.3f}"
    if found.state == "not_reached":
        return "never", "never", limit
    if found.state == "beyond_exact":
        return "too long to compute", "too long to compute", limit
    return f"{found.expected:.2f}", f"{found.horizon:.2f}", limit


def _shape(k: float) -> str:
    return "patients alike" if math.isinf(k) else f"{k:g}"


def _power_figure(history: NaturalHistory) -> str:
    kept = history.rate * (1 - EFFECT)

    def power(years: float, k: float) -> float:
        design = response.Design(years * kept, alpha=ALPHA, dispersion=k * N_PATIENTS)
        return response.operating_characteristics(design, 1 / (1 - EFFECT)).power

    lines = [
        Line(name, [(years, power(years, k)) for years in np.arange(0.5, 15.25, 0.5).tolist()])
        for name, k in (
            ("patients alike", math.inf),
            ("k = 3", 3.0),
            ("k = 1", 1.0),
            (f"k = {K:g}, natural history", K),
        )
    ]
    return chart(
        "Chance to have seen a complete loss of an 80 % effect in five patients",
        Axis("patient-years planned", range(0, 16, 3)),
        Axis("power", (0, 0.25, 0.5, 0.75, 1)),
        lines,
        mark=POWER,
    )
