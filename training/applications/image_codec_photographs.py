"""Compression of photographs: a VQ-VAE, and an `ImageCodec` that counts its codes.

    kerasgen train image_codec_photographs --backend torch

On tiles of scikit-learn's two sample photographs, one to train on and one to judge by.
The preset is the codec: `compress(image)`, `decompress(bytes)`.
`training.benchmarks.rate_distortion` sets several of these beside JPEG and WebP.
"""

import keras
import numpy as np

from kerasgen import models, plot
from kerasgen.models.range_coding import load_coder

from .. import autoencoders, photographs

PARAMETERS = {
    "side": 128,
    "num_tiles": 2000,
    "num_test_tiles": 15,
    "epochs": 8,
    "batch_size": 8,
    "filters": 64,
    "num_blocks": 2,
    "num_halvings": 3,
    "num_codes": 256,
    "code_dim": 16,
    "num_kinds": 8,
    "learning_rate": 1e-3,
    "seed": 0,
}
QUICK = {
    "side": 16,
    "num_tiles": 32,
    "num_test_tiles": 4,
    "epochs": 1,
    "filters": 4,
    "num_blocks": 1,
    "num_halvings": 2,
    "num_codes": 8,
    "code_dim": 2,
    "num_kinds": 2,
}
NUM_SHOWN = 5


class CodecRun(autoencoders.ReconstructionRun):
    """Trains the model of a codec, then counts its codes; what is left is the codec.

    codec: `ImageCodec` of the model.
    """

    codec = None

    def fit(self, folder, epochs, callbacks, verbose):
        """Trains in a run folder; returns further fields of the card."""
        outcome = super().fit(folder, epochs, callbacks, verbose)
        self.codec.fit(self.data)
        self.model = self.codec
        return outcome

    def save_pictures(self, folder):
        """Writes reconstructions.png."""
        images = plot.pair_rows(self.shown, bring_back(self.codec, self.shown)[0])
        path = folder / "reconstructions.png"
        plot.save_image_grid(path, images, columns=len(self.shown), scale=1)


def build(p):
    """The run of these parameters."""
    # Now: it may be missing.
    load_coder()
    tiles = training_tiles(p)
    test = photographs.whole_tiles(p["side"])[: p["num_test_tiles"]]
    codec = make_codec(p)
    grid = " x ".join(map(str, codec.model.code_shape))
    run = CodecRun(
        model=codec.model,
        data=tiles,
        score=None,
        measure=lambda codec: measure(codec, test),
        references=lambda: {},
        card={
            "description": f"Codec of {p['side']}-pixel tiles of photographs, a VQ-VAE "
            f"of {grid} codes of {p['num_codes']} and tables of how often they occur",
            "family": "autoencoder",
            "paper": "van den Oord et al. 2017, arXiv:1711.00937",
            "dataset": "scikit-learn's sample photographs",
            "split": f"{len(tiles)} random tiles of china.jpg",
            "usage": "data = model.compress(image)  # bytes of a uint8 image",
        },
        fit_arguments={"batch_size": p["batch_size"]},
    )
    run.codec = codec
    run.shown = run.seen = test[:NUM_SHOWN]
    return run


def training_tiles(p):
    """uint8 (num_tiles, side, side, 3)."""
    return photographs.training_tiles(p["num_tiles"], p["side"], p["seed"])


def make_codec(p):
    """An `ImageCodec` whose model is compiled; it is to be trained, then the codec.

    Adam's rate falls to a fiftieth along a cosine.
    """
    model = models.vq_vae(
        (p["side"], p["side"], 3),
        p["num_codes"],
        code_dim=p["code_dim"],
        filters=p["filters"],
        num_blocks=p["num_blocks"],
        num_halvings=p["num_halvings"],
        seed=p["seed"],
    )
    steps = p["epochs"] * -(-p["num_tiles"] // p["batch_size"])
    schedule = keras.optimizers.schedules.CosineDecay(
        p["learning_rate"], steps, alpha=0.02
    )
    model.compile(keras.optimizers.Adam(schedule))
    return models.ImageCodec(model, p["num_kinds"], seed=p["seed"])


def bring_back(codec, tiles):
    """(what comes back of tiles, bytes of each)."""
    files = [codec.compress(tile) for tile in tiles]
    return np.stack([codec.decompress(f) for f in files]), [len(f) for f in files]


def measure(codec, tiles):
    """Rate and distortion of tiles: name to value and protocol."""
    brought, sizes = bring_back(codec, tiles)
    what = "the first {} whole tiles of flower.jpg"
    rate = 8 * float(np.mean(sizes)) / float(np.prod(tiles.shape[1:3]))
    return {
        "test_bits_per_pixel": {
            "value": round(rate, 4),
            "protocol": f"mean over {what.format(len(tiles))}, each with its header",
        },
        **autoencoders.pair_scores("test", brought, tiles, what),
    }
