"""What the recipes of autoencoders share: data, errors, pictures."""

import keras
import numpy as np

from kerasgen import datasets, plot
from kerasgen.callbacks import ReconstructionGrid
from kerasgen.latent_space import latent_quality
from kerasgen.metrics import psnr, ssim

from .extractor import extractor_card, load_extractor
from .runs import GenerativeRun

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train[:55000]",
    "validation_split": "train[55000:]",
    "extractor": "features_fashion_mnist",
    "epochs": 15,
    "batch_size": 128,
    "filters": 32,
    "learning_rate": 1e-3,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:256]",
    "validation_split": "train[256:512]",
    "extractor": "features_digits",
    "epochs": 1,
    "filters": 4,
}
NUM_SHOWN = 48
NUM_LATENTS = 2000
SMALLEST_WINDOW = 11
SEED = 0


class ReconstructionRun(GenerativeRun):
    """A `GenerativeRun` of a model that does not generate: pictures of images and
    what it makes of them.

    shown: uint8 images. seen: what the model is given of them.
    """

    shown = seen = None
    caption = "Test images, each row above what the model makes of it, not selected"

    @property
    def captions(self):
        return {"reconstructions.png": self.caption}

    def watchers(self, folder):
        return [ReconstructionGrid(folder, self.seen)]

    def save_pictures(self, folder):
        """Writes reconstructions.png."""
        brought = self.model.reconstruct(self.seen)
        images = plot.pair_rows(self.seen, brought)
        plot.save_image_grid(folder / "reconstructions.png", images, columns=16)


def load(p, split):
    """A split of the recipe's dataset."""
    return datasets.load(
        p["dataset"], split, batch_size=p["batch_size"], seed=p["seed"]
    )


def compile_model(p, model, data):
    """Adam, its rate falling to a hundredth along a cosine."""
    steps = p["epochs"] * len(data)
    schedule = keras.optimizers.schedules.CosineDecay(
        p["learning_rate"], steps, alpha=0.01
    )
    model.compile(keras.optimizers.Adam(schedule))


def reconstruction_run(p, make_model, description, paper, measure=None, kind=None):
    """The run of a model that is judged by what it brings back.

    Args:
        p: Parameters.
        make_model: Function of the shape of an image that returns a model with
            `reconstruct`.
        description: Of the card, before the dataset's name; or a function of the model
            that returns it.
        paper: Of the card.
        measure: Function of the model, training data, test data and the extractor that
            returns the card's metrics; `split_scores` by default.
        kind: Class of the run; `ReconstructionRun` by default.

    Returns:
        `ReconstructionRun`.
    """
    data, validation = (load(p, p[key]) for key in ("split", "validation_split"))
    test = load(p, "test")
    model = make_model(data.image_shape)
    compile_model(p, model, data)
    # After the model: it draws initial weights, too.
    extractor = load_extractor(p["extractor"], data.image_shape)

    if callable(description):
        description = description(model)
    run = (kind or ReconstructionRun)(
        model=model,
        data=data,
        score="val_loss",
        measure=lambda model: (measure or split_scores)(model, data, test, extractor),
        references=lambda: {},
        card={
            "description": f"{description} on {p['dataset']}",
            "family": "autoencoder",
            "paper": paper,
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        fit_arguments={"validation_data": validation},
    )
    run.shown = run.seen = test.images[:NUM_SHOWN]
    return run


def split_scores(model, data, test, extractor):
    """Of what a model brings back of test images, and of as many training images."""
    return {
        **reconstruction_scores(model, "test", test.images),
        **reconstruction_scores(model, "train", data.images[: test.num_samples]),
    }


def reconstruction_scores(model, split, images, seen=None):
    """PSNR and SSIM of what a model brings back.

    Args:
        model: Model with `reconstruct`.
        split: Name of the images, for the metrics.
        images: uint8 (N, H, W, C).
        seen: What the model is given; the images by default.

    Returns:
        Dict of name to value and protocol.
    """
    brought = model.reconstruct(images if seen is None else seen)
    return pair_scores(
        split, brought, images, f"reconstructions of the first {{}} {split} images"
    )


def pair_scores(name, images, references, what):
    """PSNR and SSIM of pairs of images: name to value and protocol."""
    protocol = f"mean over {what.format(len(images))}, 8 bits"
    entries = {
        f"{name}_psnr_db": {
            "value": round(float(psnr(images, references).mean()), 3),
            "protocol": protocol,
        }
    }
    if min(images.shape[1:3]) >= SMALLEST_WINDOW:
        entries[f"{name}_ssim"] = {
            "value": round(float(ssim(images, references).mean()), 4),
            "protocol": protocol,
        }
    return entries


def latent_scores(model, data, test, extractor):
    """Continuity and completeness of a latent space: name to value and protocol."""
    data, test = data.images, test.images
    num = min(NUM_LATENTS, len(test))
    quality = latent_quality(model, data, test, extractor, num, seed=SEED)
    protocol = (
        f"{num} latents, distance to the 5th nearest of {len(data)} training images "
        f"in the features of {extractor.name} over that of {len(test)} test images; "
        f"medians, seed {SEED}"
    )
    return {
        f"latent_{key}": {"value": round(float(value), 4), "protocol": protocol}
        for key, value in quality._asdict().items()
    }


def noisy(model, images, seed=SEED):
    """Images as a denoising autoencoder sees them."""
    return np.asarray(model.corrupt(images, seed=seed))
