from __future__ import annotations

import pytest

from surveillance.domain.address import Address, address_of, addresses_of
from surveillance.domain.errors import Misused


def test_hosts_ipv4_ipv6_and_lists_are_understood() -> None:
    assert address_of("kafka-1.example:9092", "broker") == Address("kafka-1.example", 9092)
    assert address_of(" 127.0.0.1:65535", "broker") == Address("127.0.0.1", 65_535)
    assert address_of("[fe80::1%eth0]:1", "broker") == Address("fe80::1%eth0", 1)
    listed = addresses_of("a:9092,b:9093, [2001:db8::1]:9094", "broker")
    assert [str(one) for one in listed] == ["a:9092", "b:9093", "[2001:db8::1]:9094"]


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", ":9092", "host:", "host:port", "host:0", "host:65536", "host:-1",
        "::1:9092", "[::1]", "[::1]9092", "[]:9092", "[host]:9092", "a:9092,", ",a:9092",
        "a:9092;b:9092", "a b:9092", "a\n:9092", "kafka://a:9092", "a:\uff19", "é:9092",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Misused, match=r"HOST:PORT; as 127\.0\.0\.1:9092, or \[::1\]:9092"):
        addresses_of(text, "broker")
