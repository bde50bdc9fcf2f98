# ruff: noqa: S608 - the names in these queries are the test's own
"""Counts of FAERS quarters in SQL, which shares no code with the product.

DuckDB reads the FDA's tables as text, finds the version of each case that stands, and counts
its pairs of suspect or interacting substances and products with preferred terms.
"""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import duckdb
import pandas as pd

from surveillance.configuration.reader import SHIPPED

RULES = SHIPPED.parent / "substances.toml"
_ROLES = "('PS', 'SS', 'I')"


def counts(quarters: list[Path], folder: Path) -> pd.DataFrame:
    """Count cases by product or substance and term, in quarters of the layout since 2014Q3.

    Parameters
    ----------
    quarters : list of Path
        Zip files.
    folder : Path
        Where to unpack them.

    Returns
    -------
    DataFrame
        Columns `product` (a key in upper case), `event` (in upper case), `n_pair`,
        `n_product`, `n_event`, `n_total`.
    """
    for quarter in quarters:
        with zipfile.ZipFile(quarter) as archive:
            archive.extractall(folder / quarter.stem)
    database = duckdb.connect()
    for table, columns in {
        "DEMO": ["primaryid", "caseid", "caseversion", None, None, None, None, "fda_dt"],
        "DRUG": ["primaryid", None, None, "role", "drugname", "prod_ai"],
        "REAC": ["primaryid", None, "pt"],
    }.items():
        database.execute(_view(table, columns, folder))
    database.execute(f"""
        create view deleted as
        select trim(line) as caseid, '20' || regexp_extract(filename, 'DELETE(\\d\\d)', 1)
            || ['0331', '0630', '0930', '1231'][regexp_extract(filename, 'Q(\\d)\\.', 1)::int]
            as day
        from read_csv('{folder}/**/DELETE*.txt', header=false, columns={{'line': 'varchar'}},
            delim='\\x01', quote='', filename=true)
        where trim(line) <> ''
    """)
    database.execute(_STANDING)
    database.execute(_named())
    return database.execute(_COUNTS).df()


def _view(table: str, columns: list[str | None], folder: Path) -> str:
    """Split lines at the separator; columns are counted from the left, before any mess."""
    parts = ", ".join(
        f"split_part(line, '$', {number}) as {name}"
        for number, name in enumerate(columns, 1)
        if name is not None
    )
    return f"""
        create view {table} as
        select {parts}
        from read_csv('{folder}/**/{table}*.txt', header=false, columns={{'line': 'varchar'}},
            delim='\\x01', quote='', encoding='latin-1')
        where not starts_with(line, 'primaryid')
    """


_STANDING = """
    create table standing as
    with ranked as (
        select *, row_number() over (
            partition by caseid order by fda_dt desc, caseversion::int desc
        ) as place
        from demo where primaryid in (select primaryid from reac)
    )
    select primaryid, caseid from ranked
    where place = 1 and not exists (
        select 1 from deleted where deleted.caseid = ranked.caseid and day >= fda_dt
    )
"""


def _named() -> str:
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))
    salts = "|".join(rules["salts"])
    leading = "|".join(rules["leading"])
    whole = ", ".join(f"'{name}'" for name in rules["whole"])
    same = ", ".join(f"('{name}', '{other}')" for name, other in rules["same"].items())
    return f"""
        create table named as
        with given as (
            select distinct primaryid, trim(unnest(string_split(upper(prod_ai), '\\'))) as said
            from drug where role in {_ROLES} and trim(prod_ai) <> ''
        ), bare as (
            select primaryid, said, case
                when said in ({whole}) or regexp_full_match(said, '({salts})( ({salts}))*')
                then said
                else regexp_replace(regexp_replace(said, '( ({salts}))+$', ''),
                    '^(({leading}) )+', '') end as base
            from given where said <> ''
        ), same as (
            select * from (values {same}) as listed(name, other)
        ), substances as (
            select distinct primaryid, coalesce(one.other, two.other, base) as name
            from bare left join same as one on one.name = said
                left join same as two on two.name = base
        )
        select distinct primaryid, 'SUBSTANCE:' || name as product from substances
        union select distinct primaryid, 'PRODUCT:' || upper(trim(drugname)) from drug
        where role in {_ROLES}
    """


_COUNTS = """
    with products as (select * from named where primaryid in (select primaryid from standing)),
    events as (
        select distinct primaryid, upper(trim(pt)) as event from reac
        where primaryid in (select primaryid from standing)
    ),
    by_product as (select product, count(*) as n_product from products group by all),
    by_event as (select event, count(*) as n_event from events group by all),
    pairs as (
        select product, event, count(*) as n_pair
        from products join events using (primaryid) group by all
    )
    select product, event, n_pair, n_product, n_event,
        (select count(*) from standing) as n_total
    from pairs join by_product using (product) join by_event using (event)
"""
