"""`longwatch keys`: make a key, and register keys and roles of people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli import records, screen
from surveillance.cli.options import AsJson, FromRun, RegisterUrl
from surveillance.cli.records import Append, Broker, By, OfTable, PassphraseFile, Reason
from surveillance.cli.screen import print_lines
from surveillance.cli.tables import print_table
from surveillance.domain.errors import Misused
from surveillance.triage import signatures
from surveillance.views.plain import plain
from surveillance.views.proposals import keys_of
from surveillance.views.results import open_results

keys = typer.Typer(no_args_is_help=True, help="Keys and roles of people.", rich_markup_mode=None)
AdministratorKey = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="The administrator's private key.")
]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="As records name the person.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(keys, name="keys")


@keys.command("make")
def make(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The private key; new.")],
    passphrase_file: PassphraseFile = None,
) -> int:
    """Make an Ed25519 key: the private one into a file that you alone can read."""
    passphrase = None if passphrase_file is None else records.read_passphrase(passphrase_file)
    pem = signatures.new_key(passphrase)
    try:
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise Misused(f"--out {out}", reason, "name a new file; a key is never replaced") from None
    with open(file, "wb") as opened:  # noqa: PTH123 - a descriptor
        opened.write(pem)
    public_key = signatures.PrivateKey(pem, str(out), passphrase).public_key
    print_lines(
        f"key         {signatures.key_id(public_key)}",
        f"public key  {public_key}",
        "give the public key to an administrator, who registers it; keep the file to yourself",
    )
    return 0


@keys.command("register")
def register_key(
    person: Person,
    full_name: Annotated[str, typer.Option("--full-name", help="As the person signs.")],
    public_key: Annotated[str, typer.Option("--public-key", help="As `keys make` prints it.")],
    by: By,
    key: AdministratorKey,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """State whose key this is. For administrators of the configuration (people.toml)."""
    records.require_one_place(broker, append)
    record, line = records.make(
        {
            "type": "key",
            "person": person,
            "full_name": full_name,
            "public_key": public_key,
            "decided_by": by,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    name = signatures.key_id(public_key)
    print_lines(f"{record.decision_id}: {name} is the key of {person} ({full_name})")
    return 0


@keys.command("grant")
def grant(
    person: Person,
    role: Annotated[str, typer.Option(help="As in `longwatch lifecycle`.")],
    by: By,
    key: AdministratorKey,
    config: OfTable = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Give a person a role. For administrators of the configuration."""
    records.require_one_place(broker, append)
    records.require_known(config, "acknowledge", role)
    record, line = records.make(
        {"type": "grant", "person": person, "role": role, "decided_by": by}, key, passphrase_file
    )
    records.write(line, broker, append)
    print_lines(f"{record.decision_id}: {person} holds the role {role}")
    return 0


@keys.command("revoke")
def revoke(
    person: Person,
    by: By,
    reason: Reason,
    key: AdministratorKey,
    key_id: Annotated[str | None, typer.Option("--key-id", help="The key that ends.")] = None,
    role: Annotated[str | None, typer.Option(help="The role that ends.")] = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """End a key or a role of a person, from this place of the log on."""
    records.require_one_place(broker, append)
    record, line = records.make(
        {
            "type": "revocation",
            "person": person,
            "revoked_key": key_id,
            "revoked_role": role,
            "reason": reason,
            "decided_by": by,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(f"{record.decision_id}: {key_id or role} of {person} is revoked")
    return 0


@keys.command("list")
def list_keys(
    *, from_run: FromRun = None, register: RegisterUrl = None, as_json: AsJson = False
) -> None:
    """List the keys that are registered, with the roles of their persons."""
    found = keys_of(open_results(from_run, register).reader)
    if as_json:
        screen.print_json([plain(one) for one in found])
        return
    columns = ("key", "person", "full name", "roles", "state", "registered by")
    rows = [
        (
            one.key_id,
            one.person,
            one.full_name,
            ", ".join(one.roles) or "-",
            "revoked" if one.is_revoked else "valid",
            one.registered_by,
        )
        for one in found
    ]
    print_table("keys", dict.fromkeys(columns, "left"), rows)
    print_lines(f"{len(rows):,} keys are registered")
