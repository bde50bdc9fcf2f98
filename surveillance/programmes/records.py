"""What one outcome record weighs against another.

Two readers of the outcomes need it: `watch`, which tests them, and the register, which keeps
every version. The rules stand here once.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.errors import Refused
from surveillance.domain.outcome import FollowUp, OutcomeRecord, TreatmentGiven
from surveillance.log.decode import decode_outcome
from surveillance.log.lines import refuse_ahead
from surveillance.log.partitioner import partition_of

if TYPE_CHECKING:
    from datetime import date


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
    n_partitions : int
        Of the topic.
    """

    def __init__(self, n_partitions: int) -> None:
        self._n_partitions = n_partitions

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
            If it cannot be used, gives a day after `at`, or belongs to another partition.
        """
        record = decode_outcome(line)
        refuse_ahead("received_on", record.received_on, at)
        refuse_ahead("the day of the outcome", _day(record), at)
        belongs = partition_of(record.programme_key, self._n_partitions)
        if belongs != partition:
            raise Refused(
                "wrong_partition",
                f"programme {record.programme_key!r} belongs to partition {belongs} "
                f"and came in {partition}",
                "key messages by programme, in upper case and with single spaces, and use "
                "Kafka's default partitioner",
            )
        return Weighed(record, digest_of(line, is_nullified=record.is_nullified))


def digest_of(line: bytes, *, is_nullified: bool) -> bytes:
    """Return what orders records of one version."""
    return bytes([is_nullified]) + blake2b(line, digest_size=16).digest()


def _day(record: OutcomeRecord) -> date:
    if isinstance(record, TreatmentGiven):
        return record.given_on
    return record.seen_on if isinstance(record, FollowUp) else record.occurred_on
