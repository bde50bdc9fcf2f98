"""`longwatch propose`, `approve`, `withdraw`, `proposals`: what takes two people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from surveillance.cli import records, screen
from surveillance.cli.decide import EPOCH_MAX
from surveillance.cli.options import AsJson, FromRun, RegisterUrl, one_of
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
from surveillance.cli.screen import print_lines, visible
from surveillance.cli.tables import print_table
from surveillance.cli.terminal import a_date
from surveillance.domain.decision import Proposal
from surveillance.domain.errors import Misused
from surveillance.triage import signatures
from surveillance.triage.matters import is_matter_id
from surveillance.views.plain import plain
from surveillance.views.proposals import proposals_of
from surveillance.views.results import open_results

if TYPE_CHECKING:
    from surveillance.views.proposals import ProposalState

SHOWN = 12  # characters of a hash that are shown and enough
Hash = Annotated[str, typer.Argument(metavar="HASH", help="As in `longwatch proposals`.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("propose")(propose)
    app.command("approve")(approve)
    app.command("withdraw")(withdraw)
    app.command("proposals")(proposals)


def propose(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="A signal, or a matter.")],
    action: Annotated[str, typer.Option(help="As in `longwatch lifecycle`.")],
    by: By,
    role: Role,
    reason: Reason,
    public_reason: PublicReason = "",
    status: Annotated[str | None, typer.Option(help="Of the signal, as you saw it.")] = None,
    epoch: Annotated[
        int | None, typer.Option("--epoch", min=0, max=EPOCH_MAX, help="Of what you saw.")
    ] = None,
    ground: Annotated[str | None, typer.Option(help="Code in `longwatch law`.")] = None,
    ladder_step: Annotated[str | None, typer.Option(help="Code in `longwatch law`.")] = None,
    until: Until = None,
    merged_into: MergedInto = None,
    band: BandName = None,
    config: OfTable = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Propose a decision, for another person to approve. It moves nothing by itself."""
    records.require_one_place(broker, append)
    table = records.require_known(config, action, role)
    one_of(status, [one.name for one in table.status], "--status")
    is_matter = action == "suppress" or is_matter_id(subject)
    about = "matter_id" if is_matter else "signal_id"
    record, line = records.make(
        {
            "type": "proposal",
            about: subject,
            "action": action,
            "decided_by": by,
            "role": role,
            "reason": reason,
            "public_reason": public_reason or None,
            "ground": ground,
            "ladder_step": ladder_step,
            "until": None if until is None else str(a_date(until, "--until")),
            "merged_into": merged_into,
            "band": band,
            "expected_status": status,
            "seen_epoch": epoch,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(
        f"{record.decision_id}: {action} {subject} proposed by {by}; {records.state_of(record)}",
        f"to approve it: longwatch approve {signatures.digest(record)} …",
    )
    return 0


def approve(
    proposal: Hash,
    by: By,
    role: Role,
    *,
    refuse: Annotated[
        bool, typer.Option("--refuse", help="Refuse it instead; it is then used up.")
    ] = False,
    note: Note = "",
    from_run: FromRun = None,
    register: RegisterUrl = None,
    config: OfTable = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Approve exactly the proposal of this hash, or refuse it.

    With --from-run or --register the proposal is looked up and shown, and the beginning of its
    hash is enough; without, the whole hash is needed.
    """
    records.require_one_place(broker, append)
    records.require_known(config, "acknowledge", role)
    if from_run is not None or register is not None:
        found = _looked_up(proposal, from_run, register)
        proposal = found.sha256
        print_lines(*_described(found.proposal))
    record, line = records.make(
        {
            "type": "approval",
            "proposal_sha256": proposal,
            "meaning": "refused" if refuse else "approved",
            "decided_by": by,
            "role": role,
            "note": note or None,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    what = "refused" if refuse else "approved"
    print_lines(
        f"{record.decision_id}: {proposal[:SHOWN]} {what} by {by}; {records.state_of(record)}"
    )
    return 0


def withdraw(
    proposal: Hash,
    by: By,
    note: Note = "",
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Take back a proposal of your own, by its whole hash."""
    records.require_one_place(broker, append)
    record, line = records.make(
        {
            "type": "withdrawal",
            "proposal_sha256": proposal,
            "decided_by": by,
            "note": note or None,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(
        f"{record.decision_id}: {proposal[:SHOWN]} withdrawn by {by}; {records.state_of(record)}"
    )
    return 0


def proposals(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Those that were answered or withdrawn, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List proposals that wait for a second person, with the hash that an approval names."""
    found = proposals_of(open_results(from_run, register).reader)
    chosen = [one for one in found if show_all or one.state == "waiting"]
    if as_json:
        screen.print_json([plain(one) for one in chosen])
        return
    columns = ("hash", "about", "action", "proposed by", "in the role", "signed", "state", "reason")
    rows = [
        (
            one.sha256[:SHOWN],
            one.proposal.signal_id or one.proposal.matter_id,
            one.proposal.action,
            one.proposal.decided_by,
            one.proposal.role,
            "yes" if one.proposal.is_signed else "unsigned",
            one.state,
            one.proposal.reason,
        )
        for one in chosen
    ]
    print_table("proposals", dict.fromkeys(columns, "left"), rows)
    print_lines(f"{len(chosen):,} shown of {len(found):,} proposals")


def _looked_up(given: str, from_run: FromRun, register: RegisterUrl) -> ProposalState:
    reader = open_results(from_run, register).reader
    found = [one for one in proposals_of(reader) if one.sha256.startswith(given)]
    if len(found) != 1:
        reason = "is the beginning of no proposal" if not found else "begins more than one"
        raise Misused(f"proposal {given!r}", reason, "see `longwatch proposals --json`")
    return found[0]


def _described(proposal: Proposal) -> list[str]:
    fields = plain(proposal)
    hidden = ("type", "decision_id", "key_id", "signature")
    return [visible(f"  {name}: {value}") for name, value in fields.items() if name not in hidden]
