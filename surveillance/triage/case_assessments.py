"""Whether a person's assessment of a case holds.

One record of one person is enough: it moves nothing, those of several persons stand side by side,
and what people then decide about the signal has a rule of its own for a second person. Whether
there is such a case is not known where decisions are admitted; the command that writes the record
looks it up, and one about an unknown case is shown nowhere but in the list of records.
"""

from __future__ import annotations

from surveillance.configuration.life_cycle import LifeCycle
from surveillance.configuration.work_up import WorkUpList
from surveillance.domain.decision import CausalityAssessment
from surveillance.triage.life_cycle import Fault

ACTION = "assess_causality"


def why_not_assessed(
    table: LifeCycle, work_up: WorkUpList, record: CausalityAssessment
) -> Fault | None:
    """Return why an assessment of a case does not hold, or None if it does.

    Parameters
    ----------
    table : LifeCycle
        Names the roles that assess cases.
    work_up : WorkUpList
        Names the items of the work-up.
    record : CausalityAssessment
        That its author was allowed to write.
    """
    row = table.transition_of(ACTION)
    if row is None or row.about != "case":
        remedy = f"add the action {ACTION} to lifecycle.toml, about a case"
        return Fault("unknown_action", "the table lets nobody assess a case", remedy)
    if record.role not in row.roles:
        return Fault(
            "wrong_role",
            f"{ACTION} is not for the role {record.role}",
            f"it is for {', '.join(row.roles)}",
        )
    known = [one.code for one in work_up.item]
    for one in record.work_up:
        if one.item not in known:
            remedy = f"use one of {', '.join(known) or 'none: workup.toml is empty'}"
            return Fault("unknown_name", f"there is no item {one.item} in the work-up", remedy)
    return None
