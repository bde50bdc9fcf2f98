"""Every error class of the client, at every call of it: what passes is retried, the rest ends.

Which calls there are is found by running each user of the client once and noting them.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from client_errors import an_error, client_errors
from fake_kafka import FakeBroker
from kafka import TopicPartition
from kafka.errors import TopicAlreadyExistsError
from strategies import DAY, a_case, a_configuration, encode

from surveillance.cli import _explain
from surveillance.configuration.types import Topics
from surveillance.domain.errors import Misused
from surveillance.instrumentation.notice_metrics import NoticeMetrics
from surveillance.instrumentation.register_metrics import RegisterMetrics
from surveillance.intake.inputs import Progress
from surveillance.log.days import DatedLine
from surveillance.log.messages import End
from surveillance.log.topics import CASES, CONTRIBUTIONS, DERIVED, OUTWARD, REFUSED, SIGNALS, TICKS
from surveillance.notices.deriving import Deriving
from surveillance.notices.follower import NoticeFollower
from surveillance.notices.outbox import Outbox, Place, Waiting
from surveillance.notices.sending import Senders
from surveillance.stream import clients, manifest, retrying
from surveillance.stream.loader import Loader
from surveillance.stream.register_follower import RegisterFollower
from surveillance.stream.retrying import BrokerRefused, is_transient
from surveillance.stream.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from surveillance.log.ticks import Place as Topic
    from surveillance.notices.deriving import WholeEpoch

CONFIGURATION = a_configuration(topics=Topics(cases=1, outcomes=1))
ERRORS = [an_error(kind) for kind in client_errors()]
TRANSIENT = [error for error in ERRORS if is_transient(error)]
FINAL = [error for error in ERRORS if not is_transient(error)]
ADDRESS = "127.0.0.1:9092"


class Register:
    """Takes the part of a register: keeps what it is given."""

    place, last_epoch, lag, n_bytes_held = "register", 0, (0, 0.0), 0

    def __init__(self, taken: dict[tuple[Topic, int], bytes]) -> None:
        self._taken = taken
        self.followed = [(topic, 0) for topic in (TICKS, *DERIVED, *OUTWARD, REFUSED, CASES)]

    def open(self) -> dict[Topic, int]:
        return dict.fromkeys(self.followed, 0)

    def take_message(self, place: Topic, offset: int, value: bytes) -> None:
        assert self._taken.setdefault((place, offset), value) == value

    def is_ahead(self, place: Topic) -> bool:
        return place[0] == CASES

    def commit(self) -> int:
        return 1

    def close(self) -> None:
        """Nothing to let go of."""


class NoOutbox(Outbox):
    """Takes the part of an outbox that is new and stays empty."""

    def __init__(self) -> None:
        """Open no file."""

    def open(self, identity: Mapping[str, str], end_offset: int) -> Place:
        assert identity["first_tick"]
        assert end_offset == 3
        return Place(0, 0, -1)

    def waiting(self) -> dict[str, Waiting]:
        return {}

    def forget_sent(self, before: float) -> int:
        assert before
        return 0

    def close(self) -> None:
        """Nothing to let go of."""


def plan(_broker: FakeBroker) -> Any:  # noqa: ANN401 - whatever it gives
    return manifest.differences(ADDRESS, CONFIGURATION.topics)


def require(_broker: FakeBroker) -> None:
    manifest.require(ADDRESS, CONFIGURATION.topics)


def apply(broker: FakeBroker) -> list[str]:
    for place in [place for place in broker.logs if place.topic == CONTRIBUTIONS]:
        del broker.logs[place]
    return [one.topic for one in manifest.apply(ADDRESS, CONFIGURATION.topics)]


def load(broker: FakeBroker) -> list[set[bytes]]:
    """Load; a write that was repeated is there twice, as with any client."""
    lines = [DatedLine(DAY, CASES, f"C{n}", encode(a_case(f"C{n}"))) for n in range(3)]
    loader = Loader(ADDRESS, CONFIGURATION)
    loader.load(lines, progress=Progress())
    loader.close()
    return [set(broker.logs[TopicPartition(CASES, 0)])]


def tick(broker: FakeBroker) -> list[bool]:
    ticker = Ticker(ADDRESS, CONFIGURATION, now=lambda: 5e9)
    broker.logs[TopicPartition(CASES, 0)].append(b"{}")
    found = [ticker.tick() is not None, ticker.tick() is not None]
    ticker.close()
    return found


def read(_broker: FakeBroker) -> list[bytes]:
    return clients.read_all(ADDRESS, TICKS)


def follow(_broker: FakeBroker) -> dict[tuple[Topic, int], bytes]:
    taken: dict[tuple[Topic, int], bytes] = {}
    follower = RegisterFollower(
        ADDRESS, "sqlite://", CONFIGURATION, RegisterMetrics(),
        ending=Event(), report=lambda _: None,
    )  # fmt: skip
    follower._register = lambda _: Register(taken)  # type: ignore[method-assign, assignment, return-value]
    follower.run(until_caught_up=True)
    return taken


def notify(broker: FakeBroker) -> list[int]:
    """Follow the signals into an outbox in memory; nobody is sent anything."""
    log = [End("triage/0", epoch, 0) for epoch in range(3)]
    broker.logs[TopicPartition(SIGNALS, 0)][:] = map(encode, log)
    kept: list[int] = []
    deriving = Deriving(CONFIGURATION, {}, lambda: 5e9)

    def keep(_outbox: object, _place: Place, epochs: Sequence[WholeEpoch]) -> Place:
        kept.extend(one.epoch for one in epochs)
        return Place(epochs[-1].end_offset + 1, 0, epochs[-1].epoch)

    deriving.keep = keep  # type: ignore[method-assign, assignment]
    NoticeFollower(
        ADDRESS, NoOutbox(), CONFIGURATION, deriving, Senders([], Event()), NoticeMetrics(()),
        receivers=frozenset(), ending=Event(), clock=lambda: 5e9, report=lambda _: None,
    ).run(until_caught_up=True)  # fmt: skip
    return kept


USERS: list[Callable[[FakeBroker], Any]] = [plan, require, apply, load, tick, read, follow, notify]


def a_broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    """Return a broker with all topics, and a tick that was passed over."""
    broker = FakeBroker()
    for topic, n in manifest.manifest(CONFIGURATION.topics).items():
        broker.make(topic, n)
    broker.logs[TopicPartition(TICKS, 0)].append(b"no tick")
    broker.behind_clients(monkeypatch)
    return broker


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts, and print nothing."""
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(retrying, "write_error", lambda _: None)


def calls_of(user: Callable[[FakeBroker], Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return every call that a user of the client makes, but that of `require_broker`."""
    broker = a_broker(monkeypatch)
    user(broker)
    return [name for name in broker.calls if name != "require_broker"]


@pytest.mark.parametrize("user", USERS, ids=lambda one: one.__name__)
def test_what_passes_is_retried_at_every_call_until_it_has_passed(
    user: Callable[[FakeBroker], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    should = user(a_broker(monkeypatch))
    calls = calls_of(user, monkeypatch)
    assert len(calls) >= 3

    for call in calls:
        broker = a_broker(monkeypatch)
        broker.failing[call] = [an_error(type(error)) for error in TRANSIENT]
        assert user(broker) == should, call
        is_over = call.endswith(".close")  # it failed as often as it was called
        assert is_over or broker.failing[call] == [], call


@pytest.mark.parametrize("user", USERS, ids=lambda one: one.__name__)
def test_what_does_not_pass_ends_every_call_with_one_line(
    user: Callable[[FakeBroker], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    should = user(a_broker(monkeypatch))
    for call in calls_of(user, monkeypatch):
        for error in FINAL:
            broker = a_broker(monkeypatch)
            broker.failing[call] = [an_error(type(error))]
            name = type(error).__name__
            if call.endswith(".close") or (call, type(error)) in PASSED_OVER:
                assert user(broker) == should, (call, name)
                continue
            with pytest.raises((BrokerRefused, Misused)) as caught:
                user(broker)
            assert "\n" not in str(caught.value), (call, name)
            assert name in str(caught.value) or isinstance(caught.value, Misused), (call, name)


# By an attempt whose answer did not come, or by somebody else: the topic is there.
PASSED_OVER = {("admin.create_topics", TopicAlreadyExistsError)}


@pytest.mark.parametrize("user", USERS, ids=lambda one: one.__name__)
def test_a_broker_where_nothing_listens_is_a_mistake_at_the_start_and_an_outage_later(
    user: Callable[[FakeBroker], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = clients.BrokerAway("broker x", "does not answer", "start it")
    should = user(a_broker(monkeypatch))
    broker = a_broker(monkeypatch)
    broker.failing["require_broker"] = [away]
    with pytest.raises(clients.BrokerAway):
        user(broker)

    listening = a_broker(monkeypatch)
    answers: list[Exception | None] = [None, away, away]

    def later(_address: str) -> None:
        if answers and (error := answers.pop(0)) is not None:
            raise error

    if user in (follow, notify):  # they ask for themselves; their own tests hold what they do
        return
    monkeypatch.setattr(clients, "require_broker", later)
    assert user(listening) == should


def test_an_answer_without_an_offset_is_an_error_of_the_connection() -> None:
    def nothing(_places: list[TopicPartition]) -> dict[TopicPartition, int]:
        raise KeyError(TopicPartition("t", 0))

    with pytest.raises(Exception, match="no offset of") as caught:
        clients.known(nothing, [TopicPartition("t", 0)])

    assert is_transient(caught.value)


@pytest.mark.parametrize("error", FINAL, ids=lambda one: type(one).__name__)
def test_a_command_ends_with_70_and_one_line(
    error: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BrokerRefused) as caught:
        retrying.Retrying().pause_after(error, 1, "read ticks")

    assert _explain(caught.value) == 70
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1
    assert "cannot read ticks" in printed


def test_the_broker_of_these_tests_holds_what_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = a_broker(monkeypatch)
    load(broker)

    assert len(broker.logs[TopicPartition(TICKS, 0)]) == 2
    assert msgspec.json.decode(broker.logs[TopicPartition(TICKS, 0)][-1])["cut"][CASES] == [1]
