"""A release of MedDRA in ASCII → the hierarchy that events are counted in.

The files are those of the MSSO's distribution, `$` between fields. Each code that one of them
names must be in the file that defines it, so that a release that was cut off, or mixed with
another, is found out before anything is counted.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

from surveillance.configuration.hierarchy import Axis, Coded, Hierarchy, TermLevel
from surveillance.domain.errors import Misconfigured
from surveillance.domain.names import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

RELEASE = "meddra_release.asc"
_N_FIELDS = {  # that a row needs; the distribution has more
    "soc.asc": 2,
    "hlgt.asc": 2,
    "hlt.asc": 2,
    "pt.asc": 4,
    "llt.asc": 3,
    "soc_hlgt.asc": 2,
    "hlgt_hlt.asc": 2,
    "hlt_pt.asc": 2,
    "mdhier.asc": 12,
}
_N_FIELDS_OF_SMQ = {"smq_list.asc": 2, "smq_content.asc": 7}
_N_FIELDS_OF_RELEASE = {RELEASE: 1}
_SMQ_LEVELS: tuple[TermLevel, ...] = ("smq_narrow", "smq_broad")
_BROAD, _NARROW, _CHILD = "1", "2", "0"
_PT, _LLT = "4", "5"
_ACTIVE = "A"
_WHOLE = "copy the folder of the release again, whole"
_LINKS = (  # file, and what the codes of a row are of
    ("soc_hlgt.asc", "soc.asc", "hlgt.asc"),
    ("hlgt_hlt.asc", "hlgt.asc", "hlt.asc"),
    ("hlt_pt.asc", "hlt.asc", "pt.asc"),
)


class _Row(NamedTuple):
    line: int
    fields: list[str]


Table = list[_Row]


class Release(NamedTuple):
    """The files of a release that are read, by name in lower case."""

    folder: Path
    contents: dict[str, bytes]

    @property
    def sha256(self) -> str:
        """Over name and content of each file."""
        whole = hashlib.sha256()
        for name in sorted(self.contents):
            whole.update(f"{name} {hashlib.sha256(self.contents[name]).hexdigest()}\n".encode())
        return whole.hexdigest()

    def refused(self, name: str, line: int, reason: str, remedy: str = _WHOLE) -> Misconfigured:
        """Return the error of a row."""
        return Misconfigured(f"{self.folder / name}:{line}", reason, remedy)


def read_release(folder: Path, levels: Iterable[TermLevel]) -> Release:
    """Read the files that levels need.

    Parameters
    ----------
    folder : Path
        The folder with the `.asc` files.
    levels : iterable of str
        At which events are counted.

    Raises
    ------
    Misconfigured
        If the folder or a file is not there.
    """
    if not folder.is_dir():
        raise Misconfigured(
            str(folder),
            "is not a directory",
            "give the folder of the .asc files as 'path' in terms.toml: one inside the "
            "configuration directory, or an absolute path",
        )
    there = {path.name.lower(): path for path in folder.iterdir() if path.is_file()}
    needed = [*_N_FIELDS, *(_N_FIELDS_OF_SMQ if _has_smq(levels) else ())]
    missing = [name for name in needed if name not in there]
    if missing:
        why = "leave the SMQs out of 'levels' in terms.toml, or "
        remedy = ("" if set(missing) - _N_FIELDS_OF_SMQ.keys() else why) + _WHOLE
        raise Misconfigured(str(folder), f"has no {', '.join(missing)}", remedy)
    names = [*needed, *([RELEASE] if RELEASE in there else [])]
    return Release(folder, {name: there[name].read_bytes() for name in names})


def _has_smq(levels: Iterable[TermLevel]) -> bool:
    return any(level in _SMQ_LEVELS for level in levels)


def hierarchy_of(
    release: Release, version: str | None, levels: tuple[TermLevel, ...], axis: Axis
) -> Hierarchy:
    """Make the hierarchy of a release.

    Parameters
    ----------
    release : Release
        From `read_release`.
    version : str or None
        The version that it must be of; None takes the one that it states.
    levels : tuple of str
        At which events are counted.
    axis : {"primary", "all"}
        Whether a preferred term counts under its primary SOC alone, or under each.

    Raises
    ------
    Misconfigured
        If a file cannot be used; names the line.
    """
    fields = _N_FIELDS | _N_FIELDS_OF_SMQ | _N_FIELDS_OF_RELEASE
    tables = {name: list(_rows(release, name, fields[name])) for name in release.contents}
    stated = _version(release, tables.get(RELEASE, []), version)
    _require_links(release, tables)
    return _Made(release, tables, levels, axis).hierarchy(stated)


def _rows(release: Release, name: str, n_fields: int) -> Iterator[_Row]:
    """Yield the rows of a file, each as wide as the first one."""
    content = release.contents[name]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # releases in other languages than English, before UTF-8
        text = content.decode("latin-1")
    width: int | None = None
    for number, line in enumerate(text.split("\n"), 1):
        row = line.rstrip("\r").removesuffix("$")
        if not row:
            continue
        fields = row.split("$")
        width = len(fields) if width is None else width
        if len(fields) != width or width < n_fields:
            expected = max(width, n_fields)
            reason = f"has {len(fields)} fields in place of {expected}"
            raise release.refused(name, number, reason)
        yield _Row(number, fields)
    if width is None and name != RELEASE:
        raise release.refused(name, 1, "is empty")


def _version(release: Release, rows: Table, given: str | None) -> str:
    stated = rows[0].fields[0] if rows else None
    place = str(release.folder / RELEASE)
    if stated is None and given is None:
        reason = "is missing or empty, and terms.toml names no version"
        raise Misconfigured(place, reason, "add 'version' to terms.toml")
    if stated is not None and given is not None and stated != given:
        raise Misconfigured(
            place,
            f"states version {stated}, and terms.toml asks for {given}",
            "name the folder of that release, or change 'version' in terms.toml",
        )
    return stated or given or ""


def _require_links(release: Release, tables: Mapping[str, Table]) -> None:
    """Require that each code of a link is defined, and that no preferred term is an orphan."""
    for name, upper, lower in _LINKS:
        known = {row.fields[0] for row in tables[upper]}, {row.fields[0] for row in tables[lower]}
        for row in tables[name]:
            for place, defined in enumerate((upper, lower)):
                code = row.fields[place]
                if code not in known[place]:
                    raise release.refused(name, row.line, f"names {code}, which {defined} has not")
    placed = {row.fields[1] for row in tables["hlt_pt.asc"]}
    in_hierarchy = {row.fields[0] for row in tables["mdhier.asc"]}
    for row in tables["pt.asc"]:
        code, name = row.fields[:2]
        for found, file in ((placed, "hlt_pt.asc"), (in_hierarchy, "mdhier.asc")):
            if code not in found:
                reason = f"preferred term {code} ({name}) is an orphan: {file} has no row of it"
                raise release.refused("pt.asc", row.line, reason)


class _Made:
    """The hierarchy in the making."""

    def __init__(
        self,
        release: Release,
        tables: Mapping[str, Table],
        levels: tuple[TermLevel, ...],
        axis: Axis,
    ) -> None:
        self._release, self._tables, self._levels = release, tables, levels
        self._above: dict[tuple[TermLevel, str], int] = {}
        self._pts = {row.fields[0]: row.fields[1] for row in tables["pt.asc"]}
        self._of: dict[str, set[int]] = {code: set() for code in self._pts}  # by code of the PT
        self._only: dict[str, set[int]] = {}  # by code of an LLT whose PT is not in the SMQ
        self._llts = self._read_llts()
        self._climb(axis)
        if _has_smq(levels):
            self._add_smqs()

    def hierarchy(self, version: str) -> Hierarchy:
        """Return it."""
        coded: dict[Coded, int] = {}
        terms: dict[str, int] = {}
        # Preferred terms last: they win where a term that is no longer current has their name.
        for row in self._tables["llt.asc"]:
            code, name, pt = row.fields[:3]
            above = self._of[pt] | self._only.get(code, set())
            place = coded.setdefault(Coded(self._pts[pt], tuple(sorted(above))), len(coded))
            terms[code] = place
            is_better = len(row.fields) > _CURRENCY and row.fields[_CURRENCY] == "Y"
            if is_better or identity(name) not in terms:
                terms[identity(name)] = place
        for code, name in self._pts.items():
            place = coded.setdefault(Coded(name, tuple(sorted(self._of[code]))), len(coded))
            terms[code] = terms[identity(name)] = place
        return Hierarchy(
            version=version,
            sha256=self._release.sha256,
            above=tuple(self._above),
            coded=tuple(coded),
            terms=terms,
        )

    def _read_llts(self) -> dict[str, str]:
        """Return the preferred term of each lowest level term, by their codes."""
        found: dict[str, str] = {}
        for row in self._tables["llt.asc"]:
            code, name, pt = row.fields[:3]
            if pt not in self._pts:
                reason = f"term {code} ({name}) is of {pt}, which pt.asc has not"
                raise self._release.refused("llt.asc", row.line, reason)
            found[code] = pt
        return found

    def _place(self, level: TermLevel, name: str) -> int:
        return self._above.setdefault((level, name), len(self._above))

    def _climb(self, axis: Axis) -> None:
        """Enter what is above each preferred term, from the rows of mdhier.asc."""
        for row in self._tables["mdhier.asc"]:
            pt = row.fields[0]
            if pt not in self._of:
                raise self._release.refused(
                    "mdhier.asc", row.line, f"names {pt}, which pt.asc has not"
                )
            if axis == "primary" and row.fields[_PRIMARY] != "Y":
                continue
            for level, column in _COLUMNS.items():
                if level in self._levels:
                    self._of[pt].add(self._place(level, row.fields[column]))

    def _add_smqs(self) -> None:
        names = {row.fields[0]: row.fields[1] for row in self._tables["smq_list.asc"]}
        own: dict[str, list[tuple[str, str, str]]] = {code: [] for code in names}
        children: dict[str, list[str]] = {code: [] for code in names}
        for row in self._tables["smq_content.asc"]:
            smq, term, level, scope, *_ = row.fields
            if smq not in names or (scope == _CHILD and term not in names):
                code = smq if smq not in names else term
                reason = f"names {code}, which smq_list.asc has not"
                raise self._release.refused("smq_content.asc", row.line, reason)
            if row.fields[6] != _ACTIVE:
                continue
            if scope == _CHILD:
                children[smq].append(term)
            else:
                self._require_term(row)
                own[smq].append((term, level, scope))
        for smq, name in names.items():
            for below in _descendants(smq, children):
                self._enter(name, own[below])

    def _require_term(self, row: _Row) -> None:
        _, term, level, scope, *_ = row.fields
        known = {_PT: self._pts, _LLT: self._llts}.get(level, {})
        if term not in known or scope not in (_BROAD, _NARROW):
            reason = f"lists {term} at level {level} and scope {scope}, which is no term here"
            raise self._release.refused("smq_content.asc", row.line, reason)

    def _enter(self, name: str, content: list[tuple[str, str, str]]) -> None:
        """Enter the terms of an SMQ: a broad search holds the narrow one."""
        for smq_level in _SMQ_LEVELS:
            if smq_level not in self._levels:
                continue
            chosen = [each for each in content if smq_level == "smq_broad" or each[2] == _NARROW]
            pts = {term for term, level, _ in chosen if level == _PT}
            for term, level, _ in chosen:
                if level == _PT:
                    self._of[term].add(self._place(smq_level, name))
                elif self._llts[term] not in pts:
                    self._only.setdefault(term, set()).add(self._place(smq_level, name))


_CURRENCY = 9  # column of llt.asc
_PRIMARY = 11  # column of mdhier.asc
_COLUMNS: dict[Literal["hlt", "hlgt", "soc"], int] = {"hlt": 5, "hlgt": 6, "soc": 7}


def _descendants(smq: str, children: Mapping[str, list[str]]) -> list[str]:
    """Return an SMQ and all below it, each once, whatever circles the files hold."""
    found = {smq: None}
    waiting = [smq]
    while waiting:
        for child in children[waiting.pop()]:
            if child not in found:
                found[child] = None
                waiting.append(child)
    return list(found)
