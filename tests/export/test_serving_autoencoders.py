"""Autoencoders, their samplers and discrete codes, served like the live models."""

import keras
import numpy as np
import pytest

from kerasgen import models
from tests.export.helpers import Server, assert_images_equal, randomize

# What writes and serves is the same on every backend; others start a process of
# TensorFlow for each model.
pytestmark = [] if keras.backend.backend() == "tensorflow" else pytest.mark.slow
SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(4).integers(0, 256, (5, *SHAPE), dtype="uint8")


@pytest.fixture(scope="module")
def autoencoder():
    return randomize(models.dense_autoencoder(SHAPE, 3, hidden=(16,), seed=1), 1)


@pytest.fixture(scope="module")
def cvae():
    model = models.dense_vae(SHAPE, 3, hidden=(16,), num_classes=4, seed=2)
    return randomize(model, 2)


@pytest.fixture(scope="module")
def vq_vae():
    model = models.vq_vae(SHAPE, 8, code_dim=4, filters=8, num_blocks=1, seed=3)
    model = randomize(model, 3)
    prior = models.GatedPixelCNN(
        (2, 2, 1), 8, num_blocks=1, filters=4, first_kernel_size=3, one_hot=True
    )
    model.set_prior(randomize(prior, 4))
    return model


@pytest.fixture(scope="module")
def sampler(autoencoder, images):
    sampler = models.LatentGMM(autoencoder, models.GaussianMixture((3,), 2), seed=5)
    sampler.fit(images, verbose=0)
    return sampler


@pytest.fixture(scope="module")
def server(tmp_path_factory, autoencoder, cvae, vq_vae, sampler, images):
    folder = tmp_path_factory.mktemp("serving")
    exported = {
        "autoencoder": autoencoder,
        "cvae": cvae,
        "vq_vae": vq_vae,
        "sampler": sampler,
    }
    for name, model in exported.items():
        model.export(folder / name / "1")
    draw = {"num": np.int32(6), "seed": np.int64(3)}
    labels = np.array([0, 3, 2, 1, 1], "int32")
    codes = np.arange(20, dtype="int32").reshape(5, 2, 2) % 8
    server = Server(folder)
    for key, path, signature, inputs in (
        ("brought", "autoencoder", "reconstruct", {"images": images}),
        ("code", "autoencoder", "encode", {"images": images}),
        ("cvae", "cvae", "reconstruct", {"images": images, "labels": labels}),
        ("class", "cvae", "generate", {**draw, "label": np.int32(2)}),
        ("codes", "vq_vae", "encode", {"images": images}),
        ("decoded", "vq_vae", "serve", {"codes": codes}),
        ("drawn", "vq_vae", "generate", draw),
        ("sampled", "sampler", "generate", draw),
        ("bad code", "vq_vae", "serve", {"codes": codes + 1}),
        ("bad label", "cvae", "encode", {"images": images, "labels": labels + 1}),
    ):
        server.ask(f"{path}/1", signature, key, **inputs)
    server.run()
    server.labels, server.codes = labels, codes
    return server


def test_signatures(server):
    both = ["encode", "reconstruct"]
    assert {name: sorted(found) for name, found in server.names.items()} == {
        "autoencoder/1": [*both, "serve", "serving_default"],
        "cvae/1": ["encode", "generate", "reconstruct", "serve", "serving_default"],
        "sampler/1": ["generate", "serving_default"],
        "vq_vae/1": ["encode", "generate", "reconstruct", "serve", "serving_default"],
    }
    assert sorted(server.refusals) == ["bad code", "bad label"]


def test_what_is_served_is_what_the_live_models_make(
    server, autoencoder, cvae, vq_vae, sampler, images
):
    outputs = server.outputs
    assert_images_equal(outputs["brought/images"], autoencoder.reconstruct(images))
    np.testing.assert_allclose(
        outputs["code/z"], autoencoder.encode(images), rtol=1e-4, atol=1e-4
    )
    assert_images_equal(outputs["cvae/images"], cvae.reconstruct(images, server.labels))
    assert_images_equal(outputs["class/images"], cvae.generate(6, 3, labels=2))
    np.testing.assert_array_equal(outputs["codes/codes"], vq_vae.encode(images))
    assert_images_equal(outputs["decoded/images"], vq_vae.decode_codes(server.codes))
    assert_images_equal(outputs["drawn/images"], vq_vae.generate(6, 3))
    assert_images_equal(outputs["sampled/images"], sampler.generate(6, 3))


def test_a_vq_vae_without_a_prior_does_not_serve_samples():
    model = models.vq_vae(SHAPE, 8, code_dim=4, filters=4, num_blocks=1)
    assert [*model.export_signatures()] == ["serve", "encode", "reconstruct"]
