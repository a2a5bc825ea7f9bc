"""Walks through a latent space: a plane of it, and one latent after another."""

import numpy as np
from scipy import stats

from kerasgen.arguments import check_positive_integer
from kerasgen.latent_space.checks import check_model, labels_of


def manifold_grid(model, size=16, labels=None):
    """Samples of a 2-D latent space, at equal steps of the prior's distribution.

    Args:
        model: Model with `latent_dim` 2.
        size: Samples a side, at least 2.
        labels: Class of all, for a conditional model.

    Returns:
        uint8 (size, size, H, W, C), or float32 for vectors; the first latent grows
        from left to right, the second from bottom to top.

    Raises:
        ValueError: The latents are not two, or an argument is out of its range.

    Example:

    >>> import kerasgen
    >>> from kerasgen.latent_space import manifold_grid
    >>> vae = kerasgen.models.dense_vae((8, 8, 1), latent_dim=2, hidden=(4,))
    >>> manifold_grid(vae, size=3).shape
    (3, 3, 8, 8, 1)

    Reference: Kingma and Welling 2014, "Auto-Encoding Variational Bayes", figure 4.
    """
    check_model(model)
    check_positive_integer("size", size)
    if model.latent_dim != 2 or size < 2:
        raise ValueError(
            "A grid is of two latents and two samples a side at least. "
            f"Received: latent_dim={model.latent_dim}, size={size}"
        )
    steps = stats.norm.ppf((np.arange(size) + 0.5) / size).astype("float32")
    path = np.stack(np.meshgrid(steps, steps[::-1]), axis=-1)
    return model.decode_path(path, labels=labels_of(labels, path.shape[:-1]))


def traverse(model, x, dimensions=None, values=None, labels=None, value_range=None):
    """Samples as one latent of a code is set to several values, the others kept.

    Args:
        model: `VAE`, `Autoencoder` or their kin.
        x: One uint8 or float sample, as in `fit`.
        dimensions: Latents to change, in [0, latent_dim); None for all.
        values: What they are set to; 9 from -3 to 3 by default.
        labels: Class of the sample, for a conditional model.
        value_range: As in `fit`.

    Returns:
        uint8 (num_dimensions, num_values, H, W, C), or float32 for vectors.

    Raises:
        ValueError: A dimension is out of range, or `x` is not one sample.

    Example:

    >>> import kerasgen
    >>> from kerasgen.latent_space import traverse
    >>> x = kerasgen.datasets.load("digits", split="train[:1]").images
    >>> vae = kerasgen.models.dense_vae((8, 8, 1), latent_dim=3, hidden=(4,))
    >>> traverse(vae, x[0], dimensions=[0, 2], values=[-2.0, 0.0, 2.0]).shape
    (2, 3, 8, 8, 1)

    Reference: Higgins et al. 2017, "beta-VAE", section 4.1.
    """
    check_model(model)
    shape = np.shape(x)
    if shape != model.data_shape:
        raise ValueError(
            f"Expected one sample of shape {model.data_shape}. Received: shape={shape}"
        )
    every = np.arange(model.latent_dim)
    chosen = every if dimensions is None else np.asarray(dimensions)
    is_list = chosen.ndim == 1 and np.issubdtype(chosen.dtype, np.integer)
    if not is_list or not len(chosen) or not np.isin(chosen, every).all():
        raise ValueError(
            f"Expected a list of latents in [0, {model.latent_dim}). "
            f"Received: dimensions={dimensions!r}"
        )
    values = np.linspace(-3, 3, 9) if values is None else np.asarray(values)
    is_list = values.ndim == 1 and values.dtype.kind in "iuf"
    if not is_list or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"Expected a list of finite values. Received: {values!r}")
    given = labels_of(labels, (1,))
    code = model.encode(np.asarray(x)[None], given, value_range)[0]
    path = np.tile(code, (len(chosen), len(values), 1))
    for row, dimension in enumerate(chosen):
        path[row, :, dimension] = values
    return model.decode_path(path, labels=labels_of(labels, path.shape[:-1]))
