"""What was made public about signals whose priority it lowers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.triage.labels import PublicLines
from surveillance.triage.matters import Matters

if TYPE_CHECKING:
    from surveillance.domain.signal import Signal
    from surveillance.views.results import Results


class Publicised:
    """Finds the line of `publicity.csv` behind the part `stimulated` of a priority.

    Parameters
    ----------
    source : Results
        A run or a register; without its configuration nothing is known.
    """

    def __init__(self, source: Results) -> None:
        configuration = source.configuration()
        self._lines = (
            None if configuration is None else PublicLines(configuration, Matters(configuration))
        )

    def of(self, signal: Signal) -> str | None:
        """Return day, source and content of what was made public last; None if it took nothing off.

        Parameters
        ----------
        signal : Signal
            With the parts of its priority.
        """
        is_lowered = any(one.name == "stimulated" and one.value for one in signal.parts)
        if self._lines is None or not is_lowered:
            return None
        found = self._lines.latest(signal.product, signal.event, signal.evaluated_on)
        return None if found is None else found.sentence
