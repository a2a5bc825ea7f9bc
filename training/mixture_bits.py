"""Bits per dimension of a Gaussian mixture: what a plain density needs."""

import numpy as np

from kerasgen import models, seeds


def mixture_bits(train, test, num_levels, num_components, num_factors):
    """Code length of test images under a mixture of probabilistic PCAs.

    EM fits it to the training images in levels, uniformly dequantised, so that it is
    judged on as many levels as the model beside it. The mean over test images, for one
    draw of the dequantisation, is an upper bound (Theis et al. 2016, equation 5).

    Args:
        train: uint8 images (N, H, W, C) on `num_levels` evenly spaced levels.
        test: uint8 images (M, H, W, C), likewise.
        num_levels: Integer in [2, 256].
        num_components: Gaussians.
        num_factors: Directions of each, 1 to H W C - 1.

    Returns:
        Float, bits a value.
    """
    train, test = (
        _dequantize(images, num_levels, seed)
        for seed, images in enumerate((train, test))
    )
    num_values = train.shape[1]
    model = models.GaussianMixture(
        (num_values,), num_components, "ppca", num_factors, reg_covar=1e-3, seed=0
    )
    model.fit(train, epochs=10, tolerance=0.0, verbose=0)
    nats = -model.log_likelihood(test).mean()
    return float(nats / (num_values * np.log(2)))


def _dequantize(images, num_levels, seed):
    levels = np.round(images.reshape(len(images), -1) * ((num_levels - 1) / 255))
    uniform = np.random.default_rng(seeds.check_seed(seed)).random(levels.shape)
    return (levels + uniform).astype("float32")
