"""Reports held against exposure, and recorded changes, in every command that shows results."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from calling import longwatch
from strategies import a_case, encode
from treated import START, dose

from surveillance.domain.case import Event, Product, Seriousness

PROGRAMMES = """
[natural_history.none]
population = "no endpoint has one"
endpoint = {}

[design.fits]
test = "reported_excess"
version = 2
event = "pt:Seizure"
background_per_patient_year = 0.02
reporting_delay_days = 14.0
horizon = 5.0
source = "made for a test"

[design.lots]
test = "reported_sentinel"
event = "pt:Seizure"
background_per_patient_year = 0.02
level = "lot"
source = "made for a test"

[[change]]
what = "design.fits"
version = 2
on = 2024-01-01
reason = "another background rate"
by = "a committee"

[[programme]]
name = "P1"
platform = "F"
products = ["P"]
natural_history = "none"
designs = ["fits", "lots"]
construct = [{ name = "K1" }]
"""
CRITERIA = 'criterion = [{ name = "ic", rule = "ic_lower" }]\n'
PUBLICITY = "on,by,product,event,what\n2024-02-10,regulator,F,,a letter to physicians\n"
CHANGED = "changed after data had been seen: design.fits v2 since 2024-01-01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a configuration, and a run of four reports about forty patients."""
    made = tmp_path_factory.mktemp("reports")
    configuration, data = made / "configuration", made / "data"
    configuration.mkdir()
    data.mkdir()
    for name, content in (
        ("programmes.toml", PROGRAMMES), ("criteria.toml", CRITERIA), ("publicity.csv", PUBLICITY),
        ("topics.toml", "cases = 1\noutcomes = 1\n"),
    ):  # fmt: skip
        (configuration / name).write_text(content)
    doses = [dose(0, record_id=f"{n}", patient_id=f"{n}", lot="A") for n in range(40)]
    (data / "outcomes.ndjson").write_bytes(b"\n".join(map(encode, doses)) + b"\n")
    cases = [
        a_case(
            f"C{n}", version=1, received_on=START + timedelta(days=35 + 10 * n),
            products=(Product(role="suspect", product="P", platform="F", programme="P1", lot="A"),),
            events=(Event(pt="Seizure", seriousness=Seriousness(hospitalisation=True)),),
        )
        for n in range(4)
    ]  # fmt: skip
    (data / "cases.ndjson").write_bytes(b"\n".join(map(encode, cases)) + b"\n")
    answer = longwatch("replay", "folder", data, "--out", made / "run", "--config", configuration)
    assert answer.code == 0, answer.err
    return made


def test_the_commands_show_what_reports_were_held_against_and_what_was_changed(
    folder: Path,
) -> None:
    run = ("--from-run", folder / "run")
    (signal,) = (
        one
        for one in longwatch("signals", *run, "--json").json()
        if any(each["criterion"] == "fits_programme" for each in one["support"])
    )

    shown = {
        name: longwatch(name, *arguments, *run)
        for name, arguments in {
            "findings": (), "looks": (), "signals": (),
            "matter": (signal["matter_id"],), "history": (signal["signal_id"],),
        }.items()
    }  # fmt: skip

    assert {name: answer.code for name, answer in shown.items()} == dict.fromkeys(shown, 0)
    for name, answer in shown.items():
        assert CHANGED in " ".join(answer.out.split()), name
    for name in ("findings", "looks"):
        words = " ".join(shown[name].out.split())
        assert "spontaneous reports against 40 doses" in words
        assert "assumed: 100% of events are reported, after 14 days on average" in words
    words = " ".join(shown["looks"].out.split())
    assert "against before (2024-02-10, regulator: a letter to physicians): p 0." in words


def test_machines_read_the_same(folder: Path) -> None:
    looks = longwatch("looks", "--from-run", folder / "run", "--latest", "--json").json()
    by_criterion = {one["criterion"]: one for one in looks}

    assert by_criterion.keys() == {"fits_programme", "lots_lot"}
    fits = by_criterion["fits_programme"]
    assert (fits["counts"], fits["n_events"], fits["n_doses"]) == ("reports", 4, 40)
    assert 0 < fits["expected"] < 0.02 * 40 * fits["person_days"] / 40 / 365.25
    assert by_criterion["lots_lot"]["product"] == "lot:P/A"
    assert by_criterion["lots_lot"]["background_probability"] > 0


def test_check_config_gives_what_the_tests_of_reports_do(folder: Path) -> None:
    answer = longwatch("check-config", folder / "configuration", "--json").json()
    by_design = {one["design"]: one for one in answer["operating_characteristics"]}

    fits = by_design["fits"]
    assert (fits["test"], fits["method"], fits["alpha"]) == ("reported_excess", "exact", 0.01)
    assert "assumed: 100% of events are reported, after 14 days on average" in fits["notes"]
    assert fits["chances"][0]["chance"] <= 0.01
    assert fits["chances"][-1]["chance"] > fits["chances"][1]["chance"]
    assert by_design["lots"]["notes"][0] == "no test: the first event is shown"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("programmes.toml", PROGRAMMES.replace('"pt:Seizure"', '"Seizure"'), "'^(pt|group):"),
        ("programmes.toml", PROGRAMMES.replace('"lot"', '"dose"'), "'dose' is not allowed"),
        ("programmes.toml", PROGRAMMES.replace("pt:", "group:"), "which events.toml lacks"),
        ("programmes.toml", PROGRAMMES.replace("horizon = 5.0", ""), "horizon"),
        ("publicity.csv", "on,product\n", "has no header"),
        ("publicity.csv", PUBLICITY.replace("2024-02-10", "10 Feb"), "on"),
        ("publicity.csv", PUBLICITY.replace("regulator", "hearsay"), "hearsay"),
        ("publicity.csv", PUBLICITY.replace(",F,", ",,"), "product"),
    ],
)
def test_what_is_wrong_in_the_files_is_named(
    folder: Path, tmp_path: Path, name: str, text: str, reason: str
) -> None:
    for path in (folder / "configuration").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(text)

    answer = longwatch("check-config", tmp_path)

    assert answer.code == 2, answer.out
    assert name in answer.err
    assert reason in answer.err
    assert "Traceback" not in answer.err


def test_exposure_is_no_contribution_to_those_who_read_them(folder: Path) -> None:
    found = longwatch(
        "series", "--from-run", folder / "run", "--product", "P", "--event", "Seizure", "--json"
    )

    assert found.code == 0, found.err
    assert msgspec.json.decode(found.out)
