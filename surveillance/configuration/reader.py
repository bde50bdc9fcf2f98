"""Read a configuration directory: strict, hashed as a whole."""

from __future__ import annotations

import csv
import hashlib
from codecs import BOM_UTF8
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from surveillance.configuration import types as parts
from surveillance.configuration.law import Law
from surveillance.configuration.life_cycle import LifeCycle
from surveillance.configuration.meddra import hierarchy_of, read_release
from surveillance.configuration.people import People
from surveillance.configuration.programmes import Programmes
from surveillance.configuration.types import Configuration
from surveillance.configuration.work_up import WorkUpList
from surveillance.domain.allowed import with_allowed
from surveillance.domain.errors import Misconfigured
from surveillance.domain.names import identity

T = TypeVar("T")
SHIPPED = Path(str(files("surveillance") / "configuration" / "shipped"))
_DEFAULTS = {  # parts that a directory may leave to us
    part: SHIPPED.parent / f"{part}.toml"
    for part in ("law", "lifecycle", "names", "substances", "workup")
}
_DICTIONARY = "substances.csv"
_COLUMNS = ["reported", "substance"]
_TABLES: dict[str, tuple[list[str], Any]] = {
    "labels.csv": (["product", "event", "since"], parts.KnownPair),
    "indications.csv": (["product", "event"], parts.KnownPair),
    "publicity.csv": (["on", "by", "product", "event", "what"], parts.Publicity),
    "holidays.csv": (["day", "name"], parts.Holiday),
}

_FILES: dict[str, Any] = {
    "topics": parts.Topics,
    "sources": dict[str, parts.VersionRule],
    "products": parts.Products,
    "events": parts.Events,
    "criteria": parts.Criteria,
    "programmes": Programmes,
    "triage": parts.Triage,
    "feed": parts.Feed,
    "names": parts.Names,
    "substances": parts.Substances,
    "law": Law,
    "lifecycle": LifeCycle,
    "people": People,
    "workup": WorkUpList,
}


def read_configuration(directory: Path) -> Configuration:
    """Read and check a configuration directory.

    Parameters
    ----------
    directory : Path
        Holds one TOML file a part, and perhaps the CSV files of a user; only `criteria.toml` is
        required.

    Returns
    -------
    Configuration
        With the SHA-256 of all files, by name and content; those that ship, where the directory
        has none of its own, among them.

    Raises
    ------
    Misconfigured
        If a file is missing, unknown, unreadable, or breaks its schema: names the file
        and the key.
    """
    if not directory.is_dir():
        raise Misconfigured(str(directory), "is not a directory", "name a configuration directory")
    found = (path for path in directory.iterdir() if path.suffix in (".toml", ".csv"))
    contents = {path.name: path.read_bytes() for path in sorted(found)}
    known = {*(f"{part}.toml" for part in _FILES), "terms.toml", _DICTIONARY, *_TABLES}
    for name in contents:
        if name not in known:
            raise Misconfigured(
                str(directory / name),
                "is not a file that longwatch reads",
                f"rename it to one of {', '.join(sorted(known))}",
            )
    if "criteria.toml" not in contents:
        raise Misconfigured(
            str(directory),
            "has no criteria.toml",
            "add one that defines what makes a pair a finding",
        )
    values = {part: _part(directory, contents, part, kind) for part, kind in _FILES.items()}
    if _DICTIONARY in contents:
        listed = _read_dictionary(directory / _DICTIONARY, contents[_DICTIONARY])
        values["substances"] = replace(values["substances"], dictionary=listed)
    for name, (columns, kind) in _TABLES.items():
        if name in contents:
            rows = _read_table(directory / name, contents[name], columns)
            values[name.removesuffix(".csv")] = _records(directory / name, rows, columns, kind)
    _require_grounds(directory, values["triage"], values["law"])
    _require_table(directory, values)
    _require_groups(directory, values["programmes"], values["events"])
    _add_hierarchy(directory, contents, values)
    return Configuration(digest=digest(_with_defaults(contents)), **values)


def left_out(names: Collection[str]) -> list[Path]:
    """Return the files that ship with the program and are in force where a directory has none.

    Parameters
    ----------
    names : collection of str
        Of the files of the directory.
    """
    return [path for path in _DEFAULTS.values() if path.name not in names]


def _with_defaults(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Return all that is in force: the files of the directory, and those it leaves to us."""
    return contents | {path.name: path.read_bytes() for path in left_out(contents)}


def _add_hierarchy(directory: Path, contents: dict[str, bytes], values: dict[str, Any]) -> None:
    """Read the terms of a user, which count in the hash with all else."""
    if "terms.toml" not in contents:
        return
    terms = read_part(directory / "terms.toml", contents["terms.toml"], parts.Terms)
    release = read_release(_folder_of(directory, terms.path), terms.levels)
    values["terms"] = terms
    values["hierarchy"] = hierarchy_of(release, terms.version, terms.levels, terms.axis)
    contents |= {f"terms/{name}": content for name, content in release.contents.items()}


def _folder_of(directory: Path, path: str) -> Path:
    """Return the folder of the terms, such that a copy of the directory finds it too."""
    if Path(path).is_absolute():
        return Path(path)
    if ".." in Path(path).parts:
        raise Misconfigured(
            str(directory / "terms.toml"),
            f"path {path!r} leaves the directory, and a copy of it would not find the terms",
            "give an absolute path, or a folder inside the directory",
        )
    return directory / path


def _require_grounds(directory: Path, triage: parts.Triage, law: Law) -> None:
    """Require that every rule asks about a ground that there is."""
    known = [one.code for one in law.ground]
    for rule in triage.review:
        if rule.ground not in known:
            raise Misconfigured(
                str(directory / "triage.toml"),
                f"the review rule {rule.name!r} asks about {rule.ground!r}, which is no ground",
                f"use one of {', '.join(known)}; or add it to a law.toml of your own",
            )


def _require_table(directory: Path, values: dict[str, Any]) -> None:
    """Require that rules, clocks and bands use names of the table, the ladder and the list."""
    table, triage = values["lifecycle"], values["triage"]
    statuses = [one.name for one in table.status]
    steps = [one.code for one in values["law"].action]
    bands = [one.name for one in triage.band]
    used = [
        *(("triage.toml", "status", name, statuses) for one in triage.review
          for name in one.statuses),
        *(("lifecycle.toml", "step of the ladder", name, steps) for one in table.clock
          for name in one.ladder_steps),
        *(("lifecycle.toml", "band", name, bands) for one in table.transition
          for name in one.second_person.bands),
    ]  # fmt: skip
    for file, kind, name, known in used:
        if name not in known:
            raise Misconfigured(
                str(directory / file),
                f"{name!r} is no {kind}",
                f"use one of {', '.join(known)}" if known else "law.toml has no [[action]]: add it",
            )


def _require_groups(directory: Path, programmes: Programmes, events: parts.Events) -> None:
    """Require that every group of events that a test of reports counts is there."""
    for name, design in programmes.design.items():
        level, _, group = getattr(design, "event", "").partition(":")
        if level == "group" and group not in events.group:
            raise Misconfigured(
                str(directory / "programmes.toml"),
                f"design {name!r} counts reports of group {group!r}, which events.toml lacks",
                f"define [group.{group}] there, or name one of {', '.join(events.group) or 'none'}",
            )


def _part(directory: Path, contents: dict[str, bytes], part: str, kind: Any) -> Any:  # noqa: ANN401 - one of _FILES
    path = directory / f"{part}.toml"
    if path.name not in contents and part in _DEFAULTS:
        return read_default(part)
    return read_part(path, contents.get(path.name, b""), kind)


def read_default(part: str) -> Any:  # noqa: ANN401 - one of _FILES
    """Return a part that a directory may leave to us, as it ships."""
    return read_part(_DEFAULTS[part], _DEFAULTS[part].read_bytes(), _FILES[part])


def digest(contents: dict[str, bytes]) -> str:
    """Return the SHA-256 over every file's name and content, in the order of the names."""
    whole = hashlib.sha256()
    for name in sorted(contents):
        inner = hashlib.sha256(contents[name]).hexdigest()
        whole.update(f"{name} {inner}\n".encode())
    return whole.hexdigest()


def read_part(path: Path, content: bytes, kind: Any) -> Any:  # noqa: ANN401 - any struct
    """Read one TOML file, strictly.

    Parameters
    ----------
    path : Path
        For messages.
    content : bytes
        Of the file.
    kind : type
        What it must fit.

    Raises
    ------
    Misconfigured
        If it is no TOML or does not fit: names the file and the key.
    """
    try:
        # Editors on Windows begin a file with a mark that TOML does not know.
        return msgspec.toml.decode(content.removeprefix(BOM_UTF8), type=kind)
    except msgspec.ValidationError as error:
        reason = with_allowed(str(error), kind)
        raise Misconfigured(str(path), reason, "fix the key; see docs/configuration.md") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(str(path), f"is not TOML ({error})", "fix the file") from None


def _read_table(path: Path, content: bytes, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Read a user's CSV file: each line that is not blank, with its number."""
    try:
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misconfigured(str(path), f"is not CSV in UTF-8 ({error})", "fix the file") from None
    if not rows or [name.strip().lower() for name in rows[0]] != columns:
        remedy = f"begin it with the line {','.join(columns)}"
        raise Misconfigured(str(path), "has no header", remedy)
    found: list[tuple[int, dict[str, str]]] = []
    for number, row in enumerate(rows[1:], 2):
        if not any(map(str.strip, row)):
            continue
        if len(row) != len(columns):
            reason = f"has {len(row)} fields in place of {len(columns)}"
            raise Misconfigured(f"{path}:{number}", reason, f"give {', '.join(columns)}")
        found.append((number, dict(zip(columns, map(str.strip, row), strict=True))))
    return found


def _records(
    path: Path, rows: list[tuple[int, dict[str, str]]], columns: list[str], kind: type[T]
) -> tuple[T, ...]:
    found: list[T] = []
    for number, row in rows:
        given = {name: row[name] for name in columns if row[name]}
        try:
            found.append(msgspec.convert(given, kind, strict=False))
        except msgspec.ValidationError as error:
            reason = str(error).replace("`", "'")
            remedy = f"give {', '.join(columns)}; a day as YYYY-MM-DD"
            raise Misconfigured(f"{path}:{number}", reason, remedy) from None
    return tuple(found)


def _read_dictionary(path: Path, content: bytes) -> dict[str, str]:
    """Read a user's dictionary: a header, and on each line a reported name and its substance."""
    listed: dict[str, str] = {}
    for number, row in _read_table(path, content, _COLUMNS):
        if not all(row.values()):
            remedy = "give a reported name and its substance; join several by ' + '"
            raise Misconfigured(f"{path}:{number}", "is not two names", remedy)
        reported, substance = row["reported"], row["substance"]
        if listed.setdefault(identity(reported), substance) != substance:
            reason = f"gives {reported!r} another substance than a line before"
            raise Misconfigured(f"{path}:{number}", reason, "keep one of the two")
    return listed
