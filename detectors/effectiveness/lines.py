"""A line for each patient: the sums that are enough, the fit, and the variances."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.validation import as_counts, as_numbers_within, refuse_where, require_one_index

GREATEST_VALUE = 1e60
GREATEST_TIME = 1e6
LEAST_VARIANCE, GREATEST_VARIANCE = 1e-30, 1e30


@dataclass(frozen=True)
class Components:
    """How patients differ, and how a patient's values scatter.

    Attributes
    ----------
    intercept : float
        Variance of the level at time 0 between patients, in [0, 1e30].
    slope : float
        Variance of the slope between patients, in [0, 1e30].
    covariance : float
        Covariance of the two; its square at most their product.
    within : float
        Variance of a value about its patient's line, in [1e-30, 1e30].
    """

    intercept: float
    slope: float
    covariance: float
    within: float


@dataclass(frozen=True)
class Symmetric:
    """A symmetric 2 x 2 matrix, of intercept and slope.

    Attributes
    ----------
    intercept, shared, slope : float
        Its elements.
    """

    intercept: float
    shared: float
    slope: float

    @property
    def determinant(self) -> float:
        """Give the determinant."""
        return self.intercept * self.slope - self.shared * self.shared


Matrix = tuple[float, float, float, float]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One patient's values.

    Attributes
    ----------
    times, levels : tuple of float, of one length
        In order of time.
    """

    times: tuple[float, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Patients:
    """The values of all patients.

    Attributes
    ----------
    numbers : tuple of int
        Patients, rising.
    series : tuple of Series, of the same length
        Their values.
    """

    numbers: tuple[int, ...]
    series: tuple[Series, ...]

    @property
    def is_at_one_time(self) -> bool:
        """Say whether no two values are of different times."""
        return len({time for one in self.series for time in one.times}) == 1


@dataclass(frozen=True)
class Line:
    """A patient's line with its error.

    Attributes
    ----------
    intercept, slope : float
        Of the line.
    covariance : Symmetric
        Of their errors of prediction.
    """

    intercept: float
    slope: float
    covariance: Symmetric

    def at(self, time: float) -> Pair:
        """Give the level at a time, and the variance of its error.

        Parameters
        ----------
        time : float
            When.

        Returns
        -------
        tuple of float
            Level and variance.
        """
        return self.intercept + self.slope * time, self.shared(time, time)

    def shared(self, first: float, second: float) -> float:
        """Give the covariance of the errors at two times.

        Parameters
        ----------
        first, second : float
            When.

        Returns
        -------
        float
            Covariance.
        """
        v = self.covariance
        return v.intercept + (first + second) * v.shared + first * second * v.slope


def as_patients(patient: ArrayLike, time: ArrayLike, level: ArrayLike) -> Patients:
    """Sort values by patient and time.

    Parameters
    ----------
    patient : array_like of whole numbers, shape (n_values,)
        Whose value it is.
    time, level : array_like of float, of the same shape
        When, and the value.

    Returns
    -------
    Patients
        The same whatever the order of the values.

    Raises
    ------
    ValueError
        If there is no value, one is missing or out of range, or shapes differ.
    """
    require_one_index(patient=patient, time=time, level=level)
    whose = as_counts("patient", patient)
    when = as_numbers_within("time", time, low=-GREATEST_TIME, high=GREATEST_TIME)
    what = as_numbers_within("level", level, low=-GREATEST_VALUE, high=GREATEST_VALUE)
    if whose.ndim != 1 or not whose.size or not whose.shape == when.shape == what.shape:
        shapes = f"{whose.shape}, {when.shape}, {what.shape}"
        raise ValueError(f"patient, time, level have shapes {shapes}: must be one row, not empty")
    for name, values in (("time", when), ("level", what)):
        refuse_where(np.isnan(values), name, values, "must not be missing")
    grouped: dict[int, list[Pair]] = {}
    for number, *value in sorted(zip(whose.tolist(), when.tolist(), what.tolist(), strict=True)):
        grouped.setdefault(number, []).append((value[0], value[1]))
    series = (Series(*zip(*values, strict=True)) for values in grouped.values())
    return Patients(numbers=tuple(grouped), series=tuple(series))


def require_components(components: Components) -> None:
    """Raise unless variances are variances.

    Parameters
    ----------
    components : Components
        Variances.

    Raises
    ------
    ValueError
        If one is out of range, or the covariance exceeds what they allow.
    """
    for name in ("intercept", "slope"):
        value = getattr(components, name)
        if not 0 <= value <= GREATEST_VARIANCE:
            raise ValueError(f"components.{name} is {value}: must be from 0 to 1e30")
    if not LEAST_VARIANCE <= components.within <= GREATEST_VARIANCE:
        raise ValueError(f"components.within is {components.within}: must be from 1e-30 to 1e30")
    product = components.intercept * components.slope
    if not components.covariance**2 <= product * (1 + 1e-12):  # one rounding of a product
        rule = "its square must be at most the product of the variances"
        raise ValueError(f"components.covariance is {components.covariance}: {rule}")


def fit_lines(patients: Patients, components: Components) -> tuple[Pair, tuple[Line, ...]]:
    r"""Fit the mean line, and predict that of each patient.

    Parameters
    ----------
    patients : Patients
        Values, of two times at least.
    components : Components
        Variances.

    Returns
    -------
    tuple of float
        Intercept and slope of the mean line.
    tuple of Line
        Each patient's line.

    Notes
    -----
    With :math:`P = X' X / \sigma^2`, :math:`A = (I + P G)^{-1} P` and :math:`r = (I + P G)^{-1} X'
    y / \sigma^2` of each patient, the mean line is :math:`b = (\sum A)^{-1} \sum r`, a patient's
    is :math:`b + G (r - A b)`, with error variance :math:`G - G A G + (I - G A) (\sum A)^{-1} (I -
    A G)`. Times are taken from their mean, which changes nothing but the rounding.
    """
    middle = _mean([t for one in patients.series for t in one.times])
    spread = Symmetric(*_moved(components, middle))
    parts = [_part(one, middle, spread, components.within) for one in patients.series]
    total = Symmetric(*(math.fsum(p[0][i] for p in parts) for i in (0, 1, 3)))
    error = _inverse(total)
    sums = tuple(math.fsum(p[1][i] for p in parts) for i in (0, 1))
    mean = _times(_full(error), (sums[0], sums[1]))
    lines = tuple(_line(part, mean, spread, error, middle) for part in parts)
    return (mean[0] - mean[1] * middle, mean[1]), lines


def variance_components(patient: ArrayLike, time: ArrayLike, level: ArrayLike) -> Components | None:
    r"""Estimate the variances from patients with enough values, in closed form.

    Parameters
    ----------
    patient : array_like of whole numbers, shape (n_values,)
        Whose value it is.
    time, level : array_like of float, of the same shape
        When, and the value.

    Returns
    -------
    Components or None
        Variances; None where they cannot be estimated: fewer than two patients with values at
        three times or more, or values exactly on the lines.

    Raises
    ------
    ValueError
        If a value is missing or out of range, or shapes differ.

    Notes
    -----
    The estimator of Swamy [1]_: the squared residuals about each patient's own line give the
    variance within, and the covariance of the lines' coefficients, less the mean of what their
    error explains, that between. The difference need not be a covariance matrix; then its negative
    eigenvalue is put to 0, which biases the other upwards. With few patients the estimates are
    poor: two patients give one degree of freedom.

    References
    ----------
    .. [1] Swamy PAVB (1970). Efficient inference in a random coefficient regression model.
       Econometrica, 38(2), 311-323.
    """
    patients = as_patients(patient, time, level)
    chosen = [one for one in patients.series if len(set(one.times)) > 2]  # noqa: PLR2004 - a line
    if len(chosen) < 2:  # noqa: PLR2004 - a variance needs two
        return None
    fits = [_own_line(one) for one in chosen]
    freedom = sum(len(one.times) - 2 for one in chosen)
    within = math.fsum(residual for _, _, residual in fits) / freedom
    if not within >= LEAST_VARIANCE:
        return None
    found = [math.fsum(_products(fits, i)) / (len(fits) - 1) for i in range(3)]
    noise = [within * math.fsum(inverse[i] for _, inverse, _ in fits) / len(fits) for i in range(3)]
    between = _nearest(*(f - n for f, n in zip(found, noise, strict=True)))
    return Components(between[0], between[2], between[1], within)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _moved(components: Components, middle: float) -> tuple[float, float, float]:
    """Give the covariance of level at the middle and slope."""
    shared = components.covariance + middle * components.slope
    level = components.intercept + middle * (components.covariance + shared)
    return max(level, 0.0), shared, components.slope


def _part(one: Series, middle: float, spread: Symmetric, within: float) -> tuple[Matrix, Pair]:
    times = [t - middle for t in one.times]
    n, sum_t, sum_tt = float(len(times)), math.fsum(times), math.fsum(t * t for t in times)
    sum_y = math.fsum(one.levels)
    sum_ty = math.fsum(t * y for t, y in zip(times, one.levels, strict=True))
    precision = (n / within, sum_t / within, sum_t / within, sum_tt / within)
    product = _product(precision, _full(spread))
    solve = _general_inverse((1.0 + product[0], product[1], product[2], 1.0 + product[3]))
    return _product(solve, precision), _times(solve, (sum_y / within, sum_ty / within))


def _line(
    part: tuple[Matrix, Pair], mean: Pair, spread: Symmetric, error: Symmetric, middle: float
) -> Line:
    a, r = part
    fitted = _times(a, mean)
    extra = _times(_full(spread), (r[0] - fitted[0], r[1] - fitted[1]))
    pulled = _product(_full(spread), a)
    kept = (1.0 - pulled[0], -pulled[1], -pulled[2], 1.0 - pulled[3])
    own = _product(kept, _full(spread))
    both = _product(_product(kept, _full(error)), (kept[0], kept[2], kept[1], kept[3]))
    at_middle = Symmetric(own[0] + both[0], own[1] + both[1], own[3] + both[3])
    slope = mean[1] + extra[1]
    shared = at_middle.shared - middle * at_middle.slope
    level = at_middle.intercept - middle * (at_middle.shared + shared)
    covariance = Symmetric(level, shared, at_middle.slope)
    return Line(mean[0] + extra[0] - middle * slope, slope, covariance)


def _own_line(one: Series) -> tuple[Pair, tuple[float, float, float], float]:
    """Give a patient's own coefficients, the inverse of its cross products, and its residual."""
    middle, level = _mean(one.times), _mean(one.levels)
    spread = math.fsum((t - middle) ** 2 for t in one.times)
    pairs = list(zip(one.times, one.levels, strict=True))
    slope = math.fsum((t - middle) * (y - level) for t, y in pairs) / spread
    residual = math.fsum((y - level - slope * (t - middle)) ** 2 for t, y in pairs)
    inverse = (1 / len(pairs) + middle * middle / spread, -middle / spread, 1 / spread)
    return (level - slope * middle, slope), inverse, residual


def _products(
    fits: Sequence[tuple[Pair, tuple[float, float, float], float]], which: int
) -> list[float]:
    first, second = ((0, 0), (0, 1), (1, 1))[which]
    means = [_mean([line[i] for line, _, _ in fits]) for i in (0, 1)]
    return [(b[first] - means[first]) * (b[second] - means[second]) for b, _, _ in fits]


def _nearest(first: float, shared: float, last: float) -> tuple[float, float, float]:
    """Put a negative eigenvalue of a symmetric matrix to 0."""
    centre, half = 0.5 * (first + last), 0.5 * (first - last)
    radius = math.hypot(half, shared)
    if centre - radius >= 0:
        return first, shared, last
    if centre + radius <= 0:
        return 0.0, 0.0, 0.0
    share = 0.5 * (centre + radius) / radius  # of the projection on the greater eigenvector
    first, last = share * (radius + half), share * (radius - half)
    return first, math.copysign(math.sqrt(max(first, 0.0) * max(last, 0.0)), shared), max(last, 0.0)


def _full(m: Symmetric) -> Matrix:
    return m.intercept, m.shared, m.shared, m.slope


def _product(m: Matrix, n: Matrix) -> Matrix:
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
    )


def _times(m: Matrix, v: Pair) -> Pair:
    return m[0] * v[0] + m[1] * v[1], m[2] * v[0] + m[3] * v[1]


def _general_inverse(m: Matrix) -> Matrix:
    determinant = m[0] * m[3] - m[1] * m[2]
    return m[3] / determinant, -m[1] / determinant, -m[2] / determinant, m[0] / determinant


def _inverse(m: Symmetric) -> Symmetric:
    determinant = m.determinant
    return Symmetric(m.slope / determinant, -m.shared / determinant, m.intercept / determinant)
