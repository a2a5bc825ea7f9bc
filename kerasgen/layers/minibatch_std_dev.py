"""Minibatch standard deviation: one feature of how much samples of a batch differ."""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.arguments import check_positive_integer

SMALLEST_VARIANCE = 1e-8


@keras.saving.register_keras_serializable(package="kerasgen")
class MinibatchStdDev(keras.layers.Layer):
    """Appends a channel with the mean standard deviation among a group of samples.

    The standard deviation is taken over a group's samples for each channel and
    position, averaged over all of them, and repeated at every position. With M groups
    of G samples, group m holds the samples m, m + M, m + 2 M, ...

    Where G does not divide the batch, sample i is compared with the samples i + k M
    modulo the batch size, for k below G and M rounded down; G is the batch size where
    that is smaller.

    The samples are those of one call: `GAN` calls its discriminator on reals and on
    fakes apart. In data-parallel training they are those of all devices. Of penalties
    on gradients, those of `GradientPenalty` and its like are of the sum of the batch's
    scores, and so hold what a sample does to those of the others, as in the paper. A
    generator has no use for the layer, and `GAN` refuses it there.

    Args:
        group_size: Integer >= 1, samples in a group, G; None for the whole batch.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: float (B, ..., channels).
    Output: (B, ..., channels + 1), of the layer's compute dtype; statistics are
    float32 at least.

    Raises:
        ValueError: `group_size` out of range.

    Example:
        >>> import keras, numpy as np
        >>> x = np.array([[1.0], [5.0], [3.0], [5.0]], "float32")
        >>> y = MinibatchStdDev(group_size=2)(x)
        >>> keras.ops.convert_to_numpy(y).round(3).tolist()
        [[1.0, 1.0], [5.0, 0.0], [3.0, 1.0], [5.0, 0.0]]

    Reference: Karras et al. 2018, "Progressive Growing of GANs for Improved Quality,
    Stability, and Variation", section 3; groups, and 1e-8 inside the square root, as
    in the authors' code.
    """

    def __init__(self, group_size=4, **kwargs):
        super().__init__(**kwargs)
        if group_size is not None:
            check_positive_integer("group_size", group_size)
            group_size = int(group_size)
        self.group_size = group_size

    def call(self, inputs):
        """Appends the channel.

        Args:
            inputs: float (B, ..., channels).

        Returns:
            Tensor of shape (B, ..., channels + 1).
        """
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        everyone, first = replicas.gather(x)
        groups = self._groups_of(everyone)
        deviations = groups - ops.mean(groups, axis=1, keepdims=True)
        variance = ops.mean(ops.square(deviations), axis=1)
        std = ops.sqrt(variance + SMALLEST_VARIANCE)
        axes = tuple(range(1, len(x.shape)))
        std = ops.cast(ops.mean(std, axis=axes, keepdims=True), inputs.dtype)
        if self.group_size is not None:
            std = replicas.own_rows(std, first, ops.shape(x)[0])
        channel = ops.zeros_like(inputs[..., :1]) + std
        return ops.concatenate([inputs, channel], axis=-1)

    def _groups_of(self, x):
        """(B, G, ...): the group of each sample, or (1, B, ...) where all share one."""
        if self.group_size is None:
            return x[None]
        batch_size = ops.shape(x)[0]
        row = ops.arange(batch_size, dtype="int32")[:, None]
        member = ops.arange(self.group_size, dtype="int32")[None, :batch_size]
        num_groups = batch_size // ops.shape(member)[1]
        return ops.take(x, (row + member * num_groups) % batch_size, axis=0)

    def compute_output_shape(self, input_shape):
        """The shape of the inputs, with one more channel."""
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "group_size": self.group_size}
