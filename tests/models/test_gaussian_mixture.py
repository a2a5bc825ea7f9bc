"""`GaussianMixture`: fitting."""

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Oracle

from kerasgen import datasets
from kerasgen.callbacks import BestWeights, Checkpoint
from kerasgen.models import GaussianMixture
from tests import contracts
from tests.models.small_mixtures import FACTORS, fitted, plane


@pytest.fixture(scope="module")
def digits():
    """Training and test images, uint8 (N, 8, 8, 1)."""
    return [datasets.load("digits", split=split).images for split in ("train", "test")]


def test_contract():
    arguments = {"reg_covar": 0.5, "num_levels": 6, "seed": 1, "name": "mine"}
    model = GaussianMixture((3, 3, 1), 2, "ppca", 2, **arguments)
    levels = np.random.RandomState(0).randint(0, 6, (40, 3, 3, 1), "uint8")
    model.fit(levels * np.uint8(51))
    contracts.check_model_config(model)
    contracts.check_generation(model)
    model.summary(print_fn=lambda line, line_break=True: None)
    vectors = plane()
    contracts.check_generation(vectors)
    assert vectors.generate(4).dtype == np.float32


@pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
@pytest.mark.parametrize("covariance", ["full", "tied", "diagonal"])
def test_fit_is_scikit_learn_s_of_the_same_seed(covariance):
    x = np.random.RandomState(0).randn(400, 3).astype("float32")
    x[:150] += [4.0, 0.0, 1.0]
    model = GaussianMixture((3,), 3, covariance, seed=11)
    model.fit(x, epochs=6, tolerance=0.0, verbose=0)
    name = "diag" if covariance == "diagonal" else covariance
    oracle = Oracle(3, covariance_type=name, max_iter=6, tol=0.0, random_state=11)
    expected = oracle.fit(x.astype("float64")).score_samples(x.astype("float64"))
    found = model.log_likelihood(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_float64_vectors_keep_their_digits():
    """Far from 0, where float32 would round the spread away."""
    x = 1e4 + 1e-3 * np.random.RandomState(0).randn(300, 2)
    x[:100] += 8e-3
    arguments = {"reg_covar": 1e-9, "random_state": 4}
    oracle = Oracle(2, tol=1e-4, **arguments).fit(x)
    for data in (x, datasets.ArrayDataset(x, shuffle=False)):
        model = GaussianMixture((2,), 2, reg_covar=1e-9, seed=4)
        history = model.fit(data, tolerance=1e-4, validation_data=x, verbose=0)
        assert len(history.epoch) == oracle.n_iter_
        found = model.log_likelihood(x)
        np.testing.assert_allclose(found, oracle.score_samples(x), rtol=1e-6)
        assert model.evaluate(x) == [pytest.approx(found.mean())]
        assert history.history["val_log_likelihood_nats"][-1] == pytest.approx(
            found.mean()
        )
    completed = model.complete(x[:3], np.array([True, False]), seed=0)
    assert completed.dtype == np.float64
    np.testing.assert_array_equal(completed[:, 0], x[:3, 0])


@pytest.mark.parametrize("covariance", FACTORS)
def test_digits_cost_less_than_eight_bits(digits, covariance):
    train, test = digits
    model = GaussianMixture((8, 8, 1), 6, covariance, FACTORS[covariance], seed=0)
    history = model.fit(train, epochs=8, validation_data=test, verbose=0).history
    nats = history["log_likelihood_nats"]
    assert np.diff(nats).min() > -1e-4
    bits = model.bits_per_dim(test)
    assert bits.shape == (len(test),) and np.isfinite(bits).all()
    assert bits.mean() < 8.0
    terms = model.evaluate(test, return_dict=True)
    assert set(terms) == {"log_likelihood_nats", "bits_per_dim"}
    assert terms["bits_per_dim"] == pytest.approx(bits.mean())
    assert history["val_bits_per_dim"][-1] == pytest.approx(bits.mean())
    assert list(terms.values()) == model.test_on_batch(test)
    np.testing.assert_allclose(
        model.log_likelihood(test), -bits * 64 * np.log(2), rtol=1e-12
    )


def test_uint8_and_float_images_and_datasets_are_equal_data(digits):
    x = digits[0][:200]
    as_float = x / np.float32(127.5) - 1
    histories = [
        GaussianMixture((8, 8, 1), 3, "tied", seed=2)
        .fit(data, epochs=2, verbose=0, **arguments)
        .history["log_likelihood_nats"]
        for data, arguments in (
            (x, {}),
            (as_float, {}),
            (x / np.float32(255), {"value_range": (0, 1)}),
            (datasets.ArrayDataset(x, shuffle=False), {}),
            (iter([x[:64], x[64:]]), {}),
        )
    ]
    for history in histories[1:]:
        np.testing.assert_allclose(history, histories[0], rtol=1e-5)
    model = fitted(digits[0])
    np.testing.assert_allclose(
        model.log_likelihood(as_float), model.log_likelihood(x), rtol=1e-5
    )


def test_training_ends_by_tolerance_and_callbacks(digits, tmp_path, capsys):
    x = digits[0][:600]
    model = GaussianMixture((8, 8, 1), 6, "diagonal", seed=0)
    history = model.fit(x, tolerance=0.01, verbose=1)
    nats = history.history["log_likelihood_nats"]
    assert 2 < len(nats) < 100
    changes = np.abs(np.diff(nats))
    # One more step after the first that changed little.
    assert changes[-2] < 0.01 and (changes[:-2] >= 0.01).all()
    assert "Epoch 2/100" in capsys.readouterr().out

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert set(logs) == {"log_likelihood_nats", "bits_per_dim"}
            assert self.model.evaluate(x)[0] == pytest.approx(
                logs["log_likelihood_nats"], rel=0.01
            )
            self.model.stop_training = epoch == 1

    assert len(model.fit(x, callbacks=[Stop()], tolerance=0, verbose=0).epoch) == 2
    best = BestWeights(tmp_path, "bits_per_dim")
    model.fit(x, epochs=3, callbacks=[best], tolerance=0.0, verbose=0)
    assert best.best["epoch"] == 3
    with pytest.raises(ValueError, match="Received: GaussianMixture"):
        model.fit(x, callbacks=[Checkpoint(tmp_path)], verbose=0)


def test_a_warm_start_goes_on(digits):
    x = digits[0][:200]
    whole, parts = (GaussianMixture((8, 8, 1), 3, "tied", seed=2) for _ in range(2))
    expected = whole.fit(x, epochs=4, tolerance=0.0, verbose=0).history
    parts.fit(x, epochs=2, tolerance=0.0, verbose=0)
    rest = parts.fit(x, epochs=2, tolerance=0.0, warm_start=True, verbose=0).history
    np.testing.assert_allclose(
        rest["log_likelihood_nats"], expected["log_likelihood_nats"][2:], rtol=1e-9
    )


def test_of_several_starts_the_likeliest_is_kept():
    x = np.random.RandomState(0).randn(600, 2).astype("float32")
    finals = []
    for num_starts in (1, 4):
        model = GaussianMixture((2,), 8, seed=3)
        arguments = {"epochs": 40, "num_starts": num_starts, "tolerance": 1e-5}
        history = model.fit(x, verbose=0, **arguments).history["log_likelihood_nats"]
        assert np.diff(history).min() > -1e-4
        finals.append(model.log_likelihood(x).mean())
        assert finals[-1] == pytest.approx(history[-1])
    assert finals[1] > finals[0] + 0.005


def test_the_ring_is_found():
    x = datasets.load("gaussian_ring", split="test").images
    model = GaussianMixture((2,), 8, seed=0)
    model.fit(x, verbose=0)
    weights, components = model.mixture
    distances = np.linalg.norm(
        components.means[:, None] - datasets.ring_centers(), axis=-1
    )
    assert sorted(distances.argmin(axis=1)) == list(range(8))
    assert distances.min(axis=1).max() < 0.005
    np.testing.assert_allclose(weights, 1 / 8, atol=0.02)
    np.testing.assert_allclose(
        components.scale_tril, np.tile(0.02 * np.eye(2), (8, 1, 1)), atol=0.003
    )


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (np.full((20, 2), np.nan), {}),
        (np.full((20, 2), 1e39), {}),
        (np.zeros((1, 2)), {}),
        (np.zeros((0, 2)), {}),
        (np.zeros((20, 3)), {}),
        (np.zeros((20, 2)), {"epochs": 0}),
        (np.zeros((20, 2)), {"tolerance": -1e-3}),
        (np.zeros((20, 2)), {"tolerance": np.nan}),
        (np.zeros((20, 2)), {"num_starts": 0}),
        (np.zeros((20, 2)), {"num_starts": 2, "warm_start": True}),
        (np.zeros((20, 2)), {"validation_data": np.zeros((3, 3))}),
        (iter([]), {}),
    ],
)
def test_bad_data_is_refused_before_any_work(data, arguments):
    model = plane()
    before = model.get_weights()
    with pytest.raises(ValueError, match="Received: "):
        model.fit(data, verbose=0, **arguments)
    with pytest.raises(TypeError, match="Received: dtype=int64"):
        model.fit(np.zeros((20, 2), "int64"), verbose=0)
    with pytest.raises(NotImplementedError, match="Received: one batch"):
        model.train_on_batch(np.zeros((20, 2)))
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_collapse_leaves_the_mixture_as_it_was():
    model = GaussianMixture((2,), 2, reg_covar=0.0, seed=0)
    x = np.repeat(np.eye(2, dtype="float32"), 10, axis=0)
    before = model.get_weights()
    with pytest.raises(FloatingPointError, match="Received: "):
        model.fit(x, verbose=0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_components": 0},
        {"num_components": 1.5},
        {"data_shape": (2, 2)},
        {"data_shape": (0,)},
        {"data_shape": 4},
        {"reg_covar": -1e-6},
        {"reg_covar": np.nan},
        {"covariance": "round"},
        {"num_factors": 1},
        {"covariance": "ppca", "num_factors": 4},
        {"num_levels": 257},
        {"seed": -1},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received: "):
        GaussianMixture(**{"data_shape": (4,), "num_components": 2, **arguments})
