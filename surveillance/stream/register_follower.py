"""The follower: reads the topics and writes the register, for as long as it takes.

It belongs to no group and commits nothing to Kafka: its place in the topics is kept in the
register, in the transaction that wrote the rows. Where the broker or the database goes
away it opens both again, from what the register holds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from threading import Event

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError, OffsetOutOfRangeError

from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Away, Misused
from surveillance.instrumentation.register_metrics import RegisterMetrics
from surveillance.log.ticks import Place
from surveillance.log.topics import GENERATION, TICKS, raw_partitions
from surveillance.register.database import DatabaseAway
from surveillance.register.followed import FollowedRegister
from surveillance.stream import manifest
from surveillance.stream.clients import closing_quietly, consumer, known
from surveillance.stream.retrying import Retrying

N_MESSAGES_A_COMMIT = 500
N_BYTES_HELD_MAX = 64_000_000
POLL_MS = 500
_MADE_ANEW = "the topics were made anew, or messages were removed"


class RegisterFollower:
    """Writes one register from the topics of one broker.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    url : str
        Of the register, as SQLAlchemy has it.
    configuration : Configuration
        Of the deployment that is followed.
    metrics : RegisterMetrics
        Told of lag, rows and retries.
    ending : Event
        Set by whoever wants the follower to end.
    report : callable
        Takes a line for the operator, at most one a minute.
    """

    def __init__(
        self,
        address: str,
        url: str,
        configuration: Configuration,
        metrics: RegisterMetrics,
        *,
        ending: Event,
        report: Callable[[str], None],
    ) -> None:
        self._address, self._url, self._configuration = address, url, configuration
        self._metrics, self._ending = metrics, ending
        self._retrying = Retrying(log=report)
        self._targets: dict[Place, int] | None = None
        self._has_begun = False
        self._has_committed = False

    def run(self, *, until_caught_up: bool) -> None:
        """Follow until told to end, or until all is read that was there at the start.

        Parameters
        ----------
        until_caught_up : bool
            Whether to end by itself.

        Raises
        ------
        Misused
            If broker or database do not answer at the start, or the register cannot be
            written from these topics.
        """
        n_failed = 0  # attempts in a row that committed nothing
        while not self._ending.is_set():
            self._has_committed = False
            try:
                self._follow(until_caught_up=until_caught_up)
            except OffsetOutOfRangeError as error:
                raise Misused(self._url_shown(), _MADE_ANEW, "follow into a new one") from error
            except Exception as error:
                if isinstance(error, Away) and not self._has_begun:
                    raise
                n_failed = 1 if self._has_committed else n_failed + 1
                self._wait(error, n_failed)
            else:
                return

    def _url_shown(self) -> str:
        return f"the register that follows {self._address}"

    def _wait(self, error: Exception, n_failed: int) -> None:
        """Wait before the next attempt; an error that does not pass is raised."""
        server = "database" if isinstance(error, DatabaseAway) else "broker"
        pause = self._retrying.pause_after(error, n_failed, f"reach the {server}")
        self._metrics.retried(server)
        self._ending.wait(pause)

    def _follow(self, *, until_caught_up: bool) -> None:
        manifest.require_now(self._address, self._configuration.topics)
        with closing_quietly(consumer(self._address)) as client:
            first = first_tick(client)
        with (
            closing_quietly(consumer(self._address, auto_offset_reset="none")) as client,
            closing(self._register(first)) as register,
        ):
            self._begin(client, register.open(), register.place)
            self._has_begun = True
            while not self._ending.is_set():
                if until_caught_up and self._is_caught_up(client):
                    return
                self._step(client, register)

    def _register(self, first: str) -> FollowedRegister:
        partitions = raw_partitions(self._configuration.topics)
        identity = {
            "generation": str(GENERATION),
            "partitions": ",".join(f"{topic}={n}" for topic, n in sorted(partitions.items())),
            "feed": self._configuration.feed.name,
            "first_tick": first,
        }
        return FollowedRegister(self._url, identity, self._configuration)

    def _begin(self, client: KafkaConsumer, offsets: dict[Place, int], place: str) -> None:
        """Assign every topic, each at its offset, unless the log does not reach there."""
        wanted = {TopicPartition(*one): offset for one, offset in offsets.items()}
        client.assign(list(wanted))
        for one in wanted:  # the client drops from an answer what it knows no leader of
            client.partitions_for_topic(one.topic)
        begins = known(client.beginning_offsets, list(wanted))
        ends = known(client.end_offsets, list(wanted))
        for one, offset in wanted.items():
            if not begins[one] <= offset <= ends[one]:
                reach = f"reads {one.topic} on from {offset}, which ends at {ends[one]}"
                raise Misused(place, f"{reach}: {_MADE_ANEW}", "follow into a new one")
            client.seek(one, offset)
        if self._targets is None:
            self._targets = {(one.topic, one.partition): end for one, end in ends.items()}

    def _is_caught_up(self, client: KafkaConsumer) -> bool:
        targets = self._targets or {}
        return all(client.position(TopicPartition(*place)) >= end for place, end in targets.items())

    def _step(self, client: KafkaConsumer, register: FollowedRegister) -> None:
        found = client.poll(timeout_ms=POLL_MS, max_records=N_MESSAGES_A_COMMIT)
        for place, messages in found.items():
            for message in messages:
                register.take_message(
                    (place.topic, place.partition), message.offset, message.value or b""
                )
        n_rows = register.commit()
        self._hold_back(client, register)
        self._has_committed |= bool(found)
        self._metrics.committed(n_rows, register.last_epoch, *register.lag)

    def _hold_back(self, client: KafkaConsumer, register: FollowedRegister) -> None:
        """Read cases no further than the next epoch needs while much is held."""
        ahead = [TopicPartition(*one) for one in register.followed if register.is_ahead(one)]
        paused = set(ahead) if register.n_bytes_held > N_BYTES_HELD_MAX else set()
        client.resume(*(client.paused() - paused))
        client.pause(*paused)


def first_tick(client: KafkaConsumer) -> str:
    """Return the SHA-256 of the first message on the ticks: no two logs share it; or nothing.

    Parameters
    ----------
    client : KafkaConsumer
        Is assigned to the ticks.
    """
    place = TopicPartition(TICKS, 0)
    client.assign([place])
    if known(client.end_offsets, [place])[place] == 0:
        return ""
    client.seek(place, 0)
    for _ in range(20):
        for messages in client.poll(timeout_ms=POLL_MS, max_records=1).values():
            return sha256(messages[0].value or b"").hexdigest()
    raise KafkaTimeoutError("the first tick could not be read")
