"""Kinds of components by the name of their covariance."""

from kerasgen.arguments import check_positive_integer
from kerasgen.mixtures.gaussians import Diagonal, Full, Tied
from kerasgen.mixtures.probabilistic_pca import ProbabilisticPCA

KINDS = {"full": Full, "tied": Tied, "diagonal": Diagonal, "ppca": ProbabilisticPCA}


def get_kind(covariance, num_factors, num_values):
    """Resolves the name of a covariance.

    Args:
        covariance: "full", "tied", "diagonal" or "ppca".
        num_factors: Integer in [1, num_values) for "ppca", else None.
        num_values: Values of a sample.

    Returns:
        Class of `Components`.

    Raises:
        ValueError: There is no such covariance, or `num_factors` does not fit it.
    """
    if not isinstance(covariance, str) or covariance not in KINDS:
        raise ValueError(
            f"`covariance` is one of {sorted(KINDS)}. "
            f"Received: covariance={covariance!r}"
        )
    if (covariance == "ppca") != (num_factors is not None):
        raise ValueError(
            "`num_factors` is for covariance='ppca', and only for that. "
            f"Received: num_factors={num_factors}, covariance={covariance!r}"
        )
    if num_factors is not None:
        check_positive_integer("num_factors", num_factors)
        if num_factors >= num_values:
            raise ValueError(
                f"`num_factors` is less than the {num_values} values of a sample. "
                f"Received: num_factors={num_factors}"
            )
    return KINDS[covariance]
