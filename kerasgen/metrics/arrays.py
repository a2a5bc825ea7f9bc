"""What every metric asks of its arrays, and how it refuses others."""

import numpy as np


def check_features(name, features, minimum=2):
    """Features as they are, float32 or float64; other real numbers as float64.

    Args:
        name: What the caller calls the array.
        features: Array (N, D) of finite real numbers.
        minimum: Smallest N.

    Returns:
        float32 or float64 array (N, D); what is computed of it is float64.

    Raises:
        TypeError: If the array does not hold real numbers.
        ValueError: If the shape is wrong or a value is not finite.
    """
    features = real_array(name, features)
    if features.ndim != 2 or len(features) < minimum or features.shape[1] < 1:
        raise ValueError(
            f"{name} must have shape (N, D) with N at least {minimum} and D at least "
            f"1. Received: {name}.shape={features.shape}"
        )
    check_finite(name, features)
    return features


def check_pair(real, generated, minimum=2):
    """Two sets of features of one extractor; see `check_features`."""
    real = check_features("real", real, minimum)
    generated = check_features("generated", generated, minimum)
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            "real and generated must have the same number of features. Received: "
            f"real.shape={real.shape}, generated.shape={generated.shape}"
        )
    return real, generated


def check_varied(name, features):
    """Raises ValueError where all rows are equal: a point, not a distribution."""
    # Row by row: the second one tells, as a rule.
    if all(np.array_equal(row, features[0]) for row in features[1:]):
        raise ValueError(
            f"{name} must hold features that differ. "
            f"Received: {len(features)} equal rows"
        )


def real_array(name, values):
    """float32 and float64 as they are, other real numbers as float64."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} must hold real numbers. Received: dtype={values.dtype}"
        )
    return (
        values if values.dtype == np.float32 else values.astype("float64", copy=False)
    )


def check_finite(name, values):
    """Raises ValueError that names the first value that is not finite."""
    finite = np.isfinite(values)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name} must be finite. Received: {values[index]} at index {index}"
        )
