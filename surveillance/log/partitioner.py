"""Kafka's default partitioner: murmur2 of the key, as the Java client has it."""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """Hash as ``org.apache.kafka.common.utils.Utils.murmur2`` does.

    Parameters
    ----------
    data : bytes
        The key.

    Returns
    -------
    int
        Unsigned, 32 bits.

    Examples
    --------
    >>> murmur2(b"21")  # -973932308 as a signed number, in Kafka's own tests
    3321034988
    """
    size = len(data)
    n_words = size >> 2
    h = 0x9747B28C ^ size
    for k in struct.unpack_from(f"<{n_words}I", data):
        k = (k * _M) & _MASK  # noqa: PLW2901 - a register of the algorithm
        k ^= k >> 24  # noqa: PLW2901 - as above
        h = (h * _M & _MASK) ^ (k * _M & _MASK)
    tail = data[n_words << 2 :]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


def partition_of(key: str, n_partitions: int) -> int:
    """Return the partition that Kafka's default partitioner gives a key.

    Examples
    --------
    >>> partition_of("VAERS-117862", 1)
    0
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % n_partitions
