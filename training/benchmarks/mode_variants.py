"""The variants that `mode_coverage` compares, and how each is built."""

# TensorFlow, JAX and the like are imported in the processes that train.

LATENT_DIM = 8
UNITS = 128
NUM_STEPS = 8_000

# Name: arguments of `make_gan`, the paper, and settings that the paper leaves open.
LOSSES = {
    "minimax": ({"loss": "minimax"}, "Goodfellow et al. 2014", ""),
    "non-saturating": ({}, "Goodfellow et al. 2014", ""),
    "LSGAN": ({"loss": "least_squares"}, "Mao et al. 2017", "a, b, c = 0, 1, 1"),
    "LSGAN, Pearson": (
        {"loss": "least_squares_pearson"},
        "Mao et al. 2017",
        "a, b, c = -1, 1, 0",
    ),
    "hinge": ({"loss": "hinge"}, "Lim and Ye 2017", ""),
    "Wasserstein, clipping": (
        {"loss": "wasserstein", "weight_clipping": 0.05, "discriminator_steps": 5},
        "Arjovsky et al. 2017",
        "limit 0.05, 5 steps",
    ),
    "Wasserstein, gradient penalty": (
        {"loss": "wasserstein", "penalty": "two_sided", "discriminator_steps": 5},
        "Gulrajani et al. 2017",
        "weight 1, 5 steps",
    ),
    "relativistic average": (
        {"loss": "relativistic_average"},
        "Jolicoeur-Martineau 2019",
        "",
    ),
    "relativistic average hinge": (
        {"loss": "relativistic_average_hinge"},
        "Jolicoeur-Martineau 2019",
        "",
    ),
    "relativistic average least squares": (
        {"loss": "relativistic_average_least_squares"},
        "Jolicoeur-Martineau 2019",
        "targets -1 and 1",
    ),
    "EBGAN": (
        {"loss": "ebgan", "head": 2},
        "Zhao et al. 2017",
        "autoencoder 2-128-128-2, margin 1",
    ),
    "EBGAN, pulling-away": (
        {"loss": "ebgan", "head": 2, "technique": "pulling"},
        "Zhao et al. 2017",
        "weight 0.1",
    ),
    "f-GAN, KL": ({"loss": "f_gan_kl"}, "Nowozin et al. 2016", ""),
    "f-GAN, reverse KL": ({"loss": "f_gan_reverse_kl"}, "Nowozin et al. 2016", ""),
    "f-GAN, Pearson": ({"loss": "f_gan_pearson_chi2"}, "Nowozin et al. 2016", ""),
    "f-GAN, Hellinger": (
        {"loss": "f_gan_squared_hellinger"},
        "Nowozin et al. 2016",
        "",
    ),
    "f-GAN, Jensen-Shannon": (
        {"loss": "f_gan_jensen_shannon"},
        "Nowozin et al. 2016",
        "",
    ),
    "f-GAN, GAN": ({"loss": "f_gan_gan"}, "Nowozin et al. 2016", ""),
    "f-GAN, GAN, non-saturating": (
        {"loss": "f_gan_non_saturating"},
        "Nowozin et al. 2016",
        "section 3.2",
    ),
    "f-GAN, total variation": (
        {"loss": "f_gan_total_variation"},
        "Nowozin et al. 2016",
        "",
    ),
}
STABILISERS = {
    "none": ({}, "", ""),
    "gradient penalty": (
        {"penalty": "two_sided"},
        "Gulrajani et al. 2017",
        "weight 1",
    ),
    "gradient penalty, one-sided": (
        {"penalty": "one_sided"},
        "Petzka et al. 2018",
        "weight 1",
    ),
    "R1": ({"penalty": "r1"}, "Mescheder et al. 2018", "weight 1"),
    "R2": ({"penalty": "r2"}, "Mescheder et al. 2018", "weight 1"),
    "DRAGAN": ({"penalty": "dragan"}, "Kodali et al. 2017", "weight 1"),
    "orthogonal regularisation": (
        {"penalty": "orthogonal"},
        "Brock et al. 2019",
        "weight 0.01",
    ),
    "spectral norm": ({"layer": "spectral"}, "Miyato et al. 2018", ""),
    "minibatch discrimination": (
        {"layer": "minibatch"},
        "Salimans et al. 2016",
        "16 kernels of 8",
    ),
    "minibatch deviation": ({"layer": "deviation"}, "Karras et al. 2018", ""),
    "instance noise": (
        {"layer": "noise"},
        "Sonderby et al. 2017",
        "std 0.5, gone after half the steps",
    ),
    "virtual batch norm": (
        {"generator_layer": "virtual"},
        "Salimans et al. 2016",
        "in the generator, 64 references",
    ),
    "feature matching": ({"technique": "matching"}, "Salimans et al. 2016", ""),
    "one-sided label smoothing": (
        {"loss": "one_sided_label_smoothing"},
        "Salimans et al. 2016",
        "real 0.9",
    ),
    "two-sided label smoothing": (
        {"loss": "two_sided_label_smoothing"},
        "Salimans et al. 2016",
        "0.9 and 0.1",
    ),
    "historical averaging": (
        {"historical_averaging": 0.01},
        "Salimans et al. 2016",
        "weight 0.01",
    ),
    "5 discriminator steps": ({"discriminator_steps": 5}, "Goodfellow et al. 2014", ""),
    "two time scales": (
        {"generator_rate": 2.5e-4},
        "Heusel et al. 2017",
        "generator 2.5e-4",
    ),
    "moving average": ({"ema_decay": 0.999}, "Yazici et al. 2019", "decay 0.999"),
    "one GAN a cluster": (
        {"is_ensemble": True},
        "course notes",
        "as many GANs as modes, 1 / so many of the steps each, k-means",
    ),
    "one GAN a cluster, all steps": (
        {"is_ensemble": True, "all_steps": True},
        "course notes",
        "as many GANs as modes, all of the steps each, k-means",
    ),
}


def make_gan(
    data,
    seed,
    penalty=None,
    layer=None,
    generator_layer=None,
    technique=None,
    generator_rate=1e-3,
    head=1,
    **arguments,
):
    """A GAN of points in the plane, and the optimizers of its players."""
    import keras

    import kerasgen
    from kerasgen import losses, penalties, techniques

    if arguments.get("loss") == "f_gan_non_saturating":
        arguments["loss"] = losses.FGAN("gan", non_saturating=True)
    penalty_of = {
        "two_sided": lambda: penalties.GradientPenalty(1.0),
        "one_sided": lambda: penalties.GradientPenalty(1.0, one_sided=True),
        "r1": lambda: penalties.R1(1.0),
        "r2": lambda: penalties.R2(1.0),
        "dragan": lambda: penalties.DRAGAN(1.0),
        "orthogonal": lambda: penalties.OrthogonalRegularization(1e-2),
    }
    technique_of = {
        "matching": lambda: techniques.FeatureMatching("features"),
        "pulling": lambda: techniques.PullingAway("features"),
    }
    gan = kerasgen.models.GAN(
        _generator(data, generator_layer),
        _discriminator(layer, head),
        LATENT_DIM,
        penalties=[] if penalty is None else [penalty_of[penalty]()],
        techniques=[] if technique is None else [technique_of[technique]()],
        seed=seed,
        **arguments,
    )
    rates = generator_rate, 1e-3
    return gan, [keras.optimizers.Adam(rate, 0.5) for rate in rates]


def _generator(data, kind):
    import keras
    from keras import layers

    from kerasgen.layers import (
        DropReference,
        ReferenceBatch,
        VirtualBatchNormalization,
    )

    num = 64
    x = z = keras.Input((LATENT_DIM,))
    if kind == "virtual":
        reference = keras.random.normal((num, LATENT_DIM), seed=0)
        x = ReferenceBatch(keras.ops.convert_to_numpy(reference))(x)
    for _ in range(2):
        x = layers.Dense(UNITS)(x)
        if kind == "virtual":
            x = VirtualBatchNormalization(num)(x)
        x = layers.ReLU()(x)
    x = layers.Dense(2)(x)
    if kind == "virtual":
        x = DropReference(num)(x)
    return keras.Model(z, x)


def _discriminator(kind, head):
    import keras
    from keras import layers

    from kerasgen.layers import (
        InstanceNoise,
        MinibatchDiscrimination,
        MinibatchStdDev,
        SpectralNormalization,
    )

    def dense(units, **arguments):
        inner = layers.Dense(units, **arguments)
        return SpectralNormalization(inner) if kind == "spectral" else inner

    x = point = keras.Input((2,))
    if kind == "noise":
        # Three calls a step, so that the noise is gone after half the training.
        x = InstanceNoise(0.5, decay_steps=3 * NUM_STEPS // 2)(x)
    x = layers.ReLU()(dense(UNITS)(x))
    x = layers.ReLU(name="features")(dense(UNITS)(x))
    if kind == "minibatch":
        x = MinibatchDiscrimination(16, 8)(x)
    if kind == "deviation":
        x = MinibatchStdDev()(x)
    return keras.Model(point, dense(head)(x))
