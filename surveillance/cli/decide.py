"""`longwatch decide` and `acknowledge`: write what people did to the log, or to a file."""

from __future__ import annotations

import fcntl
from hashlib import sha256
from os import SEEK_END
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import typer

from surveillance.cli import clock
from surveillance.cli.options import text_of
from surveillance.cli.screen import print_lines, visible
from surveillance.cli.terminal import a_date
from surveillance.domain.decision import Action, PersonRole
from surveillance.domain.errors import Misused, Refused
from surveillance.log.decode import decode_decision
from surveillance.log.topics import DECISIONS

EPOCH_MAX = 2**53


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decide")(decide)
    app.command("acknowledge")(acknowledge)
    app.command("suppress")(suppress)


def decide(
    signal_id: Annotated[str, typer.Argument(metavar="SIGNAL", help="As in `longwatch signals`.")],
    action: Annotated[str, typer.Option(help=", ".join(get_args(Action)))],
    by: Annotated[str, typer.Option("--by", help="Who decides.")],
    role: Annotated[str, typer.Option(help=", ".join(get_args(PersonRole)))],
    reason: Annotated[str, typer.Option(help="At least ten characters; internal.")],
    public_reason: Annotated[str, typer.Option(help="Published word for word.")] = "",
    approved_by: Annotated[str | None, typer.Option(help="The second person.")] = None,
    approver_role: Annotated[str | None, typer.Option(help="As --role.")] = None,
    ground: Annotated[
        str | None, typer.Option(help="Of the request that is answered, if several wait.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="HOST:PORT of Kafka to write to.")] = None,
    append: Annotated[Path | None, typer.Option(help="NDJSON file to append to.")] = None,
) -> int:
    """Record a decision about a signal. Not signed yet: restrict write access to the log."""
    _require_one_place(broker, append)
    line = _line(
        {
            "type": "decision",
            "signal_id": signal_id,
            "action": action,
            "decided_by": by,
            "role": role,
            "reason": reason,
            "public_reason": public_reason or None,
            "decided_at": clock.now().isoformat(),
            "approved_by": approved_by,
            "approver_role": approver_role,
            "ground": ground,
        }
    )
    _write(line, broker, append)
    print_lines(f"{decode_decision(line).decision_id}: {action} {signal_id}, by {by}")
    return 0


def acknowledge(
    matter_id: Annotated[str, typer.Argument(metavar="MATTER", help="As in `longwatch ranking`.")],
    epoch: Annotated[
        int, typer.Option("--epoch", min=0, max=EPOCH_MAX, help="Of the page that was seen.")
    ],
    by: Annotated[str, typer.Option("--by", help="Who has seen it.")],
    role: Annotated[str, typer.Option(help=", ".join(get_args(PersonRole)))],
    note: Annotated[str, typer.Option(help="Internal; not published.")] = "",
    broker: Annotated[str | None, typer.Option(help="HOST:PORT of Kafka to write to.")] = None,
    append: Annotated[Path | None, typer.Option(help="NDJSON file to append to.")] = None,
) -> int:
    """Record that you have seen a matter as it stood at the end of an epoch.

    It moves nothing. `longwatch ranking` leaves the matter out until it has changed.
    """
    _require_one_place(broker, append)
    line = _line(
        {
            "type": "acknowledgement",
            "matter_id": matter_id,
            "up_to_epoch": epoch,
            "decided_by": by,
            "role": role,
            "decided_at": clock.now().isoformat(),
            "note": note or None,
        }
    )
    _write(line, broker, append)
    print_lines(
        f"{decode_decision(line).decision_id}: {matter_id} seen up to epoch {epoch}, by {by}"
    )
    return 0


def suppress(
    matter_id: Annotated[str, typer.Argument(metavar="MATTER", help="As in `longwatch ranking`.")],
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The last day; at most a year ahead.")
    ],
    by: Annotated[str, typer.Option("--by", help="Who decides.")],
    role: Annotated[str, typer.Option(help=", ".join(get_args(PersonRole)))],
    reason: Annotated[str, typer.Option(help="At least ten characters; internal.")],
    approved_by: Annotated[
        str | None, typer.Option(help="The second person, for more than 30 days.")
    ] = None,
    approver_role: Annotated[str | None, typer.Option(help="As --role.")] = None,
    broker: Annotated[str | None, typer.Option(help="HOST:PORT of Kafka to write to.")] = None,
    append: Annotated[Path | None, typer.Option(help="NDJSON file to append to.")] = None,
) -> int:
    """Keep a matter off the list until a day, with a reason; a first death brings it back."""
    _require_one_place(broker, append)
    line = _line(
        {
            "type": "suppression",
            "matter_id": matter_id,
            "until": str(a_date(until, "--until")),
            "reason": reason,
            "decided_by": by,
            "role": role,
            "decided_at": clock.now().isoformat(),
            "approved_by": approved_by,
            "approver_role": approver_role,
        }
    )
    _write(line, broker, append)
    name = decode_decision(line).decision_id
    print_lines(f"{name}: {matter_id} suppressed until {until}, by {by}")
    return 0


def _require_one_place(broker: str | None, append: Path | None) -> None:
    if (broker is None) == (append is None):
        raise Misused("--broker or --append", "exactly one is needed", "choose where to write")


def _write(line: bytes, broker: str | None, append: Path | None) -> None:
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
