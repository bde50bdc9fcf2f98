"""Write with kafka-python until the broker has acknowledged, however long it is away."""

from __future__ import annotations

from typing import Any, NamedTuple

from kafka import KafkaProducer

from surveillance.stream.retrying import Retrying

ASKED_AGAIN_SECONDS = 5.0  # how long an acknowledgement is awaited before a line is logged


class Sent(NamedTuple):
    """One message under way, kept so that it can be sent again."""

    topic: str
    value: bytes
    partition: int
    future: Any  # kafka-python's


def send(
    producer: KafkaProducer, topic: str, value: bytes, partition: int, retrying: Retrying
) -> Sent:
    """Hand a message to the producer, waiting while it has no room or no broker.

    Parameters
    ----------
    producer : KafkaProducer
        Keeps what it was handed until it is acknowledged.
    topic : str
        Where to.
    value : bytes
        The message.
    partition : int
        Of the topic.
    retrying : Retrying
        The policy.

    Returns
    -------
    Sent
        To be settled.
    """

    def attempt() -> Any:  # noqa: ANN401 - kafka-python's
        return producer.send(topic, value=value, partition=partition)

    return Sent(topic, value, partition, retrying.call(attempt, f"write to {topic}"))


def settle(producer: KafkaProducer, sent: Sent, retrying: Retrying) -> Any:  # noqa: ANN401
    """Return the acknowledgement of a message, sent again if the producer gave it up.

    Parameters
    ----------
    producer : KafkaProducer
        The one that it was handed to.
    sent : Sent
        From `send`.
    retrying : Retrying
        The policy.

    Returns
    -------
    RecordMetadata
        Topic, partition and offset.
    """
    future, is_given_up = sent.future, False

    def attempt() -> Any:  # noqa: ANN401 - kafka-python's
        nonlocal future, is_given_up
        if is_given_up:
            future = producer.send(sent.topic, value=sent.value, partition=sent.partition)
        try:
            return future.get(timeout=ASKED_AGAIN_SECONDS)
        finally:
            is_given_up = future.failed()  # else it is still under way, and only awaited

    return retrying.call(attempt, f"have a write to {sent.topic} acknowledged")
