"""The parts of the adversarial toolbox: what each is, and what its paper says of it."""

from typing import NamedTuple

POINTS, IMAGES = "mode_coverage", "image_techniques"
PROBES, ATTACKS = "discriminator_features", "adversarial_examples"


class Claim(NamedTuple):
    """A paper's statement as a comparison of two variants of one benchmark.

    text: The statement. measure: "modes" or "quality" of points, on ring and grid;
    "fid" or "agreement" on images. than: The other variant.
    """

    text: str
    measure: str
    than: str


class Part(NamedTuple):
    """One row of the table.

    code: Import path. variant: (benchmark, name there), or None; the paper is that
    of the variant where there is one. remark: Where else the effect is measured, or
    why it is not.
    """

    name: str
    code: str
    variant: tuple | None = None
    claim: Claim | None = None
    paper: str = ""
    remark: str = ""


def _more(text, than="stabilisers/none", measure="modes"):
    return Claim(text, measure, than)


def _loss(name, code, claim=None, remark="", variant=None):
    key = (POINTS, f"losses/{variant or name}")
    return Part(name, f"losses.{code}", key, claim, remark=remark)


def _points(name, code, claim=None, remark="", variant=None):
    key = (POINTS, f"stabilisers/{variant or name}")
    return Part(name, code, key, claim, remark=remark)


def _images(name, code, claim=None, remark="", variant=None):
    return Part(name, code, (IMAGES, variant or name), claim, remark=remark)


NON_SATURATING = "losses/non-saturating"
# Their paper compares their fits of one Gaussian to a mixture, not their modes.
FITS = "fits of one Gaussian: tests/divergences/test_fits.py"

LOSSES = [
    _loss("minimax", "minimax"),
    _loss(
        "non-saturating",
        "non_saturating",
        remark="its gradients where fakes are told: "
        "tests/callbacks/test_training_health.py",
    ),
    _loss("LSGAN", "least_squares", _more("learns more stably", NON_SATURATING)),
    _loss(
        "LSGAN, Pearson",
        "least_squares_pearson",
        _more("learns more stably", NON_SATURATING),
    ),
    _loss("hinge", "hinge", _more("learns more stably", NON_SATURATING)),
    _loss(
        "Wasserstein, clipping",
        "wasserstein",
        _more("no mode collapse", NON_SATURATING),
        "with weight_clipping=",
    ),
    _loss(
        "Wasserstein, gradient penalty",
        "wasserstein",
        _more("learns better than with clipping", "losses/Wasserstein, clipping"),
        "with penalties.GradientPenalty",
    ),
    _loss(
        "relativistic average",
        "relativistic_average",
        _more("stabler, better samples", NON_SATURATING, "quality"),
    ),
    _loss(
        "relativistic average hinge",
        "relativistic_average_hinge",
        _more("stabler, better samples", "losses/hinge", "quality"),
    ),
    _loss(
        "relativistic average least squares",
        "relativistic_average_least_squares",
        _more("stabler, better samples", "losses/LSGAN, Pearson", "quality"),
    ),
    _loss("EBGAN", "ebgan", _more("more stable in training", NON_SATURATING)),
    _loss(
        "EBGAN, pulling-away",
        "ebgan, techniques.PullingAway",
        _more("samples are not clustered in few modes", "losses/EBGAN"),
    ),
    _loss("f-GAN, KL", "f_gan_kl", remark=FITS),
    _loss("f-GAN, reverse KL", "f_gan_reverse_kl", remark=FITS),
    _loss("f-GAN, Pearson", "f_gan_pearson_chi2"),
    _loss("f-GAN, Hellinger", "f_gan_squared_hellinger"),
    _loss("f-GAN, Jensen-Shannon", "f_gan_jensen_shannon"),
    _loss("f-GAN, GAN", "f_gan_gan"),
    _loss(
        "f-GAN, GAN, non-saturating",
        'FGAN("gan", non_saturating=True)',
        remark="its paper speaks of the speed of training",
    ),
    _loss("f-GAN, total variation", "f_gan_total_variation"),
]
PENALTIES = [
    _points(
        "gradient penalty",
        "penalties.GradientPenalty",
        _more("stable for many architectures"),
    ),
    _points(
        "gradient penalty, one-sided",
        "penalties.GradientPenalty(one_sided=True)",
        _more("better than two-sided", "stabilisers/gradient penalty"),
    ),
    _points("R1", "penalties.R1", _more("converges where others cycle")),
    _points("R2", "penalties.R2", _more("converges where others cycle")),
    _points("DRAGAN", "penalties.DRAGAN", _more("fewer mode collapses")),
    _points(
        "orthogonal regularisation",
        "penalties.OrthogonalRegularization",
        remark="its paper uses it for sampling with truncation",
    ),
]
LAYERS = [
    _points(
        "spectral norm",
        "layers.SpectralNormalization",
        _more("stabilises the discriminator"),
        "on images: `spectral norm, hinge`",
    ),
    _images(
        "spectral norm, hinge",
        "models.sngan",
        _more("better images than without", "hinge, no norm", "fid"),
    ),
    _points(
        "minibatch discrimination",
        "layers.MinibatchDiscrimination",
        _more("prevents collapse"),
    ),
    _points(
        "minibatch deviation",
        "layers.MinibatchStdDev",
        _more("more variation"),
    ),
    _images("instance normalisation", "layers.InstanceNormalization"),
    _points(
        "virtual batch norm",
        "layers.VirtualBatchNormalization",
        remark="for generators whose batches are too alike",
    ),
    _points(
        "instance noise",
        "layers.InstanceNoise",
        _more("stable without careful schedules"),
    ),
    _images(
        "self-attention, 7 x 7",
        "layers.SelfAttention2D",
        _more("better images than without", "DCGAN", "fid"),
    ),
    _images(
        "labels: projection, conditional BatchNorm",
        "layers.ProjectionHead, layers.ConditionalBatchNormalization",
        _more(
            "better than concatenation",
            "labels: concatenation, spectral norm, hinge",
            "fid",
        ),
    ),
]
TECHNIQUES = [
    _points("feature matching", "techniques.FeatureMatching", _more("more stable")),
    _points(
        "historical averaging",
        "GAN(historical_averaging=)",
        remark="its paper speaks of games in which descent cycles",
    ),
    _points(
        "one-sided label smoothing",
        "losses.one_sided_label_smoothing",
        remark="robustness to attacks: [adversarial_examples.md]"
        "(adversarial_examples.md)",
    ),
    _points(
        "two-sided label smoothing",
        "losses.two_sided_label_smoothing",
        remark="robustness to attacks: [adversarial_examples.md]"
        "(adversarial_examples.md)",
    ),
    _points(
        "5 discriminator steps",
        "GAN(discriminator_steps=)",
        remark="its paper wants the discriminator near its optimum",
    ),
    _points(
        "two time scales",
        "one optimizer a player",
        _more("converges; better samples", measure="quality"),
    ),
    _points(
        "moving average",
        "GAN(ema_decay=)",
        _more("better samples", measure="quality"),
    ),
    _images(
        "DiffAugment, 1,000 images",
        "GAN(augment=augmentation.DiffAugment)",
        _more("better images from few", "DCGAN, 1,000 images", "fid"),
    ),
    Part(
        "backbone as discriminator",
        "networks.backbone_discriminator",
        paper="Sauer et al. 2021",
        remark="not measured: its effect rests on ImageNet weights, a download",
    ),
]
CONDITIONAL = [
    _images(
        "labels: concatenation",
        "models.conditional_gan",
        _more("labels help", "DCGAN", "fid"),
    ),
    _images(
        "labels: concatenation, spectral norm, hinge",
        "networks.concatenation_discriminator",
        remark="what projection is compared with",
    ),
    _images(
        "labels: auxiliary classifier",
        "models.acgan, techniques.AuxiliaryClassifier",
        _more("better than concatenation", "labels: concatenation", "fid"),
    ),
    _points(
        "one GAN a cluster, all steps",
        "models.ModeEnsembleGAN",
        _more("the remedy against mode collapse"),
        "as many steps for each member as one GAN has",
    ),
    _points(
        "one GAN a cluster",
        "models.ModeEnsembleGAN",
        _more("the remedy against mode collapse"),
        "as many steps for all members together as one GAN has",
    ),
    Part(
        "features for other tasks",
        "discriminator_features",
        (PROBES, None),
        paper="Radford et al. 2016",
        remark="[discriminator_features.md](discriminator_features.md)",
    ),
    Part(
        "adversarial examples",
        "adversarial_examples",
        (ATTACKS, None),
        paper="Goodfellow et al. 2015",
        remark="[adversarial_examples.md](adversarial_examples.md)",
    ),
    Part(
        "training health",
        "callbacks.TrainingHealth",
        paper="course notes",
        remark="finds the planted faults: tests/callbacks/test_training_health.py",
    ),
    Part(
        "divergences",
        "divergences",
        paper="Nowozin et al. 2016",
        remark="bounds within 5 % of quadrature: tests/divergences/test_estimates.py",
    ),
]
KINDS = {
    "Losses": LOSSES,
    "Penalties": PENALTIES,
    "Layers": LAYERS,
    "Techniques": TECHNIQUES,
    "Conditional, ensembles, other uses": CONDITIONAL,
}
