"""Convolutional VAE of 28 x 28 grey images by hand; `native_loops.py` trains it.

Weights start as those of a `kerasgen.models.conv_vae`, and a step is its step: a
Bernoulli likelihood, one draw of z.
"""

from kerasgen import random

LATENT_DIM = 16
SMALL = (7, 7, 64)  # the decoder's smallest map
RATE, BETA_1, BETA_2 = 1e-3, 0.9, 0.999
BATCHES_PER_STEP = 1


def draw(rng, size):
    """Noise of one step of `size` images, of the framework's generator."""
    return {"posterior": rng.normal((size, LATENT_DIM))}


def noise_of(model, step, size):
    """Noise that the kerasgen model draws in one step of `size` images."""
    noise = random.Noise(model.seed, step, random.ops.arange(size, dtype="int32"))
    return {"posterior": noise.normal("posterior", (LATENT_DIM,))}


def terms(p, statistics, x, noise, f):
    """Negative ELBO and its two parts, nats."""

    def dense(x, network, name):
        return x @ p[network][f"{name}/kernel"] + p[network][f"{name}/bias"]

    def convolved(conv, x, network, name):
        return conv(x, p[network][f"{name}/kernel"], p[network][f"{name}/bias"])

    y = f.relu(convolved(f.conv, x, "encoder", "down_0"))
    y = f.relu(convolved(f.conv, y, "encoder", "down_1"))
    y = f.relu(dense(f.flat(y), "encoder", "hidden"))
    mean, log_var = f.split(dense(y, "encoder", "codes"))
    z = mean + f.exp(0.5 * log_var) * noise["posterior"]
    y = f.relu(dense(z, "decoder", "hidden"))
    y = f.relu(dense(y, "decoder", "project"))
    y = f.reshape(y, (-1, *f.map_shape(*SMALL)))
    y = f.relu(convolved(f.conv_transpose, y, "decoder", "up_1"))
    logits = convolved(f.conv_transpose, y, "decoder", "parameters")
    errors = f.binary_cross_entropy(logits, (x + 1.0) / 2.0)
    reconstruction = f.mean(f.sum_all_but_first(errors))
    kl = 0.5 * (mean**2 + f.exp(log_var) - 1.0 - log_var)
    kl = f.mean(f.sum_all_but_first(kl))
    return {
        "loss": reconstruction + kl,
        "reconstruction_nats": reconstruction,
        "kl_nats": kl,
    }


UPDATES = ((("encoder", "decoder"), terms),)
