"""Builders and Hypothesis strategies for domain values, small enough to collide often."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from surveillance.configuration import types as parts
from surveillance.configuration.law import Ground, LadderAction, Law
from surveillance.configuration.life_cycle import shipped
from surveillance.configuration.people import People
from surveillance.configuration.programmes import (
    Biomarker,
    Construct,
    Design,
    Excess,
    NaturalHistory,
    Programme,
    Programmes,
    Stratum,
)
from surveillance.configuration.types import Configuration
from surveillance.domain.case import (
    CaseVersion,
    Dose,
    Event,
    Kind,
    Product,
    Reporter,
    Role,
    Seriousness,
)
from surveillance.domain.contribution import FATAL, SERIOUS, Contribution
from surveillance.domain.decision import Action, Decision, PersonRole
from surveillance.log.messages import Record

DIGEST = "c" * 64
DAY = date(2024, 3, 10)
SECONDS_A_DAY = 86_400
encode = msgspec.json.Encoder().encode


LAW = Law(
    ground=tuple(
        Ground(
            code=code, jurisdiction="EU", citation="Directive 2001/83/EC Art. 116", asks=asks,
            applies_from=date(2012, 7, 21),
        )
        for code, asks in {
            "eu_harmful": "Is the medicinal product harmful?",
            "eu_lacks_efficacy": "Does the medicinal product lack therapeutic efficacy?",
            "eu_balance": "Is the risk-benefit balance not favourable?",
        }.items()
    ),
    action=(
        LadderAction(code="watch", name="keep watching"),
        LadderAction(code="label", name="change the label"),
        LadderAction(code="revocation", name="refer to the authority: revocation"),
    ),
)  # fmt: skip


def instant(day: date = DAY, *, second: int = 0) -> int:
    """Return a second of a UTC day, in seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + second


AT = instant(second=SECONDS_A_DAY - 1)


def record(*lines: bytes, offset: int = 0, at: int = AT) -> Record:
    """Return a message of a raw topic that holds these lines."""
    return Record(offset, b"\n".join(lines), at)


def rows(said: Sequence[Any], kind: Any) -> list[Any]:  # noqa: ANN401 - a type or a union
    """Read the rows that a stage said as the next stage would."""
    return [msgspec.json.decode(encode(row), type=kind) for row in said]


# Configurations


def a_stratum(**changes: Any) -> Stratum:  # noqa: ANN401 - its fields
    """Return a natural history of one hepatic failure a patient-year in patients who differ."""
    values: dict[str, Any] = {
        "rate_per_patient_year": 1.0,
        "n_patients": 50,
        "patient_years": 100.0,
        "dispersion": 1.0,
        "source": "made for a test",
    }
    return Stratum(**(values | changes))


def an_excess(**changes: Any) -> Excess:  # noqa: ANN401 - its fields
    """Return a planned test of hepatic failure by construct, at one expected event a year."""
    values: dict[str, Any] = {
        "events": ("hepatic failure",),
        "name": "hepatic failure",
        "background_per_patient_year": 1.0,
        "source": "made for a test",
        "level": "construct",
        "min_events": 1,
        "alpha": 0.05,
        "horizon": 2.0,
    }
    return Excess(**(values | changes))


def programmes(
    *names: str, strata: tuple[Stratum, ...] = (), constructs: tuple[str, ...] = ("K1", "K2"),
    biomarkers: dict[str, Biomarker] | None = None, **designs: Design,
) -> Programmes:  # fmt: skip
    """Return programmes (P1 if none is named) on one platform, each with every design."""
    chosen = designs or {"hepatic": an_excess()}
    return Programmes(
        natural_history={
            "untreated": NaturalHistory(
                population="made for a test",
                endpoint={"hepatic failure": strata or (a_stratum(),)},
            )
        },
        biomarker=biomarkers or {},
        design=chosen,
        programme=tuple(
            Programme(
                name=name,
                platform="F",
                products=("P",),
                natural_history="untreated",
                designs=tuple(chosen),
                construct=tuple(Construct(name=construct) for construct in constructs),
            )
            for name in names or ("P1",)
        ),
    )


def a_configuration(**changes: Any) -> Configuration:  # noqa: ANN401 - its fields
    """Return a small configuration with one of everything."""
    values: dict[str, Any] = {
        "digest": DIGEST,
        "topics": parts.Topics(cases=2, outcomes=2),
        "sources": {
            "numbered": parts.VersionRule(),
            "dated": parts.VersionRule(order="information_date"),
        },
        "products": parts.Products(),
        "events": parts.Events(),
        "criteria": parts.Criteria(
            criterion=(
                parts.Evans(name="evans", min_count=2),
                parts.RorLower(name="ror", min_count=2),
                parts.IcLower(name="ic"),
                parts.Sentinel(name="sentinel", products=("*",), events=("pt:Death",)),
            )
        ),
        "programmes": programmes(),
        "triage": parts.Triage(
            review=(parts.ReviewRule(name="fatal", min_fatal=1, ground="eu_harmful"),)
        ),
        "feed": parts.Feed(),
        "law": LAW,
        "people": People(accept_unsigned=True),
    }
    return Configuration(**(values | changes))


# Case versions


def a_case(case_id: str = "A", **changes: Any) -> CaseVersion:  # noqa: ANN401 - its fields
    """Return an initial version that names one product and one event."""
    values: dict[str, Any] = {
        "case_id": case_id,
        "source": "numbered",
        "version": 1,
        "kind": "initial",
        "received_on": DAY,
        "products": (Product(role="suspect", product="P"),),
        "events": (Event(pt="Rash"),),
    }
    return CaseVersion(**(values | changes))


def too_many_names(case_id: str = "A", **changes: Any) -> CaseVersion:  # noqa: ANN401 - its fields
    """Return a version that decodes, and asserts more than fits into a message."""
    lots = tuple(Dose(lot=f"{lot}") for lot in range(100))
    products = tuple(
        Product(role="suspect", product=f"{n:03}" + "P" * 247, doses=lots) for n in range(40)
    )
    return a_case(case_id, products=products, **changes)


days = st.integers(0, 3).map(lambda n: DAY - timedelta(days=n))
names = st.sampled_from(["P", "Q", "R"])
terms = st.sampled_from(["Rash", "Fever", "Death"])
kinds: st.SearchStrategy[Kind] = st.sampled_from(
    ["initial", "follow_up", "amendment", "nullification", "reinstatement"]
)
roles: st.SearchStrategy[Role] = st.sampled_from(["suspect", "interacting", "concomitant"])
reporters: st.SearchStrategy[Reporter] = st.sampled_from(["physician", "consumer", "unknown"])
seriousness = st.builds(
    Seriousness,
    death=st.sampled_from([None, True, False]),
    hospitalisation=st.sampled_from([None, True, False]),
)
doses = st.builds(Dose, start_on=st.none() | days, lot=st.none() | st.sampled_from(["L1", "L2"]))
products = st.builds(
    Product,
    role=roles,
    product=names,
    construct=st.none() | st.sampled_from(["K1", "K2"]),
    doses=st.lists(doses, max_size=2).map(tuple),
)
oldest = st.none() | st.just(DAY - timedelta(days=9))
events = st.builds(Event, pt=terms, seriousness=seriousness, onset_on=oldest)


def case_versions(case_id: str = "A", source: str = "numbered") -> st.SearchStrategy[CaseVersion]:
    """Draw versions of one case; numbers, days and kinds repeat and tie."""
    return st.builds(
        CaseVersion,
        case_id=st.just(case_id),
        source=st.just(source),
        version=st.integers(1, 3),
        kind=kinds,
        received_on=days,
        country=st.sampled_from([None, "US", "DE"]),
        reporter=reporters,
        duplicate_of=st.sampled_from([None, None, None, "B"]),
        events=st.lists(events, min_size=1, max_size=2).map(tuple),
        products=st.lists(products, max_size=2).map(tuple),
    )


# Contributions


product_rows = st.dictionaries(
    st.sampled_from(["product:P", "product:Q", "construct:K1", "lot:P/1"]),
    st.none() | st.integers(100, 103),
    max_size=3,
).map(lambda found: sorted(found.items()))
event_rows = st.dictionaries(
    st.sampled_from(["pt:Rash", "pt:Fever", "pt:Death"]),
    st.tuples(st.sampled_from([0, SERIOUS, SERIOUS | FATAL]), st.none() | st.integers(99, 109)),
    max_size=3,
).map(lambda found: [(key, *found[key]) for key in sorted(found)])
contributions = st.builds(
    Contribution,
    weight=st.just(1),
    country=st.sampled_from(["", "US", "DE"]),
    reporter=reporters,
    products=product_rows,
    events=event_rows,
)


# Decisions


def a_decision(
    signal_id: str = "S-1",
    action: Action = "start_validation",
    **changes: Any,  # noqa: ANN401 - its fields
) -> Decision:
    """Return a decision of a committee chair that a safety physician approved."""
    values: dict[str, Any] = {
        "decision_id": f"D-{action}",
        "decided_by": "first person",
        "role": "committee_chair",
        "reason": "ten letters or more",
        "decided_at": datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC),
        "approved_by": "second person",
        "approver_role": "committee_chair",
    }
    if action in ("uphold_review", "reject_review"):
        values["ladder_step"] = "watch"
    return Decision(signal_id=signal_id, action=action, **(values | changes))


ROLES: tuple[PersonRole, ...] = tuple(one.name for one in shipped().role)
