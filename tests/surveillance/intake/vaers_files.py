"""VAERS files made for a test: rows as dicts, written as the year files are."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_HEADER_LINES = {
    "DATA": (
        "VAERS_ID,RECVDATE,STATE,AGE_YRS,CAGE_YR,CAGE_MO,SEX,RPT_DATE,SYMPTOM_TEXT,DIED,DATEDIED,"
        "L_THREAT,ER_VISIT,HOSPITAL,HOSPDAYS,X_STAY,DISABLE,RECOVD,VAX_DATE,ONSET_DATE,NUMDAYS,"
        "LAB_DATA,V_ADMINBY,V_FUNDBY,OTHER_MEDS,CUR_ILL,HISTORY,PRIOR_VAX,SPLTTYPE"
    ),
    "VAX": "VAERS_ID,VAX_TYPE,VAX_MANU,VAX_LOT,VAX_DOSE,VAX_ROUTE,VAX_SITE,VAX_NAME",
    "SYMPTOMS": (
        "VAERS_ID,SYMPTOM1,SYMPTOMVERSION1,SYMPTOM2,SYMPTOMVERSION2,SYMPTOM3,SYMPTOMVERSION3,"
        "SYMPTOM4,SYMPTOMVERSION4,SYMPTOM5,SYMPTOMVERSION5"
    ),
}
HEADERS = {name: line.split(",") for name, line in _HEADER_LINES.items()}
Row = Mapping[str, str]

DATA = {
    "VAERS_ID": "7",
    "RECVDATE": "03/28/1999",
    "STATE": "OH",
    "AGE_YRS": "0.2",
    "SEX": "F",
    "SYMPTOM_TEXT": "cried, vomited",
    "HOSPITAL": "Y",
    "RECOVD": "Y",
    "VAX_DATE": "03/01/1999",
    "ONSET_DATE": "03/05/1999",
    "NUMDAYS": "4",
}
VAX = {
    "VAERS_ID": "7",
    "VAX_TYPE": "RV",
    "VAX_LOT": "A12",
    "VAX_DOSE": "0",
    "VAX_ROUTE": "PO",
    "VAX_NAME": "ROTAVIRUS (ROTASHIELD)",
}
SYMPTOMS = {
    "VAERS_ID": "7",
    "SYMPTOM1": "Intussusception",
    "SYMPTOMVERSION1": "8.10",
    "SYMPTOM2": "Vomiting",
    "SYMPTOMVERSION2": "8.10",
}


def part(name: str, rows: Iterable[Row], *, header: list[str] | None = None) -> bytes:
    """Write one part as VAERS does: Latin-1, CRLF, quotes where needed."""
    header = header or HEADERS[name]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("latin-1")


def parts(
    data: Iterable[Row] = (DATA,),
    vax: Iterable[Row] = (VAX,),
    symptoms: Iterable[Row] = (SYMPTOMS,),
) -> dict[str, bytes]:
    """Write all three parts."""
    return {
        "DATA": part("DATA", data),
        "VAX": part("VAX", vax),
        "SYMPTOMS": part("SYMPTOMS", symptoms),
    }


def packed(folder: Path, contents: Mapping[str, bytes], *, prefix: str = "1999") -> Path:
    """Pack parts to a year's zip file."""
    path = folder / f"{prefix}VAERSData.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(f"{prefix}VAERS{name}.csv", content)
    return path
