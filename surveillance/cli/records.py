"""Records of people: built, checked against the table, signed, and written to the log or a file."""

from __future__ import annotations

import fcntl
from hashlib import sha256
from os import SEEK_END
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from surveillance.cli import clock
from surveillance.cli.options import one_of, text_of
from surveillance.cli.screen import visible
from surveillance.configuration.life_cycle import LifeCycle, shipped
from surveillance.configuration.reader import read_configuration
from surveillance.domain.decision import PersonRecord
from surveillance.domain.errors import Misused, Refused
from surveillance.log.decode import decode_decision
from surveillance.log.topics import DECISIONS
from surveillance.triage.signatures import PrivateKey

UNSIGNED = "unsigned: it counts only where the configuration accepts that"
By = Annotated[str, typer.Option("--by", help="Who you are, as the key is registered.")]
Role = Annotated[str, typer.Option(help="As in `longwatch lifecycle`.")]
Reason = Annotated[str, typer.Option(help="At least ten characters; internal.")]
Note = Annotated[str, typer.Option(help="Internal; not published.")]
Broker = Annotated[str | None, typer.Option(help="HOST:PORT of Kafka to write to.")]
PublicReason = Annotated[str, typer.Option(help="Published word for word.")]
Until = Annotated[
    str | None, typer.Option(metavar="DATE", help="The day until which to set it aside.")
]
MergedInto = Annotated[
    str | None, typer.Option(metavar="SIGNAL", help="The signal or matter that goes on.")
]
BandName = Annotated[str | None, typer.Option(help="How urgent it is, as P1.")]
Append = Annotated[Path | None, typer.Option(help="NDJSON file to append to.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Your private key; without it, it is unsigned."),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Holds the passphrase of the key."),
]
OfTable = Annotated[
    Path | None,
    typer.Option("--config", metavar="DIR", help="With the table; default: the one that ships."),
]


def make(
    fields: dict[str, Any], key: Path | None, passphrase_file: Path | None
) -> tuple[PersonRecord, bytes]:
    """Build a record, and sign it.

    Parameters
    ----------
    fields : dict
        Without id and time; None for what is not given.
    key : Path, optional
        Of the private key.
    passphrase_file : Path, optional
        Of the key.

    Returns
    -------
    tuple of record and bytes
        The record, and its line.

    Raises
    ------
    Misused
        If it breaks a rule that needs no log, or the key cannot be read.
    """
    if key is None and passphrase_file is not None:
        raise Misused(
            "--passphrase-file", "is given without --key", "name the key, or leave it out"
        )
    if key is not None and fields.get("approved_by") is not None:
        reason = "a signed record holds one person"
        raise Misused("--approved-by", reason, "use `longwatch propose`, and then `approve`")
    line = _line(fields | {"decided_at": clock.now().isoformat()})
    record = decode_decision(line)
    if key is not None:
        record = private_key(key, passphrase_file).signed(record)
    return record, msgspec.json.encode(record)


def private_key(path: Path, passphrase_file: Path | None) -> PrivateKey:
    """Read a private key.

    Parameters
    ----------
    path : Path
        PEM.
    passphrase_file : Path, optional
        Its first line is the passphrase.
    """
    passphrase = None if passphrase_file is None else read_passphrase(passphrase_file)
    return PrivateKey(read(path, "--key"), f"--key {path}", passphrase)


def read_passphrase(path: Path) -> bytes:
    """Return the first line of a file.

    Raises
    ------
    Misused
        If it is empty.
    """
    lines = read(path, "--passphrase-file").splitlines()
    if not lines or not lines[0]:
        raise Misused(f"--passphrase-file {path}", "is empty", "write the passphrase on one line")
    return lines[0]


def read(path: Path, option: str) -> bytes:
    """Read a small file that an option names.

    Raises
    ------
    Misused
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(1_000_000)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise Misused(f"{option} {path}", reason, "name another file") from None


def state_of(record: PersonRecord) -> str:
    """Return in words whether a record is signed."""
    return f"signed with {record.key_id}" if record.is_signed else UNSIGNED


def require_known(config: Path | None, action: str, *roles: str | None) -> LifeCycle:
    """Refuse a name that is not in the table: a typing error must not wait for the next tick.

    Parameters
    ----------
    config : Path, optional
        Directory of the configuration whose table counts.
    action : str
        As given.
    *roles : str or None
        As given.

    Returns
    -------
    LifeCycle
        The table.

    Raises
    ------
    Misused
        If one is unknown; lists those known.
    """
    table = shipped() if config is None else read_configuration(config).lifecycle
    known = [one.name for one in table.role]
    for role in roles:
        one_of(role, known, "--role")
    actions = [one.action for one in table.transition]
    if table.transition_of(action) is None:
        one_of(action, actions, "--action")
    return table


def require_one_place(broker: str | None, append: Path | None) -> None:
    """Require that exactly one place to write to is named."""
    if (broker is None) == (append is None):
        raise Misused("--broker or --append", "exactly one is needed", "choose where to write")


def write(line: bytes, broker: str | None, append: Path | None) -> None:
    """Write a line to the log, or append it to a file."""
    if append is not None:
        _append(append, line)
    elif broker is not None:
        _send(broker, line)


def _append(path: Path, line: bytes) -> None:
    """Append a line, and end the one before it if somebody left it open."""
    try:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two who decide at once write one after the other
            n_bytes = file.seek(0, SEEK_END)
            if n_bytes:
                file.seek(n_bytes - 1)
            is_open = n_bytes > 0 and file.read(1) != b"\n"
            file.write((b"\n" if is_open else b"") + line + b"\n")
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise Misused(f"--append {path}", reason, "name another file") from None


def _line(fields: dict[str, Any]) -> bytes:
    given = {
        name: text_of(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }
    for name, value in given.items():
        _require_one_line(name, str(value))
    identity = sha256(msgspec.json.encode(given, order="deterministic")).hexdigest()
    line = msgspec.json.encode({"decision_id": f"D-{identity[:16]}", **given})
    try:
        return msgspec.json.encode(decode_decision(line))
    except Refused as error:
        raise Misused("decision", error.reason, "see `--help` of the command") from None


def _require_one_line(name: str, value: str) -> None:
    """Refuse what cannot be seen; what others named a product is theirs, and has to be given."""
    is_wrong = "\n" in value or "\r" in value if name == "signal_id" else visible(value) != value
    if is_wrong:
        raise Misused(
            f"{name} {value!r}",
            "holds a line feed or another character that cannot be seen",
            "give it on one line, without controls",
        )


def _send(broker: str, line: bytes) -> None:
    from surveillance.stream.clients import producer  # noqa: PLC0415 - Kafka clients load slowly

    client = producer(broker)
    client.send(DECISIONS, value=line, partition=0).get(timeout=30)
    client.close()
