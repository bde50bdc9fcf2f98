"""`longwatch law`: grounds with source and day, rules that ask about them, the ladder."""

import json
from pathlib import Path

from calling import longwatch

RULES = '[[review]]\nname = "deaths"\nmin_fatal = 1\nground = "{}"\n'
CRITERIA = '[[criterion]]\nname = "evans"\nrule = "evans"\n'


def a_directory(folder: Path, ground: str, **files: str) -> Path:
    given = {"criteria": CRITERIA, "triage": RULES.format(ground), **files}
    for name, text in given.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_grounds_that_ship_are_listed_with_the_rules_that_ask(tmp_path: Path) -> None:
    directory = a_directory(tmp_path, "eu_harmful")

    answer = longwatch("law", "--config", directory, "--as-of", "2012-07-20", "--json")

    listed = json.loads(answer.out)
    grounds = {one["code"]: one for one in listed["grounds"]}
    assert grounds["eu_harmful"]["rules"] == ["deaths"]
    assert not grounds["eu_harmful"]["applies"]
    assert grounds["danger_to_health"]["applies"]
    assert [one["code"] for one in listed["ladder"]][-1] == "revocation"
    assert "eu_harmful" in longwatch("law", "--config", directory).out


def test_a_rule_that_asks_about_no_known_ground_is_refused_with_those_known(tmp_path: Path) -> None:
    answer = longwatch("check-config", a_directory(tmp_path, "a_feeling"))

    assert answer.code == 2
    assert "the review rule 'deaths' asks about 'a_feeling', which is no ground" in answer.err
    assert "danger_to_health" in answer.err


def test_a_law_of_ones_own_takes_the_place_of_the_one_that_ships(tmp_path: Path) -> None:
    own = (
        '[[ground]]\ncode = "own"\njurisdiction = "CH"\ncitation = "Law, Art. 1"\n'
        'asks = "Is it harmful?"\napplies_from = 2002-01-01\n'
    )
    step = "".join(
        f'[[action]]\ncode = "{code}"\nname = "A step"\n'
        for code in ("label", "suspension", "revocation")
    )
    directory = a_directory(tmp_path, "own", law=own + step)

    listed = json.loads(longwatch("law", "--config", directory, "--json").out)

    assert [one["code"] for one in listed["grounds"]] == ["own"]
    assert [one["code"] for one in listed["ladder"]] == ["label", "suspension", "revocation"]
    bare = longwatch("check-config", a_directory(tmp_path, "own", law=own))
    assert "'label' is no step of the ladder; law.toml has no [[action]]: add it" in bare.err
    twice = a_directory(tmp_path, "own", law=own + own)
    assert "'own' is given more than once" in longwatch("check-config", twice).err
