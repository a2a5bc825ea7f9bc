"""Models without an optimizer run under code that is written for all models."""

import keras
import pytest

import kerasgen
from kerasgen.models import (
    GaussianMixture,
    ImageCodec,
    LatentGMM,
    dense_autoencoder,
    vq_vae,
)

pytestmark = pytest.mark.eager

SHAPE = (8, 8, 1)
MAKERS = {
    "gaussian_mixture": lambda: GaussianMixture(SHAPE, 2, "diagonal", seed=0),
    "latent_gmm": lambda: LatentGMM(
        dense_autoencoder(SHAPE, latent_dim=2, hidden=(4,), seed=0),
        GaussianMixture((2,), 2, seed=0),
        seed=0,
    ),
    "image_codec": lambda: ImageCodec(
        vq_vae(SHAPE, 8, code_dim=2, filters=4, num_blocks=1, seed=0), seed=0
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_optimizer_and_a_batch_size_are_without_effect(name):
    x = kerasgen.datasets.load("digits", split="train[:60]").images
    terms = []
    for compiled, given in (((), {}), (("adam",), {"batch_size": 16})):
        keras.utils.set_random_seed(0)
        model = MAKERS[name]()
        model.compile(*compiled)
        model.fit(x, **given)
        terms.append(model.evaluate(x, **given))
    assert terms[0] == pytest.approx(terms[1], rel=1e-6)
    model.compile(optimizer="adam", jit_compile=False, run_eagerly=True)
    for verb in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="`batch_size` is an integer >= 1"):
            verb(x, batch_size=0)
    with pytest.raises(TypeError, match="optimiser"):
        model.compile(optimiser="adam")
