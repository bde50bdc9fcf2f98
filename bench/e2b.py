"""How fast E2B(R3) messages are read: FDA's six instances, again and again in one batch.

    python -m bench.e2b [--times N]

Cutting the batch into messages, parsing XML, building the record and encoding it are measured
each by itself too, in microseconds of CPU a message; the reader as a whole is what counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import cast

import msgspec

from bench import machine
from bench.public import public
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.intake.e2b_r3 import E2B_R3, KIND, case_of
from surveillance.intake.format import Read
from surveillance.intake.xml_parts import Head, Message, parse, split

NAMES = ("1", "2", "3", "5-1", "5-2", "8")
INSTANCES = tuple(f"e2b_r3/FAERS2022Scenario{name}.xml" for name in NAMES)
_BEGIN, _END = b"<PORR_IN049016UV", b"</PORR_IN049016UV>"
_N_ROUNDS = 5  # of which the median counts: the machine has other things to do


def batch(times: int) -> bytes:
    """Return the messages of all instances in one batch, so many times."""
    wholes = [public(name).read_bytes() for name in INSTANCES]
    spans = [(each.index(_BEGIN), each.rindex(_END) + len(_END)) for each in wholes]
    messages = [each[start:end] for each, (start, end) in zip(wholes, spans, strict=True)]
    return wholes[0][: spans[0][0]] + b"".join(messages * times) + wholes[0][spans[0][1] :]


def whole(path: Path) -> int:
    """Read a file; return how many messages it has."""
    items = list(E2B_R3.read(path))
    if not all(isinstance(item, Read) for item in items):
        raise SystemExit("a message was refused")
    return len(items)


def stages(path: Path) -> dict[str, float]:
    """Return the CPU time of each step by itself, in seconds."""
    encode = msgspec.json.Encoder().encode
    clock = _Clock()
    with path.open("rb") as stream:
        head, *others = split(stream, KIND)
    messages = [part for part in others if isinstance(part, Message)]
    clock.stop("cut")
    for message in messages:
        tree = parse(cast("Head", head), message)
        clock.stop("parse")
        case = case_of(tree[0], message.content, "-")
        clock.stop("build")
        encode(case)
        clock.stop("encode")
    return clock.spent


class _Clock:
    """CPU time by what it went into."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(("cut", "parse", "build", "encode"), 0.0)
        self._last = time.process_time()

    def stop(self, step: str) -> None:
        """Add the time since the last stop to a step."""
        now = time.process_time()
        self.spent[step] += now - self._last
        self._last = now


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="of six messages")
    times = parser.parse_args().times
    collect_seldom()  # as the commands do
    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as home:
        path = Path(home) / "batch.xml"
        path.write_bytes(batch(times))
        n_messages, seconds = 0, []
        for _ in range(_N_ROUNDS):
            start = time.process_time()
            n_messages = whole(path)
            seconds.append(time.process_time() - start)
        steps = stages(path)
    print(f"load before {machine.describe()['load_before']}")
    print(f"{n_messages} messages, {n_messages / median(seconds):,.0f} a CPU second")
    for step, spent in steps.items():
        print(f"{step:8}{spent / n_messages * 1e6:6,.0f} us a message")
    return 0


if __name__ == "__main__":
    sys.exit(main())
