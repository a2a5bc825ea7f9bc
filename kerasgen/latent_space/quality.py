"""How good a latent space is: continuity and completeness as numbers."""

from typing import NamedTuple

import numpy as np
from keras import ops
from sklearn.neighbors import NearestNeighbors

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.rows import as_rows
from kerasgen.latent_space.checks import check_model
from kerasgen.models.inputs import MODEL_RANGE, to_uint8
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.map_batches import check_given_labels

PRIOR_STEP = -5
# Share of the k-th distance, or of 1: equal samples but for rounding.
SAME = 1e-6


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
        model: `VAE`, `Autoencoder` or another that encodes to vectors and decodes
            them.
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
        TypeError: The samples are no arrays, or sparse ones.
        ValueError: The samples do not fit the model, there are too few, or those held
            out are in the data.

    Example:

    >>> import kerasgen
    >>> from kerasgen.latent_space import latent_quality
    >>> x = kerasgen.datasets.load("digits", split="train[:100]").images
    >>> model = kerasgen.models.dense_autoencoder((8, 8, 1), 2, hidden=(4,))
    >>> quality = latent_quality(model, x[:80], x[80:], None, num_samples=20)
    >>> quality.continuity > 0 and quality.completeness > 0
    True
    """
    check_model(model)
    check_positive_integer("num_samples", num_samples)
    check_positive_integer("k", k)
    data, held_out = as_rows(data), as_rows(held_out)
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
    codes = model.encode(data, labels, MODEL_RANGE)
    first = rng.integers(len(codes), size=num_samples)
    second = _partners(first, labels, rng, len(codes))
    t = rng.uniform(size=(num_samples, 1))
    between = ((1 - t) * codes[first] + t * codes[second]).astype("float32")
    given = None if labels is None else labels[first]
    neighbours = NearestNeighbors(n_neighbors=k).fit(_features(extractor, data))

    def distances(samples):
        """Medians, to the nearest of the data and to the k-th."""
        found = neighbours.kneighbors(_features(extractor, samples))[0]
        return np.median(found[:, [0, -1]], axis=0)

    nearest, of_held_out = distances(held_out)
    if not nearest > SAME * max(of_held_out, 1.0):
        raise ValueError(
            "Expected held-out samples that are not in the data. Received: a median "
            f"distance of {nearest} to the nearest sample there"
        )
    drawn = _prior(model, codes, num_samples, seed, rng)
    continuity, completeness = (
        float(distances(model.decode_path(z, labels=given))[1] / of_held_out)
        for z in (between, drawn)
    )
    return LatentQuality(continuity, completeness)


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
