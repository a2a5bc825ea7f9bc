"""What a GAN's discriminator has learned, as features for other tasks."""

import numpy as np
from keras import layers, ops

from kerasgen import backend
from kerasgen.arguments import check_positive_integer
from kerasgen.models.critic import Critic
from kerasgen.models.gan import check_is_gan
from kerasgen.models.inputs import DataSpec

ACTIVATIONS = (
    layers.Activation,
    layers.ELU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ReLU,
)


def discriminator_features(
    gan, x, layer_names=None, grid=4, labels=None, value_range=None, batch_size=256
):
    """Activations of a discriminator's layers, pooled to a small grid and joined.

    Args:
        gan: `kerasgen.models.GAN`.
        x: uint8 or float samples (N, ...), as in `fit`.
        layer_names: List of names of the discriminator's layers; None for all of its
            activation layers with a map of features, or with vectors where it has no
            such map.
        grid: Maps larger than grid x grid are max-pooled to that size.
        labels: int (N,), for a discriminator that takes them.
        value_range: As in `fit`.
        batch_size: Samples computed at once; of a discriminator with layers that
            compare the samples of a batch, such as `MinibatchDiscrimination`, what one
            of its updates saw in training, for features like those it was trained on.

    Returns:
        float32 (N, D), as computed in inference mode.

    Raises:
        ValueError: There is no such layer, or the samples do not fit.

    Example:

    >>> import numpy as np
    >>> import kerasgen
    >>> gan = kerasgen.models.dcgan((8, 8, 1), latent_dim=4, filters=4)
    >>> kerasgen.discriminator_features(gan, np.zeros((2, 8, 8, 1), "uint8")).shape
    (2, 64)

    Reference: Radford et al. 2016, "Unsupervised Representation Learning with Deep
    Convolutional GANs", section 5.1.
    """
    check_is_gan(gan)
    check_positive_integer("grid", grid)
    check_positive_integer("batch_size", batch_size)
    if layer_names is not None and (
        not isinstance(layer_names, list | tuple) or not layer_names
    ):
        raise ValueError(
            "`layer_names` is a list of names, or None. "
            f"Received: layer_names={layer_names!r}"
        )
    takes_labels = len(gan.discriminator.inputs) == 2
    spec = DataSpec(gan.data_shape, gan.num_classes if takes_labels else None)
    spec.value_range = value_range
    x = spec.check(x)
    labels = spec.check_labels(labels, len(x))
    names = _default_layers(gan.discriminator) if layer_names is None else layer_names
    critic = Critic(gan.discriminator, gan.adversarial_loss, names)

    def features(x, labels):
        judgement = critic(gan.to_model_domain(x), labels, training=False)
        pooled = [_pool(judgement.features[name], grid) for name in critic.layers]
        return ops.concatenate(pooled, axis=1)

    compute = backend.compiled(features, gan)
    parts = []
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        values = compute(x[part], None if labels is None else labels[part])
        parts.append(ops.convert_to_numpy(values))
    return np.concatenate(parts)


def _default_layers(network):
    found = [layer for layer in network.layers if isinstance(layer, ACTIVATIONS)]
    maps = [layer.name for layer in found if len(layer.output.shape) == 4]
    names = maps or [layer.name for layer in found if layer.output.shape[-1] != 1]
    if not names:
        raise ValueError(
            "Expected a discriminator with activation layers, or `layer_names`. "
            f"Received: {[layer.name for layer in network.layers]}"
        )
    return names


def _pool(values, grid):
    if len(values.shape) == 4:
        values = _pool_axis(_pool_axis(values, 1, grid), 2, grid)
    return ops.reshape(values, (-1, int(np.prod(values.shape[1:]))))


def _pool_axis(values, axis, grid):
    """Maxima of `grid` nearly equal parts, in which every value counts."""
    size = values.shape[axis]
    if size <= grid:
        return values
    bounds = [round(index * size / grid) for index in range(grid + 1)]
    parts = [
        ops.max(
            ops.take(values, np.arange(low, high), axis=axis), axis=axis, keepdims=True
        )
        for low, high in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    return ops.concatenate(parts, axis=axis)
