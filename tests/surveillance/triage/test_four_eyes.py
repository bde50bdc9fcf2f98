"""Four eyes against everything that one person may try, as a machine of states.

Whatever is sent, in whatever order: a transition that takes two people has two people behind it,
each with a valid signature of their own and a role that approves, and each proposal is used once.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from signing import ADMINISTRATOR, OTHER_ADMINISTRATOR, Desk, Person
from strategies import encode

from surveillance.configuration.life_cycle import shipped
from surveillance.domain.decision import Approval, PersonRecord, Proposal
from surveillance.triage import people
from surveillance.triage.signatures import digest, key_id

TABLE = shipped()
HUMANS = ("ann", "bob", "cyd")
# Every human has two keys, and tries the name and the spelling of others.
KEYS = {(name, n): Person(name, key=f"{name} {n}") for name in HUMANS for n in (1, 2)}
OWNER = {key_id(one.key.public_key): name for (name, _), one in KEYS.items()}
ROLES = ("safety_scientist", "safety_physician", "committee_chair")
ACTIONS = ("start_validation", "validate", "refute", "reopen", "confirm", "merge", "close")
humans = st.sampled_from(HUMANS)
keys = st.sampled_from(sorted(KEYS))
roles = st.sampled_from(ROLES)
actions = st.sampled_from(ACTIONS)
administrators = st.sampled_from((ADMINISTRATOR, OTHER_ADMINISTRATOR))


class FourEyes(RuleBasedStateMachine):
    """A desk, and people who try to get past it."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.sent: list[PersonRecord] = []
        self.proposals: list[Proposal] = []
        self.waiting: list[PersonRecord | bytes] = []
        self.forged: set[str] = set()
        self.n = 0
        for name in HUMANS:
            for number in (1, 2):
                self.send(ADMINISTRATOR.registers(KEYS[name, number]))
            for role in ROLES:
                self.send(ADMINISTRATOR.grants(KEYS[name, 1], role))
        self.send(KEYS["ann", 1].decides("start_validation", ROLES[0]))

    def send(self, *records: PersonRecord) -> None:
        self.sent += records
        self.waiting += records

    def next(self) -> int:
        self.n += 1
        return self.n

    @rule(key=keys, by=administrators)
    def register(self, key: tuple[str, int], by: Person) -> None:
        self.send(by.registers(KEYS[key]))

    @rule(key=keys, alias=st.sampled_from(("dan", "eve")), by=administrators)
    def register_under_another_name(self, key: tuple[str, int], alias: str, by: Person) -> None:
        self.send(by.registers(Person(alias, key=f"{key[0]} {key[1]}")))
        self.send(by.registers(Person(alias, key=f"{alias} of {key[0]}"), full_name=key[0]))
        for role in ROLES:
            self.send(by.grants(Person(alias), role))

    @rule(key=keys, by=administrators)
    def revoke(self, key: tuple[str, int], by: Person) -> None:
        name = key_id(KEYS[key].key.public_key)
        self.send(by.revokes(KEYS[key], revoked_key=name))

    @rule(key=keys, role=roles, action=actions, has_status=st.booleans())
    def propose(self, key: tuple[str, int], role: str, action: str, *, has_status: bool) -> None:
        status = self.desk.signal.status if has_status else None
        into = "S-other" if action == "merge" else None
        proposal = KEYS[key].proposes(
            action, role, n=self.next(), expected_status=status, merged_into=into
        )
        self.proposals.append(proposal)
        self.send(proposal)

    @rule(key=keys, role=roles, name=humans, pick=st.integers(0, 99), tampered=st.booleans())
    def approve(
        self, key: tuple[str, int], role: str, name: str, pick: int, *, tampered: bool
    ) -> None:
        if not self.proposals:
            return
        proposal = self.proposals[pick % len(self.proposals)]
        if tampered:
            proposal = replace(proposal, action="close")
        own, other = (
            KEYS[key].approves(proposal, role, n=self.next(), decided_by=by)
            for by in (key[0], name)
        )
        self.send(own, other)

    @rule(first=keys, second=keys, role=st.sampled_from(ROLES[1:]), action=actions)
    def propose_and_approve(
        self, first: tuple[str, int], second: tuple[str, int], role: str, action: str
    ) -> None:
        self.propose(first, role, action, has_status=False)
        self.approve(second, role, first[0], len(self.proposals) - 1, tampered=False)
        self.close_the_epoch()

    @rule(key=keys, role=roles, action=actions)
    def decide_alone(self, key: tuple[str, int], role: str, action: str) -> None:
        self.send(KEYS[key].decides(action, role, n=self.next()))

    @rule(pick=st.integers(0, 999))
    def replay(self, pick: int) -> None:
        self.waiting.append(self.sent[pick % len(self.sent)])

    @rule(pick=st.integers(0, 999), name=humans)
    def send_anothers_record_in_ones_own_name(self, pick: int, name: str) -> None:
        one = self.sent[pick % len(self.sent)]
        changed: Any = replace(one, decided_by=name, decision_id=f"{one.decision_id}x")
        self.waiting.append(encode(changed))

    @rule(key=keys, victim=keys, role=st.sampled_from(ROLES[1:]), action=actions)
    def forge(self, key: tuple[str, int], victim: tuple[str, int], role: str, action: str) -> None:
        """Propose, and approve as another: with one's own second key, and as if with theirs."""
        if key[0] == victim[0]:
            return
        self.propose(key, role, action, has_status=False)
        others = key_id(KEYS[victim].key.public_key)
        for n in (self.next(), self.next()):
            approval = KEYS[key[0], 3 - key[1]].approves(
                self.proposals[-1], role, n=n, decided_by=victim[0]
            )
            forged = approval if n % 2 else replace(approval, key_id=others)
            self.forged.add(forged.decision_id)
            self.send(forged)
        self.close_the_epoch()

    @rule()
    def close_the_epoch(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.desk.takes(*waiting)

    @invariant()
    def two_people_stand_behind_every_step_that_takes_two(self) -> None:
        for step in self.desk.steps:
            row = TABLE.transition_of(step.action)
            assert row is not None
            assert step.is_signed
            if row.second_person.always or step.decided_by not in self._deciders(row.roles):
                assert step.approved_by is not None, step
            if step.approved_by is not None:
                assert step.approved_by != step.decided_by, step

    @invariant()
    def nothing_is_taken_that_its_author_did_not_sign(self) -> None:
        taken = {row.decision_id for row in self.desk.rows if isinstance(row, PersonRecord)}
        assert not taken & self.forged

    @invariant()
    def every_proposal_is_used_once_and_by_another_human(self) -> None:
        proposals = {digest(one): one for one in self.proposals}
        used = Counter(one.proposal_sha256 for one in self.desk.decided if one.proposal_sha256)
        assert set(used.values()) <= {1}
        for one in self.desk.decided:
            if one.proposal_sha256 is None:
                continue
            assert one.proposal_sha256 in proposals
            assert OWNER[str(one.key_id)] != OWNER[str(one.approver_key_id)]
            row = TABLE.transition_of(one.action)
            assert row is not None
            assert one.approver_role in row.approvers

    @staticmethod
    def _deciders(allowed: tuple[str, ...]) -> set[str]:
        """Return who may hold one of these roles: everybody here holds all of them."""
        return set(HUMANS) if set(allowed) & set(ROLES) else set()


def _run(n_examples: int, n_steps: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        FourEyes,
        settings=settings(
            max_examples=n_examples, stateful_step_count=n_steps, deadline=None,
            suppress_health_check=list(HealthCheck), phases=phases,
        ),
    )  # fmt: skip


def test_one_person_is_never_two() -> None:
    _run(12, 20)


@pytest.mark.parametrize("check", ["_why_not_signature", "_why_not_this_key"])
def test_the_machine_notices_that_a_check_is_gone(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, check, lambda *_: None)

    with pytest.raises(AssertionError):
        _run(12, 20, (Phase.generate,))  # to find it is enough


def test_the_machine_notices_that_one_person_is_taken_for_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people.Authority, "why_not_together", lambda *_: None)

    with pytest.raises((AssertionError, ValueError)):  # a decision refuses one name twice, too
        _run(12, 20, (Phase.generate,))


@pytest.mark.campaign
def test_one_person_is_never_two_however_long_they_try() -> None:
    _run(1_000, 60)


def test_the_machine_gets_somewhere() -> None:
    """Without a decision by two people the invariants would hold of nothing."""
    machine = FourEyes()
    machine.propose(("ann", 1), "safety_scientist", "refute", has_status=False)
    machine.approve(("bob", 1), "committee_chair", "bob", 0, tampered=False)
    machine.close_the_epoch()

    assert machine.desk.signal.status == "not_validated"
    assert [one.approved_by for one in machine.desk.decided] == [None, "bob"]
    assert isinstance(machine.sent[-1], Approval)
    machine.every_proposal_is_used_once_and_by_another_human()
    machine.two_people_stand_behind_every_step_that_takes_two()
