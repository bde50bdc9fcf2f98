"""Values of biomarkers in other units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.domain.errors import Refused

if TYPE_CHECKING:
    from surveillance.configuration.programmes import Biomarker
    from surveillance.domain.outcome import Measurement


def converted(of: Biomarker, measured: Measurement) -> float:
    """Return a value in the unit of the biomarker.

    Parameters
    ----------
    of : Biomarker
        With its unit, and the factors of others.
    measured : Measurement
        A value in any of them.

    Returns
    -------
    float
        The value; where it is below the limit of quantification, that limit.

    Raises
    ------
    Refused
        If the unit is none of them.
    """
    if measured.unit == of.unit:
        return measured.value
    factor = of.factors.get(measured.unit)
    if factor is None:
        known = ", ".join([of.unit, *of.factors])
        raise Refused(
            "unknown_unit",
            f"{measured.code} is measured in {measured.unit!r}, and not in one of {known}",
            "convert the value, or add the unit with its factor to programmes.toml",
        )
    return measured.value * factor
