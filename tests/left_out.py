"""The last line of a run: how many tests were left out, and why.

Tests run in processes of their own (pytest-xdist): each counts the campaign's tests that it was
not asked for, and the process that reports adds what was skipped.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DATA = re.compile(r"no ([\w]+)/\S+ in LONGWATCH_DATA")
N_CAMPAIGN = pytest.StashKey[int]()


def line(reasons: Iterable[str], n_campaign: int) -> str:
    """Write the line: tests without data, tests without a program, tests of the campaign."""
    counts: Counter[str] = Counter()
    collections = set()
    for reason in reasons:
        if found := DATA.search(reason):
            collections.add(found[1])
            counts["data"] += 1
        else:
            counts[reason] += 1
    parts = []
    if n_without := counts.pop("data", 0):
        names = ", ".join(sorted(collections))
        parts.append(f"{n_without} without public data ({names}: see docs/data.md)")
    parts += [f"{n} with {reason}" for reason, n in sorted(counts.items())]
    if n_campaign:
        parts.append(f"{n_campaign} that `make campaign` runs")
    return "left out: " + ("; ".join(parts) or "nothing")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[N_CAMPAIGN] = 0


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the campaign's tests where it was not asked for."""
    for item in items:
        if item.get_closest_marker("campaign") and "not campaign" in item.config.option.markexpr:
            item.config.stash[N_CAMPAIGN] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["n_campaign"] = session.config.stash[N_CAMPAIGN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist has no type for it
    """Take the count of a process; each collects every test, so that one count is all."""
    n = getattr(node, "workeroutput", {}).get("n_campaign", 0)
    node.config.stash[N_CAMPAIGN] = max(n, node.config.stash[N_CAMPAIGN])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the line after everything else."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput") or config.option.collectonly:
        return
    reasons = [_reason(report) for report in reporter.stats.get("skipped", [])]
    reporter.ensure_newline()
    reporter.write_line(line(reasons, config.stash[N_CAMPAIGN]))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    why = report.longrepr
    return why[2].removeprefix("Skipped: ") if isinstance(why, tuple) else "no reason"
