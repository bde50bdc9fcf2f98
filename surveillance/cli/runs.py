"""Commands that run the pipeline in this process: replay, simulate, check-config."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import asdict, replace

from surveillance.cli import clock
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.cli.inputs import (
    REFUSED_IN_PART,
    SHIPPED_FOR,
    Config,
    ExtractedOn,
    WithdrawnOption,
    notes_on_sources,
    print_notes,
)
from surveillance.cli.operating import print_budgets, print_characteristics
from surveillance.cli.options import AsJson, Seed
from surveillance.cli.screen import print_errors, print_json_line, print_json_lines, print_lines
from surveillance.cli.tables import print_table
from surveillance.cli.terminal import Bar, a_period, called, configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misused
from surveillance.intake.extracts import stated_days
from surveillance.intake.registry import FORMATS
from surveillance.intake.withdrawals import what_becomes
from surveillance.log import topics
from surveillance.programmes.operating import characteristics
from surveillance.runs.cannot_happen import of_configuration
from surveillance.runs.files import topic_rows
from surveillance.runs.replay import Beside, replay
from surveillance.runs.workplace import require_whole
from surveillance.simulate import SCENARIOS, simulate

run_app = typer.Typer(help="What a run's directory holds.", no_args_is_help=True)
ROWS = {
    "contributions": topics.CONTRIBUTIONS,
    "findings": topics.FINDINGS,
    "signals": topics.SIGNALS,
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("replay")(replay_command)
    app.command("simulate")(simulate_command)
    app.command("check-config")(check_config)
    app.command("schema")(schema)
    app.add_typer(run_app, name="run")


def replay_command(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help=f"{', '.join(FORMATS)} or folder.")
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, zips or folders.")],
    out_directory: Annotated[Path, typer.Option("--out", help="Directory to write.")],
    config: Config = None,
    from_day: Annotated[str | None, typer.Option("--from", help="First day of receipt.")] = None,
    until_day: Annotated[str | None, typer.Option("--until", help="Last day of receipt.")] = None,
    *,
    extracted_on: ExtractedOn = None,
    withdrawn: WithdrawnOption = "stand",
    decisions: Annotated[
        list[Path] | None,
        typer.Option("--decisions", metavar="FILE", help="As `longwatch decide --append` writes."),
    ] = None,
    outcomes: Annotated[
        list[str] | None,
        typer.Option("--outcomes", metavar="FORMAT:PATH", help="On the same log as the reports."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run the whole pipeline on files: every day of receipt is an epoch.

    Decisions count on the day on which they were made, whatever --from and --until are.
    """
    collect_seldom()
    beside = Beside(tuple(_outcomes(text) for text in outcomes or []), tuple(decisions or []))
    first, last = a_period(from_day, until_day)
    chosen, directory = configurations(config or [], default=SHIPPED_FOR.get(format_name, "vaers"))
    with Bar() as bar:
        summary = replay(
            format_name,
            paths,
            out=out_directory,
            configurations=chosen,
            configuration_directory=directory,
            beside=beside,
            from_day=first,
            until_day=last,
            today=clock.today(),
            extracted_on=stated_days(extracted_on or []),
            withdrawn=what_becomes(withdrawn),
            progress=bar,
            clock=time.monotonic,
        )
    if as_json:
        print_json_line(summary)
    else:
        _show(summary, out_directory)
    return _exit_code(summary, out_directory)


def _outcomes(text: str) -> tuple[str, Path]:
    """Read FORMAT:PATH."""
    name, colon, path = text.partition(":")
    if not (name and colon and path):
        raise Misused(
            f"--outcomes {text}", "is not FORMAT:PATH", "write outcomes:FILE, for example"
        )
    return name, Path(path)


def _exit_code(summary: dict[str, Any], directory: Path) -> int:
    passed_over = summary["decisions_passed_over"]
    for one in passed_over:
        print_errors(_passed_over(one, summary["first_report_on"]))
    n_refused = sum(summary["refused_at_intake"].values()) + sum(
        counts["refused"] for counts in summary["dispositions"].values()
    )
    if n_refused:
        print_errors(
            f"longwatch: {n_refused} record(s) refused; see {directory / 'refused.ndjson'} or "
            f"`{called()} refused list --from-run {directory}`"
        )
    return REFUSED_IN_PART if n_refused or passed_over else 0


def _passed_over(row: dict[str, str], first_report_on: str | None) -> str:
    """Describe a decision that changed nothing, and why."""
    reason, subject = row["reason"], row.get("signal_id") or row["matter_id"]
    if first_report_on is not None and row["on"] < first_report_on:
        reason += f" yet: the first report came on {first_report_on}"
    return (
        f"longwatch: decision {row['decision_id']} of {row['on']} on {subject} "
        f"had no effect: {reason}"
    )


def _show(summary: dict[str, Any], directory: Path) -> None:
    title = f"{summary['n_lines']:,} records, {summary['n_epochs']:,} days of receipt"
    kinds = ("applied", "superseded", "repeated", "refused", "control")
    counted = {
        source: [counts[kind] for kind in kinds]
        for source, counts in summary["dispositions"].items()
        if any(counts.values())
    }
    columns = {"partition": "left", "read": "right", **dict.fromkeys(kinds, "right")}
    print_table(title, columns, [(name, sum(n), *n) for name, n in counted.items()])
    if not counted:
        print_lines(title)
    rows, seconds = summary["rows"], summary["seconds"]
    print_lines(
        f"{summary['findings']:,} findings, {summary['prior_fits']:,} fits of the prior, "
        f"{rows.get(topics.SIGNALS, 0):,} changes of signals, "
        f"{rows.get(topics.FEED, 0):,} feed entries; "
        f"{seconds['whole']:.1f} s, {summary['memory_mb']:.0f} MB; all of it in {directory}"
    )
    print_notes(summary["cannot_happen"])
    print_notes(_came_again(summary["dispositions"]))
    print_notes(notes_on_sources(summary["sources_without_rule"]))
    print_lines(f"next: {called()} ranking --from-run {directory}")


def _came_again(dispositions: dict[str, dict[str, int]]) -> list[str]:
    """Return a note where records were repeated: a file may have been given twice."""
    n = sum(counts["repeated"] for counts in dispositions.values())
    what = "1 record came" if n == 1 else f"{n:,} records came"
    return (
        [f"{what} again word for word, as in a second copy of a file: it counts once"] if n else []
    )


def simulate_command(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help=", ".join(SCENARIOS))],
    out_directory: Annotated[Path, typer.Option("--out", help="Directory to write.")],
    seed: Seed = 1,
) -> int:
    """Write simulated case versions and outcomes, with the truth beside them."""
    chosen = scenario_named(scenario)
    _require_no_other_records(out_directory)
    with Bar() as bar:
        simulate(chosen, seed, out_directory, lambda n, _of: bar.reading(n))
    written = ", ".join(sorted(path.name for path in out_directory.iterdir()))
    print_lines(f"simulated: {out_directory} ({written})")
    print_lines(f"next: {called()} replay folder {out_directory} --out run")
    return 0


def _require_no_other_records(directory: Path) -> None:
    """Refuse to write simulated records over any that may be real."""
    is_ours = (directory / "truth.json").is_file()
    for name in ("cases.ndjson", "outcomes.ndjson"):
        if (directory / name).exists() and not is_ours:
            raise Misused(
                str(directory / name), "was not simulated here", "name another directory with --out"
            )


def scenario_named(name: str) -> Any:  # noqa: ANN401 - a Scenario
    """Return a scenario by name; `Misused` if there is none."""
    if name not in SCENARIOS:
        raise Misused(f"scenario {name!r}", "is not known", f"use one of {', '.join(SCENARIOS)}")
    return SCENARIOS[name]


def check_config(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Default: the one for VAERS that ships.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Check a configuration directory; show its hash, and how often its designs err and find.

    For each design that a programme uses: false alarms, the chance to find effects of several
    sizes, and the patient-years that it takes. Exact where there is an exact value, else
    simulated with a fixed seed, with the error of each share.
    """
    chosen = directory or SHIPPED / "vaers"
    found = read_configuration(chosen)
    with Bar() as bar:
        operating = characteristics(
            found.programmes, progress=lambda n, of: bar.doing("operating characteristics", n, of)
        )
    if as_json:
        parts = asdict(replace(found, hierarchy=None))  # megabytes, and the user's licence
        print_json_line({**parts, "operating_characteristics": operating})
        return 0
    print_lines(f"{chosen}: valid")
    print_lines(f"hash        {found.digest}")
    print_lines(f"partitions  cases {found.topics.cases}, outcomes {found.topics.outcomes}")
    print_lines(f"levels      {', '.join(found.products.levels)}")
    print_lines(f"groups      {', '.join([*found.products.group, *found.events.group]) or 'none'}")
    print_lines(f"coding      {found.coding}{_n_terms(found)}")
    print_lines(f"criteria    {', '.join(c.name for c in found.criteria.criterion)}")
    programmes = [one.name for one in found.programmes.programme]
    print_lines(f"programmes  {', '.join(programmes) or 'none'}")
    print_lines(f"designs     {', '.join(found.programmes.design) or 'none'}")
    print_lines(f"reviews     {', '.join(r.name for r in found.triage.review) or 'none'}")
    print_budgets(found.programmes)
    print_characteristics(operating)
    print_notes(of_configuration(found))
    return 0


def _n_terms(configuration: Configuration) -> str:
    hierarchy = configuration.hierarchy
    if hierarchy is None:
        return ""
    levels = Counter(level for level, _ in hierarchy.above)
    n_pts = len({coded.pt for coded in hierarchy.coded})
    return f": {n_pts:,} pt, " + ", ".join(f"{n:,} {level}" for level, n in levels.items())


def schema(
    directory: Annotated[Path, typer.Argument(metavar="DIR")] = Path("docs/schema"),
) -> int:
    """Write the JSON Schema of every record that longwatch reads or writes."""
    from surveillance.cli.schemas import write_schemas  # noqa: PLC0415 - seldom needed

    for path in write_schemas(directory):
        print_lines(str(path))
    return 0


@run_app.command("export")
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="As `replay` wrote it.")],
    what: Annotated[str, typer.Option("--what", help=f"{', '.join(ROWS)}.")],
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A new file; default: print.")
    ] = None,
) -> int:
    """Write the rows of a topic as NDJSON: one row a line, just as the topic carries them."""
    topic = ROWS.get(what)
    if topic is None:
        raise Misused(f"--what {what}", "is not known", f"use one of {', '.join(ROWS)}")
    require_whole(directory)
    rows = topic_rows(directory, topic)
    first = next(rows, None)  # a directory that is not a run must not leave an empty file
    lines = (row + b"\n" for row in ([] if first is None else chain([first], rows)))
    if to is None:
        print_json_lines(lines)
        return 0
    try:
        with to.open("xb") as file:
            file.writelines(lines)
    except FileExistsError:
        raise Misused(str(to), "is there already", "name a new file with --out") from None
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise Misused(str(to), reason, "name another file with --out") from None
    return 0
