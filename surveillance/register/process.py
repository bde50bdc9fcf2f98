"""Feed a register in a process of its own, from the bytes that the topics carry.

Writing the register costs as much as the statistics do, and nothing waits for it; on a
machine with two cores it is free this way. The pipe blocks when the register is behind,
so memory stays flat.
"""

from __future__ import annotations

import multiprocessing
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.domain.contribution import Dispositions
from surveillance.domain.errors import Defect, Misused
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.messages import Batch, End, Fact, decode_message
from surveillance.log.topics import CASES, FINDINGS, OUTCOMES, SIGNALS
from surveillance.register.case_index import CaseIndex
from surveillance.register.outcome_index import OutcomeIndex
from surveillance.register.writer import Register

KEPT = (FINDINGS, SIGNALS)
INDEXED = (CASES, OUTCOMES)
SECONDS_TO_END = 120.0


class RegisterProcess:
    """A register that is written by another process.

    Parameters
    ----------
    url : str
        As for `Register`.
    configuration : Configuration, optional
        Shapes the index of the cases; without it no cases and no outcomes are kept.
    """

    def __init__(self, url: str, configuration: Configuration | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        there, self._pipe = context.Pipe(duplex=False)
        self._told, telling = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_write_and_tell,
            args=(url, configuration, there, telling),
            name="register",
            daemon=True,  # it ends with this process, however this one ends
        )
        self._process.start()
        there.close()
        telling.close()

    def take_raw(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """Take a message of a raw topic, before the epoch that it belongs to."""
        if topic in INDEXED:
            self._send(("raw", topic, partition, offset, value))

    def take_epoch(self, epoch: int, at: int, configuration: str | None = None) -> None:
        """Take an epoch that was cut."""
        self._send(("epoch", epoch, at, configuration))

    def take(
        self,
        topic: str | None,
        epoch: int,
        messages: list[bytes],
        facts: list[Fact],
        dispositions: Dispositions | None,
    ) -> None:
        """Take what a stage emitted of an epoch, as it was written."""
        kept = messages if topic in KEPT else []
        if kept or facts or dispositions is not None:
            counts = None if dispositions is None else msgspec.to_builtins(dispositions)
            self._send(("output", epoch, kept, [tuple(fact) for fact in facts], counts))

    def take_refused(self, record: RefusedRecord) -> None:
        """Take a record that was refused before it reached a log."""
        self._send(("refused", msgspec.json.encode(record)))

    def _send(self, item: Any) -> None:  # noqa: ANN401 - one of the above
        try:
            self._pipe.send(item)
        except OSError as error:
            raise self._why(f"the register's process has ended: {error}") from error

    def _why(self, else_: str) -> Misused | Defect:
        """Return what the process told before it ended."""
        with suppress(EOFError, OSError):
            return Misused(*self._told.recv())
        return Defect(else_)

    def close(self) -> None:
        """Wait until everything is written.

        Raises
        ------
        Misused
            If the register could not be written for want of room or rights.
        Defect
            If it could not be written for another reason.
        """
        self._send(None)
        self._process.join(SECONDS_TO_END)
        if self._process.exitcode != 0:
            self._process.kill()
            raise self._why(f"the register's process ended with {self._process.exitcode}")

    def abandon(self) -> None:
        """End the process without waiting: what it feeds will not be used."""
        self._process.kill()
        self._process.join()


def _write_and_tell(
    url: str, configuration: Configuration | None, pipe: Connection, telling: Connection
) -> None:
    try:
        _write(url, configuration, pipe)
    except Misused as error:  # no room on the disk, above all: a user's to mend, and no defect
        with suppress(OSError):
            telling.send((error.place, error.reason, error.remedy))
        sys.exit(1)
    except EOFError:  # the process that feeds it was killed, and nobody reads on
        sys.exit(1)


def _write(url: str, configuration: Configuration | None, pipe: Connection) -> None:
    cases = None if configuration is None else CaseIndex(configuration)
    outcomes = None if configuration is None else OutcomeIndex(configuration)
    indexes: dict[str, CaseIndex | OutcomeIndex | None] = {CASES: cases, OUTCOMES: outcomes}
    with Register(url, cases, outcomes) as register:
        if configuration is not None:
            register.take_configuration(configuration)
        received: list[tuple[str, int, int, bytes]] = []  # since the last epoch was cut
        while (item := pipe.recv()) is not None:
            if item[0] == "raw":
                received.append(item[1:])
                continue
            if item[0] == "epoch":
                _index(indexes, received, item[1], item[2])
                received = []
            _take(register, item)
        register.flush()
        register.compact()


def _index(
    indexes: dict[str, CaseIndex | OutcomeIndex | None],
    received: list[tuple[str, int, int, bytes]],
    epoch: int,
    at: int,
) -> None:
    for topic, partition, offset, value in received:
        if (index := indexes[topic]) is not None:
            index.take(partition, offset, value, epoch, at)
    for index in indexes.values():
        if index is not None:
            index.close(epoch)


def _take(register: Register, item: tuple[Any, ...]) -> None:
    if item[0] == "epoch":
        register.take_epoch(item[1], item[2], item[3])
    elif item[0] == "refused":
        register.take_refused([msgspec.json.decode(item[1], type=RefusedRecord)])
    else:
        _, epoch, messages, facts, counts = item
        rows: list[object] = [row for one in messages for row in rows_of(decode_message(one))]
        if counts is not None:
            rows.append(msgspec.convert(counts, Dispositions))
        register.take_output(epoch, rows, [Fact(*fact) for fact in facts])


def rows_of(message: Batch | End) -> list[Any]:
    """Return the rows of a message, each as it is encoded; an end has none."""
    return list(message.rows) if isinstance(message, Batch) else []
