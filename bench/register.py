"""A register of a million findings: how long it takes to make, how large it is, what it answers.

Synthetic rows go through the real writer, an epoch a day. Products, terms and pairs have the
long tails that reports have; the case versions are those of the simulated national stream under
names of their own. Each query is asked at least a hundred times, each time about another day.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import func, select, text

from bench import data
from bench.apart import ROOT, Stopwatch, apart
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.configuration.types import Topics, Triage
from surveillance.log.days import end_of
from surveillance.register import CaseIndex, Register, database, schema
from surveillance.register.case_tables import case_postings
from surveillance.register.chosen_rows import Chosen
from surveillance.register.reader import RegisterReader
from surveillance.triage.matters import Matter
from surveillance.triage.triage import signal_id
from surveillance.views.as_of import listable_signals, whole_signals
from surveillance.views.line_listing import Pair, line_listing
from surveillance.views.ranking import rank_matters
from surveillance.views.results import Results
from surveillance.views.worklist import worklist

N_EPOCHS = 2_500
FIRST_DAY = date(2030, 1, 1)  # after all days of the simulated cases
N_TEMPLATES = 20_000
N_PRODUCTS, N_EVENTS = 2_000, 4_000
N_STATES_A_SIGNAL = 15  # so that ten thousand are open
N_CALLS = 100
N_CALLS_OF_LONG_ONES = 20
N_ROWS = 50  # of a page
CRITERIA = ("evans", "ror", "ic", "eb05", "exact")
SEED = 1
_encode = msgspec.json.Encoder(order="deterministic").encode


class Size(NamedTuple):
    """How much is written, and how long that may take."""

    n_findings: int
    n_states: int
    n_versions: int
    seconds: float


FULL = Size(1_000_000, 300_000, 1_000_000, 3_000.0)
QUICK = Size(20_000, 6_000, 20_000, 300.0)


def databases(home: Path) -> Iterator[tuple[str, str]]:
    """Yield each kind of database, with the address of an empty one, as long as it is asked."""
    yield "sqlite", f"sqlite:///{home / 'register.db'}"
    with _server() as url:
        yield "postgresql", url


@contextmanager
def _server() -> Iterator[str]:
    """Start a PostgreSQL as the tests do; an empty address where there is none."""
    sys.path.insert(0, str(ROOT / "tests"))
    from postgres import postgres  # noqa: PLC0415 - of the tests

    with postgres() as server:
        yield server.new_database()


def measure(url: str, path: str, size: Size) -> dict[str, Any]:
    """Fill a register in a process of its own, and ask it in another."""
    filled = apart("bench.register:fill", seconds=size.seconds, url=url, path=path, size=size)
    queries = apart("bench.register:ask", seconds=size.seconds, url=url)
    return {"fill": filled, "queries": queries}


def fill(url: str, path: str, size: list[float]) -> dict[str, Any]:
    """Write all rows; return time and size. The making of the rows is not counted."""
    n_findings, n_states, n_versions = (int(n) for n in size[:3])
    configuration = msgspec.structs.replace(data.configuration(), topics=Topics(cases=1))
    cases = CaseIndex(configuration)
    findings = _findings(n_findings)
    states = _states(n_states)
    versions = _versions(path, n_versions)
    wall = cpu = 0.0
    with Register(url, cases) as register:
        register.take_configuration(configuration)
        for epoch in range(N_EPOCHS):
            rows = [one(epoch) for one in islice(findings, _share(n_findings, epoch))]
            rows += [one(epoch) for one in islice(states, _share(n_states, epoch))]
            message = b"\n".join(islice(versions, _share(n_versions, epoch)))
            watch = Stopwatch()
            at = end_of(_day(epoch))
            register.take_epoch(epoch, at, configuration.digest)
            register.take_output(epoch, rows, [])
            cases.take(0, epoch, message, epoch, at)
            cases.close(epoch)
            if epoch == N_EPOCHS - 1:
                register.flush()
            taken = watch.read()
            wall, cpu = wall + taken["wall_seconds"], cpu + taken["cpu_seconds"]
    n_rows = _n_rows(url)
    if n_rows["case_versions"] != n_versions or n_rows["findings"] != n_findings:
        raise AssertionError(f"not all rows are in the register: {n_rows}")
    return {"wall_seconds": wall, "cpu_seconds": cpu, "mb": _n_bytes(url) / 1e6, "rows": n_rows}


def _share(n: int, epoch: int) -> int:
    return n * (epoch + 1) // N_EPOCHS - n * epoch // N_EPOCHS


def _day(epoch: int) -> date:
    return FIRST_DAY + timedelta(days=epoch)


def _pairs(n: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield pairs whose products and events have long tails."""
    rng = np.random.default_rng(seed)
    products = (rng.zipf(1.3, n) - 1) % N_PRODUCTS
    events = (rng.zipf(1.25, n) - 1) % N_EVENTS
    for product, event in zip(products.tolist(), events.tolist(), strict=True):
        yield f"product:SIM-DRUG-{product:04}", f"pt:Simulated term {event:04}"


def _findings(n: int) -> Iterator[Callable[[int], msgspec.Raw]]:
    """Yield functions from an epoch to a row as the topic carries it."""
    generator = random.Random(SEED)
    for number, pair in enumerate(_pairs(n, SEED)):
        yield partial(_finding, pair, CRITERIA[number % len(CRITERIA)], _statistics(generator))


def _finding(
    pair: tuple[str, str], criterion: str, statistics: dict[str, Any], epoch: int
) -> msgspec.Raw:
    row = {
        "type": "pair", "criterion": criterion, "criterion_version": 1, "change": "met",
        "on": _day(epoch), "epoch": epoch, "product": pair[0], "event": pair[1], **statistics,
        "countries": ["US"], "reporters": ["consumer", "physician"],
        "multiplicity": "none: each pair is tested alone, at every close",
        "configuration": "c" * 64,
    }  # fmt: skip
    return msgspec.Raw(_encode(row))


def _statistics(generator: random.Random) -> dict[str, Any]:
    n = int(3 + generator.expovariate(0.1))
    values: dict[str, Any] = {
        "n_pair": n, "n_product": n * 9, "n_event": n * 7, "n_total": 100_000 + n,
        "n_serious": n // 3, "expected": n / (1 + generator.random() * 9),
    }  # fmt: skip
    for name in ("prr", "ror", "ic"):
        values |= {f"{name}{end}": generator.expovariate(0.2) for end in ("", "_lower", "_upper")}
    names = ("chi_square", "ebgm", "eb05", "eb95", "exact_p", "exact_log10_p")
    return values | {name: generator.expovariate(0.2) for name in names}


def _states(n: int) -> Iterator[Callable[[int], msgspec.Raw]]:
    generator = random.Random(SEED)
    signals = list(dict.fromkeys(_pairs(4 * n, SEED + 1)))[: max(1, n // N_STATES_A_SIGNAL)]
    for number in range(n):
        # A signal first, and the same again later: states end in the order they began.
        product, event = signals[number % len(signals)]
        is_closed = number >= len(signals) and generator.random() < 0.5  # noqa: PLR2004 - half
        status = "closed" if is_closed else "detected"
        n_cases = int(3 + generator.expovariate(0.1))
        yield partial(_state, product, event, generator.random(), status, n_cases)


def _state(
    product: str, event: str, priority: float, status: str, n: int, epoch: int
) -> msgspec.Raw:
    names = ("strength", "size", "severity", "novelty", "impact", "trend", "quality", "spread")
    day = _day(epoch)
    row = {
        "type": "signal", "signal_id": signal_id(product, event, "safety"), "family": "safety",
        "product": product, "event": event, "status": status, "first_on": FIRST_DAY, "on": day,
        "epoch": epoch, "evaluated_on": day, "matter_id": Matter(product, event).matter_id,
        "priority": priority,
        "parts": [{"name": name, "value": priority / (i + 1), "basis": priority}
                  for i, name in enumerate(names)],
        "support": [{"criterion": "evans", "first_on": FIRST_DAY, "last_on": day, "n": n}],
        "n": n, "n_serious": n // 3, "expected": n / 4, "evidence": priority,
        "history": [{"on": FIRST_DAY, "status": "detected", "action": "detect", "n": 3}],
        "configuration": "c" * 64,
    }  # fmt: skip
    return msgspec.Raw(_encode(row))


class _Head(msgspec.Struct):
    case_id: str
    version: int


_head = msgspec.json.Decoder(_Head).decode


def _versions(path: str, n: int) -> Iterator[bytes]:
    """Yield versions of cases that all differ; one in ten follows an earlier version."""
    with Path(path).open("rb") as file:
        lines = [line.removesuffix(b"\n") for line in islice(file, N_TEMPLATES)]
    templates = [(line, _head(line).case_id.encode()) for line in lines if _head(line).version == 1]
    for number in range(n):
        is_later = number % 10 == 9  # noqa: PLR2004 - one in ten
        own = number - 5 if is_later else number
        line, old = templates[own % len(templates)]
        line = line.replace(old, b"SIM-C-%0*d" % (len(old) - 6, own))
        yield line.replace(b'"version":1', b'"version":2', 1) if is_later else line


def _n_bytes(url: str) -> int:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return Path(str(engine.url.database)).stat().st_size
        found: int = connection.execute(
            text("SELECT pg_database_size(current_database())")
        ).scalar_one()
    engine.dispose()
    return found


def _n_rows(url: str) -> dict[str, int]:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        found = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in schema.metadata.tables.items()
        }
    engine.dispose()
    return {name: n for name, n in found.items() if n}


def ask(url: str) -> dict[str, Any]:
    """Ask every question as often as it takes for a percentile."""
    collect_seldom()  # as every command does
    source = RegisterReader(url)
    generator = random.Random(SEED)
    configuration = source.configuration()
    triage = Triage() if configuration is None else configuration.triage
    product = _largest_product(source)
    pair = _largest_pair(source)

    def day() -> date:
        return _day(generator.randrange(N_EPOCHS // 10, N_EPOCHS))

    results = Results(source)

    def ranking() -> int:
        on = day()
        signals = listable_signals(results, on)
        waiting = worklist(results, rank_matters(signals, triage, on), on).matters[:N_ROWS]
        return len(whole_signals(results, (one.matter.best for one in waiting), on))

    def listing_page() -> int:
        epoch = source.cases.epoch_on(day())
        return len(source.cases.standing(*pair, epoch or 0, limit=N_ROWS))

    queries: dict[str, tuple[Callable[[], int], int]] = {
        "ranking": (ranking, N_CALLS),
        "as_of": (lambda: len(source.signals(Chosen(until=day()), limit=N_ROWS)), N_CALLS),
        "newest": (
            lambda: len(source.newest_findings(Chosen(product, until=day()), N_ROWS)), N_CALLS,
        ),
        "listing_page": (listing_page, N_CALLS),
        "listing": (
            lambda: len(line_listing(source.cases, Pair(*pair, None), day()).cases),
            N_CALLS_OF_LONG_ONES,
        ),
    }  # fmt: skip
    found = {name: _timed(work, n) for name, (work, n) in queries.items()}
    source.close()
    return found


def _timed(work: Callable[[], int], n_calls: int) -> dict[str, float]:
    watches = []
    n_rows = 0
    for _ in range(n_calls):
        watch = Stopwatch()
        n_rows = max(n_rows, work())
        watches.append(watch.read())
    times = [one["wall_seconds"] * 1_000 for one in watches]
    own = [one["cpu_seconds"] * 1_000 for one in watches]
    return {
        "n_calls": n_calls,
        "n_rows": n_rows,
        "median_ms": median(times),
        "p95_ms": quantiles(times, n=20)[-1],
        "max_ms": max(times),
        "p95_cpu_ms": quantiles(own, n=20)[-1],  # without the server's
    }


def _largest_product(source: RegisterReader) -> str:
    table, keys = schema.findings, schema.keys
    n = func.count().desc()
    query = select(keys.c.key).join(table, table.c.product == keys.c.key_id)
    found: str = source._all(query.group_by(keys.c.key).order_by(n).limit(1))[0][0]  # noqa: SLF001
    return found


def _largest_pair(source: RegisterReader) -> tuple[str, str]:
    """Return the pair with the most versions among the most frequent products and events."""
    frequent: dict[str, list[str]] = {}
    for kind in ("product", "event"):
        query = (
            select(schema.keys.c.key)
            .join(case_postings, case_postings.c.key_id == schema.keys.c.key_id)
            .where(schema.keys.c.kind == kind)
            .group_by(schema.keys.c.key)
            .order_by(func.count().desc())
            .limit(6)
        )
        frequent[kind] = [row[0] for row in source._all(query)]  # noqa: SLF001
    pairs = [(p, e) for p in frequent["product"] for e in frequent["event"]]
    epoch = source.cases.epoch_on(None) or 0
    return max(pairs, key=lambda pair: source.cases.n_counted(pair[0], pair[1], epoch))


def _main() -> None:
    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as name:
        home = Path(name)
        data.write(home / "cases.ndjson", 30_000)
        for kind, url in databases(home):
            print(kind, msgspec.json.encode(measure(url, str(home / "cases.ndjson"), QUICK)))


if __name__ == "__main__":
    _main()
