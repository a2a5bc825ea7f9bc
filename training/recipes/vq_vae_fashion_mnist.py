"""VQ-VAE on Fashion-MNIST, 7 x 7 codes of 128, with a prior over the codes.

    kerasgen train vq_vae_fashion_mnist --backend torch

An image is 49 codes of 7 bits, 43 bytes. The prior is a Gated PixelCNN, conditional on
the class, trained on the codes of the training images once the VQ-VAE is done.
"""

import functools
from dataclasses import dataclass

import keras
import numpy as np

from kerasgen import models
from kerasgen.callbacks import BestWeights, Checkpoint

from .. import autoencoders
from ..class_scores import judge_classes
from ..clock import Clock
from ..extractor import load_extractor
from ..likelihoods import both_splits
from ..runs import samples_caption, save_samples
from ..scoring import SampleScores

PARAMETERS = {
    **autoencoders.PARAMETERS,
    "filters": 64,
    "num_codes": 128,
    "code_dim": 16,
    "num_blocks": 2,
    "prior_blocks": 6,
    "prior_filters": 64,
    "prior_epochs": 15,
    "prior_learning_rate": 2e-3,
    "num_test_samples": 10000,
}
QUICK = {
    **autoencoders.QUICK,
    "num_codes": 8,
    "code_dim": 4,
    "num_blocks": 1,
    "prior_blocks": 1,
    "prior_filters": 8,
    "prior_epochs": 1,
    "num_test_samples": 128,
}


@dataclass
class TwoStageRun(autoencoders.ReconstructionRun):
    """Trains the prior once the VQ-VAE is done.

    p: parameters.
    """

    p: dict = None

    @property
    def captions(self):
        samples = samples_caption(self.model.sampled_classes is not None)
        return {"samples.png": samples, **super().captions}

    def save_pictures(self, folder):
        """Writes samples.png and reconstructions.png."""
        super().save_pictures(folder)
        save_samples(self.model, folder)

    def fit(self, folder, epochs, callbacks, verbose):
        """Trains both; returns further fields of the card."""
        p = self.p
        outcome = super().fit(folder, epochs, callbacks, verbose)
        validation = self.fit_arguments["validation_data"]
        train, held_out = (
            (self.model.code_images(data.images), data.labels)
            for data in (self.data, validation)
        )
        prior = models.GatedPixelCNN(
            train[0].shape[1:],
            p["num_codes"],
            num_blocks=p["prior_blocks"],
            filters=p["prior_filters"],
            num_classes=self.data.num_classes,
            one_hot=True,
            seed=p["seed"],
            name="prior",
        )
        steps = p["prior_epochs"] * -(-len(train[0]) // p["batch_size"])
        schedule = keras.optimizers.schedules.CosineDecay(
            p["prior_learning_rate"], steps, alpha=0.02
        )
        prior.compile(keras.optimizers.Adam(schedule))
        best = BestWeights(folder / "prior", "val_bits_per_dim")
        clock = Clock(folder / "prior" / "seconds.json")
        prior.fit(
            *train,
            batch_size=p["batch_size"],
            epochs=p["prior_epochs"],
            verbose=verbose,
            validation_data=held_out,
            callbacks=[clock, best, Checkpoint(folder / "prior")],
        )
        self.model.set_prior(prior)
        return {
            **outcome,
            "prior_best_epoch": best.best["epoch"],
            "prior_seconds": round(clock.seconds),
        }


def build(p):
    """The run of these parameters."""

    def make_model(image_shape):
        return models.vq_vae(
            image_shape,
            num_codes=p["num_codes"],
            code_dim=p["code_dim"],
            filters=p["filters"],
            num_blocks=p["num_blocks"],
            seed=p["seed"],
            name="vq_vae",
        )

    def measure(model, data, test, extractor):
        entries = autoencoders.split_scores(model, data, test, extractor)
        entries["test_code_perplexity"] = perplexity(model, test.images)
        return {**entries, **scores.measure(model)}

    def likelihoods(model):
        def bits(images, labels):
            return model.prior.bits_per_dim(model.code_images(images), labels)

        return both_splits(
            "bits_per_code",
            bits,
            test,
            run.data,
            "of the prior, given the label, mean over the codes of {}; "
            f"{np.log2(p['num_codes']):.2g} without a prior",
        )

    run = autoencoders.reconstruction_run(
        p,
        make_model,
        lambda model: (
            f"VQ-VAE of {' x '.join(map(str, model.code_shape))} codes of "
            f"{p['num_codes']}, its prior a Gated PixelCNN, conditional on the class,"
        ),
        "van den Oord et al. 2017, arXiv:1711.00937",
        measure,
        TwoStageRun,
    )
    # After the model: it draws initial weights, too.
    extractor = load_extractor(p["extractor"], run.model.data_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])
    test = autoencoders.load(p, "test")
    run.p = p
    run.likelihoods = likelihoods
    run.references = scores.references
    run.judge_classes = functools.partial(judge_classes, p, extractor)
    return run


def perplexity(model, images):
    """What the codes of images are in even use: value and protocol."""
    codes = model.encode(images)
    shares = np.bincount(codes.ravel(), minlength=model.num_codes) / codes.size
    shares = shares[shares > 0]
    return {
        "value": round(float(np.exp(-(shares * np.log(shares)).sum())), 2),
        "protocol": f"over all codes of {len(images)} test images",
    }
