"""Which errors are retried, how long the pauses are, and what is logged."""

from __future__ import annotations

import errno
import ssl
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from client_errors import an_error, client_errors

from surveillance.domain.errors import Defect, Gap, Misused
from surveillance.stream.clients import BrokerAway, require_broker
from surveillance.stream.retrying import BrokerRefused, Retrying, is_transient
from surveillance.stream.writing import send, settle

if TYPE_CHECKING:
    from collections.abc import Callable

ERRORS = [an_error(kind) for kind in client_errors()]


def name_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__name__}"


class Future:
    """A write whose outcome is known."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def failed(self) -> bool:
        return self.error is not None

    def get(self, timeout: float) -> str:
        assert timeout > 0
        if self.error is not None:
            raise self.error
        return "acknowledged"


class Producer:
    """Fails as it is told, then writes."""

    def __init__(self, *outcomes: Exception | Future) -> None:
        self.outcomes, self.sent = list(outcomes), 0

    def send(self, topic: str, *, value: bytes, partition: int) -> Future:
        assert (topic, value, partition) == ("t", b"v", 0)
        outcome = self.outcomes.pop(0) if self.outcomes else Future()
        if isinstance(outcome, Exception):
            raise outcome
        self.sent += 1
        return outcome


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Keep the pauses instead of waiting."""
    kept: list[float] = []
    monkeypatch.setattr(Event, "wait", lambda _, seconds: kept.append(seconds))
    return kept


def a_retrying(clock: Callable[[], float] = lambda: 0.0) -> tuple[Retrying, list[str], list[bool]]:
    lines: list[str] = []
    counted: list[bool] = []
    return Retrying(counted.append, log=lines.append, clock=clock), lines, counted


@pytest.mark.parametrize("error", ERRORS, ids=name_of)
def test_every_class_that_a_client_marks_as_retriable_is_retried(error: Any) -> None:  # noqa: ANN401
    assert is_transient(error) or not error.retriable


@pytest.mark.parametrize("error", ERRORS, ids=name_of)
def test_rights_sizes_and_usage_are_never_retried(error: Exception) -> None:
    final = ("Auth", "Sasl", "TooLarge", "IllegalState", "Unsupported", "OutOfRange", "Corrupt")

    assert not is_transient(error) or not any(word in name_of(error) for word in final)


@pytest.mark.parametrize("error", ERRORS, ids=name_of)
@pytest.mark.parametrize("call", ["send", "acknowledgement"])
def test_a_loader_or_ticker_repeats_or_ends_as_the_policy_says(error: Exception, call: str) -> None:
    producer: Any = Producer(error if call == "send" else Future(error))
    policy, lines, counted = a_retrying()

    def write() -> str:
        return settle(producer, send(producer, "t", b"v", 0, policy), policy)  # type: ignore[no-any-return]

    if is_transient(error):
        assert write() == "acknowledged"
        assert producer.sent == (1 if call == "send" else 2)
        assert len(lines) == 1
        assert counted == [True, False]
    else:
        with pytest.raises(BrokerRefused) as caught:
            write()
        assert caught.value.__cause__ is error
        assert lines == []


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(), ConnectionRefusedError(), BrokenPipeError(), TimeoutError(),
        OSError(errno.EHOSTUNREACH, ""), BrokerAway("a", "b", "c"),
    ],
    ids=repr,
)  # fmt: skip
def test_errors_of_sockets_are_retried(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, ""), FileNotFoundError(), PermissionError(), ssl.SSLError(),
        Defect("x"), Gap("x"), Misused("a", "b", "c"), ValueError(), RuntimeError(), KeyError(),
    ],
    ids=repr,
)  # fmt: skip
def test_errors_of_the_program_the_disk_or_the_user_are_not_retried(error: Exception) -> None:
    policy, lines, _ = a_retrying()

    with pytest.raises(type(error)):
        policy.pause_after(error, 1, "read")

    assert lines == []


def test_pauses_grow_up_to_half_a_minute_for_as_long_as_it_takes(pauses: list[float]) -> None:
    outcomes: list[Exception] = [ConnectionResetError() for _ in range(2_000)]
    policy, _, counted = a_retrying()

    def attempt() -> int:
        if outcomes:
            raise outcomes.pop()
        return 7

    assert policy.call(attempt, "read") == 7
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30.0
    assert counted == [True] * 2_000 + [False]


def test_a_line_is_logged_at_most_once_a_minute() -> None:
    now = 0.0
    policy, lines, _ = a_retrying(lambda: now)
    for _ in range(300):
        policy.pause_after(ConnectionResetError("by peer"), 1, "read ticks")
        now += 1.0

    assert len(lines) == 5
    assert lines[0] == (
        "cannot read ticks (ConnectionResetError: by peer); retrying until the broker is back"
    )


def test_an_address_where_nothing_answers_is_a_mistake_at_start() -> None:
    with pytest.raises(Misused, match="does not answer"):
        require_broker("127.0.0.1:1")


def test_who_is_told_to_end_no_longer_waits_for_the_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    stop = Event()
    stop.set()
    attempts = []

    def attempt() -> None:
        attempts.append(1)
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        Retrying(stop=stop, log=lambda _: None).call(attempt, "reach the broker")

    assert len(attempts) == 1
