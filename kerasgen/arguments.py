"""Checks of arguments, the same words everywhere."""

import math
import numbers

import numpy as np


def check_positive_integer(name, value):
    """`value` as an int; raises ValueError unless it is an integer of at least 1."""
    return check_integer(name, value, 1)


def check_integer(name, value, minimum, maximum=None):
    """`value` as an int; raises ValueError unless it is in [minimum, maximum]."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or value < minimum or (maximum is not None and value > maximum):
        limits = f">= {minimum}" if maximum is None else f"in [{minimum}, {maximum}]"
        raise ValueError(f"`{name}` is an integer {limits}. Received: {name}={value!r}")
    return int(value)


def check_multiple(name, value, factor):
    """Raises ValueError unless `value` is a positive multiple of `factor`."""
    check_positive_integer(name, value)
    if value % factor:
        raise ValueError(
            f"`{name}` is a multiple of {factor} for these images. "
            f"Received: {name}={value}"
        )


def check_odd(name, value, minimum):
    """Raises ValueError unless `value` is an odd integer of at least `minimum`."""
    check_integer(name, value, minimum)
    if value % 2 == 0:
        raise ValueError(f"`{name}` is odd. Received: {name}={value}")


def check_levels(num_levels):
    """Raises ValueError unless it is an integer in [2, 256], levels of uint8 images."""
    check_integer("num_levels", num_levels, 2)
    if num_levels > 256:
        raise ValueError(
            "`num_levels` is at most 256, that of uint8 images. "
            f"Received: num_levels={num_levels}"
        )


def is_finite_number(value):
    """Whether `value` is a real number, not a bool, neither NaN nor infinite."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def as_numbers(what, value, dtype=np.float32):
    """`value` as a float array; raises TypeError unless it is of numbers.

    Args:
        what: What was expected, for messages: "latents".
        value: Array-like of numbers.
        dtype: Of the result.
    """
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Expected an array of {what}. Received: {type(value).__name__}, {error}"
        ) from None


def check_boolean(name, value):
    """The value as a bool; raises ValueError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"`{name}` is True or False. Received: {name}={value!r}")
    return bool(value)


def check_positive(name, value):
    """Raises ValueError unless `value` is a finite number > 0."""
    if not is_finite_number(value) or value <= 0:
        raise ValueError(f"`{name}` is a finite number > 0. Received: {name}={value!r}")


def check_open_unit(name, value):
    """Raises ValueError unless `value` is a number in (0, 1)."""
    if not is_finite_number(value) or not 0 < value < 1:
        raise ValueError(f"`{name}` is in (0, 1). Received: {name}={value!r}")


def check_non_negative(name, value):
    """Raises ValueError unless `value` is a finite number >= 0."""
    if not is_finite_number(value) or value < 0:
        raise ValueError(
            f"`{name}` is a finite number >= 0. Received: {name}={value!r}"
        )
