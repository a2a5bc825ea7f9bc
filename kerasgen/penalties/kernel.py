"""Penalties on a discriminator's kernels."""

import math

import keras
from keras import layers, ops

from kerasgen.penalties.base import Penalty

_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)


@keras.saving.register_keras_serializable(package="kerasgen")
class OrthogonalRegularization(Penalty):
    """Keeps the columns of each kernel orthogonal, whatever their lengths.

    `weight * sum over kernels of ||W^T W * (1 - I)||_F^2`, where W is the kernel as a
    matrix with one column for each output channel, and * is elementwise. A kernel is
    a trainable weight whose name ends in "kernel"; biases, scales and embeddings are
    left alone. Inside `SpectralNormalization` W is the stored kernel, before it is
    divided.

    The output channels are known of Dense, EinsumDense and MultiHeadAttention (all
    heads are one matrix), and of convolutions: plain, transposed, depthwise and
    separable (both its kernels). Filters of different input channels or groups are
    columns of one matrix, of what they do to their own inputs. Of other layers, the
    last axis of a kernel holds the output channels, as in recurrent ones.

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
    channel_axes = {}
    for layer in network._flatten_layers():
        if isinstance(layer, _TRANSPOSED):
            channel_axes[id(layer.kernel)] = [-2]
        elif isinstance(layer, _DEPTHWISE):
            channel_axes[id(layer.kernel)] = [-2, -1]
        elif isinstance(layer, _SEPARABLE):
            channel_axes[id(layer.depthwise_kernel)] = [-2, -1]
        elif isinstance(layer, layers.EinsumDense):
            inputs, output = layer.equation.replace(" ", "").split("->")
            letters = inputs.split(",")[1]
            channel_axes[id(layer.kernel)] = [
                axis for axis, letter in enumerate(letters) if letter in output
            ]
    for variable in network.trainable_variables:
        if variable.name.endswith("kernel") and len(variable.shape) >= 2:
            kernel = ops.cast(variable, "float32")
            axes = channel_axes.get(id(variable), [-1])
            num_channels = math.prod(kernel.shape[axis] for axis in axes)
            kernel = ops.moveaxis(kernel, axes, [*range(-len(axes), 0)])
            yield ops.reshape(kernel, (-1, num_channels))
