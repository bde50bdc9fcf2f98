"""A small release of terms in MedDRA's files: codes and names are invented, and none is licensed.

Two systems, four groups of groups, four groups and six preferred terms; one term is in both
systems. One SMQ holds another. In the second release a lowest level term has moved, and one
preferred term has become a lowest level term of another.
"""

from pathlib import Path

Files = dict[str, str]

SOCS = {"91": "Disorders of the lamp", "92": "Disorders of the clock"}
HLGTS = {"81": ("Wick conditions", "91"), "82": ("Spring conditions", "92")}
HLTS = {"71": ("Wick fires", "81"), "72": ("Wick dampness", "81"), "73": ("Spring failures", "82")}
PTS = {  # code: name, primary high level term, others
    "61": ("Wick flaring", "71", ()),
    "62": ("Wick smoking", "71", ()),
    "63": ("Damp wick", "72", ()),
    "64": ("Spring broken", "73", ()),
    "65": ("Lamp clock failure", "73", ("72",)),
    "66": ("Spring slack", "73", ()),
}
LLTS = {  # code: name, preferred term, is current
    **{code: (name, code, "Y") for code, (name, _, _) in PTS.items()},
    "51": ("Flame too high", "61", "Y"),
    "52": ("Soot from wick", "62", "Y"),
    "53": ("Wet wick", "63", "N"),
}
SMQS = {"41": "Lamp dangers (SMQ)", "42": "Lamp fire (SMQ)", "43": "Soot alone (SMQ)"}
SMQ_ROWS = (  # SMQ, term, level, scope
    ("41", "42", "0", "0"),
    ("41", "63", "4", "1"),
    ("42", "61", "4", "2"),
    ("42", "62", "4", "1"),
    ("43", "52", "5", "2"),
)


def files(version: str = "1.0") -> Files:
    """Return the files of a release by name."""
    return _written(version, PTS, LLTS)


def later_files() -> Files:
    """Return the release that follows: soot is a flaring, and a slack spring a broken one."""
    pts = {code: row for code, row in PTS.items() if code != "66"}
    llts = LLTS | {"52": ("Soot from wick", "61", "Y"), "66": ("Spring slack", "64", "Y")}
    return _written("1.1", pts, llts)


def _written(
    version: str,
    pts: dict[str, tuple[str, str, tuple[str, ...]]],
    llts: dict[str, tuple[str, str, str]],
) -> Files:
    above = {
        hlt: (hlt, hlgt, HLGTS[hlgt][1], name, HLGTS[hlgt][0], SOCS[HLGTS[hlgt][1]])
        for hlt, (name, hlgt) in HLTS.items()
    }
    hierarchy = []
    for code, (name, primary, others) in pts.items():
        for hlt in (primary, *others):
            a, b, c, *names = above[hlt]
            flag = "Y" if hlt == primary else "N"
            hierarchy.append((code, a, b, c, name, *names, "Abb", "", above[primary][2], flag))
    rows: dict[str, list[tuple[str, ...]]] = {
        "meddra_release.asc": [(version, "English", "", "", "")],
        "soc.asc": [(code, name, "Abb", *[""] * 7) for code, name in SOCS.items()],
        "hlgt.asc": [(code, name, *[""] * 7) for code, (name, _) in HLGTS.items()],
        "hlt.asc": [(code, name, *[""] * 7) for code, (name, _) in HLTS.items()],
        "pt.asc": [
            (code, name, "", above[hlt][2], *[""] * 7) for code, (name, hlt, _) in pts.items()
        ],
        "llt.asc": [
            (code, name, pt, *[""] * 6, current, "") for code, (name, pt, current) in llts.items()
        ],
        "soc_hlgt.asc": [(soc, code) for code, (_, soc) in HLGTS.items()],
        "hlgt_hlt.asc": [(hlgt, code) for code, (_, hlgt) in HLTS.items()],
        "hlt_pt.asc": [
            (hlt, code) for code, (_, one, others) in pts.items() for hlt in (one, *others)
        ],
        "mdhier.asc": hierarchy,
        "smq_list.asc": [
            (code, name, "1", "Words", "", "", version, "A", "N") for code, name in SMQS.items()
        ],
        "smq_content.asc": [
            (*row, "A", "0", "A", "1.0", "1.0") for row in SMQ_ROWS if row[1] in {*llts, *SMQS}
        ],
    }
    return {name: "".join("$".join(row) + "$\r\n" for row in table) for name, table in rows.items()}


def written(folder: Path, contents: Files) -> Path:
    """Write a release into a new folder."""
    folder.mkdir(parents=True)
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


CRITERIA = """
[[criterion]]
name = "count"
rule = "count"
products = ["*"]
events = ["pt:wick flaring", "hlt:wick fires", "smq_narrow:LAMP FIRE (SMQ)"]
min_count = 1
"""


def configuration(folder: Path, contents: Files, terms: str = 'path = "release"\n') -> Path:
    """Write a configuration directory with a release in it."""
    written(folder / "release", contents)
    (folder / "criteria.toml").write_text(CRITERIA, encoding="utf-8")
    (folder / "terms.toml").write_text(terms, encoding="utf-8")
    return folder
