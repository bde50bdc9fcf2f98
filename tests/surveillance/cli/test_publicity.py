"""What was made public lowers the priority of the pair, and every command states that it did."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from calling import longwatch
from strategies import a_case, encode

from surveillance.domain.case import Event, Product

if TYPE_CHECKING:
    from pathlib import Path

SENTENCE = "2024-01-20, media: a film about it"
PUBLICITY = "on,by,product,event,what\n2024-01-20,media,p,rash,a film about it\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Replay the same cases with and without a file of publicity."""
    folder = tmp_path_factory.mktemp("publicity")
    pairs = [("P", "Rash")] * 4 + [("Q", "Fever")] * 4 + [("R", "Death")] * 30
    cases = [
        a_case(
            f"C{n}", received_on=date(2024, 1, 1) + timedelta(days=n),
            products=(Product(role="suspect", product=product),), events=(Event(pt=event),),
        )
        for n, (product, event) in enumerate(pairs)
    ]  # fmt: skip
    (folder / "cases.ndjson").write_bytes(b"\n".join(map(encode, cases)) + b"\n")
    made = {}
    for name, files in {"without": {}, "with": {"publicity.csv": PUBLICITY}}.items():
        configuration, made[name] = folder / name, folder / f"run-{name}"
        configuration.mkdir()
        for file, content in {
            "criteria.toml": 'criterion = [{ name = "ic", rule = "ic_lower" }]\n',
            "triage.toml": "list_min_cases = 1\n",
            "topics.toml": "cases = 1\noutcomes = 1\n", **files,
        }.items():  # fmt: skip
            (configuration / file).write_text(content, encoding="utf-8")
        answer = longwatch(
            "replay", "cases", folder / "cases.ndjson", "--out", made[name],
            "--config", configuration,
        )  # fmt: skip
        assert answer.code == 0, answer.err
    return made


def test_the_priority_is_lower_and_the_lists_state_why(runs: dict[str, Path]) -> None:
    found = {}
    for name, run in runs.items():
        (row,) = longwatch("ranking", "--from-run", run, "--product", "P", "--json").json()
        found[name] = row
        (part,) = (one for one in row["parts"] if one["name"] == "stimulated")
        assert part["value"] == (1.0 if name == "with" else None)  # all came in half a year
        assert row["publicity"] == (SENTENCE if name == "with" else None)
    assert found["with"]["priority"] < found["without"]["priority"]

    matter = found["with"]["matter_id"]
    for command in (("ranking",), ("ranking", "--signals"), ("matter", matter)):
        table = longwatch(*command, "--from-run", runs["with"]).out
        assert (
            f"lower for what was made public: {'' if 'matter' in command else 'product:P'}" in table
        )
        assert SENTENCE in table
        assert "made public" not in longwatch(*command, "--from-run", runs["without"]).out


def test_what_is_about_nothing_that_was_made_public_stays_as_it_was(
    runs: dict[str, Path],
) -> None:
    rows = {
        name: {one["signal_id"]: one for one in
               longwatch("signals", "--from-run", run, "--json").json()}
        for name, run in runs.items()
    }  # fmt: skip

    assert rows["with"].keys() == rows["without"].keys()
    others = [name for name, one in rows["with"].items() if one["product"] != "product:P"]
    assert others
    for name in others:
        assert rows["with"][name]["priority"] == rows["without"][name]["priority"]
