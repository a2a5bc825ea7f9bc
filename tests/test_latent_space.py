"""Grids, traversals, attributes, continuity and completeness."""

import keras
import numpy as np
import pytest
from scipy import stats
from scipy.sparse import csr_array

import kerasgen
from kerasgen.latent_space import (
    attribute_vector,
    edit,
    latent_quality,
    manifold_grid,
    traverse,
)
from kerasgen.latent_space.quality import PRIOR_STEP
from kerasgen.models import dcgan, dense_autoencoder, dense_vae
from kerasgen.random import Noise

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train")


@pytest.fixture(scope="module")
def vae(digits):
    keras.utils.set_random_seed(0)
    model = dense_vae(SHAPE, latent_dim=2, hidden=(64,), seed=0)
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(digits.images[:900], batch_size=64, epochs=20, verbose=0)
    return model


def test_the_grid_is_at_quantiles_of_the_prior(vae):
    grid = manifold_grid(vae, size=4)
    assert grid.shape == (4, 4, *SHAPE) and grid.dtype == np.uint8
    z = stats.norm.ppf([0.125, 0.875]).astype("float32")
    # Bottom left has the lowest of both.
    corners = vae.decode_path(np.array([[z[0], z[0]], [z[1], z[0]], [z[0], z[1]]]))
    found = grid[[3, 3, 0], [0, 3, 0]].astype(int)
    assert np.abs(found - corners).max() <= 1


def test_a_traversal_changes_one_latent(digits, vae):
    x = digits.images[3]
    images = traverse(vae, x, dimensions=[1], values=[-2.0, 0.5])
    assert images.shape == (1, 2, *SHAPE)
    code = vae.encode(x[None])[0]
    expected = vae.decode_path(np.array([[code[0], -2.0], [code[0], 0.5]], "float32"))
    assert np.abs(images[0].astype(int) - expected).max() <= 1
    assert traverse(vae, x).shape == (2, 9, *SHAPE)


def test_attributes_add_and_subtract(digits, vae):
    images, labels = digits.images[:900], digits.labels[:900]
    ones, zeros = images[labels == 1], images[labels == 0]
    vector = attribute_vector(vae, ones, zeros)
    expected = vae.encode(ones).mean(axis=0) - vae.encode(zeros).mean(axis=0)
    np.testing.assert_allclose(vector, expected, rtol=1e-6)
    changed = edit(vae, zeros, vector).reshape(len(zeros), -1).astype(float)
    means = [group.reshape(len(group), -1).mean(axis=0) for group in (zeros, ones)]
    gaps = [np.square(changed - mean).sum(axis=1) for mean in means]
    assert (gaps[1] < gaps[0]).mean() > 0.8
    scaled = attribute_vector(vae, ones / 255.0, zeros / 255.0, value_range=(0, 1))
    np.testing.assert_allclose(scaled, vector, atol=1e-4)
    same = edit(vae, zeros, vector, strength=0.0)
    np.testing.assert_array_equal(same, vae.reconstruct(zeros))


def test_quality_is_one_for_data_and_more_for_noise(digits, vae):
    """A model that decodes to the data itself has distances of its own data."""
    data, held_out = digits.images[:700], digits.images[700:900]
    quality = latent_quality(vae, data, held_out, None, num_samples=300)
    assert 0 < quality.continuity < 1.5 and 0 < quality.completeness < 1.5
    untrained = dense_vae(SHAPE, latent_dim=2, hidden=(64,), seed=0)
    grey = latent_quality(untrained, data, held_out, None, num_samples=300)
    assert grey.continuity > 1.3 * quality.continuity
    assert grey.completeness > 1.3 * quality.completeness
    again = latent_quality(vae, data, held_out, None, num_samples=300)
    assert again == quality
    other = latent_quality(vae, data, held_out, None, num_samples=300, seed=1)
    assert other != quality


def test_quality_against_numpy(digits, vae):
    data, held_out = digits.images[:50], digits.images[50:80]
    found = latent_quality(vae, data, held_out, None, num_samples=40, k=2, seed=3)
    rng = np.random.default_rng(3)
    first, second = rng.integers(50, size=40), rng.integers(50, size=40)
    t = rng.uniform(size=(40, 1))
    codes = vae.encode(data)
    between = vae.decode_path(
        ((1 - t) * codes[first] + t * codes[second]).astype("float32")
    )

    noise = Noise(3, PRIOR_STEP, np.arange(40, dtype="int32"))
    drawn = vae.decode_path(keras.ops.convert_to_numpy(noise.normal("latent", (2,))))
    expected = [second_nearest(x, data) for x in (between, drawn)]
    expected = np.divide(expected, second_nearest(held_out, data))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def second_nearest(samples, data):
    """Median distance to the second nearest of the data."""
    x, y = (a.reshape(len(a), -1).astype(float) for a in (samples, data))
    distances = np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    return np.median(np.sort(distances, axis=1)[:, 1])


def test_quality_of_float_images_is_that_of_their_grey_levels(digits, vae):
    data, held_out = digits.images[:50], digits.images[50:80]
    expected = latent_quality(vae, data, held_out, None, num_samples=40)
    for scale, shift, value_range in ((127.5, -1, None), (255, 0, (0, 1))):
        floats = [x / np.float32(scale) + np.float32(shift) for x in (data, held_out)]
        found = latent_quality(
            vae, *floats, None, num_samples=40, value_range=value_range
        )
        assert found == pytest.approx(expected, rel=1e-2)


@pytest.mark.eager
def test_quality_of_bright_float_images(digits, vae):
    bright = 128 + digits.images[:80] // 4
    expected = latent_quality(vae, bright[:50], bright[50:], None, num_samples=40)
    floats = bright.astype("float32") / 255
    found = latent_quality(
        vae, floats[:50], floats[50:], None, num_samples=40, value_range=(0, 1)
    )
    assert found == pytest.approx(expected, rel=1e-2)


def test_an_autoencoder_has_the_gaussian_of_its_codes_for_a_prior(digits):
    model = dense_autoencoder(SHAPE, latent_dim=2, hidden=(16,), seed=0)
    data, held_out = digits.images[:100], digits.images[100:150]
    found = latent_quality(model, data, held_out, None, num_samples=50, k=2)
    rng = np.random.default_rng(0)
    for _ in range(2):
        rng.integers(100, size=50)
    rng.uniform(size=(50, 1))
    codes = model.encode(data)
    covariance = np.cov(codes.astype(float), rowvar=False)
    z = rng.multivariate_normal(codes.mean(axis=0), covariance, 50)
    drawn = model.decode_path(z.astype("float32"))
    expected = second_nearest(drawn, data) / second_nearest(held_out, data)
    assert found.completeness == pytest.approx(expected)


def test_a_conditional_model(digits):
    model = dense_vae(SHAPE, latent_dim=2, hidden=(8,), num_classes=10, seed=0)
    assert manifold_grid(model, size=3, labels=4).shape == (3, 3, *SHAPE)
    assert traverse(model, digits.images[0], labels=1).shape == (2, 9, *SHAPE)
    quality = latent_quality(
        model,
        digits.images[:100],
        digits.images[100:150],
        None,
        num_samples=30,
        labels=digits.labels[:100],
    )
    assert np.isfinite(quality).all()
    column = digits.labels[:100, None]
    assert quality == latent_quality(
        model,
        digits.images[:100],
        digits.images[100:150],
        None,
        num_samples=30,
        labels=column,
    )
    with pytest.raises(ValueError, match="conditional.*labels=None"):
        manifold_grid(model, size=3)


def test_what_is_refused(digits, vae):
    three = dense_vae(SHAPE, latent_dim=3, hidden=(4,))
    x = digits.images
    for call, message in (
        (lambda: manifold_grid(three), "Received: latent_dim=3"),
        (lambda: manifold_grid(vae, size=1), "size=1"),
        (lambda: manifold_grid(vae, labels=1), "unconditional"),
        (lambda: traverse(vae, x[:2]), "one sample of shape"),
        (lambda: traverse(vae, x[0], dimensions=[2]), r"Received: dimensions=\[2\]"),
        (lambda: traverse(vae, x[0], dimensions=[1.0]), r"dimensions=\[1.0\]"),
        (lambda: traverse(vae, x[0], dimensions=1), "dimensions=1"),
        (lambda: traverse(vae, x[0], values=[np.nan]), "finite values"),
        (lambda: traverse(vae, x[0], values=["high"]), "finite values"),
        (lambda: edit(vae, x[:2], np.zeros(2), "much"), "strength='much'"),
        (
            lambda: latent_quality(vae, x[:9], x[:3], None, num_samples=5, k=1),
            "not in the data",
        ),
        (lambda: latent_quality(vae, x, x[:40], None, num_samples=5), "not in the"),
        (lambda: edit(vae, x[:2], np.zeros(3)), r"shape \(2,\)"),
        (lambda: edit(vae, x[:2], np.zeros(2), np.inf), "finite vector"),
        (lambda: latent_quality(vae, x[:3], x[:2], None, k=4), "k=4 samples"),
        (
            lambda: manifold_grid(dcgan(SHAPE, latent_dim=2, filters=4)),
            "an encoder and a decoder",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("given", "name"),
    [(None, "NoneType"), ("x", "str"), (3, "int"), (csr_array(np.eye(64)), "csr_arr")],
    ids=["none", "string", "number", "sparse"],
)
def test_what_is_no_array_of_samples_is_refused(digits, vae, given, name):
    x = digits.images
    for call in (
        lambda: vae.encode(given),
        lambda: vae.reconstruct(given),
        lambda: vae.log_likelihood(given, 2),
        lambda: latent_quality(vae, given, x, None),
        lambda: latent_quality(vae, x[:50], given, None),
        lambda: attribute_vector(vae, given, x),
        lambda: edit(vae, given, np.zeros(2)),
    ):
        with pytest.raises(TypeError, match=f"Expected .*samples.* Received: {name}"):
            call()


def test_what_is_no_array_of_numbers_is_refused(digits, vae):
    x = digits.images[:2]
    for call in (
        lambda: edit(vae, x, "sleeves"),
        lambda: vae.decode_path([["z", "w"]]),
        lambda: vae.interpolate("a", "b", 3),
    ):
        with pytest.raises(TypeError, match="Expected .*Received: "):
            call()
    with pytest.raises(ValueError, match="Expected samples of one shape. Received: "):
        vae.encode([x[0], x[0, :4]])
