"""What a model serves: named functions of tensors with typed inputs."""

from collections.abc import Callable
from typing import NamedTuple


class TensorInput(NamedTuple):
    """One input of a served function.

    Attributes:
        shape: Tuple; the first size of a batch is None, a scalar has shape ().
        dtype: Name of the dtype.
        low: Smallest value that is accepted, or None.
        high: Largest value that is accepted, or None.
    """

    shape: tuple
    dtype: str
    low: int | None = None
    high: int | None = None


class Signature(NamedTuple):
    """One served function.

    Attributes:
        fn: Function of the inputs by name, in `keras.ops`, that returns a dict of
            tensors.
        inputs: Dict of input name to `TensorInput`.
        reference: Function of NumPy values by name whose outputs the exported `fn` is
            compared with; None for `fn` itself, compiled by the model's backend.
        may_part: Whether rounding may part a row from that of another backend, as
            where values are drawn one after another or a nearest code is found.
    """

    fn: Callable
    inputs: dict[str, TensorInput]
    reference: Callable | None = None
    may_part: bool = False


def label_input(num_classes):
    """The input of labels beside a batch: a dict, empty without classes.

    Args:
        num_classes: Number of classes of a conditional model, or None.

    Returns:
        Dict of "labels" to `TensorInput`.
    """
    if num_classes is None:
        return {}
    return {"labels": TensorInput((None,), "int32", low=0, high=num_classes - 1)}
