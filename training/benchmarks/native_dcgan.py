"""DCGAN of 28 x 28 grey images by hand; `native_loops.py` trains it.

Weights start as those of a `kerasgen.models.dcgan`, and a step is its step: one update
of each player, each on fakes of its own.
"""

from kerasgen import random

LATENT_DIM = 64
SMALL = (7, 7, 128)  # the generator's smallest map
RATE, BETA_1, BETA_2 = 2e-4, 0.5, 0.999
BATCHES_PER_STEP = 1


def generator(p, statistics, z, f):
    """Images in [-1, 1] of z (B, LATENT_DIM)."""
    x = f.reshape(z @ p["project/kernel"], (-1, *f.map_shape(*SMALL)))
    x = f.relu(f.batch_norm(x, p, statistics, "project_norm"))
    x = f.conv_transpose(x, p["up_1/kernel"])
    x = f.relu(f.batch_norm(x, p, statistics, "up_1_norm"))
    return f.tanh(f.conv_transpose(x, p["to_image/kernel"], p["to_image/bias"]))


def discriminator(p, statistics, x, f):
    """Logits (B, 1) of images."""
    x = f.leaky_relu(f.conv(x, p["down_0/kernel"], p["down_0/bias"]))
    x = f.conv(x, p["down_1/kernel"])
    x = f.leaky_relu(f.batch_norm(x, p, statistics, "down_1_norm"))
    return f.flat(x) @ p["logit/kernel"] + p["logit/bias"]


def draw(rng, size):
    """Noise of one step of `size` images, of the framework's generator."""
    return {"latent": rng.normal((size, 2, LATENT_DIM))}


def noise_of(model, step, size):
    """Noise that the kerasgen model draws in one step of `size` images."""
    noise = random.Noise(model.seed, step, random.ops.arange(size, dtype="int32"))
    return {"latent": noise.normal("latent", (2, LATENT_DIM))}


def discriminator_terms(p, statistics, x, noise, f):
    """Its loss, by the log loss."""
    with f.frozen():
        fake = generator(p["generator"], statistics, noise["latent"][:, 0], f)
    real_logits, fake_logits = (
        discriminator(p["discriminator"], statistics, images, f) for images in (x, fake)
    )
    real = f.mean(f.softplus(-real_logits))
    return {"d_loss": real + f.mean(f.softplus(fake_logits))}


def generator_terms(p, statistics, x, noise, f):
    """Its loss, the non-saturating one."""
    fake = generator(p["generator"], statistics, noise["latent"][:, 1], f)
    logits = discriminator(p["discriminator"], statistics, fake, f)
    return {"g_loss": f.mean(f.softplus(-logits))}


UPDATES = (
    (("discriminator",), discriminator_terms),
    (("generator",), generator_terms),
)
