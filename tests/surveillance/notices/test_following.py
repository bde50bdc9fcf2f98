"""From the topic to the receiver: nothing lost, nothing twice, wherever a process is killed."""

from __future__ import annotations

from collections import Counter
from threading import Event
from typing import TYPE_CHECKING

import pytest
from fake_kafka import FakeBroker
from kafka import TopicPartition
from noticing import CONFIGURATION, SECRET, a_log, a_webhook, http_receiver
from sqlalchemy import event

from surveillance.domain.errors import Defect, Gap, Misused
from surveillance.instrumentation.notice_metrics import NoticeMetrics
from surveillance.log.topics import SIGNALS, TICKS
from surveillance.notices.channels import NotDelivered, WebhookChannel
from surveillance.notices.deriving import Deriving, SignalEpochs
from surveillance.notices.follower import NoticeFollower
from surveillance.notices.outbox import Due, Outbox, Place, Waiting
from surveillance.notices.receivers import Email, Receiver
from surveillance.notices.sending import Sender, Senders
from surveillance.register.database import DatabaseAway
from surveillance.stream import manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from surveillance.notices.channels import Channel
    from surveillance.notices.wording import Notice

ADDRESS = "127.0.0.1:9092"
MESSAGES = a_log().messages
RECEIVERS: dict[str, Receiver] = {
    "desk": a_webhook(),
    "duty": Email(
        to=("a@example.org", "b@example.org"), sender="l@example.org", server="x.example:25",
        kinds=("moved", "clock_breached"),
    ),
}  # fmt: skip
EACH_ONCE = {"desk": 1, "duty": 2}


class Killed(BaseException):
    """As if the process had been killed here."""


class Taken:
    """A channel that keeps what it is given, after failing as it is told."""

    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.failing: list[Exception] = []
        self.after: Callable[[], None] = lambda: None

    def deliver(self, notice: Notice, address: str) -> None:  # noqa: ARG002 - the protocol
        if self.failing:
            raise self.failing.pop(0)
        self.ids[notice.id] += 1
        self.kinds[notice.kind] += 1
        self.after()


class Clock:
    """An instant that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


class Notifying:
    """One outbox, and a process that may be killed and started again."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "outbox.db"
        self.broker = FakeBroker()
        for topic, n in manifest.manifest(CONFIGURATION.topics).items():
            self.broker.make(topic, n)
        self.broker.behind_clients(monkeypatch)
        self.write(TICKS, b"no tick")
        self.clock, self.taken = Clock(), Taken()
        self.lines: list[str] = []
        self.waits: list[float] = []
        self.metrics = NoticeMetrics(RECEIVERS)

    def write(self, topic: str, *values: bytes) -> None:
        self.broker.logs[TopicPartition(topic, 0)] += values

    def run(
        self, channel: Channel | None = None, *, on_outbox: Callable[[Outbox], object] = id
    ) -> None:
        """Run as one process does, until all is read and sent."""
        outbox, ending = Outbox(self.path), Event()
        on_outbox(outbox)
        senders = [
            Sender(
                name, channel or self.taken, outbox, self.metrics,
                clock=self.clock, report=self.lines.append, wait=self.waits.append,
            )
            for name in RECEIVERS
        ]  # fmt: skip
        follower = NoticeFollower(
            ADDRESS, outbox, CONFIGURATION, Deriving(CONFIGURATION, RECEIVERS, self.clock),
            Senders(senders, ending), self.metrics, receivers=frozenset(RECEIVERS),
            ending=ending, clock=self.clock, report=self.lines.append,
        )  # fmt: skip
        try:
            follower.run(until_caught_up=True)
        finally:
            outbox.close()

    def sample(self, name: str, receiver: str) -> float:
        value = self.metrics.registry.get_sample_value(
            f"surveillance_notices_{name}", {"receiver": receiver}
        )
        assert value is not None
        return value


@pytest.fixture
def notifying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notifying:
    return Notifying(tmp_path, monkeypatch)


def all_sent(notifying: Notifying) -> Counter[str]:
    """Return the ids of all notices, by a run that nothing disturbs."""
    notifying.run()
    notifying.write(SIGNALS, *MESSAGES)
    notifying.run()
    return notifying.taken.ids


def test_what_comes_after_the_first_start_is_sent_once_to_each_address(
    notifying: Notifying,
) -> None:
    sent = all_sent(notifying)
    notifying.run()

    assert set(sent.values()) == {1}
    assert notifying.taken.kinds == {
        "new_matter": 1, "moved": 2 * 3, "clock_warning": 1, "clock_breached": 3,
        "review_requested": 1, **{kind: n for kind, n in notifying.taken.kinds.items()
                                  if kind in {"band_raised", "band_lowered"}},
    }  # fmt: skip
    assert notifying.sample("sent_total", "desk") == sum(
        n // (3 if kind in {"moved", "clock_breached"} else 1)
        for kind, n in notifying.taken.kinds.items()
    )
    assert notifying.sample("waiting", "desk") == 0


def test_what_was_there_before_the_first_start_makes_no_notice(notifying: Notifying) -> None:
    half = len(MESSAGES) // 2
    notifying.write(SIGNALS, *MESSAGES[:half])
    notifying.run()
    assert not notifying.taken.ids
    assert any("a new outbox" in line for line in notifying.lines)

    notifying.write(SIGNALS, *MESSAGES[half:])
    notifying.run()

    assert "new_matter" not in notifying.taken.kinds  # the signal was known
    assert notifying.taken.kinds["clock_breached"] == 3


def test_messages_that_triage_wrote_again_make_no_second_notice(notifying: Notifying) -> None:
    once = all_sent(notifying)
    before = dict(once)

    notifying.write(SIGNALS, *MESSAGES)
    notifying.run()

    assert notifying.taken.ids == before


def test_a_new_outbox_on_the_same_log_gives_notices_the_same_ids(
    notifying: Notifying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Notifying(tmp_path / "..", monkeypatch)
    other.path = tmp_path / "other.db"

    assert set(all_sent(other)) == set(all_sent(notifying_again(notifying, monkeypatch)))


def notifying_again(notifying: Notifying, monkeypatch: pytest.MonkeyPatch) -> Notifying:
    """Have the clients be those of this broker, after another one was made."""
    notifying.broker.behind_clients(monkeypatch)
    return notifying


def killing_at(n: int) -> Callable[[Outbox], object]:
    """Return what kills at the n-th statement or commit of a process."""
    left = [n]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def listen(outbox: Outbox) -> None:
        event.listen(outbox._engine, "before_cursor_execute", count)
        event.listen(outbox._engine, "commit", count)

    return listen


def _seen_twice(notifying: Notifying) -> int:
    return notifying.taken.ids.total() - len(notifying.taken.ids)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the ids of all notices."""
    with pytest.MonkeyPatch.context() as patching:
        return set(all_sent(Notifying(tmp_path_factory.mktemp("whole"), patching)))


@pytest.mark.parametrize("n", [3, 6, 20, 45, 46, 47, 70])
def test_a_kill_at_any_step_loses_nothing(notifying: Notifying, expected: set[str], n: int) -> None:
    notifying.run()
    notifying.write(SIGNALS, *MESSAGES)

    with pytest.raises(Killed):
        notifying.run(on_outbox=killing_at(n))
    notifying.run()

    assert set(notifying.taken.ids) == expected
    assert _seen_twice(notifying) <= 1  # taken, and not noted before the kill


@pytest.mark.campaign
def test_a_kill_at_every_step_loses_nothing_and_repeats_only_what_was_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: set[str]
) -> None:
    for n in range(1, 200):
        folder = tmp_path / str(n)
        folder.mkdir()
        notifying = Notifying(folder, monkeypatch)
        notifying.run()
        notifying.write(SIGNALS, *MESSAGES)
        try:
            notifying.run(on_outbox=killing_at(n))
        except Killed:
            notifying.run()
        assert set(notifying.taken.ids) == expected, n
        assert _seen_twice(notifying) <= 1, n


def test_a_kill_after_it_was_noted_repeats_nothing_and_one_before_repeats_one(
    notifying: Notifying,
) -> None:
    notifying.run()
    notifying.write(SIGNALS, *MESSAGES)

    def kill() -> None:
        raise Killed

    notifying.taken.after = kill  # between the answer and the note
    with pytest.raises(Killed):
        notifying.run()
    notifying.taken.after = lambda: None
    notifying.run()

    assert sorted(notifying.taken.ids.values(), reverse=True)[:2] == [2, 1]


def test_a_receiver_that_fails_is_asked_again_later_and_later_and_gets_all(
    notifying: Notifying,
) -> None:
    notifying.run()
    notifying.write(SIGNALS, *MESSAGES)
    notifying.taken.failing = [NotDelivered("answered 500") for _ in range(40)]
    pauses = []
    for _ in range(200):
        notifying.run()
        if not notifying.taken.failing and not _n_waiting(notifying):
            break
        notifying.clock.now += 1000
        pauses.append(notifying.sample("oldest_waiting_seconds", "desk"))

    assert set(notifying.taken.ids.values()) == {1}
    assert (
        notifying.sample("retried_total", "desk") + notifying.sample("retried_total", "duty") == 40
    )
    assert pauses[0] == 0
    assert max(pauses) >= 1000
    assert any("not taken by desk: answered 500; trying again in 2 s" in line
               for line in notifying.lines)  # fmt: skip


def _n_waiting(notifying: Notifying) -> int:
    outbox = Outbox(notifying.path)
    try:
        return sum(one.n for one in outbox.waiting().values())
    finally:
        outbox.close()


def test_a_real_receiver_that_answers_500_hangs_up_and_redirects_gets_each_notice(
    notifying: Notifying,
) -> None:
    notifying.run()
    notifying.write(SIGNALS, *MESSAGES)
    with http_receiver() as receiver:
        receiver.answers = [500, "close", 302, 200, 503]
        channel = WebhookChannel(receiver.url, SECRET, notifying.clock)
        for _ in range(10):
            notifying.run(channel)
            notifying.clock.now += 4000
        posted = Counter(one.headers["Idempotency-Key"] for one in receiver.posted)
        bodies = {(one.headers["Idempotency-Key"], one.body) for one in receiver.posted}

    assert posted.total() == len(posted) + 4  # one more for each answer that was no delivery
    assert len(bodies) == len(posted)  # the same bytes at each attempt
    assert _n_waiting(notifying) == 0


def test_a_sender_that_breaks_ends_all_and_its_error_is_raised(
    notifying: Notifying,
) -> None:
    outbox, ending = Outbox(notifying.path), Event()
    outbox.open({}, 0)
    broken, well = Taken(), Taken()
    broken.failing = [RuntimeError("ours")]
    senders = Senders(
        [
            Sender(name, one, outbox, notifying.metrics, clock=notifying.clock,
                   report=notifying.lines.append)
            for name, one in (("desk", broken), ("duty", well))
        ],
        ending,
    )  # fmt: skip
    taking = SignalEpochs(-1)
    whole = [one for n, message in enumerate(MESSAGES) if (one := taking.take(n, message))]
    Deriving(CONFIGURATION, RECEIVERS, notifying.clock).keep(outbox, Place(0, 0, -1), whole)

    senders.start()
    senders.start()  # as after the broker was away
    assert ending.wait(10)
    with pytest.raises(RuntimeError, match="ours"):
        senders.join(10)
    outbox.close()


def test_an_outbox_that_is_busy_costs_time_and_no_second_delivery(
    notifying: Notifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifying.run()
    notifying.write(SIGNALS, *MESSAGES)
    busy = [DatabaseAway("outbox.db", "database is locked", "wait") for _ in range(3)]
    note = Outbox.sent

    def sent(outbox: Outbox, due: Due, at: float) -> None:
        if busy:
            raise busy.pop()
        note(outbox, due, at)

    monkeypatch.setattr(Outbox, "sent", sent)
    notifying.run()

    assert set(notifying.taken.ids.values()) == {1}
    assert len(notifying.waits) == 3


def test_a_second_process_on_one_outbox_is_refused(notifying: Notifying) -> None:
    first = Outbox(notifying.path)
    first.open({}, 0)

    with pytest.raises(Misused, match="another process"):
        notifying.run()

    first.close()
    notifying.run()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("generation", "another generation"), ("feed", "another deployment"),
     ("first_tick", "another log")],
)  # fmt: skip
def test_an_outbox_of_something_else_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    first = Outbox(tmp_path / "outbox.db")
    first.open({name: "one"}, 0)
    first.close()
    outbox = Outbox(tmp_path / "outbox.db")

    with pytest.raises(Misused, match=reason):
        outbox.open({name: "other"}, 0)
    outbox.close()


def test_an_outbox_that_reaches_beyond_the_log_is_refused(notifying: Notifying) -> None:
    all_sent(notifying)
    del notifying.broker.logs[TopicPartition(SIGNALS, 0)][2:]

    with pytest.raises(Misused, match="made anew"):
        notifying.run()


def test_an_outbox_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "missing" / "outbox.db")
    with pytest.raises(Misused, match="cannot be written"):
        outbox.open({}, 0)
    outbox.close()
    (tmp_path / "text.db").write_text("no database" * 100, encoding="utf-8")
    outbox = Outbox(tmp_path / "text.db")
    with pytest.raises(Misused, match="not a database"):
        outbox.open({}, 0)
    outbox.close()


def test_notices_for_a_receiver_that_is_gone_wait_and_the_operator_reads_of_them(
    notifying: Notifying,
) -> None:
    notifying.run()
    outbox = Outbox(notifying.path)
    with outbox.writing() as writing:
        writing._connection.exec_driver_sql(
            "INSERT INTO notices (notice_id, receiver, address, made_at, document, n_tried, "
            "next_at, fault) VALUES ('x', 'gone', '', 1, '{}', 0, 1, '')"
        )
    assert outbox.waiting() == {"gone": Waiting(1, 1.0)}
    outbox.close()

    notifying.run()

    assert any("1 notice(s) wait for gone" in line for line in notifying.lines)


def test_an_epoch_that_is_not_whole_or_comes_in_two_forms_stops_the_reader() -> None:
    batch, end = MESSAGES[:2]

    with pytest.raises(Gap):
        SignalEpochs(-1).take(0, end)
    epochs = SignalEpochs(-1)
    epochs.take(0, batch)
    with pytest.raises(Defect):
        epochs.take(1, batch.replace(b"pt:Rash", b"pt:Rush"))
    with pytest.raises(Defect):
        epochs.take(2, b"not ours")


def test_a_batch_that_was_written_twice_counts_once(notifying: Notifying) -> None:
    notifying.run()
    notifying.write(SIGNALS, *(copy for message in MESSAGES for copy in (message, message)))
    notifying.run()

    assert set(notifying.taken.ids.values()) == {1}
