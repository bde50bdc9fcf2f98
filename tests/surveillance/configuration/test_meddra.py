"""A user's release of terms is read whole or refused with file and line."""

from pathlib import Path

import invented_terms as invented
import pytest

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.hierarchy import Hierarchy
from surveillance.configuration.reader import read_configuration
from surveillance.domain.errors import Misconfigured


def hierarchy(folder: Path, contents: invented.Files, terms: str = "") -> Hierarchy:
    """Read a release by way of a configuration."""
    made = invented.configuration(folder / "c", contents, f'path = "release"\n{terms}')
    found = read_configuration(made).hierarchy
    assert found is not None
    return found


def above(found: Hierarchy, term: str) -> set[str]:
    """Return what is above a term, as `level:name`."""
    coded = found.find(term)
    assert coded is not None
    return {":".join(found.above[place]) for place in coded.above}


@pytest.mark.parametrize("term", ["Flame too high", " FLAME  too high", "51", "Wick flaring", "61"])
def test_a_term_is_found_by_name_or_code_and_leads_to_its_preferred_term(
    tmp_path: Path, term: str
) -> None:
    found = hierarchy(tmp_path, invented.files())

    coded = found.find(term)

    assert coded is not None
    assert coded.pt == "Wick flaring"
    assert above(found, term) == {
        "hlt:Wick fires",
        "hlgt:Wick conditions",
        "soc:Disorders of the lamp",
        "smq_narrow:Lamp dangers (SMQ)",
        "smq_broad:Lamp dangers (SMQ)",
        "smq_narrow:Lamp fire (SMQ)",
        "smq_broad:Lamp fire (SMQ)",
    }


def test_a_term_that_is_no_longer_current_still_leads_to_its_preferred_term(
    tmp_path: Path,
) -> None:
    coded = hierarchy(tmp_path, invented.files()).find("wet wick")

    assert coded is not None
    assert coded.pt == "Damp wick"


def test_a_broad_search_holds_what_a_narrow_one_does_not(tmp_path: Path) -> None:
    smoking = above(hierarchy(tmp_path, invented.files()), "Wick smoking")

    assert {name for name in smoking if name.startswith("smq")} == {
        "smq_broad:Lamp dangers (SMQ)",
        "smq_broad:Lamp fire (SMQ)",
    }


def test_an_smq_of_a_lowest_level_term_holds_that_term_alone(tmp_path: Path) -> None:
    found = hierarchy(tmp_path, invented.files())

    assert "smq_narrow:Soot alone (SMQ)" in above(found, "Soot from wick")
    assert "smq_narrow:Soot alone (SMQ)" not in above(found, "Wick smoking")


@pytest.mark.parametrize(
    ("axis", "hlts"),
    [
        ("primary", {"hlt:Spring failures"}),
        ("all", {"hlt:Spring failures", "hlt:Wick dampness"}),
    ],
)
def test_a_term_of_two_systems_counts_in_its_primary_one_or_in_both(
    tmp_path: Path, axis: str, hlts: set[str]
) -> None:
    found = hierarchy(tmp_path, invented.files(), f'axis = "{axis}"\nlevels = ["hlt"]\n')

    assert above(found, "Lamp clock failure") == hlts


def test_levels_that_are_not_asked_for_need_no_files(tmp_path: Path) -> None:
    contents = {name: text for name, text in invented.files().items() if "smq" not in name}

    found = hierarchy(tmp_path, contents, 'levels = ["soc"]\n')

    assert {level for level, _ in found.above} == {"soc"}


def test_the_release_counts_in_the_hash_of_the_configuration(tmp_path: Path) -> None:
    one = read_configuration(invented.configuration(tmp_path / "a", invented.files()))
    same = read_configuration(invented.configuration(tmp_path / "b", invented.files()))
    other = read_configuration(invented.configuration(tmp_path / "c", invented.later_files()))

    assert one.digest == same.digest != other.digest
    assert one.coding.startswith("MedDRA 1.0 (")
    assert other.coding.startswith("MedDRA 1.1 (")


def test_one_log_is_not_counted_under_two_releases(tmp_path: Path) -> None:
    one = read_configuration(invented.configuration(tmp_path / "a", invented.files()))
    other = read_configuration(invented.configuration(tmp_path / "b", invented.later_files()))
    known = Configurations(other, one)

    assert known(other.digest) is other
    with pytest.raises(Misconfigured, match=r"two releases of terms, MedDRA 1\.0 .* MedDRA 1\.1"):
        known(one.digest)


def without(name: str, line: int) -> invented.Files:
    """Return the files with one row left out."""
    contents = invented.files()
    rows = contents[name].splitlines(keepends=True)
    return contents | {name: "".join(rows[: line - 1] + rows[line:])}


BROKEN: dict[str, tuple[invented.Files, str, str]] = {
    "a file is missing": (
        {name: text for name, text in invented.files().items() if name != "hlt_pt.asc"},
        "",
        r"release: has no hlt_pt\.asc; copy the folder",
    ),
    "the SMQs are missing": (
        {name: text for name, text in invented.files().items() if "smq" not in name},
        "",
        r"has no smq_list\.asc, smq_content\.asc; leave the SMQs out of 'levels'",
    ),
    "a file is empty": (invented.files() | {"soc.asc": ""}, "", r"soc\.asc:1: is empty"),
    "a row is cut off": (
        invented.files() | {"llt.asc": invented.files()["llt.asc"] + "57$Cut\r\n"},
        "",
        r"llt\.asc:10: has 2 fields in place of 11",
    ),
    "a file has too few columns": (
        invented.files() | {"mdhier.asc": "61$71$\r\n"},
        "",
        r"mdhier\.asc:1: has 2 fields in place of 12",
    ),
    "a preferred term is an orphan of the hierarchy": (
        without("mdhier.asc", 3),
        "",
        r"pt\.asc:3: preferred term 63 \(Damp wick\) is an orphan: mdhier\.asc has no row of it",
    ),
    "a preferred term is in no group": (
        without("hlt_pt.asc", 1),
        "",
        r"pt\.asc:1: preferred term 61 \(Wick flaring\) is an orphan: hlt_pt\.asc has no row",
    ),
    "a preferred term is not defined": (
        without("pt.asc", 1),
        "",
        r"hlt_pt\.asc:1: names 61, which pt\.asc has not",
    ),
    "a lowest level term leads nowhere": (
        invented.files() | {"llt.asc": invented.files()["llt.asc"].replace("$61$", "$69$")},
        "",
        r"llt\.asc:1: term 61 \(Wick flaring\) is of 69, which pt\.asc has not",
    ),
    "an SMQ lists a term that is not there": (
        invented.files()
        | {"smq_content.asc": invented.files()["smq_content.asc"].replace("42$61", "42$60")},
        "",
        r"smq_content\.asc:3: lists 60 at level 4 and scope 2, which is no term here",
    ),
    "an SMQ is not listed": (
        without("smq_list.asc", 2),
        "",
        r"smq_content\.asc:1: names 42, which smq_list\.asc has not",
    ),
    "the version is another": (
        invented.files(),
        'version = "1.1"\n',
        r"meddra_release\.asc: states version 1\.0, and terms\.toml asks for 1\.1; name the folder",
    ),
    "no version is known": (
        {name: text for name, text in invented.files().items() if "release" not in name},
        "",
        r"is missing or empty, and terms\.toml names no version; add 'version'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_release_is_refused_with_file_and_line(tmp_path: Path, name: str) -> None:
    contents, terms, message = BROKEN[name]

    with pytest.raises(Misconfigured, match=message):
        hierarchy(tmp_path, contents, terms)


@pytest.mark.parametrize(
    ("path", "message"),
    [("elsewhere", "is not a directory"), ("../release", "leaves the directory")],
)
def test_a_folder_that_cannot_be_found_from_a_copy_is_refused(
    tmp_path: Path, path: str, message: str
) -> None:
    made = invented.configuration(tmp_path / "c", invented.files(), f'path = "{path}"\n')

    with pytest.raises(Misconfigured, match=message):
        read_configuration(made)


def test_a_release_of_another_place_is_named_by_an_absolute_path(tmp_path: Path) -> None:
    elsewhere = invented.written(tmp_path / "licensed", invented.files())
    terms = f'path = "{elsewhere}"\nversion = "1.0"\n'
    made = invented.configuration(tmp_path / "c", invented.files(), terms)

    assert read_configuration(made).coding.startswith("MedDRA 1.0")
