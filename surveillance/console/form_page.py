"""The form of the validation of a signal: what the log holds, and what is left for people."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from surveillance.console.pages import Page, name_of
from surveillance.console.signal_page import signal_at
from surveillance.views.validation_form import HEADINGS, validation_form

if TYPE_CHECKING:
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.views.validation_form import ValidationForm


def form_of(known: Known, asked: Asked) -> ValidationForm:
    """Return the form of a signal as of a day.

    Raises
    ------
    NotThere
        If there was no such signal by that day.
    """
    day = known.day(asked.at)
    name = signal_at(known, asked.name, day).signal_id
    found: ValidationForm = known.kept(
        ("form", name, day.on, day.epoch), lambda: validation_form(known.source, name, day.on)
    )
    return found


def validation(known: Known, asked: Asked) -> Page:
    """Return the page of the form."""
    form = form_of(known, asked)
    return Page(
        "form.html",
        f"Validation of {name_of(form.product)} and {name_of(form.event)}",
        {
            "form": form,
            "n_filled": sum(bool(one.from_log) for one in form.fields),
            "sections": [
                (HEADINGS[section], list(fields))
                for section, fields in groupby(form.fields, lambda one: one.section)
            ],
        },
    )
