"""`longwatch decide`, `acknowledge` and `suppress`: write what one person did."""

from __future__ import annotations

from typing import Annotated

import typer

from surveillance.cli import records
from surveillance.cli.records import (
    Append,
    BandName,
    Broker,
    By,
    KeyFile,
    MergedInto,
    Note,
    OfTable,
    PassphraseFile,
    PublicReason,
    Reason,
    Role,
    Until,
)
from surveillance.cli.screen import print_lines
from surveillance.cli.terminal import a_date

EPOCH_MAX = 2**53


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decide")(decide)
    app.command("acknowledge")(acknowledge)
    app.command("suppress")(suppress)


def decide(
    signal_id: Annotated[str, typer.Argument(metavar="SIGNAL", help="A signal, or a matter.")],
    action: Annotated[str, typer.Option(help="As in `longwatch lifecycle`.")],
    by: By,
    role: Role,
    reason: Reason,
    public_reason: PublicReason = "",
    approved_by: Annotated[str | None, typer.Option(help="The second person.")] = None,
    approver_role: Annotated[str | None, typer.Option(help="As --role.")] = None,
    ground: Annotated[
        str | None, typer.Option(help="Code in `longwatch law`: of the request that is answered.")
    ] = None,
    ladder_step: Annotated[
        str | None, typer.Option(help="Code in `longwatch law`: the step of the ladder.")
    ] = None,
    until: Until = None,
    merged_into: MergedInto = None,
    band: BandName = None,
    config: OfTable = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Record what one person decided about a signal; `propose` is for what takes two."""
    records.require_one_place(broker, append)
    records.require_known(config, action, role, approver_role)
    record, line = records.make(
        {
            "type": "decision",
            "signal_id": signal_id,
            "action": action,
            "decided_by": by,
            "role": role,
            "reason": reason,
            "public_reason": public_reason or None,
            "approved_by": approved_by,
            "approver_role": approver_role,
            "ground": ground,
            "ladder_step": ladder_step,
            "until": None if until is None else str(a_date(until, "--until")),
            "merged_into": merged_into,
            "band": band,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(f"{record.decision_id}: {action} {signal_id}, by {by}; {records.state_of(record)}")
    return 0


def acknowledge(
    matter_id: Annotated[str, typer.Argument(metavar="MATTER", help="As in `longwatch ranking`.")],
    epoch: Annotated[
        int, typer.Option("--epoch", min=0, max=EPOCH_MAX, help="Of the page that was seen.")
    ],
    by: By,
    role: Role,
    note: Note = "",
    config: OfTable = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Record that you have seen a matter as it stood at the end of an epoch.

    It moves nothing. `longwatch ranking` leaves the matter out until it has changed.
    """
    records.require_one_place(broker, append)
    records.require_known(config, "acknowledge", role)
    record, line = records.make(
        {
            "type": "acknowledgement",
            "matter_id": matter_id,
            "up_to_epoch": epoch,
            "decided_by": by,
            "role": role,
            "note": note or None,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(
        f"{record.decision_id}: {matter_id} seen up to epoch {epoch}, by {by}; "
        f"{records.state_of(record)}"
    )
    return 0


def suppress(
    matter_id: Annotated[str, typer.Argument(metavar="MATTER", help="As in `longwatch ranking`.")],
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The last day; at most a year ahead.")
    ],
    by: By,
    role: Role,
    reason: Reason,
    approved_by: Annotated[
        str | None, typer.Option(help="The second person, for more than 30 days.")
    ] = None,
    approver_role: Annotated[str | None, typer.Option(help="As --role.")] = None,
    config: OfTable = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Keep a matter off the list until a day, with a reason; a first death brings it back."""
    records.require_one_place(broker, append)
    records.require_known(config, "suppress", role, approver_role)
    record, line = records.make(
        {
            "type": "suppression",
            "matter_id": matter_id,
            "until": str(a_date(until, "--until")),
            "reason": reason,
            "decided_by": by,
            "role": role,
            "approved_by": approved_by,
            "approver_role": approver_role,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(
        f"{record.decision_id}: {matter_id} suppressed until {until}, by {by}; "
        f"{records.state_of(record)}"
    )
    return 0
