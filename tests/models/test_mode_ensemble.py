"""`ModeEnsembleGAN`: members train on their mode alone, and are drawn by its share."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerasgen
from kerasgen import datasets
from kerasgen.models import GAN, ModeEnsembleGAN
from tests import contracts
from tests.models.tiny_gan import LATENT_DIM, SHAPE, make_gan

pytestmark = pytest.mark.eager

LEVELS = np.array([20, 220])


def data(counts=(30, 10), seed=0):
    """Images whose grey level tells their mode."""
    modes = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(seed).integers(0, 20, (len(modes), *SHAPE))
    return (LEVELS[modes][:, None, None, None] + noise).astype("uint8"), modes


def make(**arguments):
    members = [make_gan(**{"ema_decay": 0.9, **arguments}) for _ in range(2)]
    ensemble = ModeEnsembleGAN(members, seed=5)
    ensemble.compile(keras.optimizers.Adam(0.01, 0.5), keras.optimizers.Adam(0.01, 0.5))
    return ensemble


@pytest.fixture(scope="module")
def trained():
    ensemble = make()
    ensemble.fit(*data(), batch_size=5, epochs=30, verbose=0)
    return ensemble


def test_each_member_makes_its_mode(trained):
    for mode, level in enumerate(LEVELS):
        found = trained.generate(20, seed=1, labels=mode).mean()
        assert abs(found - level - 10) < 40


def test_modes_are_drawn_by_their_shares(trained):
    shares = ops.convert_to_numpy(trained.prior.shares)
    np.testing.assert_allclose(shares, [0.75, 0.25])
    levels = trained.generate(400, seed=2).mean(axis=(1, 2, 3))
    assert 0.68 < (levels < 120).mean() < 0.82


def test_asked_modes_are_those_of_the_members(trained):
    asked = np.array([0, 1, 1, 0])
    images = trained.generate(4, seed=3, labels=asked)
    for mode, gan in enumerate(trained.gans):
        own = gan.generate(4, seed=3)
        np.testing.assert_array_equal(images[asked == mode], own[asked == mode])


def test_members_train_as_they_would_alone():
    """One member's part of a batch, given to it alone, leaves the same weights."""
    ensemble, alone = make(ema_decay=0.5), make(ema_decay=0.5)
    x, modes = data((8, 8))
    order = np.arange(16).reshape(2, 8).T.reshape(-1)
    ensemble.train_on_batch(x[order], modes[order])
    # Member 1 again, beside another batch of member 0.
    other = x[order].copy()
    other[::2] = 255 - other[::2]
    alone.train_on_batch(other, modes[order])
    first, second = (
        [contracts.state_of(e.gans[i]) for i in range(2)] for e in (ensemble, alone)
    )
    contracts.assert_equal_states(first[1], second[1])
    with pytest.raises(AssertionError):
        contracts.assert_equal_states(first[0], second[0])


def test_single_batches_are_put_in_order_too():
    """The same samples, in order or not, train the members alike."""
    x, modes = data((8, 8))
    in_turn = np.arange(16).reshape(2, 8).T.reshape(-1)
    states, logs = [], []
    for order in (in_turn, np.arange(16)):
        ensemble = make()
        logs.append(ensemble.train_on_batch(x[order], modes[order], return_dict=True))
        logs.append(ensemble.test_on_batch(x[order], modes[order], return_dict=True))
        states.append(contracts.state_of(ensemble))
    contracts.assert_equal_states(*states)
    assert logs[:2] == logs[2:]


def test_shares_are_those_of_the_training_part():
    ensemble = make()
    x, modes = data((30, 10))
    order = np.r_[:28, 30:34, 28:30, 34:40]
    ensemble.fit(x[order], modes[order], batch_size=4, validation_split=0.2, verbose=0)
    shares = ops.convert_to_numpy(ensemble.prior.shares)
    np.testing.assert_allclose(shares, [28 / 32, 4 / 32])


def test_discriminator_steps_take_as_many_batches():
    ensemble = make(discriminator_steps=2)
    assert ensemble.batches_per_step == 4
    history = ensemble.fit(*data((20, 20)), batch_size=5, verbose=0).history
    assert {*history} == {*ensemble.training_terms}
    assert int(ops.convert_to_numpy(ensemble.training_steps)) == 2


def test_evaluation_gives_each_member_its_mode(trained):
    terms = trained.evaluate(*data(seed=1), batch_size=5, verbose=0, return_dict=True)
    assert {*terms} == {*trained.evaluation_terms}
    again = trained.evaluate(*data(seed=1), batch_size=5, verbose=0, return_dict=True)
    assert terms == again
    x, modes = data(seed=1)
    swapped = trained.evaluate(x, 1 - modes, batch_size=5, verbose=0, return_dict=True)
    assert terms["real_accuracy"] > swapped["real_accuracy"]


def test_saved_model_trains_on_alike(tmp_path):
    ensemble = make()
    ensemble.fit(*data(), batch_size=5, verbose=0)
    ensemble.save(tmp_path / "ensemble.keras")
    loaded = keras.saving.load_model(tmp_path / "ensemble.keras")
    np.testing.assert_array_equal(
        loaded.generate(6, seed=0), ensemble.generate(6, seed=0)
    )
    histories = [
        m.fit(*data(), batch_size=5, verbose=0).history for m in (ensemble, loaded)
    ]
    assert histories[0] == histories[1]


def test_preset_keeps_the_shares(trained, tmp_path):
    trained.save_to_preset(tmp_path / "mine")
    loaded = kerasgen.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(
        loaded.generate(9, seed=4), trained.generate(9, seed=4)
    )


def test_datasets_are_put_in_order_too():
    ensemble = make()
    x, modes = data()
    dataset = datasets.ArrayDataset(x, modes, batch_size=5, num_classes=2)
    ensemble.fit(dataset, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(ensemble.prior.shares)[0], 0.75)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (data()[0], None, ValueError, "expected labels in .0, 2"),
        (data()[0], np.zeros(40, int), ValueError, "each of 2 classes"),
        (data()[0], np.full(40, 2), ValueError, "labels in .0, 2"),
        (iter([data()]), None, TypeError, "expected arrays"),
        (
            datasets.ArrayDataset(data()[0]),
            None,
            ValueError,
            "Expected the mode of each sample",
        ),
    ],
)
def test_bad_data_is_refused_and_changes_nothing(x, y, error, message):
    ensemble = make()
    before = contracts.state_of(ensemble)
    with pytest.raises(error, match=message):
        ensemble.fit(x, y, verbose=0)
    contracts.assert_equal_states(before, contracts.state_of(ensemble))


def vector_gan():
    return GAN(
        keras.Sequential([keras.Input((LATENT_DIM,)), layers.Dense(2)]),
        keras.Sequential([keras.Input((2,)), layers.Dense(1)]),
        LATENT_DIM,
    )


@pytest.mark.parametrize(
    ("make_members", "message"),
    [
        (lambda: [make_gan()], "two or more"),
        (lambda: [make_gan().generator] * 2, "two or more"),
        (lambda: [make_gan()] * 2, "the same GAN twice"),
        (lambda: [make_gan(), vector_gan()], "equal data_shape"),
        (
            lambda: [make_gan(), make_gan(discriminator_steps=2)],
            "equal discriminator_steps",
        ),
    ],
)
def test_members_that_do_not_fit_are_refused(make_members, message):
    with pytest.raises(ValueError, match=message):
        ModeEnsembleGAN(make_members())


@pytest.mark.slow
def test_an_ensemble_covers_the_ring_that_its_members_lose():
    """Saturating losses lose modes of the ring; one such GAN a cluster cannot."""
    data = datasets.load("gaussian_ring", "train")
    points = np.asarray(data.images)[:20_000]
    modes = datasets.cluster(points, 8)

    def member():
        return GAN(
            keras.Sequential(
                [
                    keras.Input((4,)),
                    layers.Dense(32, activation="relu"),
                    layers.Dense(2),
                ]
            ),
            keras.Sequential(
                [
                    keras.Input((2,)),
                    layers.Dense(32, activation="relu"),
                    layers.Dense(1),
                ]
            ),
            4,
        )

    keras.utils.set_random_seed(0)
    ensemble = ModeEnsembleGAN([member() for _ in range(8)], seed=0)
    rates = keras.optimizers.Adam(2e-3, 0.5), keras.optimizers.Adam(2e-3, 0.5)
    ensemble.compile(*rates)
    ensemble.fit(points, modes, batch_size=64, epochs=20, verbose=0)
    samples = ensemble.generate(2500, seed=0)
    centers = datasets.ring_centers()
    nearest = np.linalg.norm(samples[:, None] - centers, axis=2)
    counts = np.bincount(nearest.argmin(axis=1)[nearest.min(axis=1) < 0.3], minlength=8)
    assert counts.min() > 150
