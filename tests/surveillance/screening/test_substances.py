"""Salts, combinations and a user's own dictionary."""

from functools import cache
from pathlib import Path

import pytest

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.case import Product
from surveillance.domain.errors import Misconfigured
from surveillance.screening.keys import Naming
from surveillance.screening.substances import SubstanceNames, with_combination


@cache
def rules() -> SubstanceNames:
    return SubstanceNames(read_configuration(SHIPPED / "faers").substances)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("METFORMIN HYDROCHLORIDE", "METFORMIN"),
        ("Sitagliptin phosphate", "SITAGLIPTIN"),
        ("SITAGLIPTIN PHOSPHATE MONOHYDRATE", "SITAGLIPTIN"),
        ("VALPROATE SODIUM", "VALPROIC ACID"),
        ("SODIUM VALPROATE", "VALPROIC ACID"),
        ("SODIUM CHLORIDE", "SODIUM CHLORIDE"),
        ("FERROUS SULFATE", "FERROUS SULFATE"),
        ("LITHIUM CARBONATE", "LITHIUM"),
        ("ZINC", "ZINC"),
        ("MYCOPHENOLATE MOFETIL HYDROCHLORIDE", "MYCOPHENOLIC ACID"),
        ("TENOFOVIR DISOPROXIL FUMARATE", "TENOFOVIR DISOPROXIL"),
        ("ISOSORBIDE MONONITRATE", "ISOSORBIDE MONONITRATE"),
        ("DIMETHYL FUMARATE", "DIMETHYL FUMARATE"),
        ("ZOLEDRONIC ACID", "ZOLEDRONIC ACID"),
        ("acetaminophen", "PARACETAMOL"),
        ("ROFECOXIB", "ROFECOXIB"),
    ],
)
def test_salts_are_left_out_and_names_of_one_substance_are_one(name: str, base: str) -> None:
    assert rules().base(name) == base


def test_no_rule_leads_to_a_name_that_another_rule_would_change() -> None:
    shipped = read_configuration(SHIPPED / "faers").substances

    for name in shipped.same.values():
        assert rules().base(name) == name
    for name in shipped.whole:
        assert rules().base(name) == name


def test_a_combination_of_two_salts_of_one_substance_is_no_combination() -> None:
    product = Product(role="suspect", product="P", substances=("A SODIUM", "A POTASSIUM"))

    assert with_combination(rules().of(product)) == ["A"]


def configuration(tmp_path: Path, dictionary: bytes) -> Path:
    (tmp_path / "criteria.toml").write_text("criterion = []\n")
    (tmp_path / "substances.csv").write_bytes(dictionary)
    return tmp_path


def test_a_users_dictionary_wins_over_record_and_rules(tmp_path: Path) -> None:
    path = configuration(
        tmp_path,
        b"\xef\xbb\xbfReported,substance\r\nMopral(Omeprazole) Capsule,OMEPRAZOLE\r\n"
        b"Augmentin,Amoxicillin + Clavulanic acid\r\n\r\nESOMEPRAZOLE MAGNESIUM,OMEPRAZOLE\r\n",
    )
    naming = Naming(read_configuration(path))

    def keys(name: str, *substances: str) -> list[str]:
        product = Product(role="suspect", product=name, substances=substances)
        found = naming.product_keys(product)
        return [key.removeprefix("substance:") for key in found if key.startswith("substance:")]

    assert keys("MOPRAL(OMEPRAZOLE)  CAPSULE") == ["OMEPRAZOLE"]
    assert keys("AUGMENTIN", "SOMETHING") == [
        "AMOXICILLIN",
        "CLAVULANIC ACID",
        "AMOXICILLIN + CLAVULANIC ACID",
    ]
    assert keys("NEXIUM", "Esomeprazole magnesium") == ["OMEPRAZOLE"]
    assert keys("NEXIUM", "Esomeprazole sodium") == ["ESOMEPRAZOLE"]
    assert keys("UNHEARD OF") == []


@pytest.mark.parametrize(
    ("dictionary", "reason"),
    [
        (b"", "has no header"),
        (b"A,B\n", "has no header"),
        (b"reported,substance\nA\n", "csv:2: has 1 fields in place of 2"),
        (b"reported,substance\nA, \n", "csv:2: is not two names"),
        (b"reported,substance\nA,B\na ,C\n", "csv:3: gives 'a' another substance"),
        (b"reported,substance\n\xff,B\n", "is not CSV in UTF-8"),
    ],
)
def test_a_dictionary_that_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, dictionary: bytes, reason: str
) -> None:
    with pytest.raises(Misconfigured, match=reason):
        read_configuration(configuration(tmp_path, dictionary))


def test_a_dictionary_is_part_of_the_hash(tmp_path: Path) -> None:
    one = read_configuration(configuration(tmp_path, b"reported,substance\nA,B\n"))
    other = read_configuration(configuration(tmp_path, b"reported,substance\nA,C\n"))

    assert one.digest != other.digest


def test_a_misspelled_dictionary_is_not_passed_over(tmp_path: Path) -> None:
    configuration(tmp_path, b"reported,substance\n")
    (tmp_path / "substances.csv").rename(tmp_path / "substance.csv")

    with pytest.raises(Misconfigured, match="is not a file that longwatch reads"):
        read_configuration(tmp_path)
