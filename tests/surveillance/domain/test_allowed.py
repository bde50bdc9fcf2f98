"""A message about a value that is not allowed states what is."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from surveillance.domain.allowed import with_allowed

Bounds = Meta(min_length=1, max_length=2)


class Bounded(Struct):
    text: Annotated[str, Bounds] = "x"
    items: Annotated[tuple[int, ...], Bounds] = (1,)
    names: Annotated[dict[str, int], Bounds] | None = None


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"text":""}', "is too short at '$.text': give at least 1 character"),
        ('{"text":"xxx"}', "is too long at '$.text': give at most 2 characters"),
        ('{"items":[]}', "is too short at '$.items': give at least 1 item"),
        ('{"items":[1,2,3]}', "is too long at '$.items': give at most 2 items"),
        ('{"names":{}}', "is too short at '$.names': give at least 1 field"),
        ('{"names":{"a":1,"b":2,"c":3}}', "is too long at '$.names': give at most 2 fields"),
    ],
)
def test_what_is_too_short_or_too_long_is_told_with_its_bound(record: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(record, type=Bounded)

    assert with_allowed(str(error.value), Bounded) == message
