"""Lower bounds of log p(x) by importance sampling from the encoder."""

import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.datasets.rows import as_rows
from kerasgen.models.map_batches import check_given_labels, map_batches

LIKELIHOOD_STEP = -3
SAMPLES_AT_ONCE = 10


def likelihood_bounds(vae, x, num_samples, seed, labels=None, value_range=None):
    """The importance-weighted bound and the ELBO, from the same draws of z.

    With log w = log p(x | z) + log p(z) - log q(z | x) and z ~ q(z | x), the first is
    log mean(w) and the second mean(log w), over `num_samples` draws.

    Args:
        vae: `VariationalModel`.
        x: Samples, as in `fit`.
        num_samples: Draws of z a sample.
        seed: Integer in [0, 2**32).
        labels: int (B,), for a conditional model.
        value_range: As in `fit`.

    Returns:
        Pair of float64 arrays (B,), in nats.

    Reference: Burda et al. 2016, "Importance Weighted Autoencoders", equation 8.
    """
    check_positive_integer("num_samples", num_samples)
    seed = seeds.seed_word(seeds.check_seed(seed))
    x = as_rows(x)
    check_given_labels(vae, labels, len(x))

    def log_weights(*inputs):
        return _log_weights(vae, *inputs)

    def bounds(part, rows, given):
        draws = []
        for first in range(0, num_samples, SAMPLES_AT_ONCE):
            size = min(SAMPLES_AT_ONCE, num_samples - first)
            indices = np.arange(first, first + size, dtype=np.int32)
            compiled = vae.compiled_function("log_weights", log_weights, size)
            log_w = ops.convert_to_numpy(compiled(part, rows, seed, indices, given))
            draws.append(log_w.astype(np.float64))
        log_w = np.concatenate(draws)
        highest = log_w.max(axis=0)
        tight = np.log(np.exp(log_w - highest).mean(axis=0)) + highest
        return tight, log_w.mean(axis=0)

    return map_batches(vae, bounds, x, labels, value_range)


def _log_weights(vae, x, rows, seed, indices, labels, size):
    x = vae.to_model_domain(x)
    mean, log_var = vae.posterior(x, labels)
    noise = random.Noise(seed, LIKELIHOOD_STEP, rows)
    log_weights = []
    for position in range(size):
        epsilon = noise.normal(
            "posterior", (vae.latent_dim,), substep=indices[position]
        )
        z = mean + ops.exp(0.5 * log_var) * epsilon
        # log p(z) - log q(z | x); the normalising constants cancel.
        log_ratio = 0.5 * (ops.square(epsilon) + log_var - ops.square(z))
        log_p = vae.likelihood.log_prob(x, vae.decode_parameters(z, labels))
        log_weights.append(log_p + ops.sum(log_ratio, axis=-1))
    return ops.stack(log_weights)
