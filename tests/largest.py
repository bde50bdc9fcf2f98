"""A log of the largest records that are valid, many times over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from strategies import DAY, a_case, a_configuration, a_decision, an_excess, encode, programmes

from surveillance.configuration import types as parts
from surveillance.domain.case import Dose, Event, Product
from surveillance.domain.outcome import EndpointEvent, FollowUp, TreatmentGiven
from surveillance.log.days import end_of
from surveillance.log.decode import N_BYTES_MAX
from surveillance.log.topics import CASES, DECISIONS, OUTCOMES
from surveillance.screening.keys import Naming
from surveillance.triage.triage import signal_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.domain.decision import Action

LETTER = "\U00010400"  # four bytes, in capitals and in small letters alike
N_NAME, N_ID, N_REASON, N_SUBSTANCES = 250, 120, 4_000, 100
N_CASES, N_CONSTRUCTS, N_LARGE, N_DECISIONS = 27, 190, 3, 121
FIRST = date(2024, 1, 1)
ACTIONS: tuple[Action, ...] = (
    "start_validation",
    *(("refute", "reopen") * N_DECISIONS)[:N_DECISIONS],
)

Message = tuple[str, int, bytes]


def name(begin: str, *, n: int = N_NAME) -> str:
    """Return the longest name, told apart by its beginning."""
    return begin + LETTER * (n - len(begin))


PLATFORM, PROGRAMME, PRODUCT = name("PLATFORM"), name("PROGRAMME"), name("PRODUCT")
TERM, ENDPOINT = name("Term"), name("Endpoint")
TERM_KEY = Naming(a_configuration()).event_keys(TERM)[0]
CONFIGURATION = a_configuration(
    topics=parts.Topics(cases=1, outcomes=1),
    criteria=parts.Criteria(
        criterion=(
            parts.Sentinel(name="death", products=("product:P",), events=("pt:Death",)),
            parts.Sentinel(name="large", products=("*",), events=(TERM_KEY,)),
        ),
        prior=parts.PriorFit(min_pairs=50),
    ),
    programmes=programmes(
        PROGRAMME,
        constructs=(name("CONSTRUCT"),),
        endpoint=an_excess(events=(ENDPOINT,), name=ENDPOINT, horizon=0.5, alpha=0.2),
    ),
)


def many_constructs(number: int) -> bytes:
    """Return a case of one product that names many constructs, each of its own."""
    products = tuple(
        Product(role="suspect", product="P", construct=name(f"CONSTRUCT {number} {n} "))
        for n in range(N_CONSTRUCTS)
    )
    return encode(a_case(f"C{number}", products=products, events=(Event(pt="Death"),)))


def many_products(number: int, version: int) -> bytes:
    """Return a case with as many large products as fit into a line."""
    products = tuple(
        Product(
            role="suspect", product=name(f"{number} {n} PRODUCT"), platform=PLATFORM,
            programme=PROGRAMME, construct=name(f"{number} {n} CONSTRUCT"),
            doses=(Dose(lot=name(f"{number} {n} {version} LOT", n=N_ID), start_on=FIRST),),
        )
        for n in range(58)
    )  # fmt: skip
    events = (Event(pt=TERM, outcome="fatal", onset_on=FIRST),)
    return encode(a_case(f"L{number}", version=version, products=products, events=events))


def many_events(number: int, version: int) -> bytes:
    """Return a case with as many large events as fit into a line."""
    events = tuple(Event(pt=name(f"Event {number} {version} {n} ")) for n in range(240))
    return encode(a_case(f"E{number}", version=version, events=events))


def many_substances(number: int) -> bytes:
    """Return a case with a product of as many large substances as there may be."""
    substances = tuple(name(f"{number} {n} SUBSTANCE") for n in range(N_SUBSTANCES))
    product = Product(role="suspect", product=PRODUCT, substances=substances)
    return encode(a_case(f"S{number}", products=(product,), events=(Event(pt=TERM),)))


def outcomes(number: int) -> list[bytes]:
    """Return the largest outcomes of one patient, who has an endpoint event at once."""
    days = [FIRST + timedelta(days=n) for n in range(3)]
    kept: dict[str, Any] = {
        "programme": PROGRAMME,
        "patient_id": name(f"{number} PATIENT", n=N_ID),
        "received_on": days[-1],
    }
    ids = [name(f"{number} {kind}", n=N_ID) for kind in ("T", "F", "E")]
    given = TreatmentGiven(
        record_id=ids[0], platform=PLATFORM, product=PRODUCT, construct=name("CONSTRUCT"),
        lot=name("LOT", n=N_ID), given_on=days[0], **kept,
    )  # fmt: skip
    seen = FollowUp(record_id=ids[1], seen_on=days[-1], **kept)
    event = EndpointEvent(
        record_id=ids[2], endpoint=ENDPOINT, occurred_on=days[1], is_fatal=True, **kept
    )
    return [encode(given), encode(seen), encode(event)]


def decisions() -> list[bytes]:
    """Return allowed decisions about one signal, each with the longest reason; and one of none."""
    signal = signal_id("product:P", "pt:Death", "safety")
    made = [(signal, action) for action in ACTIONS]
    made.append((name("S-NOBODY", n=N_ID), "confirm"))
    return [
        encode(
            a_decision(
                about, action,
                decision_id=name(f"D{number} ", n=N_ID),
                decided_by=name("FIRST", n=N_ID),
                approved_by=name("SECOND", n=N_ID),
                reason=name("because ", n=N_REASON),
                public_reason=name("because ", n=2_000),
                decided_at=datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC),
            )
        )
        for number, (about, action) in enumerate(made)
    ]  # fmt: skip


def refused() -> list[bytes]:
    """Return lines that are refused, which are as large as a line or a message can be."""
    unknown = b'{"%b":1}' % (b"\\u0041" * 40_000)
    return [b"{" + b"x" * 1_040_000, b"\xff" * N_BYTES_MAX, unknown]


def _packed(topic: str, lines: list[bytes]) -> Iterator[Message]:
    """Put lines into messages that a broker takes."""
    waiting: list[bytes] = []
    for line in lines:
        if waiting and sum(map(len, waiting)) + len(line) > 700_000:
            yield topic, 0, b"\n".join(waiting)
            waiting = []
        waiting.append(line)
    yield topic, 0, b"\n".join(waiting)


def largest_log() -> Iterator[tuple[int, list[Message]]]:
    """Yield messages of each day, with the instant that ends it.

    Yields
    ------
    tuple
        Seconds since 1970 (UTC); topic, partition and value of each message.
    """
    days = iter(range(1, 99))

    def a_day(topic: str, lines: list[bytes]) -> tuple[int, list[Message]]:
        return end_of(DAY + timedelta(days=next(days))), list(_packed(topic, lines))

    yield a_day(CASES, [many_constructs(number) for number in range(N_CASES)])
    for version in (1, 2):
        large = [many_products(number, version) for number in range(N_LARGE)]
        yield a_day(CASES, [*large, *(many_events(number, version) for number in range(N_LARGE))])
    yield a_day(CASES, [*map(many_substances, range(N_LARGE)), *refused()])
    yield a_day(OUTCOMES, [line for number in range(4) for line in outcomes(number)])
    yield a_day(DECISIONS, decisions())
    yield a_day(CASES, [encode(a_case("C-LAST", events=(Event(pt="Death"),)))])
