# ruff: noqa: PLR2004 - shares of what is drawn
"""Write a quarter of FAERS of any size, with the margins and the mess of a real one.

Names are those of a public quarter, as often as there, if it is at hand; else invented ones
under Zipf's law. Nothing else is anybody's: cases, dates and rows are drawn.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.public import DataMissing, public

PAIRS = "faers/faers_2022q3_primary_suspect_pairs.csv.gz"
HEADERS = {
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
    "OUTC": "primaryid$caseid$outc_cod",
    "RPSR": "primaryid$caseid$rpsr_cod",
    "THER": "primaryid$caseid$dsg_drug_seq$start_dt$end_dt$dur$dur_cod",
    "INDI": "primaryid$caseid$indi_drug_seq$indi_pt",
}
_SALTS = ("", "", "", " HYDROCHLORIDE", " SODIUM", " ACETATE", " MESYLATE", " PHOSPHATE")
_N_CHUNK = 20_000
_FIRST_CASE = 20_000_000


class Names(NamedTuple):
    """Names, and how often each is drawn."""

    names: list[str]
    shares: np.ndarray[tuple[int], np.dtype[np.float64]]


def margins() -> tuple[Names, Names]:
    """Return substances and terms with the shares of a public quarter, or Zipf's."""
    try:
        pairs = pd.read_csv(public(PAIRS))
    except DataMissing:
        return _zipf("substance", 4_000), _zipf("Term", 6_000)
    drug, term = pairs.columns[-2:]
    return _counted(pairs[drug]), _counted(pairs[term])


def _counted(values: pd.Series[str]) -> Names:
    counts = Counter(str(value).replace("$", " ") for value in values)
    return _names(sorted(counts), [counts[name] for name in sorted(counts)])


def _zipf(what: str, n: int) -> Names:
    return _names([f"{what} {i:05d}" for i in range(n)], [1 / (i + 10) for i in range(n)])


def _names(names: list[str], weights: Sequence[float]) -> Names:
    shares = np.asarray(weights, float)
    return Names(names, shares / shares.sum())


def write_quarter(
    path: Path, n_cases: int, *, seed: int = 1, quarter: str = "24Q1", first_version: int = 1
) -> dict[str, int]:
    """Write a zip file as the FDA publishes it.

    Parameters
    ----------
    path : Path
        The zip file.
    n_cases : int
        Reports in it: each a case of its own.
    seed : int
        The same seed gives the same rows.
    quarter : str
        As in the names of the tables.
    first_version : int
        Versions are this one and the two after it; those of two quarters should differ.

    Returns
    -------
    dict of str to int
        Rows of each table.
    """
    rng = np.random.default_rng(seed)
    drugs, terms = margins()
    ids = np.sort(rng.choice(np.arange(n_cases * 20 // 19 + 20), n_cases, replace=False))
    versions = first_version + np.minimum(rng.geometric(0.7, n_cases) // 2, 2)
    keyed = sorted(
        (f"{_FIRST_CASE + i}{v}", _FIRST_CASE + i, v)
        for i, v in zip(ids.tolist(), versions.tolist(), strict=True)
    )
    n_rows = dict.fromkeys(HEADERS, 0)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        spooled = {name: [HEADERS[name]] for name in HEADERS}
        for start in range(0, n_cases, _N_CHUNK):
            _add(spooled, keyed[start : start + _N_CHUNK], (drugs, terms), quarter, rng)
        for name, lines in spooled.items():
            n_rows[name] = len(lines) - 1
            content = "\r\n".join(lines) + "\r\n"
            archive.writestr(f"ASCII/{name}{quarter}.txt", content.encode("latin-1", "replace"))
        deleted = [str(_FIRST_CASE + int(i)) for i in ids[:: max(1, n_cases // 50)]]
        archive.writestr(f"Deleted/DELETE{quarter}.txt", " \r\n" + "\r\n".join(deleted) + "\r\n")
    return n_rows


def _add(
    spooled: dict[str, list[str]],
    keyed: list[tuple[str, int, int]],
    names: tuple[Names, Names],
    quarter: str,
    rng: np.random.Generator,
) -> None:
    n = len(keyed)
    drugs, terms = names
    n_drugs = np.minimum(rng.geometric(1 / 3.75, n), 120)
    n_terms = np.minimum(rng.geometric(1 / 3.1, n), 80)
    drawn = rng.choice(len(drugs.names), int(n_drugs.sum()), p=drugs.shares).tolist()
    said = rng.choice(len(terms.names), int(n_terms.sum()), p=terms.shares).tolist()
    mess = rng.random((int(n_drugs.sum()), 4))
    of_case = rng.random((n, 8))
    days = rng.integers(1, 91, n).tolist()
    month = 3 * (int(quarter[3]) - 1) + 1
    ends = list(accumulate(n_drugs.tolist(), initial=0))
    term_ends = list(accumulate(n_terms.tolist(), initial=0))
    for at, (primaryid, caseid, version) in enumerate(keyed):
        one, key = of_case[at], f"{primaryid}${caseid}"
        spooled["DEMO"].append(_demo(key, version, one, days[at], quarter, month))
        for seq, place in enumerate(range(ends[at], ends[at + 1]), 1):
            _add_drug(spooled, key, seq, drugs.names[drawn[place]], mess[place].tolist())
        spooled["REAC"] += [
            f"{key}${terms.names[term]}$"
            for term in dict.fromkeys(said[term_ends[at] : term_ends[at + 1]])
        ]
        if one[6] < 0.55:
            spooled["OUTC"] += [
                f"{key}${code}" for code in ("OT", "HO", "DE")[: 1 + int(one[7] * 2)]
            ]
        if one[7] < 0.05:
            spooled["RPSR"].append(f"{key}${'CSM' if one[6] < 0.5 else 'HP'}")


def _demo(
    key: str,
    version: int,
    one: np.ndarray[tuple[int], np.dtype[np.float64]],
    day: int,
    quarter: str,
    month: int,
) -> str:
    received = f"20{quarter[:2]}{month + min(2, day // 31):02d}{1 + day % 28:02d}"
    event = ("", received[:4], received[:6], "20230615")[int(one[0] * 4)]
    age = "" if one[1] < 0.4 else f"{int(one[1] * 90)}"
    mfr_num = f"US-MAKER{'$' if one[2] < 0.0005 else ''}-{int(one[2] * 1e9)}"
    sex = "F" if one[3] < 0.55 else "M" if one[3] < 0.9 else ""
    country = "US" if one[4] < 0.6 else "FR" if one[4] < 0.8 else "JP"
    kind = "I" if version == 1 else "F"
    return (
        f"{key}${version}${kind}${event}${received}$20240101${received}$EXP$${mfr_num}$MAKER "
        f"{int(one[5] * 90)}$${age}${'YR' if age else ''}$${sex}$Y$$${received}$$"
        f"{'MD' if one[5] < 0.3 else 'CN'}${country}${country}"
    )


def _add_drug(
    spooled: dict[str, list[str]], key: str, seq: int, name: str, mess: list[float]
) -> None:
    salt = _SALTS[int(mess[0] * len(_SALTS))]
    end = "." if mess[1] >= 0.9 else ""  # as the FDA ends many validated names
    said = name if mess[1] < 0.5 else name.upper()
    substance = "" if mess[2] < 0.03 else f"{said}{salt}"
    if mess[2] > 0.97:
        substance += "\\CAFFEINE"
    role = "PS" if seq == 1 else "SS" if mess[3] < 0.35 else "I" if mess[3] < 0.36 else "C"
    text, amount = ("50 MG, QD", "50$MG") if mess[0] < 0.5 else ("UNK", "$")
    lot = f"LOT{int(mess[1] * 1e5)}" if mess[1] < 0.2 else ""
    spooled["DRUG"].append(
        f"{key}${seq}${role}${said}{salt}{end}${substance}$1$Oral${text}$$$"
        f"{'YNUD'[int(mess[3] * 4)]}$${lot}$${len(name) * 7919 % 100_000:06d}${amount}$TABLET$QD"
    )
    if mess[1] < 0.65:
        spooled["INDI"].append(f"{key}${seq}$Product used for unknown indication")
    if mess[3] < 0.4:
        spooled["THER"].append(f"{key}${seq}${('2023', '202306', '20230601')[int(mess[2] * 3)]}$$$")
