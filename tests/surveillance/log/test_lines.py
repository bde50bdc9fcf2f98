"""Every line of a message gets one disposition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import AT

from surveillance.domain.errors import Refused
from surveillance.log.lines import Disposition, Ledger, take_lines
from surveillance.log.messages import Record


def taken(value: bytes) -> tuple[list[bytes], int, int]:
    """Return the lines taken, how many were control, and how many were read."""
    lines: list[bytes] = []

    def take(line: bytes) -> Disposition:
        lines.append(line)
        return "applied"

    ledger = Ledger()
    take_lines(ledger, ("raw", 0), Record(0, value, AT), take)
    row, _ = ledger.close(("raw", 0))
    return lines, row.control, row.n_read


@pytest.mark.parametrize(
    ("value", "lines", "n_control"),
    [
        (b"a", [b"a"], 0),
        (b"a\n", [b"a"], 0),
        (b"a\nb", [b"a", b"b"], 0),
        (b"a\r\nb\r\n", [b"a", b"b"], 0),
        (b'{"a":\r1}', [b'{"a":\r1}'], 0),  # CR is space between the words of JSON
        (b"a\n\nb", [b"a", b"b"], 1),
        (b"", [], 1),
        (b"\n", [], 1),
        (b" \t\n\n", [], 2),
    ],
)
def test_a_message_is_cut_into_lines_at_line_feeds(
    value: bytes, lines: list[bytes], n_control: int
) -> None:
    assert taken(value) == (lines, n_control, len(lines) + n_control)


@given(st.lists(st.sampled_from([b"x", b"", b" ", b"y"]), min_size=1, max_size=9))
def test_dispositions_add_up_to_the_lines(lines: list[bytes]) -> None:
    value = b"\n".join(lines) + b"\n"

    assert taken(value)[2] == len(lines)


def test_a_ledger_begins_anew_after_its_close() -> None:
    def refuse(_: bytes) -> Disposition:
        raise Refused("c", "reason", "remedy")

    ledger = Ledger()
    take_lines(ledger, ("raw", 0), Record(5, b"a\nb", AT), refuse)

    first, facts = ledger.close(("raw", 0))
    second, none = ledger.close(("raw", 0))

    assert (first.refused, len(facts)) == (2, 2)
    assert [fact.key for fact in facts] == [b"raw/0@5:0", b"raw/0@5:1"]
    assert (second.n_read, none) == (0, [])
