"""Arguments as arrays of counts or real numbers, or an error that names the wrong element."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

GREATEST_COUNT = 2**53  # every whole number up to here is exact in double precision


def refuse_where(
    broken: NDArray[np.bool_], name: str, values: NDArray[np.generic], rule: str
) -> None:
    """Raise for the first element at which a rule is broken.

    Parameters
    ----------
    broken : ndarray of bool
        Where the rule is broken.
    name : str
        The argument, as its caller knows it.
    values : ndarray, of the shape of `broken`
        The argument's values.
    rule : str
        What every value must be.

    Raises
    ------
    ValueError
        If any element is True; it names the argument, the index, the value and the rule.
    """
    if broken.any():
        index = np.unravel_index(int(np.argmax(broken)), broken.shape)
        place = f"[{', '.join(str(int(i)) for i in index)}]" if index else ""
        raise ValueError(f"{name}{place} is {values[index]}: {rule}")


def as_counts(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Convert whole numbers, of whatever type, to a new array of counts.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like
        Whole numbers from 0 to 2**53.

    Returns
    -------
    ndarray of int64, of the shape of `values`
        A copy, never a view.

    Raises
    ------
    ValueError
        If a value is negative, fractional, NaN, infinite, above 2**53, or no number.
    """
    given = np.asarray(values)
    if given.size == 0:
        return np.zeros(given.shape, dtype=np.int64)
    if given.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {given.dtype}: must be whole numbers")
    if given.dtype.kind == "f":
        refuse_where(np.isnan(given), name, given, "must not be missing")
        refuse_where(given != np.floor(given), name, given, "must be whole")
    refuse_where(given < 0, name, given, "must not be negative")
    refuse_where(given > GREATEST_COUNT, name, given, "must be at most 2**53")
    return given.astype(np.int64)


def as_reals(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Convert non-negative real numbers to an array of double precision.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like
        Real numbers, not negative and not infinite. NaN passes: it means "not known".

    Returns
    -------
    ndarray of float64, of the shape of `values`
        The values.

    Raises
    ------
    ValueError
        If a value is negative or infinite, or no number.
    """
    given = np.asarray(values)
    if given.size and given.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {given.dtype}: must be numbers")
    real = given.astype(np.float64)
    refuse_where(real < 0, name, real, "must not be negative")
    refuse_where(np.isinf(real), name, real, "must be finite")
    return real


def as_numbers_within(
    name: str, values: ArrayLike, *, low: float, high: float
) -> NDArray[np.float64]:
    """Convert real numbers of either sign to a new array of double precision.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like
        Real numbers. NaN passes: it means "not known".
    low, high : float
        Least and greatest number allowed.

    Returns
    -------
    ndarray of float64, of the shape of `values`
        A copy, never a view.

    Raises
    ------
    ValueError
        If a value is out of range, or no number.
    """
    given = np.asarray(values)
    if given.size and given.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {given.dtype}: must be numbers")
    real = given.astype(np.float64)
    refuse_where(real < low, name, real, f"must be at least {low:g}")
    refuse_where(real > high, name, real, f"must be at most {high:g}")
    return real


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Raise unless a number lies in the open interval.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    value : float
        Its value.
    low, high : float
        Ends of the interval, both outside it.

    Raises
    ------
    ValueError
        If `value` is NaN, at an end or beyond.
    """
    if not low < value < high:
        raise ValueError(f"{name} is {value}: must lie between {low} and {high}")


def require_shapes_that_fit(**given: NDArray[np.generic]) -> None:
    """Raise unless arguments broadcast to one shape.

    Parameters
    ----------
    **given : ndarray
        Arguments, by the names their caller knows.

    Raises
    ------
    ValueError
        If the shapes do not broadcast; it names each argument with its shape.
    """
    try:
        np.broadcast_shapes(*(values.shape for values in given.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in given.items())
        raise ValueError(f"shapes must broadcast to one: {shapes}") from None


def require_one_index(**given: object) -> None:
    """Raise if arguments that are paired by position have labels that would pair them otherwise.

    Parameters
    ----------
    **given : object
        Arguments, by the names their caller knows; those without labels, and scalars, pass.

    Raises
    ------
    ValueError
        If two series or frames have other labels, or the same in another order.
    """
    labelled = {name: index for name, value in given.items() if (index := _labels(value))}
    first = next(iter(labelled), "")
    for name, (index,) in labelled.items():
        if not index.equals(labelled[first][0]):
            raise ValueError(
                f"{name} has another index than {first}: align the two, or give arrays, which are "
                "paired by position"
            )


def _labels(value: object) -> tuple[Any, ...]:
    """Return the index of a series or frame, in a tuple; of anything else nothing."""
    index = getattr(value, "index", None)
    return () if index is None or callable(index) else (index,)
