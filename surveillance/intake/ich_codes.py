"""Code lists of ICH that are the same in E2B(R2) and E2B(R3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surveillance.domain.case import Reporter, ReportType
    from surveillance.domain.case_detail import StudyType
    from surveillance.domain.values import Sex

TYPES: dict[str, ReportType] = {"1": "spontaneous", "2": "study", "3": "other", "4": "unknown"}
REPORTERS: dict[str, Reporter] = {
    "1": "physician",
    "2": "pharmacist",
    "3": "other_professional",
    "4": "lawyer",
    "5": "consumer",
}
STUDY_TYPES: dict[str, StudyType] = {"1": "clinical_trial", "2": "individual_use", "3": "other"}
SEXES: dict[str, Sex] = {"0": "unknown", "1": "male", "2": "female"}
