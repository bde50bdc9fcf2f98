"""What a replay emits today is, byte for byte, what it emitted when its topics were recorded."""

from pathlib import Path

from topic_hashes import TopicHashes, recorded

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.runs.replay import replay
from surveillance.simulate import SCENARIOS, simulate


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

    assert hashes.found() == recorded("ucd-small, seed 1")
