"""What one outcome record weighs against another.

Two readers of the outcomes need it: `watch`, which tests them, and the register, which keeps
every version. The rules stand here once.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.errors import Refused
from surveillance.domain.names import identity, upper
from surveillance.domain.outcome import (
    Measurement,
    OutcomeRecord,
    TreatmentGiven,
    day_of_outcome,
)
from surveillance.log.decode import decode_outcome
from surveillance.log.lines import refuse_ahead
from surveillance.log.partitioner import partition_of
from surveillance.programmes.units import converted

if TYPE_CHECKING:
    from surveillance.configuration.programmes import Programme
    from surveillance.configuration.types import Configuration


class Weighed(NamedTuple):
    """A record, and its rank among the versions of the same record."""

    record: OutcomeRecord
    digest: bytes  # begins with 1 where the record is nullified, which wins ties

    @property
    def rank(self) -> tuple[int, bytes]:
        """The greater one stands."""
        return self.record.version, self.digest


class OutcomeRules:
    """Reads outcome records as the watches count them.

    Parameters
    ----------
    configuration : Configuration
        Partitions of the topic, and the programmes with their constructs and biomarkers.
        Where no programme is configured, every one is taken.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._n_partitions = configuration.topics.outcomes
        of = configuration.programmes.biomarker
        self._biomarkers = {identity(code): biomarker for code, biomarker in of.items()}
        self._programmes = {one.name: one for one in configuration.programmes.programme}

    def read(self, line: bytes, partition: int, at: int) -> Weighed:
        """Decode a line.

        Parameters
        ----------
        line : bytes
            One record as it was received.
        partition : int
            Where it was received.
        at : int
            Time of the tick that closes its epoch.

        Raises
        ------
        Refused
            If it cannot be used, gives a day after `at`, belongs to another partition, or names
            a programme, construct or unit that the configuration does not know.
        """
        record = decode_outcome(line)
        refuse_ahead("received_on", record.received_on, at)
        refuse_ahead("the day of the outcome", day_of_outcome(record), at)
        belongs = partition_of(record.programme_key, self._n_partitions)
        if belongs != partition:
            raise Refused(
                "wrong_partition",
                f"programme {record.programme_key!r} belongs to partition {belongs} "
                f"and came in {partition}",
                "key messages by programme, in upper case and with single spaces, and use "
                "Kafka's default partitioner",
            )
        self._refuse_unknown(record)
        return Weighed(record, digest_of(line, is_nullified=record.is_nullified))

    def _refuse_unknown(self, record: OutcomeRecord) -> None:
        if not self._programmes:
            return
        programme = self._programmes.get(record.programme_key)
        if programme is None:
            raise Refused(
                "unknown_programme",
                f"programme {record.programme!r} is not in programmes.toml",
                "mend the name, or add the programme and retry the record",
            )
        if isinstance(record, TreatmentGiven):
            _refuse_unknown_construct(programme, record)
        if isinstance(record, Measurement):
            known = self._biomarkers.get(identity(record.code))
            if known is not None:
                converted(known, record)


def digest_of(line: bytes, *, is_nullified: bool) -> bytes:
    """Return what orders records of one version."""
    return bytes([is_nullified]) + blake2b(line, digest_size=16).digest()


def _refuse_unknown_construct(programme: Programme, record: TreatmentGiven) -> None:
    if upper(record.construct) not in {one.name for one in programme.construct}:
        raise Refused(
            "unknown_construct",
            f"construct {record.construct!r} is not one of programme {programme.name!r}",
            "mend the name, or add the construct to programmes.toml and retry the record",
        )
