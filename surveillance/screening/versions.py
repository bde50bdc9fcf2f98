"""What one case version weighs against another, and what it asserts.

Two readers of the cases need it: `revise`, which counts, and the register's index of
cases, which lists what was counted. The rules stand here once, so that the number of
cases in a line listing is the count of the finding.
"""

from __future__ import annotations

import re
import struct
from datetime import date
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from surveillance.configuration.types import Configuration, VersionRule
from surveillance.domain.case import CaseVersion, Event
from surveillance.domain.completeness import score_of
from surveillance.domain.contribution import FATAL, FULL_SCORE, SERIOUS
from surveillance.domain.errors import Refused
from surveillance.log.decode import decode_case
from surveillance.log.lines import refuse_ahead
from surveillance.log.partitioner import partition_of
from surveillance.screening.keys import Naming

N_DIGEST = 16
_N_VERSIONS = 2**32  # more than there are
N_BODY_MAX = 400_000  # bytes: what a version asserts has to fit into one message
_RANK = struct.Struct(f">QQB{N_DIGEST}s")  # big-endian, so that bytes compare as the ranks do
N_RANK = _RANK.size
# Where a version was read, as our readers state it. A quote inside a text is escaped in JSON, so
# that this is found nowhere else.
_PLACE = re.compile(rb'("provenance":\{"parser":"(?:[^"\\]|\\.)*"),"place":"(?:[^"\\]|\\.)*"')
DEFAULT_RULE = VersionRule()  # of a source that sources.toml does not name
COUNTED_ROLES = ("suspect", "interacting")
_encode = msgspec.json.Encoder().encode


class Assertion(NamedTuple):
    """What a version asserts if it stands: its keys, each once."""

    products: list[tuple[str, int | None]]  # key, and the day of the first dose
    events: list[tuple[str, int, int | None]]  # key, flags, and the day of onset


class VersionRules:
    """Reads case versions as the screening counts them.

    Parameters
    ----------
    configuration : Configuration
        Version rules, levels, hierarchy, groups and the number of partitions.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._naming = Naming(configuration)
        self._sources = configuration.sources
        self._n_partitions = configuration.topics.cases

    def read(self, line: bytes, at: int) -> CaseVersion:
        """Decode a line.

        Parameters
        ----------
        line : bytes
            One record as it was received.
        at : int
            Time of the tick that closes its epoch.

        Raises
        ------
        Refused
            If it cannot be used, or gives a day of receipt after `at`.
        """
        case = decode_case(line)
        refuse_ahead("received_on", case.received_on, at)
        return case

    def require_partition(self, case_id: str, partition: int) -> None:
        """Refuse a case that came in a partition that is not its own.

        Raises
        ------
        Refused
            With both partitions: a case in two partitions would count twice.
        """
        belongs = partition_of(case_id, self._n_partitions)
        if belongs != partition:
            raise Refused(
                "wrong_partition",
                f"case {case_id!r} belongs to partition {belongs} and came in {partition}",
                "key messages by case id, without spaces at its ends, and use Kafka's default "
                "partitioner",
            )

    def rank(self, case: CaseVersion, line: bytes) -> bytes:
        """Return the rank of a version; the greatest rank of a case stands.

        Parameters
        ----------
        case : CaseVersion
            The version.
        line : bytes
            Its bytes, which decide between versions that are otherwise equal; see `digest_of`.
        """
        digest = digest_of(line)
        return self.rank_of(
            case.source,
            case.version,
            case.received_on,
            case.kind,
            digest,
            extracted_on=case.extracted_on,
        )

    def rank_of(
        self,
        source: str,
        version: int,
        received_on: date,
        kind: str,
        digest: bytes,
        *,
        extracted_on: date | None = None,
    ) -> bytes:
        """Return the rank that a version with these fields has; see `rank`."""
        rule = self._sources.get(source, DEFAULT_RULE)
        numbers = _order(rule, version, received_on, kind, extracted_on)
        return _RANK.pack(*numbers, kind == "nullification", digest)

    def is_by_extract(self, source: str) -> bool:
        """Return whether versions of a source follow the days of its extracts."""
        return self._sources.get(source, DEFAULT_RULE).order == "extract"

    def assertion(self, case: CaseVersion) -> Assertion:
        """Return the keys of all that a version names, whether or not it counts."""
        return Assertion(self._products(case), self._events(case))

    def body(self, case: CaseVersion) -> bytes:
        """Encode what the version asserts; nothing if it stands without pairs.

        Raises
        ------
        Refused
            If there are more names than fit into a message.
        """
        if not counts(case):
            return b""
        score = round(score_of(case) * FULL_SCORE)
        return body_of(case, self.assertion(case))[:-1] + b",%d]" % score

    def _products(self, case: CaseVersion) -> list[tuple[str, int | None]]:
        starts: dict[str, int | None] = {}
        for product in case.products:
            if product.role in COUNTED_ROLES:
                start = _ordinal(product.first_dose_on)
                for key in self._naming.product_keys(product):
                    starts[key] = _earlier(starts[key], start) if key in starts else start
        return sorted(starts.items())  # keys are distinct: days are never compared

    def _events(self, case: CaseVersion) -> list[tuple[str, int, int | None]]:
        found: dict[str, tuple[int, int | None]] = {}
        for event in case.events:
            flags, onset = _flags(event), _ordinal(event.onset_on)
            for key in self._naming.event_keys(event.pt, event.llt):
                old = found.get(key)
                found[key] = (
                    (flags, onset) if old is None else (old[0] | flags, _earlier(old[1], onset))
                )
        return [(key, *found[key]) for key in sorted(found)]


def counts(case: CaseVersion) -> bool:
    """Return whether a version counts if it stands: a nullification and a duplicate do not."""
    return case.kind != "nullification" and case.duplicate_of is None


def digest_of(line: bytes) -> bytes:
    """Return the digest by which the same version is recognised.

    The file and the row that it was read from are left out: a second copy under another name is
    a repetition, and no name of a file decides which of two versions stands.

    Examples
    --------
    >>> line = b'{"case_id":"A-1","provenance":{"parser":"e2b-r3/1","place":"%b"}}'
    >>> digest_of(line % b"a.xml:1") == digest_of(line % b"b.xml:7")
    True
    """
    return blake2b(_PLACE.sub(rb"\1", line, count=1), digest_size=N_DIGEST).digest()


def body_of(case: CaseVersion, assertion: Assertion) -> bytes:
    """Encode an assertion as what follows the weight of a contribution, up to its names.

    Parameters
    ----------
    case : CaseVersion
        The version.
    assertion : Assertion
        Its keys.

    Raises
    ------
    Refused
        If there are more names than fit into a message.
    """
    body = _encode((case.country or "", case.reporter, assertion.products, assertion.events))[1:]
    if len(body) > N_BODY_MAX:
        raise Refused(
            "too_many_names",
            f"its products, lots and events make {len(body):,} bytes of names",
            "name fewer lots, or look for a mistake in the sender's system",
        )
    return bytes(body)


def _order(
    rule: VersionRule, version: int, received_on: date, kind: str, extracted_on: date | None
) -> tuple[int, int]:
    day = received_on.toordinal()
    if rule.order == "version":
        return version, day
    if rule.order == "extract":
        return (_ordinal(extracted_on) or 0) * _N_VERSIONS + version, day
    # What nullifies a case need not know how many versions it had: it wins its day.
    return day, version + _N_VERSIONS * (kind == "nullification")


def _flags(event: Event) -> int:
    fatal = FATAL if event.is_fatal else 0
    return fatal | (SERIOUS if fatal or event.seriousness.is_serious else 0)


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
