"""The rows of one FAERS report → the line of one case version.

A field that cannot be used is left out and noted; it never costs the report. What FAERS
states for the whole report (seriousness, onset) is given to every event of it, seriousness
marked as inherited; dechallenge and rechallenge stay with the drug they are stated for.

The columns are described in the FDA's ASC_NTS. Choices it leaves open stand beside the code
and in docs/intake.md. A line is put together from the parts that `faers_columns` makes: its bytes
are those of the record encoded, and its limits are the model's.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from surveillance.intake import faers_columns as columns
from surveillance.intake.faers_columns import Notes, note, quoted, read_date, read_day
from surveillance.intake.faers_tables import Fields, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PARSER = "faers/1"
N_DRUGS_MAX = 200  # the model's limits
N_TERMS_MAX = 500
N_DOSES_MAX = 200
N_INDICATIONS_MAX = 100

_N_NOTES_MAX = 50
_N_CHARACTERS_PLACE = 300
_VERSION_MAX = 2_147_483_647
_WHOLE = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_KINDS = {"I": "initial", "F": "follow_up"}
_N_COLUMNS = len(columns.DEMO)  # of DEMO whose texts have parts of their own
_N_BEFORE_DOSES = 9  # columns of DRUG whose notes come before those of its doses
_NOTHING: tuple[str, tuple[str, ...]] = ("", ())


class Origin(NamedTuple):
    """Where a report was read."""

    place: str
    message_sha256: str
    is_legacy: bool


class Rows(NamedTuple):
    """The rows of one report, in the columns of `faers_tables.COLUMNS`."""

    demo: Fields
    drug: Sequence[Fields]
    reac: Sequence[Fields]
    outc: Sequence[Fields]
    rpsr: Sequence[Fields]
    ther: Sequence[Fields]
    indi: Sequence[Fields]


class Built(NamedTuple):
    """A case version."""

    case_id: str
    received_on: date
    line: bytes


def case_id(number: str) -> str:
    """Return the key of a case, the same in every layout.

    Examples
    --------
    >>> case_id("4061110")
    'FAERS-4061110'
    """
    return f"FAERS-{number}"


def build_case(rows: Rows, origin: Origin) -> Built:
    """Build a case version from the rows of a report.

    Parameters
    ----------
    rows : Rows
        Its rows, in the order of their tables.
    origin : Origin
        Where they were read.

    Returns
    -------
    Built
        With a note for every field left out.

    Raises
    ------
    Refused
        If the number of the case or the day of receipt is missing or impossible, or it names
        no drug or no event.
    """
    (
        report_id, number, stated_version, i_f, event_dt, init_fda_dt, fda_dt, rept_cod, age,
        age_cod, weight, weight_cod,
    ) = rows.demo[_N_COLUMNS:]  # fmt: skip
    version = report_id if origin.is_legacy else stated_version
    if not (_WHOLE.fullmatch(number) and _WHOLE.fullmatch(version)):
        raise refuse("bad_case", f"the case is {number[:40]!r}, version {version[:40]!r}")
    received_on = read_day(fda_dt)
    if received_on is None:
        raise refuse("bad_date", f"FDA_DT is {fda_dt[:40]!r}, which is no day")
    notes: Notes = []
    first_on = _until(init_fda_dt, received_on, notes) if init_fda_dt else None
    if origin.is_legacy and i_f == "I":
        first_on = received_on
    parts, noted = columns.read_all(columns.DEMO, rows.demo)
    where, reporter, country, mfr_num, auth_num, sender, literature, sex, age_group = parts
    years, of_age = columns.age(age, age_cod) if age else _NOTHING
    kilograms, of_weight = columns.weight(weight, weight_cod) if weight else _NOTHING
    kind = _KINDS.get(i_f) or _kind(origin, stated_version)
    if noted or of_age or of_weight or i_f not in _KINDS:
        notes += _in_order(noted, _of_kind(i_f), (*of_age, *of_weight))
    onset = _onset(event_dt, received_on, notes) if event_dt else ("", "")
    line = "".join(
        (
            f'{{"case_id":"FAERS-{number}","source":"faers","version":',
            f'{min(int(version), _VERSION_MAX)},"kind":"{kind}","received_on":"{received_on}"',
            "" if first_on is None else f',"first_received_on":"{first_on}"',
            f',"sender_report_id":"{report_id}"', _report_type(rows.rpsr, rept_cod), reporter,
            country, _other_ids(mfr_num, auth_num), literature,
            f',"patient":{{{f"{sex}{years}{kilograms}{age_group}"[1:]}}}',
            _events(rows, onset, where, notes), _products(rows, notes),
            f',"provenance":{{"parser":"{PARSER}","place":',
            quoted(origin.place[:_N_CHARACTERS_PLACE]),
            f',"message_sha256":"{origin.message_sha256}"',
            f',"notes":[{",".join(map(quoted, _bounded(notes)))}]}}' if notes else "}",
            sender, "}",
        )
    )  # fmt: skip
    return Built(case_id(number), received_on, line.encode())


def _in_order(noted: Sequence[Notes], of_kind: Notes, of_sizes: Sequence[str]) -> Notes:
    """Return the notes of DEMO in the order in which its fields are read."""
    if not noted:
        return [*of_kind, *of_sizes]
    where, *others, age_group = noted
    return [*where, *of_kind, *chain.from_iterable(others), *of_sizes, *age_group]


def _kind(origin: Origin, version: str) -> str:
    return "initial" if origin.is_legacy or version == "1" else "follow_up"


def _of_kind(i_f: str) -> Notes:
    return [note("I_F_CODE", "not I or F", i_f)] if i_f and i_f not in _KINDS else []


def _report_type(rpsr: Sequence[Fields], rept_cod: str) -> str:
    """FAERS has no such column: a source "study", or any other, or sent directly, states it."""
    if any(row[0] == "SDY" for row in rpsr):
        return ',"report_type":"study"'
    return "" if rpsr or rept_cod == "DIR" else ',"report_type":"unknown"'


def _other_ids(mfr_num: str, auth_num: str) -> str:
    if mfr_num and auth_num and mfr_num != auth_num:
        return f',"other_ids":[{mfr_num},{auth_num}]'
    return f',"other_ids":[{mfr_num or auth_num}]' if mfr_num or auth_num else ""


def _until(text: str, last: date, notes: Notes) -> date | None:
    """Read the day of first receipt, which cannot lie after receipt."""
    day = read_day(text)
    if day is None:
        notes.append(note("INIT_FDA_DT", "no full day", text))
    elif day > last:
        notes.append(note("INIT_FDA_DT", "after receipt", text))
        return None
    return day


def _onset(text: str, received_on: date, notes: Notes) -> tuple[str, str]:
    """Return two parts of an event: the day of its onset, and what is stated in its place."""
    day, stated = read_date(text)
    if stated is not None:
        return "", f',"dates_as_stated":{{"E.i.4":"{stated}"}}'
    if day is None:
        notes.append(note("EVENT_DT", "no date", text))
    elif day > received_on:
        notes.append(note("EVENT_DT", "after receipt", text))
    else:
        return f',"onset_on":"{day}"', ""
    return "", ""


def _events(rows: Rows, onset: tuple[str, str], where: str, notes: Notes) -> str:
    if not rows.reac:
        raise refuse("no_event", "the report has no row of REAC")
    seriousness, unread = columns.seriousness(tuple([row[0] for row in rows.outc]))
    if unread:
        notes += unread
    found = dict.fromkeys(_terms(rows.reac, notes))
    found.pop("", None)  # of a term that is empty
    if not found:
        return ""
    of_each = f"{onset[0]}{seriousness}{where}{onset[1]}}}"
    return f',"events":[{f"{of_each},".join(found)}{of_each}]'


def _terms(rows: Sequence[Fields], notes: Notes) -> list[str]:
    try:
        found = [columns.TERM[term] for term, recurred in rows if not recurred]
        if len(found) == len(rows):
            return found
    except columns.Noted:
        pass
    found = []
    for term, recurred in rows:
        found.append(columns.TERM.make(term, notes))
        if recurred:
            notes.append(note("DRUG_REC_ACT", "recurred when given again", recurred))
    return found


def _products(rows: Rows, notes: Notes) -> str:
    if not rows.drug:
        raise refuse("no_drug", "the report has no row of DRUG")
    therapies = _by_drug(rows.ther) if rows.ther else {}
    indications = _by_drug(rows.indi) if rows.indi else {}
    leading: list[str] = []
    others: list[str] = []
    for row in rows.drug:
        if not row[0]:
            row = (row[2], *row[1:])  # noqa: PLW2901 - PROD_AI, where there is no DRUGNAME
        seq = row[-1]
        product = _product(row, therapies.get(seq), indications.get(seq), notes)
        if product:
            (leading if row[1] == "PS" else others).append(product)
    products = ",".join(leading + others)
    return f',"products":[{products}]' if products else ""


def _by_drug(rows: Sequence[Fields]) -> dict[str, list[Fields]]:
    found: dict[str, list[Fields]] = {}
    for row in rows:
        of_drug = found.get(row[0])
        if of_drug is None:
            found[row[0]] = [row]
        else:
            of_drug.append(row)
    return found


def _product(
    row: Fields,
    therapies: Sequence[Fields] | None,
    indications: Sequence[Fields] | None,
    notes: Notes,
) -> str:
    """Return the product of a row of DRUG; empty if it has no name."""
    parts, noted = columns.read_all(columns.DRUG, row)
    name, role, substances, lot, amount, unit, route, text, form, dechal, rechal, nda = parts
    if not name:
        notes.append("DRUGNAME: empty, and no PROD_AI; drug left out")
        return ""
    if noted:
        notes += chain.from_iterable(noted[:_N_BEFORE_DOSES])
    stated = f"{amount}{unit}{route}{text}{form}"
    if therapies is not None:
        doses = _doses(stated, therapies, notes)
    else:
        doses = f',"doses":[{{{stated[1:]}}}]' if stated else ""
    names = "" if indications is None else _indications(indications, notes)
    if noted:
        notes += chain.from_iterable(noted[_N_BEFORE_DOSES:])
    return f"{role}{name}{substances}{lot}{doses}{names}{dechal}{rechal}{nda}}}"


def _doses(stated: str, therapies: Sequence[Fields], notes: Notes) -> str:
    """One dose a row of THER; what is stated for the drug is stated for each of them."""
    found = []
    for _, start_dt, end_dt in therapies:
        days, as_stated, unread = columns.therapy(start_dt, end_dt)
        found.append(f"{days}{stated}{as_stated}"[1:])
        if unread:
            notes += unread
    doses = "},{".join(filter(None, found[:N_DOSES_MAX]))
    return f',"doses":[{{{doses}}}]' if doses else ""


def _indications(rows: Sequence[Fields], notes: Notes) -> str:
    try:
        found = [columns.INDICATION[text] for _, text in rows]
    except columns.Noted:
        found = [columns.INDICATION.make(text, notes) for _, text in rows]
    if len(found) > 1:
        found = [*dict.fromkeys(filter(None, found))][:N_INDICATIONS_MAX]
    return f',"indications":[{",".join(found)}]' if found and found[0] else ""


def _bounded(notes: Iterable[str]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(notes))
    if len(distinct) <= _N_NOTES_MAX:
        return distinct
    n_more = len(distinct) - _N_NOTES_MAX + 1
    return (*distinct[: _N_NOTES_MAX - 1], f"and {n_more} more")
