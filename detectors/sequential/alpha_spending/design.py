"""What is fixed before the first look, and what it allows to be spent."""

from dataclasses import KW_ONLY, dataclass

from detectors.canonical import make_canonical
from detectors.sequential.spending_functions import SpendingName, spent

LEAST_ALPHA = 1e-9
GREATEST_HORIZON = 700.0  # exp(-700) is a normal number


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first look.

    Attributes
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null, up to 700.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal is allowed.
    spending : {"power", "obrien_fleming", "pocock", "hwang_shih_decani"}
        How alpha is spent; the share of the information is expected events over `horizon`.
    parameter : float, default: 0.5
        Parameter of the spending function; 0 for the two that have none.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    horizon: float
    _: KW_ONLY
    alpha: float = 0.05
    min_events: int = 1
    spending: SpendingName = "power"
    parameter: float = 0.5

    def __post_init__(self) -> None:
        make_canonical(self)
        if not 0 < self.horizon <= GREATEST_HORIZON:
            raise ValueError(f"horizon is {self.horizon}: must be above 0 and at most 700")
        if not LEAST_ALPHA <= self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}: must be at least 1e-9 and below 1")
        if not (1 <= self.min_events <= GREATEST_HORIZON and self.min_events % 1 == 0):
            raise ValueError(f"min_events is {self.min_events}: must be a count from 1 to 700")
        spent(self.spending, 1.0, self.alpha, parameter=self.parameter)


def allowed_by(design: Design, expected: float) -> float:
    """Compute the type I error that may be spent by some time.

    Parameters
    ----------
    design : Design
        What is fixed.
    expected : float
        Events expected by then; beyond the horizon nothing is added.

    Returns
    -------
    float
        At most `alpha`.
    """
    share = min(1.0, expected / design.horizon)
    return spent(design.spending, share, design.alpha, parameter=design.parameter)
