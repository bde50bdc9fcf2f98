import pytest

from surveillance.log.partitioner import murmur2, partition_of

# org.apache.kafka.common.utils.UtilsTest.testMurmur2, as signed 32-bit numbers.
KAFKA_UTILS_TEST = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", KAFKA_UTILS_TEST)
def test_the_hash_is_that_of_kafka(key: bytes) -> None:
    assert murmur2(key) == KAFKA_UTILS_TEST[key] % 2**32


def test_a_key_has_one_partition_among_those_there_are() -> None:
    found = {partition_of(f"case {n}", 4) for n in range(100)}

    assert found == {0, 1, 2, 3}
    assert partition_of("foobar", 7) == (-790332482 & 0x7FFFFFFF) % 7
