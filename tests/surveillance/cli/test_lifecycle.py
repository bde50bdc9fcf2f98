"""`longwatch lifecycle`: the table that is in force, and what a table may not hold."""

import shutil
from pathlib import Path

from calling import longwatch

from surveillance.configuration.life_cycle import shipped
from surveillance.configuration.reader import SHIPPED, left_out, read_configuration

TABLE = SHIPPED.parent / "lifecycle.toml"


def a_directory(folder: Path, text: str) -> Path:
    shutil.copytree(SHIPPED / "ucd", folder)
    (folder / "lifecycle.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_table_that_ships_is_listed_with_its_roles_and_clocks() -> None:
    listed = longwatch("lifecycle", "--json").json()
    shown = longwatch("lifecycle").out

    assert [one["name"] for one in listed["status"]] == [one.name for one in shipped().status]
    for name in ("start_validation", "committee_chair", "eu_confirmation", "not_validated"):
        assert name in shown


def test_a_directory_may_have_a_table_of_its_own(tmp_path: Path) -> None:
    changed = TABLE.read_text("utf-8").replace("limit = 30", "limit = 20")
    directory = a_directory(tmp_path / "own", changed)

    listed = longwatch("lifecycle", "--config", directory, "--json").json()

    assert [one["limit"] for one in listed["clock"] if one["code"] == "eu_confirmation"] == [20]


def test_a_table_that_uses_a_name_it_does_not_define_is_refused_with_those_known(
    tmp_path: Path,
) -> None:
    text = TABLE.read_text("utf-8")
    for number, (old, new, message) in enumerate(
        (
            ('after = "validated"', 'after = "valid"', "'valid' is not in the table"),
            ('bands = ["P1"]', 'bands = ["P9"]', "'P9' is no band"),
            ('ladder_steps = ["label"]', 'ladder_steps = ["poster"]', "'poster' is no step"),
        )
    ):
        answer = longwatch(
            "check-config", a_directory(tmp_path / str(number), text.replace(old, new))
        )

        assert answer.code == 2
        assert message in answer.err


def test_a_rule_that_asks_for_a_status_that_is_none_is_refused(tmp_path: Path) -> None:
    directory = a_directory(tmp_path / "own", TABLE.read_text("utf-8"))
    rules = (directory / "triage.toml").read_text("utf-8")
    (directory / "triage.toml").write_text(
        rules + '\n[[review]]\nname = "r"\nstatuses = ["sure"]\nground = "danger_to_health"\n'
    )

    answer = longwatch("check-config", directory)

    assert answer.code == 2
    assert "'sure' is no status" in answer.err


def test_the_hash_of_a_configuration_covers_the_files_that_ship(tmp_path: Path) -> None:
    first = read_configuration(SHIPPED / "ucd").digest
    whole = tmp_path / "whole"
    shutil.copytree(SHIPPED / "ucd", whole)
    for path in left_out([]):
        if not (whole / path.name).exists():
            shutil.copyfile(path, whole / path.name)

    assert read_configuration(whole).digest == first
    for path in left_out([]):
        same = (whole / path.name).read_text("utf-8")
        (whole / path.name).write_text(same + "# changed\n", encoding="utf-8")
        assert read_configuration(whole).digest != first, path.name
        (whole / path.name).write_text(same, encoding="utf-8")
