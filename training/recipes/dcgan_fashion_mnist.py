"""DCGAN on Fashion-MNIST, with a moving average of the generator.

    kerasgen train dcgan_fashion_mnist --backend torch

60,000 training images, 32 epochs; the epoch of the lowest FID in the features of
`features_fashion_mnist` is kept. See the card for time and scores.
"""

import keras

from kerasgen import callbacks, datasets, models

from ..extractor import extractor_card, load_extractor
from ..runs import GenerativeRun
from ..scoring import SampleScores, check_num_samples

PARAMETERS = {
    "dataset": "fashion_mnist",
    "split": "train",
    "extractor": "features_fashion_mnist",
    "epochs": 32,
    "batch_size": 64,
    "latent_dim": 64,
    "filters": 32,
    "learning_rate": 2e-4,
    "beta_1": 0.5,
    "ema_decay": 0.999,
    "num_selection_samples": 10000,
    "num_test_samples": 10000,
    "seed": 0,
}
QUICK = {
    "dataset": "digits",
    "split": "train[:256]",
    "extractor": "features_digits",
    "epochs": 1,
    "filters": 4,
    "latent_dim": 8,
    "num_selection_samples": 128,
    "num_test_samples": 128,
}


def build(p):
    """The run of these parameters."""
    data = datasets.load(
        p["dataset"], p["split"], batch_size=p["batch_size"], seed=p["seed"]
    )
    model = models.dcgan(
        data.image_shape,
        latent_dim=p["latent_dim"],
        filters=p["filters"],
        ema_decay=p["ema_decay"],
        seed=p["seed"],
        name="dcgan",
    )
    model.compile(
        generator_optimizer=keras.optimizers.Adam(p["learning_rate"], p["beta_1"]),
        discriminator_optimizer=keras.optimizers.Adam(p["learning_rate"], p["beta_1"]),
    )
    # After the model: it draws initial weights, too.
    extractor = load_extractor(p["extractor"], data.image_shape)
    scores = SampleScores(extractor, p["dataset"], p["split"], p["num_test_samples"])
    num = p["num_selection_samples"]
    check_num_samples("num_selection_samples", num)
    selection = callbacks.Evaluate(data.images[:num], extractor, num=num, name="train")
    return GenerativeRun(
        model=model,
        data=data,
        score=selection.names["fid"],
        measure=scores.measure,
        references=scores.references,
        card={
            "description": f"DCGAN on {p['dataset']}, unconditional",
            "family": "implicit",
            "paper": "Radford et al. 2016, arXiv:1511.06434",
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        callbacks=[selection],
    )
