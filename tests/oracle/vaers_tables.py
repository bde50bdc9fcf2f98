"""2x2 counts by another road: pandas over whole files, nothing of the product.

The product folds signed counts, case version by case version. This reads everything,
keeps what stands on a day, and counts distinct reports. The two share no code: neither
readers, nor keys, nor the rule of the standing version, which is written here a second
time. If they agree at every month's end, they agree for different reasons.

A 2x2 table at report level: `n_pair` reports with product and event, `n_product` with the
product, `n_event` with the event, `n_total` all reports. A report without a term, or
without a product, still belongs to the total and to the margin of what it names.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import zipfile
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

COUNTS = ["n_pair", "n_product", "n_event", "n_total"]
COUNTED_ROLES = {"suspect", "interacting"}

Groups = dict[str, str]  # name of a group -> regular expression searched in a name


@dataclass(frozen=True)
class Tables:
    """Reports with a day, and what each names; one row for each distinct (report, key)."""

    reports: pd.DataFrame  # report, received_on
    products: pd.DataFrame  # report, product
    events: pd.DataFrame  # report, event
    _cached: dict[str, Any] = field(default_factory=dict)

    def at(self, as_of: date) -> pd.DataFrame:
        """Return the counts of every pair that has a report by the end of a day."""
        return next(self.over([as_of]))[1]

    def over(self, days: Iterable[date]) -> Iterator[tuple[date, pd.DataFrame]]:
        """Yield the counts at each of several days, which must ascend.

        Only the reports that are new since the last day are counted, and added.
        """
        pairs, index = self._pairs()
        products, events = self._dated("products", "product"), self._dated("events", "event")
        received = np.sort(self.reports["received_on"].to_numpy())
        columns = [_Running(each) for each in (pairs, products, events)]
        for day in days:
            n_pair, n_product, n_event = (column.upto(day) for column in columns)
            n_total = int(np.searchsorted(received, pd.Timestamp(day).to_datetime64(), "right"))
            seen = np.flatnonzero(n_pair)
            yield (
                day,
                pd.DataFrame(
                    {
                        "n_pair": n_pair[seen],
                        "n_product": n_product[index["product_code"].to_numpy()[seen]],
                        "n_event": n_event[index["event_code"].to_numpy()[seen]],
                        "n_total": n_total,
                    },
                    index=self._names(index).take(seen),
                ),
            )

    def _names(self, index: pd.DataFrame) -> pd.MultiIndex:
        if "names" not in self._cached:
            levels = [self._categories("products", "product"), self._categories("events", "event")]
            products, events = (
                level.take(index[code].to_numpy())
                for level, code in zip(levels, ("product_code", "event_code"), strict=True)
            )
            names = pd.MultiIndex.from_arrays([products, events], names=["product", "event"])
            self._cached["names"] = names
        cached: pd.MultiIndex = self._cached["names"]
        return cached

    def _categories(self, frame: str, column: str) -> pd.Index[str]:
        names: list[str] = sorted(getattr(self, frame)[column].unique())
        return pd.Index(names, dtype=str)

    def _coded(self, frame: str, column: str) -> pd.DataFrame:
        table: pd.DataFrame = getattr(self, frame)
        code = self._categories(frame, column).get_indexer(pd.Index(table[column]))
        return pd.DataFrame({"report": table["report"].to_numpy(), f"{column}_code": code})

    def _dated(self, frame: str, column: str) -> pd.DataFrame:
        coded = self._coded(frame, column).merge(self.reports, on="report")
        return coded.rename(columns={f"{column}_code": "code"})[["received_on", "code"]]

    def _pairs(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return (received_on, code) of every pair in every report, and code -> pair."""
        if "pairs" not in self._cached:
            both = self._coded("products", "product").merge(
                self._coded("events", "event"), on="report"
            )
            grouped = both.groupby(["product_code", "event_code"], sort=True)
            dated = both.assign(code=grouped.ngroup()).merge(self.reports, on="report")
            index = both[["product_code", "event_code"]].drop_duplicates()
            index = index.sort_values(["product_code", "event_code"]).reset_index(drop=True)
            self._cached["pairs"] = dated[["received_on", "code"]], index
        pairs: tuple[pd.DataFrame, pd.DataFrame] = self._cached["pairs"]
        return pairs


class _Running:
    """Counts by code up to a day that only moves forward."""

    def __init__(self, dated: pd.DataFrame) -> None:
        ordered = dated.sort_values("received_on")
        self._days = ordered["received_on"].to_numpy()
        self._codes = ordered["code"].to_numpy()
        n_codes = int(self._codes.max()) + 1 if len(self._codes) else 0
        self._counts = np.zeros(n_codes, dtype=np.int64)
        self._done = 0

    def upto(self, day: date) -> np.ndarray[Any, np.dtype[np.int64]]:
        upto = int(np.searchsorted(self._days, pd.Timestamp(day).to_datetime64(), side="right"))
        if upto < self._done:
            raise ValueError("days must ascend")
        new = self._codes[self._done : upto]
        self._counts = self._counts + np.bincount(new, minlength=len(self._counts))
        self._done = upto
        return self._counts


def counts_of(counted: pd.DataFrame, product: str, event: str) -> tuple[int, ...]:
    """Return n_pair, n_product, n_event and n_total of one pair that has a report."""
    row = counted[COUNTS].to_numpy()[counted.index.get_loc((product, event))]
    return tuple(int(count) for count in row)


def vaers_tables(
    zips: Sequence[Path],
    *,
    product_groups: Mapping[str, str] | None = None,
    event_groups: Mapping[str, str] | None = None,
) -> Tables:
    """Read VAERS year files whole, and say what each report names.

    Product levels: VAX_NAME, VAX_TYPE as programme, VAX_NAME/VAX_LOT where a lot is named.
    """
    data = _parts(zips, "DATA", ["VAERS_ID", "RECVDATE"])
    vax = _parts(zips, "VAX", ["VAERS_ID", "VAX_TYPE", "VAX_LOT", "VAX_NAME"])
    numbered = [f"SYMPTOM{number}" for number in range(1, 6)]
    symptoms = _parts(zips, "SYMPTOMS", ["VAERS_ID", *numbered])
    reports = pd.DataFrame(
        {
            "report": data["VAERS_ID"],
            "received_on": pd.to_datetime(data["RECVDATE"], format="%m/%d/%Y"),
        }
    ).drop_duplicates("report")
    terms = symptoms.melt("VAERS_ID", numbered, value_name="term")
    terms = terms.assign(term=_tidy(terms["term"]))
    named = pd.DataFrame({"report": terms["VAERS_ID"], "name": terms["term"]})
    names = _tidy(vax["VAX_NAME"]).str.upper()
    lots = _tidy(vax["VAX_LOT"]).str.upper()
    lots = lots.where(~lots.isin(_no_lot()), "")
    levels = [
        ("product", names),
        ("programme", _tidy(vax["VAX_TYPE"]).str.upper()),
        ("lot", (names + "/" + lots).where(lots != "", "")),
    ]
    by_level = [
        (level, pd.DataFrame({"report": vax["VAERS_ID"], "name": values}))
        for level, values in levels
    ]
    return Tables(
        reports,
        _keyed(by_level, by_level[0][1], dict(product_groups or {}), "product"),
        _keyed([("pt", named)], named, dict(event_groups or {}), "event"),
    )


def canonical_tables(
    lines: Iterable[bytes],
    as_of: date,
    *,
    product_groups: Mapping[str, str] | None = None,
    event_groups: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Count from canonical case versions what stands on a day.

    Of the versions received by then, the standing one of a case is the greatest by
    version, day of receipt, being a nullification, and digest of its bytes. It counts
    unless it is a nullification, or names the case that it duplicates.
    """
    standing = [
        record
        for record in _standing(lines, as_of)
        if record["kind"] != "nullification" and not record.get("duplicate_of")
    ]
    reports = pd.DataFrame(
        {
            "report": [record["case_id"] for record in standing],
            "received_on": pd.to_datetime([as_of] * len(standing)),
        }
    )
    counted = [
        (record["case_id"], product)
        for record in standing
        for product in record.get("products", ())
        if product["role"] in COUNTED_ROLES
    ]
    by_level = [
        (level, _frame((case, product.get(level, "").upper()) for case, product in counted))
        for level in ("product", "programme", "platform", "construct")
    ]
    with_lots = (
        (case, f"{_tidied(product['product']).upper()}/{lot}")
        for case, product in counted
        for lot in _lots(product)
    )
    by_level.append(("lot", _frame(with_lots)))
    named = _frame(
        (record["case_id"], event["pt"])
        for record in standing
        for event in record.get("events", ())
    )
    tables = Tables(
        reports,
        _keyed(by_level, by_level[0][1], dict(product_groups or {}), "product"),
        _keyed([("pt", named)], named, dict(event_groups or {}), "event"),
    )
    return tables.at(as_of)


def _standing(lines: Iterable[bytes], as_of: date) -> list[dict[str, Any]]:
    greatest: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
    for line in lines:
        record = json.loads(line)
        if record["received_on"] > as_of.isoformat():
            continue
        rank = (
            record["version"],
            record["received_on"],
            record["kind"] == "nullification",
            hashlib.blake2b(line, digest_size=16).digest(),
        )
        found = greatest.get(record["case_id"])
        if found is None or rank > found[0]:
            greatest[record["case_id"]] = rank, record
    return [record for _, record in greatest.values()]


def _lots(product: dict[str, Any]) -> set[str]:
    lots = {product.get("lot"), *(dose.get("lot") for dose in product.get("doses", ()))}
    return {_tidied(lot).upper() for lot in lots if lot} - _no_lot() - {""}


@cache
def _no_lot() -> set[str]:
    """Return the words that stand where no lot was known."""
    names = files("surveillance.configuration") / "names.toml"
    return {word.upper() for word in tomllib.loads(names.read_text("utf-8"))["no_lot"]}


def _frame(rows: Iterable[tuple[str, str]]) -> pd.DataFrame:
    tidied = [(case, _tidied(name)) for case, name in rows]
    return pd.DataFrame(tidied, columns=["report", "name"], dtype=str)


@lru_cache(maxsize=65_536)
def _tidied(name: str) -> str:
    return " ".join(name.split())


def _parts(zips: Sequence[Path], part: str, columns: list[str]) -> pd.DataFrame:
    frames = []
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.upper().endswith(f"VAERS{part}.CSV"))
            with archive.open(name) as stream:
                frames.append(
                    pd.read_csv(
                        stream, encoding="latin-1", usecols=columns, dtype=str, na_filter=False
                    )
                )
    return pd.concat(frames, ignore_index=True)


def _tidy(names: pd.Series[str]) -> pd.Series[str]:
    return names.str.replace(r"\s+", " ", regex=True).str.strip()


def _keyed(
    levels: list[tuple[str, pd.DataFrame]], base: pd.DataFrame, groups: Groups, column: str
) -> pd.DataFrame:
    """Put level and name together; a group is every base name in which its pattern is found."""
    frames = [
        pd.DataFrame({"report": each["report"], column: f"{level}:" + each["name"]})[
            each["name"] != ""
        ]
        for level, each in levels
    ]
    for group, pattern in groups.items():
        members = {name for name in base["name"].unique() if name and _found(pattern, name)}
        reports = base.loc[base["name"].isin(members), "report"]
        frames.append(pd.DataFrame({"report": reports, column: f"group:{group}"}))
    return pd.concat(frames, ignore_index=True).drop_duplicates()


def _found(pattern: str, name: str) -> bool:
    return re.search(pattern, name, re.IGNORECASE) is not None
