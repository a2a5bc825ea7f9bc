"""WGAN-GP of 28 x 28 grey images by hand; `native_loops.py` trains it.

Weights start as those of a `kerasgen.models.wgan_gp`, and a step is its step: five
updates of the critic, each on fresh images, then one of the generator. The generator is
that of `native_dcgan.py`.
"""

import functools

from kerasgen import random

from . import native_dcgan
from .native_dcgan import LATENT_DIM, generator

RATE, BETA_1, BETA_2 = 1e-4, 0.0, 0.9
BATCHES_PER_STEP = CRITIC_STEPS = 5
PENALTY_WEIGHT = 10.0


def critic(p, x, f):
    """Scores (B, 1) of images."""
    x = f.leaky_relu(f.conv(x, p["down_0/kernel"], p["down_0/bias"]))
    x = f.leaky_relu(f.conv(x, p["down_1/kernel"], p["down_1/bias"]))
    return f.flat(x) @ p["logit/kernel"] + p["logit/bias"]


def draw(rng, size):
    """Noise of one step of `size` images, of the framework's generator."""
    return {**native_dcgan.draw(rng, size), "mix": rng.uniform((size, 1, 1, 1))}


def noise_of(model, step, size):
    """Noise that the kerasgen model draws in one step of `size` images."""
    rows = random.ops.arange(size, dtype="int32")
    noise = random.Noise(model.seed, step, rows)
    parts = [
        noise.of_rows(rows[i::CRITIC_STEPS]).uniform("gradient_penalty", (1, 1, 1), i)
        for i in range(CRITIC_STEPS)
    ]
    # The critic's update number i takes rows i, i + 5, ...
    mix = random.ops.reshape(random.ops.stack(parts, axis=1), (size, 1, 1, 1))
    return {"latent": noise.normal("latent", (2, LATENT_DIM)), "mix": mix}


def critic_terms(index, p, statistics, x, noise, f):
    """Its loss and the penalty, in update number `index` of a step."""
    real = x[index::CRITIC_STEPS]
    with f.frozen():
        z = noise["latent"][index::CRITIC_STEPS, 0]
        fake = generator(p["generator"], statistics, z, f)
    own = p["discriminator"]
    between = real + noise["mix"][index::CRITIC_STEPS] * (fake - real)
    gradient = f.input_gradient(lambda x: critic(own, x, f), between)
    norm = f.sqrt(f.sum_all_but_first(gradient**2) + 1e-12)
    penalty = PENALTY_WEIGHT * f.mean((norm - 1.0) ** 2)
    distance = f.mean(critic(own, fake, f)) - f.mean(critic(own, real, f))
    return {"d_loss": distance + penalty, "gradient_penalty": penalty}


def generator_terms(p, statistics, x, noise, f):
    """Its loss."""
    z = noise["latent"][::CRITIC_STEPS, 1]
    fake = generator(p["generator"], statistics, z, f)
    return {"g_loss": -f.mean(critic(p["discriminator"], fake, f))}


UPDATES = (
    *(
        (("discriminator",), functools.partial(critic_terms, index))
        for index in range(CRITIC_STEPS)
    ),
    (("generator",), generator_terms),
)
