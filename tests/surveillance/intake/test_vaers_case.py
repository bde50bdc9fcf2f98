"""What the fields of a report mean, and which of them are left out."""

import hashlib
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.domain.case import CaseVersion, Dose, Seriousness
from surveillance.domain.errors import Refused
from surveillance.domain.names import clean
from surveillance.intake.vaers_case import (
    Origin,
    Terms,
    Vaccine,
    VaersData,
    build_case,
)
from surveillance.log.decode import decode_case

ORIGIN = Origin("1999VAERSData.zip/1999VAERSDATA.csv:2", "0" * 64, is_domestic=True)
REPORT = VaersData(
    recvdate="03/28/1999",
    state="OH",
    age_yrs="0.2",
    sex="F",
    symptom_text="cried",
    died="",
    l_threat="",
    hospital="",
    x_stay="",
    disable="",
    recovd="",
    vax_date="03/01/1999",
    onset_date="03/05/1999",
    numdays="4",
)
VACCINE = Vaccine("RV", "A12", "PO", "ROTAVIRUS (ROTASHIELD)", "0")
NONE = ("", "") * 4
TERMS = Terms("Vomiting", "8.10", *NONE)


def built(
    report: VaersData = REPORT, vaccine: Vaccine = VACCINE, terms: Terms = TERMS
) -> CaseVersion:
    return build_case(7, report, [vaccine], [terms], ORIGIN)


def notes(case: CaseVersion) -> tuple[str, ...]:
    assert case.provenance is not None
    return case.provenance.notes


def test_a_sound_report_needs_no_note() -> None:
    case = built()

    assert notes(case) == ()
    assert (case.source, case.version, case.kind) == ("vaers", 1, "initial")
    assert (case.reporter, case.country) == ("unknown", "US")
    assert (case.patient.sex, case.patient.age_years) == ("female", 0.2)
    assert case.events[0].onset_on == date(1999, 3, 5)
    assert case.events[0].meddra_version == "8.10"
    (product,) = case.products
    assert (product.role, product.programme, product.lot) == ("suspect", "RV", "A12")
    assert product.doses == (Dose(start_on=date(1999, 3, 1), dose_number=1, route="PO"),)
    assert case.assessments[0].onset_days == 4
    assert case.narrative_sha256 == hashlib.sha256(b"cried").hexdigest()


@pytest.mark.parametrize(
    ("changed", "kept", "note"),
    [
        ({"onset_date": "02/30/1999"}, "onset", "ONSET_DATE: no such day (02/30/1999)"),
        ({"onset_date": "03/29/1999"}, "onset", "ONSET_DATE: after receipt (03/29/1999)"),
        ({"onset_date": "03/05/0099"}, "onset", "ONSET_DATE: no such day (03/05/0099)"),
        ({"vax_date": "04/01/1999"}, "start", "VAX_DATE: after receipt (04/01/1999)"),
        ({"age_yrs": "131"}, "age", "AGE_YRS: over 130 years (131)"),
        ({"age_yrs": "-1"}, "age", "AGE_YRS: not a number of years (-1)"),
        ({"age_yrs": "inf"}, "age", "AGE_YRS: not a number of years (inf)"),
        ({"age_yrs": "1_0"}, "age", "AGE_YRS: not a number of years (1_0)"),
        ({"numdays": "four"}, "days", "NUMDAYS: not a whole number (four)"),
        ({"numdays": "-4"}, "days", "NUMDAYS: negative (-4)"),
        ({"numdays": "5"}, "days", "NUMDAYS: not what the dates say (5)"),
        ({"numdays": "99999"}, "days", "NUMDAYS: over 130 years (99999)"),
        ({"sex": "X"}, "sex", "SEX: not F, M or U (X)"),
        ({"died": "?"}, "death", "DIED: not Y, N or empty (?)"),
        ({"recovd": "?"}, "outcome", "RECOVD: not Y, N or U (?)"),
    ],
)
def test_a_field_that_cannot_be_used_is_left_out_with_a_note(
    changed: dict[str, str], kept: str, note: str
) -> None:
    case = built(REPORT._replace(**changed))

    values = {
        "onset": case.events[0].onset_on,
        "start": case.products[0].first_dose_on,
        "age": case.patient.age_years,
        "days": case.assessments or None,
        "sex": case.patient.sex,
        "death": case.events[0].seriousness.death,
        "outcome": case.events[0].outcome,
    }
    assert note in notes(case)
    assert values[kept] is None


@pytest.mark.parametrize("changed", [{"onset_date": "03/05/2099"}, {"vax_date": "02/30/1999"}])
def test_an_interval_that_rests_on_a_date_left_out_is_left_out_too(changed: dict[str, str]) -> None:
    case = built(REPORT._replace(**changed))

    assert case.assessments == ()
    assert "NUMDAYS: rests on a date left out (4)" in notes(case)


def test_an_interval_without_dates_is_kept() -> None:
    case = built(REPORT._replace(onset_date="", vax_date=""))

    assert case.assessments[0].onset_days == 4
    assert notes(case) == ()


@pytest.mark.parametrize(
    ("vaccine", "dose_number", "n_notes"),
    [
        (VACCINE._replace(vax_dose="2"), 3, 0),
        (VACCINE._replace(vax_dose=""), None, 0),
        (VACCINE._replace(vax_dose="x"), None, 1),
        (VACCINE._replace(vax_dose="-2"), None, 1),
        (VACCINE._replace(vax_dose="10000"), None, 1),
        (VACCINE._replace(vax_dose="", vax_dose_series="2"), 2, 0),
        (VACCINE._replace(vax_dose="", vax_dose_series="UNK"), None, 0),
        (VACCINE._replace(vax_dose="", vax_dose_series="7+"), None, 1),
    ],
)
def test_old_files_count_the_doses_before_and_new_ones_the_dose_itself(
    vaccine: Vaccine, dose_number: int | None, n_notes: int
) -> None:
    case = built(vaccine=vaccine)

    assert case.products[0].doses[0].dose_number == dose_number
    assert len(notes(case)) == n_notes


def test_an_empty_lot_is_noted_and_not_a_lot() -> None:
    case = built(vaccine=VACCINE._replace(vax_lot="  "))

    assert case.products[0].lot is None
    assert notes(case) == ("VAX_LOT: empty (1 of 1 vaccines)",)


def test_seriousness_is_inherited_and_empty_is_not_no() -> None:
    nothing = built().events[0].seriousness
    prolonged = built(REPORT._replace(x_stay="Y", disable="Y", l_threat="Y")).events[0].seriousness

    assert nothing == Seriousness(is_inherited=True)
    assert prolonged == Seriousness(
        life_threatening=True, hospitalisation=True, disabling=True, is_inherited=True
    )


@pytest.mark.parametrize(
    ("died", "recovd", "outcome"),
    [
        ("Y", "Y", "fatal"),
        ("", "Y", "recovered"),
        ("", "N", "not_recovered"),
        ("", "U", "unknown"),
        ("", "", None),
    ],
)
def test_death_is_the_outcome_whatever_else_is_said(
    died: str, recovd: str, outcome: str | None
) -> None:
    assert built(REPORT._replace(died=died, recovd=recovd)).events[0].outcome == outcome


def test_fr_is_abroad_and_not_france() -> None:
    assert built(REPORT._replace(state="FR")).country is None
    assert built(REPORT._replace(state="")).country == "US"


def test_a_term_counts_once_however_often_and_however_spaced_it_is_given() -> None:
    rows = [Terms("Face  oedema ", "8.10", "Vomiting", "8.10", *("", "") * 3), TERMS]

    case = build_case(7, REPORT, [VACCINE], [*rows, Terms("Face\xa0oedema", "9.0", *NONE)], ORIGIN)

    assert [(event.pt, event.meddra_version) for event in case.events] == [
        ("Face oedema", "8.10"),
        ("Vomiting", "8.10"),
    ]
    assert len(case.assessments) == 2


def test_names_are_in_nfc_without_control_characters() -> None:
    case = built(terms=Terms("Malade\u0301\x00 x\x1f", "", *NONE))

    assert case.events[0].pt == "Malad\u00e9 x"


def test_a_report_without_a_term_stands_with_a_note_and_one_without_either_does_not() -> None:
    without_term = built(terms=Terms("", "", *NONE))

    assert without_term.events == ()
    assert len(notes(without_term)) == 1
    with pytest.raises(Refused) as caught:
        built(vaccine=Vaccine("", "", "", ""), terms=Terms("", "", *NONE))
    assert caught.value.code == "no_event"


def test_a_name_is_taken_from_the_type_where_it_is_missing() -> None:
    case = built(vaccine=VACCINE._replace(vax_name=" "))

    assert case.products[0].product == "RV"


def test_notes_end_at_the_limit_and_say_how_many_more_there_were() -> None:
    rows = [VACCINE._replace(vax_dose=f"x{number}") for number in range(60)]

    kept = notes(build_case(7, REPORT, rows, [TERMS], ORIGIN))

    assert len(kept) == 50
    assert kept[-2:] == ("VAX_DOSE: not a whole number (x48)", "and 11 more")


def test_more_pairs_than_a_case_can_hold_are_left_without_an_interval() -> None:
    terms = [Terms(*(text for n in range(5) for text in (f"{row}.{n}", ""))) for row in range(100)]

    within = build_case(7, REPORT, [VACCINE] * 4, terms, ORIGIN)
    beyond = build_case(7, REPORT, [VACCINE] * 5, terms, ORIGIN)

    assert len(within.assessments) == 2_000
    assert beyond.assessments == ()
    assert notes(beyond) == ("NUMDAYS: more than 2000 pairs (2500)",)


TEXT = st.one_of(
    st.sampled_from(["", "Y", "N", "U", "F", "FR", "0", "7", "-3", "1e3", "02/29/1999", "x" * 300]),
    st.text(st.characters(max_codepoint=255), max_size=12),
)


@given(
    st.builds(VaersData, *[TEXT] * 15).map(lambda report: report._replace(recvdate="03/28/1999")),
    st.lists(st.builds(Vaccine, *[TEXT] * 6), min_size=1, max_size=4),
    st.lists(st.builds(Terms, *[TEXT] * 10), min_size=1, max_size=3),
)
def test_whatever_stands_in_the_fields_the_line_is_one_that_every_stage_can_read(
    report: VaersData, vaccines: list[Vaccine], terms: list[Terms]
) -> None:
    names_nothing = not any(_names(vaccines, terms))

    try:
        line = msgspec.json.encode(build_case(7, report, vaccines, terms, ORIGIN))
    except Refused:
        assert names_nothing
    else:
        assert msgspec.json.encode(decode_case(line)) == line


def _names(vaccines: list[Vaccine], terms: list[Terms]) -> Iterator[bool]:
    texts = [text for row in vaccines for text in (row.vax_name, row.vax_type)]
    texts += [text for row in terms for text in row[:10:2]]
    return (0 < len(clean(text)) <= 250 for text in texts)
