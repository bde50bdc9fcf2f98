"""Whatever is killed, repeated or late, all stages together say what one process says."""

from collections import Counter
from random import Random

import pytest
from histories import Cluster, embedded, random_log
from strategies import a_configuration, an_excess, programmes

from surveillance.log.messages import End, decode_message
from surveillance.log.topics import ALERTS, FEED, REFUSED, REVIEWS

N_LOGS, N_HISTORIES = 40, 10  # of each of ten tests
SPEAKERS = ("revise", "watch", "admit", "screen", "triage")  # publish speaks outward only
CONFIGURATION = a_configuration(
    programmes=programmes("P1", "P2", hepatic=an_excess(horizon=0.5, alpha=0.2))
)


@pytest.mark.parametrize(
    "part", [0, 1, *(pytest.param(part, marks=pytest.mark.campaign) for part in range(2, 10))]
)
def test_a_cluster_with_faults_says_the_bytes_of_the_embedded_pipeline(part: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(part * N_LOGS, (part + 1) * N_LOGS):
        log = random_log(Random(seed), CONFIGURATION)
        should, ends = embedded(log, CONFIGURATION)
        seen.update(fact.topic for fact in should.facts.values())
        seen.update(source.split("/")[0] for source, _, index in should.messages if index >= 0)
        for history in range(N_HISTORIES):
            cluster = Cluster(log, CONFIGURATION, Random(f"{seed} {history}"))
            cluster.run()
            assert cluster.said.messages == should.messages, (seed, history)
            assert cluster.said.facts == should.facts, (seed, history)
            assert cluster.states() == ends, (seed, history)
            seen["killed"] += cluster.n_killed
            seen["repeated"] += cluster.n_repeated

    for needed in (*SPEAKERS, ALERTS, FEED, REVIEWS, REFUSED, "killed", "repeated"):
        assert seen[needed] > 0, f"the histories never came to {needed}"


@pytest.mark.parametrize("seed", range(20))
def test_dispositions_add_up_to_the_lines_that_were_received(seed: int) -> None:
    log = random_log(Random(seed), CONFIGURATION)

    said, _ = embedded(log, CONFIGURATION)

    ends = [m for m in map(decode_message, said.messages.values()) if isinstance(m, End)]
    n_read = sum(end.dispositions.n_read for end in ends if end.dispositions)
    assert n_read == sum(len(w.value.split(b"\n")) for w in log if w.place is not None)
