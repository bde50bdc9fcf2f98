"""The page of the worked examples, and its figures."""

from __future__ import annotations

from pathlib import Path

from bench.worked.history import YEARS, K, natural_history
from bench.worked.lost_effect import lost_effect
from bench.worked.one_liver_failure import one_liver_failure
from bench.worked.one_patient import one_patient
from bench.worked.one_wanes import one_wanes

TEXT = Path(__file__).with_name("page.template.md")


def report() -> dict[str, str]:
    """Compute everything; give the text of each file by its path in the folder."""
    history = natural_history()
    parts = {
        "one-patient": one_patient(history),
        "one-liver-failure": one_liver_failure(),
        "lost-effect": lost_effect(history),
        "one-wanes": one_wanes(history),
    }
    said = {
        "events": f"{history.events:g}",
        "years": f"{YEARS:g}",
        "rate": f"{history.rate:.2g}",
        "k": f"{K:g}",
        "n_alive": str(history.n_alive),
        "n_events": str(history.n_events),
        "person_years": f"{history.person_years:g}",
    }
    text = TEXT.read_text(encoding="utf-8")
    for part in (said, *(part.said for part in parts.values())):
        for name, words in part.items():
            text = text.replace(f"{{{name}}}", words)
    figures = {f"figures/{name}.svg": part.figure for name, part in parts.items()}
    return {"worked-examples.md": text, **figures}
