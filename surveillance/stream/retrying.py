"""What is retried while a server is away, how long between attempts, and who hears of it.

An error of the connection is no error of the data: the same attempt succeeds once the
broker is back, so it is repeated for as long as that takes. Errors of the data, the program
or the rights are passed on at once; whoever called ends the process. Workers, tickers,
loaders and the register's follower share this one policy.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from threading import Event
from typing import TypeVar

import aiokafka.errors
import kafka.errors
from faust.exceptions import ProducerSendError

from surveillance.domain.errors import Away, Defect, LongwatchError
from surveillance.stream.fail_stop import write_error

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0  # seconds
SECONDS_BETWEEN_LINES = 60.0

_CLIENT_ERRORS = (aiokafka.errors.KafkaError, kafka.errors.KafkaError)
# Errors of the connection that a client does not mark as retriable: the clients retry the
# request themselves, or leave it to the caller to ask for metadata anew.
_ALSO_TRANSIENT = (
    aiokafka.errors.BrokerNotAvailableError,
    aiokafka.errors.KafkaTimeoutError,
    aiokafka.errors.KafkaUnavailableError,
    aiokafka.errors.ListenerNotFound,
    aiokafka.errors.ReplicaNotAvailableError,
    kafka.errors.BrokerNotAvailableError,
)
_NETWORK_ERRNO = frozenset(
    {
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET,
        errno.ENETUNREACH, errno.ENOTCONN, errno.EADDRNOTAVAIL,
    }
)  # fmt: skip

T = TypeVar("T")


class BrokerRefused(Defect):
    """A client of Kafka failed on something that does not pass by itself: rights, say."""


def is_transient(error: BaseException) -> bool:
    """Return whether the same attempt can succeed once the broker is back.

    Parameters
    ----------
    error : BaseException
        Raised by a client of Kafka, or by a socket.

    Returns
    -------
    bool
        True for errors of the connection; False for those of data, program or rights.
    """
    if isinstance(error, ProducerSendError):  # Faust's wrapper
        return error.__cause__ is not None and is_transient(error.__cause__)
    if isinstance(error, Away):
        return True
    if isinstance(error, LongwatchError):
        return False
    if isinstance(error, _CLIENT_ERRORS):
        return bool(error.retriable) or isinstance(error, _ALSO_TRANSIENT)
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in _NETWORK_ERRNO


def _print(line: str) -> None:
    write_error(f"longwatch: {line}\n")


class Retrying:
    """Repeats attempts that failed on the connection.

    Parameters
    ----------
    count : callable, optional
        Called with True when an attempt failed on the connection, and with False when one
        succeeded after that: what a metric shows.
    stop : Event, optional
        Once it is set, no attempt is repeated: the error of the last one is raised.
    log : callable, optional
        Takes one line, at most once a minute.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        count: Callable[[bool], None] | None = None,
        *,
        stop: Event | None = None,
        log: Callable[[str], None] = _print,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._stop = Event() if stop is None else stop
        self._log, self._clock = log, clock
        self._logged: float | None = None

    def pause_after(self, error: BaseException, n_failed: int, what: str) -> float:
        """Return the seconds to wait before the next attempt.

        Parameters
        ----------
        error : BaseException
            Why the attempt failed.
        n_failed : int
            Attempts that have failed in a row, this one included.
        what : str
            What was attempted, for the log.

        Returns
        -------
        float
            Doubled each time, up to half a minute.

        Raises
        ------
        BrokerRefused
            If it is an error of a client, and not of the connection.
        BaseException
            The error itself, if it is none of a client.
        """
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        if not is_transient(error):
            if isinstance(error, (*_CLIENT_ERRORS, ProducerSendError)):
                raise BrokerRefused(f"cannot {what} ({reason})") from error
            raise error
        if self._count is not None:
            self._count(True)
        now = self._clock()
        if self._logged is None or now - self._logged >= SECONDS_BETWEEN_LINES:
            self._logged = now
            self._log(f"cannot {what} ({reason}); retrying until the broker is back")
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(n_failed - 1, 16))

    def succeeded(self) -> None:
        """Note that an attempt succeeded after others had failed."""
        if self._count is not None:
            self._count(False)

    def call(self, attempt: Callable[[], T], what: str) -> T:
        """Call until it succeeds or fails on anything but the connection."""
        n_failed = 0
        while True:
            try:
                result = attempt()
            except Exception as error:
                n_failed += 1
                if self._stop.wait(self.pause_after(error, n_failed, what)):
                    raise
            else:
                if n_failed:
                    self.succeeded()
                return result

    async def wait_for(self, attempt: Callable[[], Awaitable[T]], what: str) -> T:
        """Await until it succeeds or fails on anything but the connection."""
        n_failed = 0
        while True:
            try:
                result = await attempt()
            except Exception as error:  # noqa: BLE001 - judged by the policy
                n_failed += 1
                await asyncio.sleep(self.pause_after(error, n_failed, what))
            else:
                if n_failed:
                    self.succeeded()
                return result
