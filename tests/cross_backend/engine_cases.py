"""The models that train on every backend, and mutants of them that must not agree.

Run by `engine_worker.py`.
"""

import keras
from engine_material import NUM_CLASSES, SEED, SHAPE
from keras import layers

import kerasgen
from kerasgen import losses
from kerasgen.augmentation import DiffAugment
from kerasgen.corruptions import SaltAndPepper
from kerasgen.layers import (
    Dropout,
    MinibatchDiscrimination,
    MinibatchStdDev,
    SpectralNormalization,
)
from kerasgen.models import (
    GAN,
    GatedPixelCNN,
    ModeEnsembleGAN,
    adversarial_autoencoder,
    conv_vae,
    dcgan,
    dense_autoencoder,
    dense_iwae,
    dense_vae,
    sngan,
    vq_vae,
    wgan_gp,
)
from kerasgen.networks import dcgan_discriminator, dcgan_generator
from kerasgen.penalties import DRAGAN, R1
from kerasgen.techniques import FeatureMatching, PullingAway


def _dropout_gan(seed=SEED):
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(24, activation="relu"),
            layers.Dense(256, activation="tanh"),
            layers.Reshape(SHAPE),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(24),
            layers.LeakyReLU(),
            Dropout(0.4, seed=1),
            layers.Dense(1),
        ]
    )
    return GAN(generator, discriminator, 4, loss="minimax", seed=seed)


def _comparing_gan():
    """Dense and small, with one of each thing that looks at several samples."""
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(16, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(),
            layers.Dense(256, activation="tanh"),
            layers.Reshape(SHAPE),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            SpectralNormalization(layers.Dense(16, name="features"), name="features"),
            layers.LeakyReLU(),
            Dropout(0.2, seed=1),
            MinibatchDiscrimination(2, 3),
            MinibatchStdDev(4),
            layers.Dense(1, use_bias=False, name="logit"),
        ]
    )
    return GAN(
        generator,
        discriminator,
        4,
        loss="relativistic_average",
        penalties=[DRAGAN(1.0)],
        techniques=[
            FeatureMatching("features", 0.1, replaces_loss=False),
            PullingAway("features", 0.1),
        ],
        discriminator_steps=2,
        ema_decay=0.3,
        seed=SEED,
    )


def _batch_norm_mutant():
    """DCGAN whose BatchNorm forgets at 0.89 instead of 0.9."""

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            config["momentum"] = 0.89
        return type(layer).from_config(config)

    model = CASES["dcgan"]()
    return GAN(
        keras.models.clone_model(model.generator, clone_function=clone),
        keras.models.clone_model(model.discriminator, clone_function=clone),
        model.latent_dim,
        ema_decay=model.ema_decay,
        seed=SEED,
    )


def _sign_mutant():
    """DCGAN whose generator learns to be caught."""
    flipped = losses.AdversarialLoss(
        losses.non_saturating.discriminator,
        lambda real, fake: -losses.non_saturating.generator(real, fake),
    )
    return _dcgan(loss=flipped)


def _dcgan(seed=SEED, ema_decay=0.3, loss="non_saturating"):
    return dcgan(SHAPE, 4, 4, seed=seed, ema_decay=ema_decay, loss=loss)


def _dense_vae(seed=SEED, beta=1.5):
    return dense_vae(SHAPE, 4, (32, 16), seed=seed, beta=beta)


def _conv_vae(seed=SEED):
    likelihood = kerasgen.likelihoods.DiscretizedLogistic("learned")
    return conv_vae(SHAPE, 4, 4, likelihood, seed=seed)


def _wgan_gp(discriminator_steps=5, penalty_weight=10.0):
    return wgan_gp(
        SHAPE,
        4,
        4,
        penalty_weight=penalty_weight,
        discriminator_steps=discriminator_steps,
        seed=SEED,
        ema_decay=0.3,
    )


def _sngan(seed=SEED):
    return sngan(SHAPE, 4, 4, seed=seed)


def _options_gan(policy="color,translation,cutout", historical_averaging=0.1):
    """Labels, and one of each kind of option at once."""
    return GAN(
        dcgan_generator(SHAPE, 4, 4, NUM_CLASSES),
        dcgan_discriminator(SHAPE, 4, False, True, NUM_CLASSES),
        4,
        loss="least_squares",
        penalties=[R1(1.0)],
        techniques=[FeatureMatching("down_1_relu", 0.1, replaces_loss=False)],
        augment=DiffAugment(policy),
        historical_averaging=historical_averaging,
        num_classes=NUM_CLASSES,
        seed=SEED,
    )


def _mode_ensemble():
    return ModeEnsembleGAN([_dropout_gan(), _dropout_gan()], seed=SEED)


def _gated_pixel_cnn(seed=SEED, ema_decay=0.3):
    sizes = {"num_blocks": 1, "filters": 6, "first_kernel_size": 5}
    return GatedPixelCNN(
        SHAPE, **sizes, num_classes=NUM_CLASSES, ema_decay=ema_decay, seed=seed
    )


def _iwae():
    return dense_iwae(
        SHAPE, 4, (32,), num_importance_samples=3, num_classes=NUM_CLASSES, seed=SEED
    )


def _denoising_autoencoder():
    corruption = SaltAndPepper(0.3)
    return dense_autoencoder(
        SHAPE, 4, (32,), likelihood="bernoulli", corruption=corruption, seed=SEED
    )


def _adversarial_autoencoder(loss="non_saturating"):
    sizes = {"hidden": (32,), "discriminator_hidden": (16,)}
    return adversarial_autoencoder(SHAPE, 4, **sizes, loss=loss, seed=SEED)


def _vq_vae(commitment_weight=0.25):
    return vq_vae(
        SHAPE,
        num_codes=8,
        code_dim=4,
        filters=6,
        num_blocks=1,
        commitment_weight=commitment_weight,
        seed=SEED,
    )


CASES = {
    "dense_vae": _dense_vae,
    "conv_vae": _conv_vae,
    "dcgan": _dcgan,
    "wgan_gp": _wgan_gp,
    "sngan": _sngan,
    "dropout_gan": _dropout_gan,
    "options_gan": _options_gan,
    "comparing_gan": _comparing_gan,
    "mode_ensemble": _mode_ensemble,
    "gated_pixel_cnn": _gated_pixel_cnn,
    "iwae": _iwae,
    "denoising_autoencoder": _denoising_autoencoder,
    "adversarial_autoencoder": _adversarial_autoencoder,
    "vq_vae": _vq_vae,
}
# One rounding there decides all pixels that follow; tests/models compare its samples.
WITHOUT_IMAGES = ("gated_pixel_cnn",)
# They have no prior to draw from; what they bring back is compared.
RECONSTRUCTED = ("denoising_autoencoder", "vq_vae")
# Name of the mutant: the case it must not agree with, and its builder.
MUTANTS = {
    "batch_norm_momentum": ("dcgan", _batch_norm_mutant),
    "ema_decay": ("dcgan", lambda: _dcgan(ema_decay=0.31)),
    "generator_loss_sign": ("dcgan", _sign_mutant),
    "gan_seed": ("dcgan", lambda: _dcgan(seed=SEED + 1)),
    "four_discriminator_steps": ("wgan_gp", lambda: _wgan_gp(discriminator_steps=4)),
    "penalty_weight": ("wgan_gp", lambda: _wgan_gp(penalty_weight=10.1)),
    "augment_policy": ("options_gan", lambda: _options_gan("color,translation")),
    "historical_averaging": (
        "options_gan",
        lambda: _options_gan(historical_averaging=0.101),
    ),
    "vae_seed": ("dense_vae", lambda: _dense_vae(seed=SEED + 1)),
    "vae_beta": ("dense_vae", lambda: _dense_vae(beta=1.51)),
    "commitment_weight": ("vq_vae", lambda: _vq_vae(commitment_weight=0.26)),
}
LEARNING_RATES = {
    "dense_vae": 3e-4,
    "conv_vae": 1e-4,
    "dcgan": 0.05,
    "wgan_gp": 0.01,
    "sngan": 0.05,
    "dropout_gan": 0.05,
    "options_gan": 0.02,
    "comparing_gan": 0.02,
    "mode_ensemble": 0.05,
    "gated_pixel_cnn": 1e-3,
    "iwae": 3e-4,
    "denoising_autoencoder": 3e-4,
    "adversarial_autoencoder": 3e-4,
    "vq_vae": 3e-4,
}
