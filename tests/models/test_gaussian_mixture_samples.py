"""`GaussianMixture`: samples, completions and saving."""

import keras
import numpy as np
import pytest
from scipy.stats import norm

import kerasgen
from kerasgen import datasets
from kerasgen.models import GaussianMixture
from tests import noise_oracle
from tests.models.small_mixtures import FACTORS, PLANE, fitted, plane


@pytest.fixture(scope="module")
def digits():
    """Training and test images, uint8 (N, 8, 8, 1)."""
    return [datasets.load("digits", split=split).images for split in ("train", "test")]


@pytest.fixture(scope="module")
def trained(digits):
    """A model of images with each covariance; no test changes them."""
    return {covariance: fitted(digits[0], covariance) for covariance in FACTORS}


@pytest.mark.parametrize("covariance", FACTORS)
def test_samples_are_those_of_numpy(trained, covariance):
    model = trained[covariance]
    weights, components = model.mixture

    def noise(stream):
        return noise_oracle.key(3, stream, step=-2), np.arange(200)

    uniform = noise_oracle.uniform(*noise("component"), ())
    index = (uniform[:, None] >= weights.cumsum()[:-1]).sum(axis=1)
    assert len({*index}) == 4
    normal = noise_oracle.normal(*noise("values"), (64,))
    if covariance == "full":
        deviations = (components.scale_tril[index] @ normal[..., None])[..., 0]
    elif covariance == "tied":
        deviations = normal @ components.scale_tril.T
    elif covariance == "diagonal":
        deviations = components.scale[index] * normal
    else:
        latents = noise_oracle.normal(*noise("factors"), (3,))
        deviations = (components.factors[index] @ latents[..., None])[..., 0]
        deviations += components.noise_scale[index, None] * normal
    for temperature in (1.0, 0.3):
        values = components.means[index] + temperature * deviations
        expected = np.clip(values, 0, 255).astype("uint8").reshape(-1, 8, 8, 1)
        images = model.generate(200, seed=3, temperature=temperature)
        difference = np.abs(images.astype(int) - expected)
        assert difference.max() <= 1
        assert (difference == 0).mean() > 0.999


def test_samples_of_vectors_have_the_mixture_s_moments():
    samples = plane().generate(20_000, seed=0, batch_size=5000)
    means, factors = PLANE.components.means, PLANE.components.scale_tril
    mean = PLANE.weights @ means
    spread = factors @ factors.mT + means[:, :, None] * means[:, None]
    covariance = np.tensordot(PLANE.weights, spread, 1) - np.outer(mean, mean)
    np.testing.assert_allclose(samples.mean(axis=0), mean, atol=0.04)
    np.testing.assert_allclose(np.cov(samples, rowvar=False), covariance, atol=0.08)


# Completion.


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("hidden", [0, 1])
def test_completion_has_the_conditional_moments(hidden, temperature):
    kept = 1 - hidden
    x = np.full((1, 2), np.nan, "float32")
    x[0, kept] = 0.25
    model = plane()
    mask = np.arange(2) == kept
    draws = model.complete(x, mask, seed=1, num_draws=20_000, temperature=temperature)
    assert draws.shape == (1, 20_000, 2) and draws.dtype == np.float32
    assert (draws[0, :, kept] == np.float32(0.25)).all()
    covariance = PLANE.components.scale_tril @ PLANE.components.scale_tril.mT
    means, variances = PLANE.components.means, covariance[:, kept, kept]
    joint = PLANE.weights * norm(means[:, kept], np.sqrt(variances)).pdf(0.25)
    posterior = joint / joint.sum()
    gain = covariance[:, hidden, kept] / variances
    mean = means[:, hidden] + gain * (0.25 - means[:, kept])
    variance = covariance[:, hidden, hidden] - gain * covariance[:, kept, hidden]
    variance = variance * temperature**2
    expected = posterior @ mean
    total = posterior @ (variance + mean**2) - expected**2
    found = draws[0, :, hidden]
    assert found.mean() == pytest.approx(expected, abs=0.03)
    assert found.var() == pytest.approx(total, rel=0.05)


@pytest.mark.parametrize("covariance", ["tied", "ppca"])
def test_completion_of_images(trained, digits, covariance):
    model, x = trained[covariance], digits[1][:20]
    upper = np.zeros((8, 8), bool)
    upper[:4] = True
    completed = model.complete(x, upper, seed=0)
    assert completed.shape == x.shape and completed.dtype == np.uint8
    np.testing.assert_array_equal(completed[:, :4], x[:, :4])
    # What is hidden does not matter, and what is drawn follows the seed.
    blank = np.where(upper[..., None], x, np.uint8(255))
    np.testing.assert_array_equal(completed, model.complete(blank, upper, seed=0))
    assert not np.array_equal(completed, model.complete(x, upper, seed=1))
    assert not np.array_equal(*(model.complete(x, upper) for _ in range(2)))
    # Float images, and the same mask for each of them.
    each = np.tile(upper, (20, 1, 1))
    as_float = x / np.float32(127.5) - 1
    again = model.complete(as_float, each, seed=0)
    assert np.abs(again.astype(int) - completed).max() <= 1
    # It predicts better than samples do.
    many = model.complete(x, upper, seed=0, num_draws=8)
    assert many.shape == (20, 8, 8, 8, 1)
    lower = x[:, 4:].astype(float)
    error = np.abs(many.mean(axis=1)[:, 4:] - lower).mean()
    samples = model.generate(200, seed=0).mean(axis=0)[4:]
    assert error < np.abs(samples - lower).mean()
    np.testing.assert_array_equal(model.complete(x, np.ones((8, 8), bool)), x)
    nothing = model.complete(x, np.zeros((20, 8, 8, 1), bool), seed=0)
    assert nothing.shape == x.shape


@pytest.mark.parametrize(
    ("mask", "arguments", "error"),
    [
        (np.ones((8, 8)), {}, TypeError),
        (np.ones((8, 7), bool), {}, ValueError),
        (np.ones((3, 8, 8), bool), {}, ValueError),
        (np.ones((8, 8, 3), bool), {}, ValueError),
        (np.ones((8, 8), bool), {"num_draws": 0}, ValueError),
        (np.ones((8, 8), bool), {"temperature": 0.0}, ValueError),
        (np.ones((8, 8), bool), {"seed": -1}, ValueError),
        (np.ones((8, 8), bool), {"images": np.zeros((4, 8, 8), "uint8")}, ValueError),
        (np.ones((8, 8), bool), {"images": np.full((4, 8, 8, 1), 7.0)}, ValueError),
        (np.ones((8, 8), bool), {"images": np.zeros((4, 8, 8, 1), int)}, TypeError),
    ],
)
def test_bad_completions(mask, arguments, error):
    model = GaussianMixture((8, 8, 1), 2, "diagonal", seed=0)
    arguments = {"images": np.zeros((4, 8, 8, 1), "uint8"), **arguments}
    with pytest.raises(error, match="Received: "):
        model.complete(mask=mask, **arguments)


# Saving.


@pytest.mark.eager
def test_a_reloaded_model_is_the_same(trained, digits, tmp_path):
    model, x = trained["ppca"], digits[1][:20]
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    model.save_to_preset(tmp_path / "preset")
    weights, restored = (
        GaussianMixture.from_config(model.get_config()) for _ in range(2)
    )
    weights.load_weights(tmp_path / "model.weights.h5")
    folder = kerasgen.checkpoint.CheckpointFolder(tmp_path / "run")
    folder.save(model, {"step": 3})
    assert folder.load(restored) == {"step": 3}
    saved = keras.saving.load_model(tmp_path / "model.keras")
    preset = kerasgen.from_preset(tmp_path / "preset")
    expected = model.log_likelihood(x)
    for loaded in (saved, weights, restored, preset):
        np.testing.assert_array_equal(loaded.log_likelihood(x), expected)
    images = model.generate(20, seed=1)
    np.testing.assert_array_equal(saved.generate(20, seed=1), images)
    completed = model.complete(x, x > 3, seed=1)
    np.testing.assert_array_equal(saved.complete(x, x > 3, seed=1), completed)


def test_weights_keep_48_bits(trained):
    """Of what EM found; float32 would keep 24."""
    model = GaussianMixture.from_config(trained["ppca"].get_config())
    found = trained["ppca"].mixture
    rng = np.random.default_rng(0)
    means = found.components.means * (1 + 1e-3 * rng.standard_normal((4, 64)))
    model.mixture = found._replace(
        components=type(found.components)(
            means, found.components.factors, found.components.noise_scale
        )
    )
    np.testing.assert_allclose(model.mixture.components.means, means, rtol=2**-47)
    assert not np.array_equal(means.astype("float32"), means)
    # What was read and written again does not change further.
    before = model.get_weights()
    model.mixture = model.mixture
    after = model.mixture.components.means
    np.testing.assert_allclose(after, means, rtol=2**-47)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the others export through a preset and this backend",
)
def test_export(trained, tmp_path):
    """`export` itself compares the SavedModel's samples with the model's."""
    for model in (trained["ppca"], plane()):
        path = model.export(tmp_path / model.data_name / "1")
        assert (path / "saved_model.pb").is_file()
