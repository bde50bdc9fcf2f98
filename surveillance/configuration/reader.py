"""Read a configuration directory: strict, hashed as a whole."""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from surveillance.configuration import types as parts
from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misconfigured

SHIPPED = Path(str(files("surveillance") / "configuration" / "shipped"))
_DEFAULTS = {"names": SHIPPED.parent / "names.toml"}  # parts that a directory may leave to us

_FILES: dict[str, Any] = {
    "topics": parts.Topics,
    "sources": dict[str, parts.VersionRule],
    "products": parts.Products,
    "events": parts.Events,
    "criteria": parts.Criteria,
    "watches": parts.Watches,
    "triage": parts.Triage,
    "feed": parts.Feed,
    "names": parts.Names,
}


def read_configuration(directory: Path) -> Configuration:
    """Read and check a configuration directory.

    Parameters
    ----------
    directory : Path
        Holds one TOML file a part; only `criteria.toml` is required.

    Returns
    -------
    Configuration
        With the SHA-256 of all files, by name and content.

    Raises
    ------
    Misconfigured
        If a file is missing, unknown, unreadable, or breaks its schema: names the file
        and the key.
    """
    if not directory.is_dir():
        raise Misconfigured(str(directory), "is not a directory", "name a configuration directory")
    contents = {path.name: path.read_bytes() for path in sorted(directory.glob("*.toml"))}
    known = {f"{part}.toml" for part in _FILES}
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
    return Configuration(digest=digest(contents), **values)


def _part(directory: Path, contents: dict[str, bytes], part: str, kind: Any) -> Any:  # noqa: ANN401 - one of _FILES
    path = directory / f"{part}.toml"
    if path.name not in contents and part in _DEFAULTS:
        path = _DEFAULTS[part]
        return _read_part(path, path.read_bytes(), kind)
    return _read_part(path, contents.get(path.name, b""), kind)


def digest(contents: dict[str, bytes]) -> str:
    """Return the SHA-256 over every file's name and content, in the order of the names."""
    whole = hashlib.sha256()
    for name in sorted(contents):
        inner = hashlib.sha256(contents[name]).hexdigest()
        whole.update(f"{name} {inner}\n".encode())
    return whole.hexdigest()


def _read_part(path: Path, content: bytes, kind: Any) -> Any:  # noqa: ANN401 - one of _FILES
    try:
        # Editors on Windows begin a file with a mark that TOML does not know.
        return msgspec.toml.decode(content.removeprefix(BOM_UTF8), type=kind)
    except msgspec.ValidationError as error:
        reason = str(error).replace("`", "'")
        raise Misconfigured(str(path), reason, "fix the key; see docs/configuration.md") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(str(path), f"is not TOML ({error})", "fix the file") from None
