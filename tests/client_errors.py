"""Every error class of the two Kafka clients, found in the clients themselves."""

from __future__ import annotations

import aiokafka.errors
import kafka.errors


def client_errors() -> list[type[Exception]]:
    """Return every class of either client, each once, in the order of their names."""
    found = {
        one
        for module in (aiokafka.errors, kafka.errors)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, module.KafkaError)
    }
    return sorted(found, key=lambda one: (one.__module__, one.__name__))


def an_error(kind: type[Exception]) -> Exception:
    """Return one of a class, whatever its constructor asks for."""
    error = kind.__new__(kind)
    if not hasattr(error, "errno"):
        error.errno = -1  # type: ignore[attr-defined] # a base class without a code of its own
    return error
