"""Models with labels, of pixels and mixtures, served like the live ones."""

import keras
import numpy as np
import pytest

import kerasgen
from tests.export.helpers import LATENT_DIM, Server, assert_images_equal, randomize

# What writes and serves is the same on every backend; others start a process of
# TensorFlow for each model.
pytestmark = [] if keras.backend.backend() == "tensorflow" else pytest.mark.slow


@pytest.fixture(scope="module")
def conditional():
    model = kerasgen.models.projection_gan(
        (8, 8, 1), 3, latent_dim=LATENT_DIM, filters=4, ema_decay=0.9, seed=4
    )
    return randomize(model, 4)


@pytest.fixture(scope="module")
def pixels():
    model = kerasgen.models.GatedPixelCNN(
        (4, 3, 1),
        num_levels=4,
        num_blocks=1,
        filters=4,
        first_kernel_size=3,
        num_classes=3,
        ema_decay=0.9,
        seed=5,
    )
    return randomize(model, 5)


@pytest.fixture(scope="module")
def mixture():
    model = kerasgen.models.GaussianMixture((4, 3, 1), 2, "diagonal", seed=6)
    images = np.random.default_rng(6).integers(0, 256, (40, 4, 3, 1), dtype="uint8")
    model.fit(images, epochs=3, verbose=0)
    return model


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    return {
        "z": rng.standard_normal((5, LATENT_DIM)).astype("float32"),
        "labels": np.array([0, 2, 1, 1, 0], "int32"),
        "grey": rng.integers(0, 4, (5, 4, 3, 1), dtype="uint8") * np.uint8(85),
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory, conditional, pixels, mixture, data):
    folder = tmp_path_factory.mktemp("serving")
    conditional.export(folder / "conditional" / "1")
    pixels.export(folder / "pixels" / "1")
    mixture.export(folder / "mixture" / "1")
    server = Server(folder)
    for key, (path, signature, inputs) in make_requests(data).items():
        server.ask(path, signature, key, **inputs)
    server.run()
    return server


def make_requests(data):
    z, labels = data["z"], data["labels"]
    draw = {"num": np.int32(6), "seed": np.int64(3)}
    requests = {
        "labels": ("serve", {"z": z, "labels": labels}),
        "label 2": ("generate", {**draw, "label": np.int32(2)}),
        "any label": ("generate", {**draw, "label": np.int32(-1)}),
        "bad label: 3": ("generate", {**draw, "label": np.int32(3)}),
        "bad label: -1": ("serve", {"z": z, "labels": labels - 1}),
        "bad label: none": ("serve", {"z": z}),
    }
    requests = {key: ("conditional/1", *request) for key, request in requests.items()}
    grey = {"images": data["grey"], "labels": data["labels"]}
    return requests | {
        "pixels": ("pixels/1", "generate", {**draw, "label": np.int32(2)}),
        "likelihood": ("pixels/1", "log_likelihood", grey),
        "mixture": ("mixture/1", "generate", draw),
        "density": ("mixture/1", "log_likelihood", {"images": data["grey"]}),
    }


def test_signatures(server):
    assert server.names == {
        "conditional/1": ["generate", "serve", "serving_default"],
        "mixture/1": ["generate", "log_likelihood", "serving_default"],
        "pixels/1": ["generate", "log_likelihood", "serving_default"],
    }


def test_labels_choose_the_class_that_is_served(server, conditional, data):
    z, labels = (keras.ops.convert_to_tensor(data[k]) for k in ("z", "labels"))
    live = keras.ops.convert_to_numpy(conditional.decode_tensor(z, labels))
    assert_images_equal(server.outputs["labels/images"], live)
    for key, asked in (("label 2", 2), ("any label", None)):
        expected = conditional.generate(6, 3, asked)
        assert_images_equal(server.outputs[f"{key}/images"], expected)
    assert sorted(server.refusals) == [
        "bad label: -1",
        "bad label: 3",
        "bad label: none",
    ]


def test_models_of_pixels_are_served(server, pixels, mixture, data):
    served = server.outputs["pixels/images"]
    np.testing.assert_array_equal(served, pixels.generate(6, seed=3, labels=2))
    assert set(np.unique(served)) == {0, 85, 170, 255}
    expected = pixels.log_likelihood(data["grey"], data["labels"])
    served = server.outputs["likelihood/log_likelihood"]
    np.testing.assert_allclose(served, expected, rtol=1e-5)
    assert_images_equal(server.outputs["mixture/images"], mixture.generate(6, seed=3))
    expected = mixture.log_likelihood(data["grey"])
    served = server.outputs["density/log_likelihood"]
    np.testing.assert_allclose(served, expected, rtol=1e-4)
