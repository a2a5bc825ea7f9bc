"""What techniques for images do to a small DCGAN of Fashion-MNIST.

    KERAS_BACKEND=torch python -m training.benchmarks.image_techniques

For what has no effect on points in a plane (`mode_coverage` has the others). DCGAN with
16 filters, 20 epochs of the first 10,000 training images, batch 64, Adam(2e-4,
beta_1=0.5), moving average 0.99, last epoch, three seeds; variants with 1,000 images
have ten times the epochs. FID of 10,000 samples against the test images and, for models
with labels, the share of them in which the classifier finds the class that was asked
for, both by `features_fashion_mnist`. `sngan` and `projection_gan` differ from `dcgan`
in the loss too: beside them stand variants of the hinge loss without spectral norm, and
with concatenated labels. Finished runs are kept in results/image_techniques.json; the
table lands in results/image_techniques.md.
"""

import argparse

import keras
import numpy as np

from kerasgen import augmentation, datasets, layers, models, networks
from kerasgen.extractors import from_classifier_preset
from kerasgen.metrics import fid

from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "image_techniques.json"
SHAPE = (28, 28, 1)
LATENT_DIM, FILTERS, NUM_CLASSES = 32, 16, 10
NUM_IMAGES, NUM_FEW, EPOCHS = 10_000, 1_000, 20
NUM_SAMPLES = 10_000
SEEDS = (0, 1, 2)


def edit(network, after=None, insert=None, replace=None):
    """A chain of layers again, with one more or with others in the place of some.

    Args:
        network: Functional model without branches.
        after: Name of the layer behind which `insert` comes.
        insert: Layer.
        replace: Function from a layer to the one that takes its place, or None.
    """
    x = network.inputs[0]
    for layer in network.layers[1:]:
        x = (layer if replace is None else replace(layer) or layer)(x)
        if layer.name == after:
            x = insert(x)
    return keras.Model(network.inputs[0], x)


def attention(seed):
    """DCGAN with self-attention at 7 x 7 in both networks."""
    generator = networks.dcgan_generator(SHAPE, LATENT_DIM, FILTERS)
    discriminator = networks.dcgan_discriminator(SHAPE, FILTERS)
    return models.GAN(
        edit(generator, "project_relu", layers.SelfAttention2D()),
        edit(discriminator, "down_1_relu", layers.SelfAttention2D()),
        LATENT_DIM,
        ema_decay=0.99,
        seed=seed,
    )


def instance_norm(seed):
    """DCGAN whose discriminator has InstanceNormalization for BatchNorm."""

    def replace(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return layers.InstanceNormalization(name=layer.name)
        return None

    discriminator = networks.dcgan_discriminator(SHAPE, FILTERS)
    return models.GAN(
        networks.dcgan_generator(SHAPE, LATENT_DIM, FILTERS),
        edit(discriminator, replace=replace),
        LATENT_DIM,
        ema_decay=0.99,
        seed=seed,
    )


def augmented(seed):
    """DCGAN with DiffAugment."""
    return models.GAN(
        networks.dcgan_generator(SHAPE, LATENT_DIM, FILTERS),
        networks.dcgan_discriminator(SHAPE, FILTERS),
        LATENT_DIM,
        augment=augmentation.DiffAugment("translation,cutout"),
        ema_decay=0.99,
        seed=seed,
    )


def hinge_without_norm(seed):
    """What `models.sngan` is but for spectral normalisation."""
    return models.GAN(
        networks.dcgan_generator(SHAPE, LATENT_DIM, FILTERS),
        networks.dcgan_discriminator(SHAPE, FILTERS, batch_norm=False),
        LATENT_DIM,
        loss="hinge",
        ema_decay=0.99,
        seed=seed,
    )


def concatenation_as_projection(seed):
    """`models.projection_gan`'s loss and normalisation, with concatenated labels."""
    return models.GAN(
        networks.concatenation_generator(SHAPE, LATENT_DIM, NUM_CLASSES, FILTERS),
        networks.concatenation_discriminator(
            SHAPE, NUM_CLASSES, FILTERS, batch_norm=False, spectral_norm=True
        ),
        LATENT_DIM,
        loss="hinge",
        num_classes=NUM_CLASSES,
        ema_decay=0.99,
        seed=seed,
    )


def built(builder, *arguments):
    """A function of the seed that calls a builder of `kerasgen.models`."""
    return lambda seed: builder(
        SHAPE,
        *arguments,
        latent_dim=LATENT_DIM,
        filters=FILTERS,
        ema_decay=0.99,
        seed=seed,
    )


# Name: function of the seed, training images, paper.
VARIANTS = {
    "DCGAN": (built(models.dcgan), NUM_IMAGES, "Radford et al. 2016"),
    "self-attention, 7 x 7": (attention, NUM_IMAGES, "Zhang et al. 2019"),
    "instance normalisation": (instance_norm, NUM_IMAGES, "Ulyanov et al. 2016"),
    "hinge, no norm": (hinge_without_norm, NUM_IMAGES, "Lim and Ye 2017"),
    "spectral norm, hinge": (built(models.sngan), NUM_IMAGES, "Miyato et al. 2018"),
    "labels: concatenation": (
        built(models.conditional_gan, NUM_CLASSES),
        NUM_IMAGES,
        "Mirza and Osindero 2014",
    ),
    "labels: auxiliary classifier": (
        built(models.acgan, NUM_CLASSES),
        NUM_IMAGES,
        "Odena et al. 2017",
    ),
    "labels: concatenation, spectral norm, hinge": (
        concatenation_as_projection,
        NUM_IMAGES,
        "Mirza and Osindero 2014",
    ),
    "labels: projection, conditional BatchNorm": (
        built(models.projection_gan, NUM_CLASSES),
        NUM_IMAGES,
        "Miyato and Koyama 2018",
    ),
    "DCGAN, 1,000 images": (built(models.dcgan), NUM_FEW, "Radford et al. 2016"),
    "DiffAugment, 1,000 images": (augmented, NUM_FEW, "Zhao et al. 2020"),
}


def run(name, seed, extractor, real):
    """Trains one variant; returns its scores."""
    build, num_images, _ = VARIANTS[name]
    keras.utils.set_random_seed(seed)
    gan = build(seed)
    rates = [keras.optimizers.Adam(2e-4, 0.5) for _ in range(2)]
    gan.compile(*rates)
    data = datasets.load("fashion_mnist", f"train[:{num_images}]")
    labels = None if gan.num_classes is None else np.asarray(data.labels)
    epochs = EPOCHS * NUM_IMAGES // num_images
    gan.fit(data.images, labels, batch_size=64, epochs=epochs, verbose=0)
    asked = None
    if labels is not None:
        asked = np.arange(NUM_SAMPLES) % NUM_CLASSES
    samples = gan.generate(NUM_SAMPLES, seed=0, labels=asked)
    features, logits = extractor(samples)
    scores = {"fid": round(fid(real, features), 3)}
    if asked is not None:
        agrees = logits.argmax(axis=1) == asked
        scores["agreement"] = round(float(agrees.mean()), 4)
    return scores


def main():
    """Trains what is missing and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one name of the table, for a look")
    options = parser.parse_args()
    extractor = from_classifier_preset("features_fashion_mnist")
    test = datasets.load("fashion_mnist", "test").images
    real = extractor(test).features
    tasks = {
        f"{name}/{seed}": (name, seed, extractor, real)
        for seed in SEEDS
        for name in VARIANTS
        if options.only in (None, name)
    }
    done = complete_runs(PATH, tasks, run)
    if not options.only:
        PATH.with_suffix(".md").write_text(render(done))


def render(done):
    """The table in Markdown."""
    lines = [
        "# Techniques for images",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.image_techniques`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "Mean of the seeds, smallest to largest in brackets.",
        "",
        "| variant | paper | FID | class as asked |",
        "| --- | --- | --- | --- |",
    ]
    for name, (_, _, paper) in VARIANTS.items():
        runs = [done[f"{name}/{seed}"] for seed in SEEDS]
        fids = [run["fid"] for run in runs]
        cells = [f"{np.mean(fids):.1f} ({min(fids):.1f} to {max(fids):.1f})"]
        agreements = [run["agreement"] for run in runs if "agreement" in run]
        cells.append(f"{np.mean(agreements):.1%}" if agreements else "")
        lines.append(f"| {name} | {paper} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
