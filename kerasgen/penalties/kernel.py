"""Penalties on a discriminator's kernels."""

import keras
from keras import layers, ops

from kerasgen.penalties.base import Penalty

_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


@keras.saving.register_keras_serializable(package="kerasgen")
class OrthogonalRegularization(Penalty):
    """Keeps the columns of each kernel orthogonal, whatever their lengths.

    `weight * sum over kernels of ||W^T W * (1 - I)||_F^2`, where W is the kernel as a
    matrix with one column for each output channel, and * is elementwise. A kernel is
    a trainable weight whose name ends in "kernel"; biases, scales and embeddings are
    left alone. Inside `SpectralNormalization` W is the stored kernel, before it is
    divided.

    Unlike the penalties on gradients, it needs the network itself: `discriminator` is
    a `keras.Model`, or a function with an attribute `network` that holds one.

    Args:
        weight: Float >= 0 that multiplies the penalty (beta in the paper).

    Raises:
        ValueError: The weight is negative or not finite.

    Example:

    >>> import keras, numpy as np
    >>> from kerasgen.penalties import OrthogonalRegularization
    >>> dense = keras.layers.Dense(2, kernel_initializer="ones")
    >>> network = keras.Sequential([keras.Input((3,)), dense])
    >>> x = np.zeros((4, 3), "float32")
    >>> value = OrthogonalRegularization(0.5)(network, x, x, None)
    >>> value = keras.ops.convert_to_numpy(value)
    >>> round(float(value), 4)  # two entries off the diagonal: 0.5 * (3^2 + 3^2)
    9.0

    Reference: Brock et al. 2019, "Large Scale GAN Training for High Fidelity Natural
    Image Synthesis", equation 3.
    """

    name = "orthogonal_regularization"

    def __init__(self, weight=1e-4):
        super().__init__(weight)

    def __call__(self, discriminator, real, fake, noise, substep=0):
        """The penalty's value.

        Args:
            discriminator: `keras.Model`, or a function with an attribute `network`
                that holds one.
            real: Not used.
            fake: Not used.
            noise: Not used.
            substep: Not used.

        Returns:
            float32 scalar tensor; 0 where no kernel is trainable.

        Raises:
            TypeError: `discriminator` gives no access to a network.
        """
        network = discriminator
        if not isinstance(network, keras.Model):
            network = getattr(discriminator, "network", None)
        if not isinstance(network, keras.Model):
            raise TypeError(
                "`discriminator` is a keras.Model, or a function with an attribute "
                f"`network` that holds one. Received: discriminator={discriminator!r}"
            )
        total = ops.zeros((), "float32")
        for matrix in _kernel_matrices(network):
            gram = ops.matmul(ops.transpose(matrix), matrix)
            others = gram * (1.0 - ops.eye(matrix.shape[1], dtype="float32"))
            total = total + ops.sum(ops.square(others))
        return self.weight * total


def _kernel_matrices(network):
    """Trainable kernels as float32 (inputs, output channels)."""
    transposed = {
        id(layer.kernel)
        for layer in network._flatten_layers()
        if isinstance(layer, _TRANSPOSED)
    }
    for variable in network.trainable_variables:
        if variable.name.endswith("kernel") and len(variable.shape) >= 2:
            kernel = ops.cast(variable, "float32")
            if id(variable) in transposed:
                kernel = ops.moveaxis(kernel, -2, -1)
            yield ops.reshape(kernel, (-1, kernel.shape[-1]))
