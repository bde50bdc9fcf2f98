"""What a replay emits today is, byte for byte, what it emitted when its topics were recorded."""

import hashlib
import re
from pathlib import Path

from data import REFERENCE, reference_json
from topic_hashes import TopicHashes, recorded

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.log.topics import DERIVED, GENERATION, OUTWARD
from surveillance.runs.replay import replay
from surveillance.simulate import SCENARIOS, simulate

SMALL_DEMO, ELEVEN_YEARS = "ucd-small, seed 1", "VAERS 1990 to 2000"
TWO_YEARS = "VAERS 1990 to 1991"  # since generation 2
DIRECTORY = REFERENCE / "topics"


def generations() -> list[int]:
    """Return the generations whose topics were recorded."""
    names = (re.fullmatch(r"generation-(\d+)\.json", path.name) for path in DIRECTORY.iterdir())
    return sorted(int(name[1]) for name in names if name)


def test_the_topics_of_every_generation_are_recorded_each_under_its_own_name() -> None:
    assert generations() == list(range(1, GENERATION + 1))
    for generation in generations():
        kept = reference_json(f"topics/generation-{generation}.json")
        assert kept.pop("generation") == generation
        names = {SMALL_DEMO, ELEVEN_YEARS} | ({TWO_YEARS} if generation > 1 else set())
        assert kept.keys() == names, "each has a test that replays it"
        for hashes in kept.values():
            inward = {name for name in hashes if name not in OUTWARD}
            assert inward == {f"{name.partition('.')[0]}.v{generation}" for name in DERIVED}


def test_what_was_recorded_of_a_generation_that_is_closed_was_never_changed() -> None:
    """Bytes that move after a release are a new generation, not a new recording."""
    lines = (DIRECTORY / "closed.sha256").read_text(encoding="utf-8").splitlines()
    closed = {name: digest for digest, name in (line.split() for line in lines)}
    names = [f"generation-{generation}.json" for generation in generations()]

    assert names[:-1] == list(closed)[: GENERATION - 1], "close a generation before the next"
    for name, digest in closed.items():
        assert hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest() == digest


def test_the_small_demo_emits_the_topics_that_were_recorded(tmp_path: Path) -> None:
    simulate(SCENARIOS["ucd-small"], 1, tmp_path / "simulation")
    hashes = TopicHashes()

    replay(
        "folder",
        [tmp_path / "simulation"],
        out=tmp_path / "run",
        configurations=Configurations(read_configuration(SHIPPED / "ucd")),
        clock=lambda: 0.0,
        observe=hashes,
    )

    assert hashes.found().keys() == {*DERIVED, *OUTWARD}, "it must try out every topic"
    assert hashes.found() == recorded(SMALL_DEMO)
