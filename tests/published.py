"""The feed's stage, stored and restored at every close."""

from typing import Any

import msgspec
from strategies import a_configuration, instant

from surveillance.configuration.types import Feed
from surveillance.domain.signal import DecisionPassedOver, Signal
from surveillance.feed.publish import FeedEntry, Publish
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.cloudevents import CloudEvent
from surveillance.log.messages import Fact
from surveillance.log.topics import FEED


class PublishedEpochs:
    """The stage, stored and restored at every close."""

    def __init__(self, **feed: Any) -> None:  # noqa: ANN401 - fields of Feed
        self._stage = Publish(a_configuration(feed=Feed(**feed)))
        self._state = self._stage.init(Cells(nothing_stored))
        self.facts: list[Fact] = []

    def close(self, *items: Signal | DecisionPassedOver) -> list[FeedEntry]:
        for item in items:
            self._stage.apply(self._state, item)
        said = self._stage.close(self._state, 0, instant())
        data = self._stage.dump(self._state)
        self._state = self._stage.load(data, Cells(nothing_stored))
        self.facts += said.facts
        return [entry(fact) for fact in said.facts]


def entry(fact: Fact) -> FeedEntry:
    assert fact.topic == FEED
    event = msgspec.json.decode(fact.value, type=CloudEvent)
    return msgspec.convert(event.data, FeedEntry)
