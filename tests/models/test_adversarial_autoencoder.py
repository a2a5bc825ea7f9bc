"""`AdversarialAutoencoder`: three updates on the engine of all models."""

import keras
import numpy as np
import pytest
from scipy import stats

import kerasgen
from kerasgen.likelihoods import Gaussian
from kerasgen.models import AdversarialAutoencoder, adversarial_autoencoder
from kerasgen.networks.mlp import mlp
from tests import contracts

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:512]").images


def make(**arguments):
    keras.utils.set_random_seed(0)
    given = {"latent_dim": 2, "hidden": (64,), "discriminator_hidden": (64,), "seed": 1}
    model = adversarial_autoencoder(SHAPE, **{**given, **arguments})
    model.compile(*(keras.optimizers.Adam(rate, 0.5) for rate in (5e-4, 2e-3, 2e-3)))
    return model


def test_contract(digits, tmp_path):
    def make_model():
        return make(likelihood=Gaussian("learned", 0.5), loss="hinge", name="mine")

    contracts.check_model(make_model, digits[:40], tmp_path)


def test_each_player_moves_its_own_networks(digits):
    """At a learning rate of 0 for the others."""
    moved = {}
    for player in ("autoencoder", "discriminator", "encoder"):
        model = make()
        rates = {f"{player}_optimizer": keras.optimizers.SGD(0.1)}
        still = {
            f"{other}_optimizer": keras.optimizers.SGD(0.0)
            for other in ("autoencoder", "discriminator", "encoder")
        }
        model.compile(**{**still, **rates})
        before = {name: net.get_weights() for name, net in model.networks.items()}
        model.fit(digits[:32], verbose=0)
        moved[player] = {
            name
            for name, net in model.networks.items()
            for a, b in zip(before[name], net.get_weights(), strict=True)
            if not np.array_equal(a, b)
        }
    assert moved == {
        "autoencoder": {"encoder", "decoder"},
        "discriminator": {"discriminator"},
        "encoder": {"encoder"},
    }


@pytest.mark.eager
def test_the_order_of_a_step_is_the_paper_s(digits, monkeypatch):
    """The discriminator sees codes of the encoder that has just been trained."""
    model = make()
    model.compile(run_eagerly=True)
    updated, update = [], model.update

    def watched(player, *arguments):
        updated.append(player)
        update(player, *arguments)

    monkeypatch.setattr(model, "update", watched)
    model.train_on_batch(digits[:8])
    assert updated == ["autoencoder", "discriminator", "encoder"]


@pytest.mark.eager
def test_codes_come_to_the_prior(digits):
    """Without the game the codes lie elsewhere; with it they are near N(0, I)."""

    def distance(model):
        codes = model.encode(digits)
        return max(stats.kstest(codes[:, i], "norm").statistic for i in range(2))

    drawn, free = make(), make()
    free.compile(
        keras.optimizers.Adam(5e-4, 0.5),
        keras.optimizers.SGD(0.0),
        keras.optimizers.SGD(0.0),
    )
    for model in (drawn, free):
        model.fit(digits, batch_size=64, epochs=80, verbose=0)
    assert distance(drawn) < 0.2 < distance(free)
    terms = drawn.evaluate(digits, verbose=0, return_dict=True)
    spread = (digits / 127.5 - 1).var(axis=0).mean()
    assert terms["mse"] < 0.9 * spread
    assert 0.1 < terms["real_accuracy"] < 0.95


@pytest.mark.eager
@pytest.mark.parametrize(
    "loss, batch_norm, num_judged",
    [("hinge", False, 8), ("relativistic_average", False, 16), ("hinge", True, 16)],
)
def test_reals_are_judged_where_the_encoder_learns_from_them(
    digits, loss, batch_norm, num_judged, monkeypatch
):
    model = make()
    layers = [keras.layers.Dense(4), keras.layers.Dense(1)]
    if batch_norm:
        layers.insert(1, keras.layers.BatchNormalization())
    model = AdversarialAutoencoder(
        model.encoder,
        model.decoder,
        keras.Sequential([keras.Input((2,)), *layers]),
        loss=loss,
    )
    model.compile(run_eagerly=True)
    judged = []
    score = model._score

    def watched(codes, training):
        judged.append(codes.shape[0])
        return score(codes, training)

    monkeypatch.setattr(model, "_score", watched)
    model.train_on_batch(digits[:8])
    assert {*judged[:-1]} == {16} and judged[-1] == num_judged


def test_a_loss_of_energies_judges_them(digits):
    model = make()
    critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model = AdversarialAutoencoder(model.encoder, model.decoder, critic, loss="ebgan")
    model.compile()
    codes = model.encode(digits[:8])
    found = model.evaluate(digits[:8], verbose=0, return_dict=True)
    energies = np.square(critic.predict(codes, verbose=0) - codes).mean(axis=1)
    assert found["g_loss"] == pytest.approx(energies.mean(), rel=1e-4)


def test_parts_must_fit():
    model = make()
    with pytest.raises(ValueError, match="judges codes: expected inputs"):
        AdversarialAutoencoder(model.encoder, model.decoder, mlp(3, 1))
    with pytest.raises(ValueError, match="one logit"):
        AdversarialAutoencoder(model.encoder, model.decoder, mlp(2, 2))
    bounded = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")]
    )
    with pytest.raises(ValueError, match="bounds its output"):
        AdversarialAutoencoder(model.encoder, model.decoder, bounded)
    with pytest.raises(ValueError, match="`latent_dim` is an integer"):
        make(latent_dim=0)
