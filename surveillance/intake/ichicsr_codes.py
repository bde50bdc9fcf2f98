"""Code lists of ICH E2B(R2), attachment 2 of its specification, but for `ich_codes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surveillance.domain.case import Outcome, Rechallenge, Role
    from surveillance.domain.case_detail import AgeGroup

AGE_GROUPS: dict[str, AgeGroup] = {
    "1": "neonate",
    "2": "infant",
    "3": "child",
    "4": "adolescent",
    "5": "adult",
    "6": "elderly",
}
OUTCOMES: dict[str, Outcome] = {
    "1": "recovered",
    "2": "recovering",
    "3": "not_recovered",
    "4": "sequelae",
    "5": "fatal",
    "6": "unknown",
}
ROLES: dict[str, Role] = {"1": "suspect", "2": "concomitant", "3": "interacting"}
ACTIONS = {
    "1": "withdrawn",
    "2": "dose_reduced",
    "3": "dose_increased",
    "4": "dose_not_changed",
    "5": "unknown",
    "6": "not_applicable",
}
RECHALLENGES: dict[str, Rechallenge] = {"1": "positive", "2": "negative", "3": "unknown"}
FLAGS = {"1": True, "2": False}
TIME_UNITS = {  # to UCUM, as E2B(R3) has it
    "800": "10.a",
    "801": "a",
    "802": "mo",
    "803": "wk",
    "804": "d",
    "805": "h",
    "806": "min",
    "807": "s",
    "810": "{cyclical}",
    "811": "{Trimester}",
    "812": "{asnecessary}",
    "813": "{total}",
}
_DOSE_UNITS = """
kg|g|mg|ug|ng|pg|mg/kg|ug/kg|mg/m2|ug/m2|L|mL|uL|Bq|GBq|MBq|kBq|Ci|mCi|uCi|nCi
mol|mmol|umol|[iU]|k[iU]|M[iU]|[iU]/kg|meq|%|[drp]|{DF}
"""
_ROUTES = """
Auricular (otic)|Buccal|Cutaneous|Dental|Endocervical|Endosinusial|Endotracheal|Epidural
Extra-amniotic|Hemodialysis|Intra corpus cavernosum|Intra-amniotic|Intra-arterial|Intra-articular
Intra-uterine|Intracardiac|Intracavernous|Intracerebral|Intracervical|Intracisternal|Intracorneal
Intracoronary|Intradermal|Intradiscal (intraspinal)|Intrahepatic|Intralesional|Intralymphatic
Intramedullar (bone marrow)|Intrameningeal|Intramuscular|Intraocular|Intrapericardial
Intraperitoneal|Intrapleural|Intrasynovial|Intratumor|Intrathecal|Intrathoracic|Intratracheal
Intravenous bolus|Intravenous drip|Intravenous (not otherwise specified)|Intravesical
Iontophoresis|Nasal|Occlusive dressing technique|Ophthalmic|Oral|Oropharyngeal|Other|Parenteral
Periarticular|Perineural|Rectal|Respiratory (inhalation)|Retrobulbar|Subconjunctival|Subcutaneous
Subdermal|Sublingual|Topical|Transdermal|Transmammary|Transplacental|Unknown|Urethral|Vaginal
"""


def _numbered(names: str) -> dict[str, str]:
    listed = names.strip().replace("\n", "|").split("|")
    return {f"{number:03}": name for number, name in enumerate(listed, start=1)}


DOSE_UNITS = _numbered(_DOSE_UNITS)  # to UCUM
ROUTES = _numbered(_ROUTES)
