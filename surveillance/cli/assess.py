"""`longwatch assess`: how one person assesses the causality of one case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from surveillance.cli import records, screen
from surveillance.cli.options import FromRun, RegisterUrl, one_of, text_of
from surveillance.cli.records import Append, Broker, By, KeyFile, PassphraseFile, Reason, Role
from surveillance.cli.screen import print_lines
from surveillance.configuration.reader import read_configuration, read_default
from surveillance.domain.causality import Answer, Question, WhoUmc, WorkUpState
from surveillance.domain.decision import CausalityAssessment
from surveillance.domain.errors import Misused
from surveillance.domain.names import identity
from surveillance.triage.case_assessments import ACTION
from surveillance.triage.causality import naranjo, who_umc
from surveillance.views.case_history import case_history
from surveillance.views.results import open_results

if TYPE_CHECKING:
    from surveillance.configuration.work_up import WorkUpList
    from surveillance.domain.case import CaseVersion

QUESTIONS: tuple[str, ...] = get_args(Question)
ANSWERS: tuple[str, ...] = get_args(Answer)
STATES: tuple[str, ...] = get_args(WorkUpState)
CATEGORIES: tuple[str, ...] = get_args(WhoUmc)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("assess")(assess)


def assess(
    *,
    case_id: Annotated[
        str, typer.Argument(metavar="ID", callback=text_of, help="As in `longwatch cases`.")
    ],
    product: Annotated[
        str, typer.Option("--product", callback=text_of, help="As it stands in the case.")
    ],
    event: Annotated[
        str, typer.Option("--event", callback=text_of, help="As it stands in the case.")
    ],
    by: By,
    role: Role,
    reason: Reason,
    who_umc_: Annotated[
        str | None, typer.Option("--who-umc", help="A category of WHO-UMC, as probable.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="QUESTION=ANSWER",
            help="Of the scale of Naranjo: yes, no or unknown. Repeat it for each question.",
        ),
    ] = None,
    work_up: Annotated[
        list[str] | None,
        typer.Option(
            "--work-up",
            metavar="ITEM=STATE[:RESULT]",
            help="done, pending, not_done or not_possible; a result goes with done.",
        ),
    ] = None,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="DIR", help="With lifecycle and workup.")
    ] = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    broker: Broker = None,
    append: Append = None,
) -> int:
    """Record how you assess one product and one event of a case: a category, or answers.

    The case is looked up in the run or register. A score is computed from the answers. It moves
    no signal; a later record of yours on the same scale replaces it.
    """
    records.require_one_place(broker, append)
    records.require_known(config, ACTION, role)
    version = _standing(case_id, from_run, register)
    record, line = records.make(
        {
            "type": "causality_assessment",
            "case_id": case_id,
            "case_version": version.version,
            "product": _named(product, [one.product for one in version.products], "--product"),
            "event": _named(event, [one.pt for one in version.events], "--event"),
            **_scaled(who_umc_, answer or []),
            "work_up": _work_up(work_up or [], _listed(config)) or None,
            "decided_by": by,
            "role": role,
            "reason": reason,
        },
        key,
        passphrase_file,
    )
    records.write(line, broker, append)
    print_lines(
        screen.visible(f"{record.decision_id}: {case_id} version {version.version}, by {by}"),
        f"{_in_words(record)}; {records.state_of(record)}",
    )
    return 0


def _standing(case_id: str, from_run: Path | None, register: str | None) -> CaseVersion:
    source = open_results(from_run, register)
    source.reader.cases.require_any()
    found = case_history(source.reader.cases, case_id)
    standing = [one.record for one in found.versions if one.standing == "stands"]
    if not standing or standing[0].kind == "nullification":
        raise Misused(f"case {case_id!r}", "was nullified", "assess a case that stands")
    return standing[0]


def _named(given: str, held: list[str], option: str) -> str:
    """Return the name as the case has it."""
    found = next((one for one in held if identity(one) == identity(given)), None)
    if found is None:
        reason = "does not stand in the case"
        raise Misused(f"{option} {given!r}", reason, f"use one of {', '.join(dict.fromkeys(held))}")
    return found


def _scaled(category: str | None, answers: list[str]) -> dict[str, Any]:
    """Return the fields of the scale that is used."""
    if (category is None) == (not answers):
        raise Misused(
            "--who-umc, --answer", "exactly one scale is needed", "give a category, or answers"
        )
    if category is None:
        return {"scale": "naranjo", "answers": _answers(answers)}
    found = who_umc(category)
    if found is None:
        one_of(category, CATEGORIES, "--who-umc")
    return {"scale": "who_umc", "category": found}


def _answers(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        question, _, answer = one.partition("=")
        one_of(question, QUESTIONS, "--answer")
        one_of(answer, ANSWERS, f"--answer {question}=")
        if question in found:
            raise Misused(f"--answer {question}", "is given twice", "answer each question once")
        found[question] = answer
    return found


def _work_up(given: list[str], listed: WorkUpList) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in given:
        item, _, rest = one.partition("=")
        state, _, result = rest.partition(":")
        one_of(item, [row.code for row in listed.item], "--work-up")
        one_of(state, STATES, f"--work-up {item}=")
        if item in found:
            raise Misused(f"--work-up {item}", "is given twice", "record each item once")
        found[item] = {"item": item, "state": state, **({"result": result} if result else {})}
    return list(found.values())


def _listed(config: Path | None) -> WorkUpList:
    listed: WorkUpList = (
        read_default("workup") if config is None else read_configuration(config).workup
    )
    return listed


def _in_words(record: object) -> str:
    if not isinstance(record, CausalityAssessment) or record.scale == "who_umc":
        return str(getattr(record, "category", ""))
    score = naranjo(record.answers)
    return f"Naranjo {score.score} ({score.category}), {score.n_answered} of 10 answered"
