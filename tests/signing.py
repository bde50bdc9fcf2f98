"""People with keys of their own, and a desk where their records are admitted and carried out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from strategies import DAY, a_configuration, encode, instant, record
from triaged import SIGNAL, TriagedEpochs, a_finding

from surveillance.configuration.people import Administrator, People
from surveillance.domain.decision import (
    Approval,
    CausalityAssessment,
    Decision,
    KeyRegistered,
    PersonRecord,
    Proposal,
    Revocation,
    RoleGranted,
    Withdrawal,
)
from surveillance.domain.finding import Finding
from surveillance.domain.signal import DecisionPassedOver, Signal, SignalStep, Step
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Fact
from surveillance.log.topics import FindingsRow
from surveillance.triage.admit import Admit
from surveillance.triage.signatures import PrivateKey, digest

REASON = "ten letters or more"


class Person:
    """Somebody with a name, and a key that is the same in every run."""

    def __init__(self, name: str, *, key: str = "") -> None:
        self.name = name
        seed = sha256((key or name).encode()).digest()
        pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.key = PrivateKey(pem, "a test")

    def signs(self, kind: type[Any], *, n: int = 0, **fields: Any) -> Any:  # noqa: ANN401 - a record
        """Return a record of this person, signed."""
        return self.key.signed(self.writes(kind, n=n, **fields))

    def writes(self, kind: type[Any], *, n: int = 0, **fields: Any) -> Any:  # noqa: ANN401 - a record
        """Return a record of this person, unsigned."""
        at = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
        values = {"decided_by": self.name, "decided_at": at} | fields
        text = f"{kind.__name__} {n} {sorted((k, str(v)) for k, v in values.items())}"
        name = sha256(text.encode()).hexdigest()[:16]
        return kind(**({"decision_id": f"D-{name}"} | values))

    def proposes(self, action: str, role: str, **fields: Any) -> Proposal:  # noqa: ANN401 - its fields
        values: dict[str, Any] = {
            "signal_id": SIGNAL, "action": action, "role": role, "reason": REASON,
        }  # fmt: skip
        found: Proposal = self.signs(Proposal, **(values | fields))
        return found

    def approves(self, proposal: Proposal, role: str, **fields: Any) -> Approval:  # noqa: ANN401 - its fields
        values: dict[str, Any] = {
            "proposal_sha256": digest(proposal), "meaning": "approved", "role": role,
        }  # fmt: skip
        found: Approval = self.signs(Approval, **(values | fields))
        return found

    def decides(self, action: str, role: str, **fields: Any) -> Decision:  # noqa: ANN401 - its fields
        values: dict[str, Any] = {
            "signal_id": SIGNAL, "action": action, "role": role, "reason": REASON,
        }  # fmt: skip
        found: Decision = self.signs(Decision, **(values | fields))
        return found

    def assesses(self, role: str, **fields: Any) -> CausalityAssessment:  # noqa: ANN401 - its fields
        values: dict[str, Any] = {
            "case_id": "A", "product": "P", "event": "Rash", "scale": "who_umc",
            "category": "possible", "role": role, "reason": REASON,
        }  # fmt: skip
        found: CausalityAssessment = self.signs(CausalityAssessment, **(values | fields))
        return found

    def withdraws(self, proposal: Proposal) -> Withdrawal:
        found: Withdrawal = self.signs(Withdrawal, proposal_sha256=digest(proposal))
        return found

    def registers(self, person: "Person", full_name: str = "") -> KeyRegistered:
        found: KeyRegistered = self.signs(
            KeyRegistered, person=person.name, full_name=full_name or person.name,
            public_key=person.key.public_key,
        )  # fmt: skip
        return found

    def grants(self, person: "Person", role: str, n: int = 0) -> RoleGranted:
        found: RoleGranted = self.signs(RoleGranted, person=person.name, role=role, n=n)
        return found

    def revokes(self, person: "Person", **what: Any) -> Revocation:  # noqa: ANN401 - its fields
        found: Revocation = self.signs(Revocation, person=person.name, reason=REASON, **what)
        return found


ADMINISTRATOR, OTHER_ADMINISTRATOR = Person("admin"), Person("other admin")
SIGNED_ONLY = People(
    administrator=tuple(
        Administrator(person=one.name, full_name=one.name, public_key=one.key.public_key)
        for one in (ADMINISTRATOR, OTHER_ADMINISTRATOR)
    )
)


class Desk:
    """Admission and triage together, a day an epoch, stored and restored at every close."""

    def __init__(
        self,
        people: People = SIGNED_ONLY,
        findings: Sequence[Finding] = (a_finding(),),
        **configured: Any,  # noqa: ANN401 - fields of a configuration
    ) -> None:
        configuration = a_configuration(people=people, **configured)
        self._admit = Admit(configuration, 0)
        self._state = self._admit.init(Cells(nothing_stored))
        self._triage = TriagedEpochs(configuration)
        self.passed_over: list[DecisionPassedOver] = []
        self.n_refused = 0
        self.facts: list[Fact] = []
        self.rows: list[FindingsRow] = []  # of admission
        self.decided: list[Decision] = []  # that admission let through
        self.steps: list[Step] = []  # that were made
        found = [row for row in self._triage.close(*findings).rows if isinstance(row, Signal)]
        self.signal: Signal = found[0]
        self.signals: dict[str, Signal] = {one.signal_id: one for one in found}

    def takes(self, *records: PersonRecord | bytes) -> list[str]:
        """Close an epoch with records; return the codes of those that had no effect."""
        lines = [one if isinstance(one, bytes) else encode(one) for one in records]
        today = self._triage.today + timedelta(days=1)
        self._admit.apply(self._state, record(*lines, at=instant(today)))
        output = self._admit.close(self._state, 0, instant(today))
        data = self._admit.dump(self._state)
        self._state = self._admit.load(data, Cells(nothing_stored))
        assert self._admit.dump(self._state) == data
        rows: list[FindingsRow] = msgspec.json.decode(encode(output.rows), type=list[FindingsRow])
        closed = self._triage.close(*rows)
        found = closed.rows
        self.facts += closed.facts
        refused = [one for one in rows if isinstance(one, DecisionPassedOver)]
        passed = [*refused, *(one for one in found if isinstance(one, DecisionPassedOver))]
        self.n_refused += 0 if output.dispositions is None else output.dispositions.refused
        self.passed_over += passed
        self.rows += rows
        self.decided += [one for one in rows if isinstance(one, Decision)]
        self.steps += [one.step for one in found if isinstance(one, SignalStep)]
        for row in found:
            if isinstance(row, Signal):
                self.signal = self.signals[row.signal_id] = row
        return [one.code for one in passed]
