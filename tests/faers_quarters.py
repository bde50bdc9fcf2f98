"""FAERS quarters made for a test: facts as dicts, written in each of the FDA's layouts."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

Layout = Literal["legacy", "2012Q4", "2014Q3"]
Row = Mapping[str, str]
Tables = dict[str, list[Row]]

_LEGACY = {
    "DEMO": (
        "ISR$CASE$I_F_COD$FOLL_SEQ$IMAGE$EVENT_DT$MFR_DT$FDA_DT$REPT_COD$MFR_NUM$MFR_SNDR$AGE$"
        "AGE_COD$GNDR_COD$E_SUB$WT$WT_COD$REPT_DT$OCCP_COD$DEATH_DT$TO_MFR$CONFID$REPORTER_COUNTRY"
    ),
    "DRUG": (
        "ISR$DRUG_SEQ$ROLE_COD$DRUGNAME$VAL_VBM$ROUTE$DOSE_VBM$DECHAL$RECHAL$LOT_NUM$EXP_DT$NDA_NUM"
    ),
    "REAC": "ISR$PT",
    "OUTC": "ISR$OUTC_COD",
    "RPSR": "ISR$RPSR_COD",
    "THER": "ISR$DRUG_SEQ$START_DT$END_DT$DUR$DUR_COD",
    "INDI": "ISR$DRUG_SEQ$INDI_PT",
}
_FIRST_MODERN = {
    "DEMO": (
        "primaryid$caseid$caseversion$i_f_code$event_dt$mfr_dt$init_fda_dt$fda_dt$rept_cod$"
        "mfr_num$mfr_sndr$age$age_cod$gndr_cod$e_sub$wt$wt_cod$rept_dt$to_mfr$occp_cod$"
        "reporter_country$occr_country"
    ),
    "DRUG": (
        "primaryid$caseid$drug_seq$role_cod$drugname$val_vbm$route$dose_vbm$cum_dose_chr$"
        "cum_dose_unit$dechal$rechal$lot_nbr$exp_dt$nda_num$dose_amt$dose_unit$dose_form$dose_freq"
    ),
    "REAC": "primaryid$caseid$pt",
    "OUTC": "primaryid$caseid$outc_cod",
    "RPSR": "primaryid$caseid$rpsr_cod",
    "THER": "primaryid$caseid$dsg_drug_seq$start_dt$end_dt$dur$dur_cod",
    "INDI": "primaryid$caseid$indi_drug_seq$indi_pt",
}
_MODERN = _FIRST_MODERN | {
    "DEMO": (
        "primaryid$caseid$caseversion$i_f_code$event_dt$mfr_dt$init_fda_dt$fda_dt$rept_cod$"
        "auth_num$mfr_num$mfr_sndr$lit_ref$age$age_cod$age_grp$sex$e_sub$wt$wt_cod$rept_dt$"
        "to_mfr$occp_cod$reporter_country$occr_country"
    ),
    "DRUG": (
        "primaryid$caseid$drug_seq$role_cod$drugname$prod_ai$val_vbm$route$dose_vbm$cum_dose_chr$"
        "cum_dose_unit$dechal$rechal$lot_num$exp_dt$nda_num$dose_amt$dose_unit$dose_form$dose_freq"
    ),
    "REAC": "primaryid$caseid$pt$drug_rec_act",
}
HEADERS: dict[Layout, dict[str, str]] = {
    "legacy": _LEGACY,
    "2012Q4": _FIRST_MODERN,
    "2014Q3": _MODERN,
}
_NAMES = {  # of a column in other layouts
    "isr": "primaryid", "case": "caseid", "i_f_cod": "i_f_code", "gndr_cod": "sex",
    "lot_nbr": "lot_num", "dsg_drug_seq": "drug_seq", "indi_drug_seq": "drug_seq",
}  # fmt: skip

DEMO = {
    "primaryid": "50012345", "caseid": "5001234", "caseversion": "1", "i_f_code": "I",
    "event_dt": "20120105", "init_fda_dt": "20120302", "fda_dt": "20120302", "rept_cod": "EXP",
    "mfr_num": "US-MAKER-1", "mfr_sndr": "MAKER", "age": "42", "age_cod": "YR", "sex": "F",
    "e_sub": "Y", "wt": "71", "wt_cod": "KG", "rept_dt": "20120301", "occp_cod": "MD",
    "reporter_country": "US", "occr_country": "US",
}  # fmt: skip
DRUG = {
    "drug_seq": "1", "role_cod": "PS", "drugname": "VIOXX", "val_vbm": "1", "route": "Oral",
    "dechal": "Y", "rechal": "D", "lot_num": "A12",
}  # fmt: skip
THER = {"drug_seq": "1", "start_dt": "20111201", "end_dt": "20120106"}


def tables(
    *,
    demo: Row = DEMO,
    drug: Iterable[Row] = (DRUG,),
    reac: Iterable[str] = ("Myocardial infarction",),
    outc: Iterable[str] = ("HO",),
    rpsr: Iterable[str] = ("HP",),
    ther: Iterable[Row] = (THER,),
    indi: Iterable[Row] = ({"drug_seq": "1", "indi_pt": "Pain"},),
) -> Tables:
    """State one report; `together` joins several."""
    ids = {"primaryid": demo["primaryid"], "caseid": demo["caseid"]}
    return {
        "DEMO": [demo],
        "DRUG": [ids | dict(row) for row in drug],
        "REAC": [ids | {"pt": pt} for pt in reac],
        "OUTC": [ids | {"outc_cod": code} for code in outc],
        "RPSR": [ids | {"rpsr_cod": code} for code in rpsr],
        "THER": [ids | dict(row) for row in ther],
        "INDI": [ids | dict(row) for row in indi],
    }


def report(number: int, *, version: int = 1, fda_dt: str = "20120302", **changed: object) -> Tables:
    """State a report of a case by number."""
    demo = DEMO | {
        "primaryid": f"{number}{version}", "caseid": str(number), "caseversion": str(version),
        "i_f_code": "I" if version == 1 else "F", "fda_dt": fda_dt,
    }  # fmt: skip
    return tables(demo=demo, **changed)  # type: ignore[arg-type]


def together(*reports: Tables) -> Tables:
    """Put the reports of a quarter into its seven tables."""
    return {name: [row for each in reports for row in each[name]] for name in reports[0]}


def text(name: str, rows: Iterable[Row], layout: Layout = "2014Q3") -> bytes:
    """Write one table as the FDA does: legacy rows end in a separator and CR LF."""
    header = HEADERS[layout][name]
    columns = [_NAMES.get(column.lower(), column.lower()) for column in header.split("$")]
    end = "$\r\n" if layout == "legacy" else "\r\n"
    lines = ["$".join(row.get(column, "") for column in columns) + end for row in rows]
    return (header + "\r\n" + "".join(lines)).encode()


def files(given: Tables, quarter: str = "12Q1", layout: Layout = "2014Q3") -> dict[str, bytes]:
    """Write the tables of a quarter, by name."""
    ending = "TXT" if layout == "legacy" else "txt"
    return {f"{name}{quarter}.{ending}": text(name, rows, layout) for name, rows in given.items()}


def packed(path: Path, contents: Mapping[str, bytes], *, folder: str = "ascii") -> Path:
    """Pack files as the FDA does."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name if "/" in name else f"{folder}/{name}", content)
    path.write_bytes(whole.getvalue())
    return path


def unpacked(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write files into a folder."""
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
