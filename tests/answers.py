"""What a command printed, and how tests call one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class Answer(NamedTuple):
    """What a command printed and how it ended."""

    output: str
    exit_code: int
    error: BaseException | None

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the JSON holds
        return msgspec.json.decode(self.output)


Look = Callable[..., Answer]
