"""What the recipes of GANs share: data, optimizers, selection by FID, the card."""

import functools

import keras

from kerasgen import callbacks, datasets

from .class_scores import judge_classes
from .extractor import extractor_card, load_extractor
from .runs import GenerativeRun
from .scoring import SampleScores, check_num_samples

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


def gan_run(p, builder, description, paper, is_conditional=False):
    """The run of a GAN.

    Args:
        p: Parameters; `beta_2` is 0.999 where a recipe has none.
        builder: Function of `kerasgen.models`.
        description: Of the card, before the dataset's name.
        paper: Of the card.
        is_conditional: Whether the builder takes the number of classes.

    Returns:
        `GenerativeRun`.
    """
    data = datasets.load(
        p["dataset"], p["split"], batch_size=p["batch_size"], seed=p["seed"]
    )
    classes = {"num_classes": data.num_classes} if is_conditional else {}
    model = builder(
        data.image_shape,
        latent_dim=p["latent_dim"],
        filters=p["filters"],
        ema_decay=p["ema_decay"],
        seed=p["seed"],
        **classes,
    )
    betas = p["beta_1"], p.get("beta_2", 0.999)
    model.compile(
        generator_optimizer=keras.optimizers.Adam(p["learning_rate"], *betas),
        discriminator_optimizer=keras.optimizers.Adam(p["learning_rate"], *betas),
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
            "description": f"{description} on {p['dataset']}",
            "family": "implicit",
            "paper": paper,
            "dataset": p["dataset"],
            "split": p["split"],
            "extractor": extractor_card(extractor),
        },
        judge_classes=functools.partial(judge_classes, p, extractor)
        if is_conditional
        else None,
        callbacks=[selection],
    )
