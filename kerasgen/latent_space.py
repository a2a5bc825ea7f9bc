"""What a latent space holds: grids, traversals, attributes, and how good it is.

Functions of a trained model with an encoder and a decoder of vectors (`VAE`,
`Autoencoder`, `AdversarialAutoencoder` and their kin); the images that they return are
drawn by `kerasgen.plot.save_image_grid` as they are.
"""

from typing import NamedTuple

import numpy as np
from keras import ops
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer, is_finite_number
from kerasgen.models.autoencoding_model import AutoencodingModel
from kerasgen.models.inputs import to_uint8
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.map_batches import check_given_labels

PRIOR_STEP = -5


class LatentQuality(NamedTuple):
    """How near decoded latents are to the data.

    Distances are those to the k-th nearest sample of the data in feature space, their
    medians over that of held-out data: 1 where decoded latents are as near to the data
    as new data are, more where they are like nothing in it.

    continuity: float, of latents between codes. completeness: float, of latents from
    the prior.
    """

    continuity: float
    completeness: float


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
    _check_model(model)
    check_positive_integer("size", size)
    if model.latent_dim != 2 or size < 2:
        raise ValueError(
            "A grid is of two latents and two samples a side at least. "
            f"Received: latent_dim={model.latent_dim}, size={size}"
        )
    steps = stats.norm.ppf((np.arange(size) + 0.5) / size).astype("float32")
    path = np.stack(np.meshgrid(steps, steps[::-1]), axis=-1)
    return model.decode_path(path, labels=_labels(labels, path.shape[:-1]))


def traverse(model, x, dimensions=None, values=None, labels=None, value_range=None):
    """Samples as one latent of a code is set to several values, the others kept.

    Args:
        model: See above.
        x: One uint8 or float sample, as in `fit`.
        dimensions: Latents to change, in [0, latent_dim); None for all.
        values: What they are set to; 9 from -3 to 3 by default.
        labels: Class of the sample, for a conditional model.
        value_range: As in `fit`.

    Returns:
        uint8 (num_dimensions, num_values, H, W, C), or float32 for vectors.

    Raises:
        ValueError: A dimension is out of range, or `x` is not one sample.

    Reference: Higgins et al. 2017, "beta-VAE", section 4.1.
    """
    _check_model(model)
    if np.shape(x) != model.data_shape:
        raise ValueError(
            f"Expected one sample of shape {model.data_shape}. Received: {np.shape(x)}"
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
    given = _labels(labels, (1,))
    code = model.encode(np.asarray(x)[None], given, value_range)[0]
    path = np.tile(code, (len(chosen), len(values), 1))
    for row, dimension in enumerate(chosen):
        path[row, :, dimension] = values
    return model.decode_path(path, labels=_labels(labels, path.shape[:-1]))


def attribute_vector(model, samples_with, samples_without, value_range=None):
    """The way from samples without an attribute to those with it.

    The difference of the means of their codes. Other differences of the two sets go
    along: take sets that are alike but for the attribute.

    Args:
        model: See above, unconditional.
        samples_with: uint8 or float samples (N, ...), as in `fit`.
        samples_without: uint8 or float samples (M, ...).
        value_range: As in `fit`.

    Returns:
        float32 (latent_dim,).

    Raises:
        ValueError: The samples do not fit the model.

    Reference: Larsen et al. 2016, "Autoencoding beyond Pixels using a Learned
    Similarity Metric", section 5.2; White 2016, "Sampling Generative Networks",
    section 4.
    """
    _check_model(model)
    ends = [
        model.encode(x, value_range=value_range).mean(axis=0)
        for x in (samples_with, samples_without)
    ]
    return ends[0] - ends[1]


def edit(model, x, vector, strength=1.0, value_range=None):
    """Samples with an attribute added: decoded from code + strength * vector.

    Args:
        model: See above, unconditional.
        x: uint8 or float samples (B, ...), as in `fit`.
        vector: float (latent_dim,), such as `attribute_vector` returns.
        strength: Number; negative takes the attribute away.
        value_range: As in `fit`.

    Returns:
        uint8 (B, H, W, C), or float32 for vectors.

    Raises:
        ValueError: The vector is of another size, or not finite.
    """
    _check_model(model)
    vector = np.asarray(vector, np.float32)
    is_finite = is_finite_number(strength) and np.isfinite(vector).all()
    if vector.shape != (model.latent_dim,) or not is_finite:
        raise ValueError(
            f"Expected a finite vector of shape ({model.latent_dim},) and a finite "
            f"strength. Received: shape {vector.shape}, strength={strength!r}"
        )
    change = strength * vector
    return model.decode_path(model.encode(x, value_range=value_range) + change)


def latent_quality(
    model,
    data,
    held_out,
    extractor,
    num_samples=2000,
    k=5,
    seed=0,
    labels=None,
    value_range=None,
):
    """Whether latents between codes, and from the prior, decode to things like data.

    With f the features of an extractor and d(x) the distance of f(x) to its k-th
    nearest neighbour among the features of the data,

        continuity = median over pairs of codes z, z' and t in (0, 1) of
                     d(decode((1 - t) z + t z')) / median of d(held-out sample)
        completeness = median over z from the prior of d(decode(z)) / the same

    The prior of a model without one, a plain autoencoder, is taken to be the Gaussian
    with the mean and covariance of its codes of the data.

    Args:
        model: See above.
        data: uint8 or float samples (N, ...), as in `fit`; codes and neighbours.
        held_out: Samples (M, ...) of the same kind that `data` has not.
        extractor: `kerasgen.metrics.FeatureExtractor`, or None for the values of
            the samples themselves.
        num_samples: Latents of each kind.
        k: Neighbour that is measured to, at least 1.
        seed: Integer in [0, 2**32) of pairs, t and latents.
        labels: int (N,), classes of `data`, for a conditional model: pairs are of one
            class, and latents from the prior are decoded for the classes of `data`.
        value_range: As in `fit`.

    Returns:
        `LatentQuality`.

    Raises:
        ValueError: The samples do not fit the model, there are too few, or those held
            out are in the data.
    """
    _check_model(model)
    check_positive_integer("num_samples", num_samples)
    check_positive_integer("k", k)
    if len(data) < max(k, 2) or not len(held_out):
        raise ValueError(
            f"Expected k={k} samples of the data or more, two at least, and one held "
            f"out. Received: {len(data)} and {len(held_out)}"
        )
    spec = model.data_spec(value_range)
    check_given_labels(model, labels, len(data))
    labels = spec.check_labels(labels, len(data))
    data, held_out = spec.check(data), spec.check(held_out)
    rng = np.random.default_rng(seeds.check_seed(seed))
    codes = model.encode(data, labels)
    first = rng.integers(len(codes), size=num_samples)
    second = _partners(first, labels, rng, len(codes))
    t = rng.uniform(size=(num_samples, 1))
    between = ((1 - t) * codes[first] + t * codes[second]).astype("float32")
    given = None if labels is None else labels[first]
    neighbours = NearestNeighbors(n_neighbors=k).fit(_features(extractor, data))

    def distance(samples):
        found = neighbours.kneighbors(_features(extractor, samples))[0]
        return float(np.median(found[:, -1]))

    of_held_out = distance(held_out)
    if not of_held_out > 0:
        raise ValueError(
            "Expected held-out samples that are not in the data. Received: a median "
            f"distance of {of_held_out} to their neighbours there"
        )
    drawn = _prior(model, codes, num_samples, seed, rng)
    continuity, completeness = (
        distance(model.decode_path(z, labels=given)) / of_held_out
        for z in (between, drawn)
    )
    return LatentQuality(continuity, completeness)


def _check_model(model):
    if not isinstance(model, AutoencodingModel):
        raise ValueError(
            "Expected a model with an encoder and a decoder of vectors, such as VAE or "
            f"Autoencoder. Received: {type(model).__name__}"
        )


def _labels(label, shape):
    """The label of latents of a leading shape, or None."""
    if np.ndim(label):
        raise ValueError(f"Expected the label of one class. Received: {label!r}")
    return None if label is None else np.full(shape, label)


def _partners(first, labels, rng, num):
    """A second sample for each first one, of its class where there are classes."""
    if labels is None:
        return rng.integers(num, size=len(first))
    members = {label: np.flatnonzero(labels == label) for label in np.unique(labels)}
    return np.array([rng.choice(members[labels[index]]) for index in first])


def _prior(model, codes, num_samples, seed, rng):
    if isinstance(model, LatentModel):
        rows = np.arange(num_samples, dtype=np.int32)
        z = model.sample_latents(random.Noise(seed, PRIOR_STEP, rows))
        return ops.convert_to_numpy(z)
    covariance = np.atleast_2d(np.cov(codes.astype("float64"), rowvar=False))
    mean = codes.mean(axis=0)
    return rng.multivariate_normal(mean, covariance, num_samples).astype("float32")


def _features(extractor, samples):
    if samples.ndim == 4 and samples.dtype != np.uint8:
        samples = to_uint8(samples)  # as the model decodes them
    if extractor is None:
        return samples.reshape(len(samples), -1).astype("float64")
    return extractor(samples).features
