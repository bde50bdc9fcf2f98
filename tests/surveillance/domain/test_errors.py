import pytest

from surveillance.domain.errors import (
    Defect,
    Gap,
    LongwatchError,
    Misconfigured,
    Misused,
    Refused,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Refused("code", "it is wrong", "mend it"), "it is wrong; mend it"),
        (Misused("--option", "it is wrong", "mend it"), "--option: it is wrong; mend it"),
        (Misconfigured("file", "it is wrong", "mend it"), "file: it is wrong; mend it"),
        (Gap("messages are missing"), "messages are missing"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_do(error: LongwatchError, text: str) -> None:
    assert str(error) == text
    assert isinstance(error, LongwatchError)


def test_whose_fault_it_is_decides_what_catches_it() -> None:
    assert issubclass(Gap, Defect)
    assert issubclass(Misconfigured, Misused)
    assert not issubclass(Refused, (Misused, Defect))
    assert not issubclass(Misused, Defect)
