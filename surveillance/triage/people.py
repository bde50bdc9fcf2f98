"""Whose key is whose, and who holds which role: a fold over the records of administrators.

The keys of administrators are configuration. Everything else is on the log, so that a signature is
verified from the log and its configuration alone, at the place of the log where it stands.
"""

from __future__ import annotations

import msgspec

from surveillance.configuration.life_cycle import LifeCycle
from surveillance.configuration.people import People
from surveillance.domain.decision import (
    AboutPeople,
    Approval,
    Decision,
    KeyRegistered,
    OfTwo,
    PersonRecord,
    Revocation,
    RoleGranted,
    Suppression,
    Withdrawal,
)
from surveillance.domain.names import identity
from surveillance.triage import signatures
from surveillance.triage.life_cycle import Fault


class Key(msgspec.Struct):
    """A key, whose it is, and who stated that."""

    person: str
    full_name: str
    public_key: str
    by: str
    is_revoked: bool = False


class Directory(msgspec.Struct):
    """State: the keys and roles of people at a place of the log."""

    keys: dict[str, Key] = {}
    roles: dict[str, dict[str, str]] = {}  # person, role, and the administrator who granted it


class Authority:
    """Decides whose records are taken, and keeps the directory.

    Parameters
    ----------
    people : People
        Administrators, and whether unsigned records count.
    table : LifeCycle
        With the roles that there are.
    """

    def __init__(self, people: People, table: LifeCycle) -> None:
        self._accepts_unsigned = people.accept_unsigned
        self._roles = [one.name for one in table.role]
        self._administrators = {
            signatures.key_id(one.public_key): Key(one.person, one.full_name, one.public_key, "")
            for one in people.administrator
        }

    def why_not(self, directory: Directory, record: PersonRecord, line: bytes) -> Fault | None:
        """Return why a record is not taken from the person whom it names; None if it is.

        Parameters
        ----------
        directory : Directory
            Before the record.
        record : record of a person
            As decoded.
        line : bytes
            As received.
        """
        fault = _forged(record)
        if fault is not None:
            return fault
        if record.signature is None or record.key_id is None:
            return self._why_not_unsigned(directory, record)
        key = self._key(directory, record.key_id)
        return (
            _why_not_this_key(key, record)
            or _why_not_signature(key, record, line)
            or self._why_not_here(directory, record)
        )

    def why_not_together(
        self, directory: Directory, first: OfTwo, second: Approval
    ) -> Fault | None:
        """Return why a second person cannot approve, whatever the table says of the roles.

        Parameters
        ----------
        directory : Directory
            At the approval.
        first : Proposal
            That was admitted before.
        second : Approval
            Admitted now.
        """
        one, other = identity(first.decided_by), identity(second.decided_by)
        if one == other or (first.key_id is not None and first.key_id == second.key_id):
            return Fault(
                "same_person",
                f"{second.decided_by} proposed it",
                "another person approves, whatever the role",
            )
        if other in self._granted_by(directory, one) or one in self._granted_by(directory, other):
            return Fault(
                "own_grant",
                f"one of {first.decided_by} and {second.decided_by} gave the other a key or role",
                "a person approves whom neither gave a key or role",
            )
        if first.key_id is None:
            is_missing = not self._accepts_unsigned or second.key_id is not None
            return _UNSIGNED_PROPOSAL if is_missing else None
        key = self._key(directory, first.key_id)
        if key is None or key.is_revoked:
            return _revoked(first.key_id)
        return self._why_not_role(directory, first)

    def take(self, directory: Directory, record: AboutPeople) -> Fault | None:
        """Enter what an administrator states, or return why it cannot be so.

        Parameters
        ----------
        directory : Directory
            Is changed.
        record : record about people
            That `why_not` allowed.
        """
        person, by = identity(record.person), identity(record.decided_by)
        if person == by and not isinstance(record, Revocation):
            return Fault(
                "own_grant",
                f"{record.decided_by} may not register a key or role of their own",
                "another administrator does it",
            )
        if isinstance(record, KeyRegistered):
            return self._register(directory, record)
        if isinstance(record, RoleGranted):
            return self._grant(directory, record)
        return _revoke(directory, record)

    def _register(self, directory: Directory, record: KeyRegistered) -> Fault | None:
        name = signatures.key_id(record.public_key)
        if self._key(directory, name) is not None:
            remedy = "each person makes a key of their own, and a revoked one stays revoked"
            return Fault("key_in_use", f"the key {name} is registered already", remedy)
        person, full_name = identity(record.person), identity(record.full_name)
        for key in (*self._administrators.values(), *directory.keys.values()):
            if (identity(key.person) == person) != (identity(key.full_name) == full_name):
                return Fault(
                    "same_person",
                    f"{key.full_name} is registered as {key.person}",
                    "register each person under one name and one full name",
                )
        directory.keys[name] = Key(
            record.person, record.full_name, record.public_key, identity(record.decided_by)
        )
        return None

    def _grant(self, directory: Directory, record: RoleGranted) -> Fault | None:
        if record.role not in self._roles:
            known = ", ".join(self._roles)
            return Fault("unknown_role", f"there is no role {record.role}", f"use one of {known}")
        if not _is_registered(directory, record.person):
            return _unknown_person(record.person)
        held = directory.roles.setdefault(identity(record.person), {})
        held.setdefault(record.role, identity(record.decided_by))
        return None

    def _key(self, directory: Directory, name: str) -> Key | None:
        return self._administrators.get(name) or directory.keys.get(name)

    def _granted_by(self, directory: Directory, person: str) -> set[str]:
        keys = (key for key in directory.keys.values() if identity(key.person) == person)
        return {key.by for key in keys} | set(directory.roles.get(person, {}).values())

    def _why_not_unsigned(self, directory: Directory, record: PersonRecord) -> Fault | None:
        if self._accepts_unsigned and not isinstance(record, AboutPeople):
            if not _is_registered(directory, record.decided_by):
                return None
            reason = f"{record.decided_by} has a key, and the record is not signed"
            return Fault("unsigned", reason, "sign it: --key FILE")
        return Fault(
            "unsigned",
            "the record is not signed, and the configuration accepts signed ones alone",
            "sign it: --key FILE; see `longwatch keys`",
        )

    def _why_not_here(self, directory: Directory, record: PersonRecord) -> Fault | None:
        if isinstance(record, AboutPeople):
            if record.key_id in self._administrators:
                return None
            return Fault(
                "not_administrator",
                f"{record.decided_by} is no administrator of this configuration",
                "an administrator of people.toml registers keys and roles",
            )
        if isinstance(record, Withdrawal):
            return None
        return self._why_not_role(directory, record)

    def _why_not_role(self, directory: Directory, record: PersonRecord) -> Fault | None:
        role = getattr(record, "role", "")
        if role in directory.roles.get(identity(record.decided_by), {}):
            return None
        return Fault(
            "role_not_granted",
            f"{record.decided_by} does not hold the role {role}",
            "act in a role that you hold, or ask an administrator to grant it",
        )


_UNSIGNED_PROPOSAL = Fault(
    "unsigned",
    "the proposal is not signed, and this approval is, or must be",
    "propose it anew, signed",
)


def _forged(record: PersonRecord) -> Fault | None:
    """Refuse what only an admitted approval sets, and two signatures in one record."""
    if (record.key_id is None) != (record.signature is None):
        return Fault("bad_signature", "key_id and signature go together", "give both, or neither")
    is_set = isinstance(record, Decision | Suppression) and (
        record.proposal_sha256 is not None or record.approver_key_id is not None
    )
    if is_set:
        return Fault(
            "forged_approval",
            "proposal_sha256 and approver_key_id are set when an approval is admitted",
            "leave them out",
        )
    has_second = getattr(record, "approved_by", None) is not None
    if has_second and record.key_id is not None:
        return Fault(
            "needs_proposal",
            "a signed record holds one person, and this one names a second",
            "propose it, and let the other person approve",
        )
    return None


def _why_not_this_key(key: Key | None, record: PersonRecord) -> Fault | None:
    if key is None:
        remedy = "ask an administrator to register your key"
        return Fault("unknown_key", f"there is no key {record.key_id}", remedy)
    if key.is_revoked:
        return _revoked(str(record.key_id))
    if identity(key.person) != identity(record.decided_by):
        return Fault(
            "not_that_person",
            f"the key {record.key_id} is that of {key.person}, and not of {record.decided_by}",
            "sign with your own key, in your own name",
        )
    return None


def _why_not_signature(key: Key | None, record: PersonRecord, line: bytes) -> Fault | None:
    data = signatures.canonical_line(line)
    if data != signatures.canonical(record):
        return Fault(
            "not_canonical",
            "a value is spelled in another way than the canonical one",
            "write it as `longwatch` does: times in UTC with Z, ids without spaces around them",
        )
    is_valid = key is not None and signatures.is_valid(key.public_key, str(record.signature), data)
    if is_valid:
        return None
    return Fault(
        "bad_signature",
        f"the signature is not that of the key {record.key_id} over this record",
        "sign the record as it is, and change nothing afterwards",
    )


def _revoke(directory: Directory, record: Revocation) -> Fault | None:
    person = identity(record.person)
    if record.revoked_role is not None:
        if directory.roles.get(person, {}).pop(record.revoked_role, None) is None:
            reason = f"{record.person} does not hold the role {record.revoked_role}"
            return Fault("role_not_granted", reason, "see `longwatch keys list`")
        return None
    key = directory.keys.get(str(record.revoked_key))
    if key is None or identity(key.person) != person:
        reason = f"there is no key {record.revoked_key} of {record.person}"
        return Fault("unknown_key", reason, "see `longwatch keys list`")
    key.is_revoked = True
    return None


def _revoked(name: str) -> Fault:
    return Fault("key_revoked", f"the key {name} was revoked", "ask for a new key, and sign anew")


def _is_registered(directory: Directory, person: str) -> bool:
    return any(identity(key.person) == identity(person) for key in directory.keys.values())


def _unknown_person(person: str) -> Fault:
    return Fault("unknown_person", f"no key of {person} is registered", "register the key first")
