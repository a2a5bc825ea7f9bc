"""A Keras 3 zoo of deep generative models."""

from kerasgen import _launch

_launch.apply_backend_option()

from kerasgen import (  # noqa: E402
    adversarial_examples,
    annealing,
    augmentation,
    callbacks,
    checkpoint,
    corruptions,
    datasets,
    distribution,
    divergences,
    evaluation,
    extractors,
    latent_space,
    layers,
    likelihoods,
    losses,
    metrics,
    models,
    networks,
    penalties,
    plot,
    presets,
    random,
    recommendation,
    sparsity,
    techniques,
)
from kerasgen.discriminator_features import discriminator_features  # noqa: E402
from kerasgen.encoder_transformer import EncoderTransformer  # noqa: E402
from kerasgen.generative_classifier import GenerativeClassifier  # noqa: E402
from kerasgen.presets import from_preset, list_presets  # noqa: E402
from kerasgen.version import __version__  # noqa: E402

__all__ = [
    "EncoderTransformer",
    "GenerativeClassifier",
    "__version__",
    "adversarial_examples",
    "annealing",
    "augmentation",
    "callbacks",
    "checkpoint",
    "corruptions",
    "datasets",
    "discriminator_features",
    "distribution",
    "divergences",
    "evaluation",
    "extractors",
    "from_preset",
    "latent_space",
    "layers",
    "likelihoods",
    "list_presets",
    "losses",
    "metrics",
    "models",
    "networks",
    "penalties",
    "plot",
    "presets",
    "random",
    "recommendation",
    "sparsity",
    "techniques",
]
