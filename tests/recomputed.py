"""Exposure, expected events and test statistics, computed anew with pandas and SciPy.

Written from the design and the published formulas; nothing of the watches is imported.
"""

import json
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

ENDPOINT = "Hyperammonaemic event"
YEAR = 365.25
SILENCE_DAYS = 365 + 45  # the longest gap of the schedule, and the grace
SCHEDULE = [*range(90, 1_801, 90), *range(1_800 + 365, int(15 * YEAR) + 1, 365)]
SHAPE, RATE, N_UNTREATED, YEARS_UNTREATED = 0.65, 2.4, 63, 94.5
KEPT, FOR_HISTORY = 0.2, 0.002
BASELINE_FROM, N_BASELINE = 28, 3  # of ammonia
BACKGROUND = {"Death": 0.0102, "Acute hepatic failure": 2.5e-6, "Seizure": 0.02}


class Row(NamedTuple):
    """What one look should show."""

    n_patients: int
    n_events: int
    person_days: int
    expected: float
    statistic: float
    background_probability: float = -1.0  # where it is not computed


def upper_rate() -> float:
    """Return the rate at which so few events in the untreated come with a chance of 0.002."""
    shape, events = N_UNTREATED * SHAPE, RATE * YEARS_UNTREATED

    def error(rate: float) -> float:
        share = shape / (shape + rate * YEARS_UNTREATED)
        return float(stats.beta.cdf(share, shape, events + 1) - FOR_HISTORY)

    return float(optimize.brentq(error, RATE, 10 * RATE, xtol=1e-13))


UPPER = upper_rate()
# 64 quantiles of a gamma density (4, 0.8) cut to ratios above 1
_TAILS = stats.gamma.sf(1.0, 4.0, scale=1 / 0.8) * (1 - (np.arange(64) + 0.5) / 64)
RATIOS = stats.gamma.isf(_TAILS, 4.0, scale=1 / 0.8)


class Known:
    """The records that stand on a day, by patient."""

    def __init__(self, lines: Iterable[bytes], on: date) -> None:
        self.on = pd.Timestamp(on)
        records = pd.DataFrame([json.loads(line) for line in lines])
        records = records[pd.to_datetime(records["received_on"]) <= self.on]
        records["version"] = records.get("version", pd.Series(index=records.index)).fillna(1)
        records = records.sort_values("version").drop_duplicates("record_id", keep="last")
        nullified = records.get("is_nullified", pd.Series(False, index=records.index)) == True  # noqa: E712 - NaN
        self.records = records[~nullified]
        for column in ("given_on", "seen_on", "occurred_on", "taken_on"):
            days = self.records.get(column, pd.Series(index=self.records.index, dtype=object))
            self.records = self.records.assign(**{column: pd.to_datetime(days)})
        for flag in ("is_last", "is_fatal"):
            values = self.records.get(flag, pd.Series(False, index=self.records.index))
            self.records = self.records.assign(**{flag: values == True})  # noqa: E712 - NaN
        self.patients = self._patients()

    def _patients(self) -> pd.DataFrame:
        of = self.records.groupby("patient_id")
        first = of["given_on"].min()
        last = of[["given_on", "seen_on", "occurred_on", "taken_on"]].max().max(axis=1)
        dead = self.records[self.records["is_fatal"]].groupby("patient_id")["occurred_on"].min()
        gone = self.records[self.records["is_last"]].groupby("patient_id")["seen_on"].min()
        ended = pd.concat([dead, gone], axis=1).min(axis=1).reindex(first.index)
        until = last + pd.Timedelta(days=SILENCE_DAYS)
        until = until.where(until < self.on, self.on)
        until = until.where(~(ended < until), ended)
        treated = self.records.dropna(subset="given_on").drop_duplicates("patient_id")
        found = pd.DataFrame({"first": first, "until": until, "ended": ended})
        found["is_lost"] = found["ended"].notna() & ~found.index.isin(dead.index)
        named = treated.set_index("patient_id")[["programme", "construct"]]
        return found.dropna(subset="first").join(named)

    @cache  # noqa: B019 - for the length of a test
    def at_risk(self, endpoint: str, window: int | None = None) -> pd.DataFrame:
        """Return days at risk and events of every patient, the first dose being the only start."""
        found = self.patients.copy()
        end = found["until"] + pd.Timedelta(days=1)
        if window is not None:
            close = found["first"] + pd.Timedelta(days=window)
            end = end.where(end < close, close)
        found["days"] = (end - found["first"]).dt.days
        found["events"] = 0
        if "endpoint" in self.records:
            of = self.records[self.records["endpoint"] == endpoint]
            joined = of.join(found[["first"]].assign(end=end), on="patient_id")
            inside = (joined["occurred_on"] >= joined["first"]) & (
                joined["occurred_on"] < joined["end"]
            )
            counted = joined[inside].groupby("patient_id").size()
            found["events"] = counted.reindex(found.index).fillna(0).astype(int)
        return found[found["days"] > 0]

    @cache  # noqa: B019
    def evidence(self) -> pd.DataFrame:
        """Return events, days, expected events and evidence of loss of effect of every patient."""
        enrolled = self.records[self.records["type"] == "enrolment"].set_index("patient_id")
        risk = self.at_risk(ENDPOINT)
        counted = [of[0] if isinstance(of, list) else {} for of in enrolled["baseline"]]
        known = pd.DataFrame(counted, index=enrolled.index, columns=["n_events", "days"])
        known = known.reindex(risk.index).fillna(0)
        years = risk["days"].to_numpy() / YEAR
        n, before = risk["events"].to_numpy(), known["days"].to_numpy() / YEAR
        shape = SHAPE + known["n_events"].to_numpy()
        law = SHAPE / UPPER + before
        rates = RATIOS * KEPT * years[:, np.newaxis]
        logs = n[:, np.newaxis] * np.log(RATIOS) - (shape + n)[:, np.newaxis] * np.log(
            (law[:, np.newaxis] + rates) / (law + KEPT * years)[:, np.newaxis]
        )
        return risk.assign(
            expected=shape / (SHAPE / RATE + before) * KEPT * years,
            log_e=special.logsumexp(logs, axis=1) - np.log(len(RATIOS)),
        )

    @cache  # noqa: B019
    def contacts(self) -> dict[Any, list[Any]]:
        """Return the days of visits and measurements by patient."""
        found: dict[Any, list[Any]] = {}
        for column in ("seen_on", "taken_on"):
            some = self.records.dropna(subset=column)
            for who, day in zip(some["patient_id"], some[column].dt.date, strict=True):
                found.setdefault(who, []).append(day)
        return found


def effect(known: Known, column: str, unit: str) -> Row:
    """Return the look at a construct or programme for loss of effect."""
    of = known.evidence()
    of = of[of[column] == unit]
    n, days = int(of["events"].sum()), int(of["days"].sum())
    return Row(len(of), n, days, float(of["expected"].sum()), float(of["log_e"].sum()))


def ammonia(known: Known, patient: str) -> Row:
    """Return the look at a patient's ammonia, against the first three values from day 28 on.

    The Bayes factor of a rise of the mean logarithm, half-normal with one standard deviation: that
    of a change in either direction, times twice the posterior chance of a rise.
    """
    first: Any = known.patients["first"].to_dict()[patient]
    own: Any = known.records[known.records["patient_id"] == patient].dropna(subset="taken_on")
    own = own[(own["taken_on"] - first).dt.days >= BASELINE_FROM]
    values = np.log(own.sort_values(["taken_on", "record_id"])["value"].to_numpy(dtype=float))
    before, after = values[:N_BASELINE], values[N_BASELINE:]
    weight = len(before) * len(after) / len(values)
    squares = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum())
    change, wider = float(after.mean() - before.mean()), 1 + weight
    under_none, under_change = squares + weight * change**2, squares + weight * change**2 / wider
    freedom = len(values) - 1
    both = freedom / 2 * np.log(under_none / under_change) - np.log(wider) / 2
    t = change * (1 - 1 / wider) / np.sqrt(under_change / wider / freedom)
    days = int((known.on - first).days) + 1
    return Row(1, 0, days, 0.0, float(both + np.log(2) + stats.t.logcdf(t, freedom)))


def listed(
    known: Known, column: str, unit: str, event: str, *, window: int | None = None
) -> tuple[Row, float]:
    """Return the look at a listed event, and its likelihood ratio against the background."""
    risk = known.at_risk(event, window)
    risk = risk[risk[column] == unit]
    n, days = int(risk["events"].sum()), int(risk["days"].sum())
    expected = BACKGROUND[event] * days / YEAR
    chance = float(stats.poisson.sf(n - 1, expected)) if n else -1.0
    ratio = float(special.xlogy(n, n / expected) - (n - expected)) if n > expected else 0.0
    return Row(len(risk), n, days, expected, float(n), chance), ratio


def missed_visits(known: Known, programme: str) -> int:
    """Count planned visits that passed with their grace and without a contact near them."""
    grace, on, missed = timedelta(days=45), known.on.date(), 0
    of = known.patients[known.patients["programme"] == programme]
    for who, first, ended in zip(of.index, of["first"].dt.date, of["ended"].dt.date, strict=True):
        for after in SCHEDULE:
            day = first + timedelta(days=after)
            if day + grace >= on or (not pd.isna(ended) and day > ended):
                break
            missed += not any(abs(day - seen) <= grace for seen in known.contacts().get(who, []))
    return missed
