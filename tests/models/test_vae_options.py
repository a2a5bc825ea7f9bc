"""What `VAE` can do beyond the plain bound: labels, annealing, free bits, ablation."""

import keras
import numpy as np
import pytest
from keras import ops

import kerasgen
from kerasgen import models
from kerasgen.annealing import CyclicalAnnealing, LinearAnnealing
from kerasgen.models import IWAE, VAE, dense_iwae, dense_vae

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return kerasgen.datasets.load("digits", split="train[:256]")


def make(learning_rate=1e-3, builder=dense_vae, **arguments):
    keras.utils.set_random_seed(0)
    model = builder(SHAPE, **{"latent_dim": 3, "hidden": (32,), "seed": 1, **arguments})
    model.compile(keras.optimizers.Adam(learning_rate))
    return model


def fit(model, data, **arguments):
    given = {"batch_size": 32, "verbose": 0, **arguments}
    labels = data.labels if model.num_classes else None
    return model.fit(data.images, labels, **given).history


@pytest.mark.parametrize("builder", [dense_vae, dense_iwae])
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_one_batch_with_labels(digits, builder, run_eagerly):
    model = make(builder=builder, num_classes=10)
    model.compile("adam", run_eagerly=run_eagerly)
    batch = digits.images[:32], digits.labels[:32]
    before = [np.array(weight) for weight in model.get_weights()]
    assert np.isfinite(model.train_on_batch(*batch)).all()
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert np.isfinite(model.test_on_batch(*batch)).all()
    assert np.isfinite(model.fit(*batch, verbose=0).history["loss"]).all()


def test_annealing_multiplies_beta(digits):
    beta, steps = 2.0, 16
    model = make(1e-12, beta=beta, annealing=LinearAnnealing(steps))
    history = fit(model, digits, epochs=4)
    # Eight steps an epoch; the weights stand still.
    expected = [
        np.mean([min(8 * e + i, steps) / steps for i in range(8)]) for e in range(4)
    ]
    kl = np.array(history["kl_nats"])
    weight = np.subtract(history["loss"], history["reconstruction_nats"]) / (beta * kl)
    # The KL differs a little from batch to batch.
    np.testing.assert_allclose(weight, expected, atol=0.03)
    terms = model.evaluate(digits.images, verbose=0, return_dict=True)
    full = terms["reconstruction_nats"] + beta * terms["kl_nats"]
    np.testing.assert_allclose(terms["loss"], full, rtol=1e-6)


def test_cyclical_annealing():
    weight = CyclicalAnnealing(period=10, rising=0.5)
    values = [float(weight(step)) for step in range(20)]
    np.testing.assert_allclose(values[:10], [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1])
    assert values[10:] == values[:10]
    for rising in (0.0, "half", True):
        with pytest.raises(ValueError, match="Received: rising="):
            CyclicalAnnealing(5, rising)
    for arguments in ({"period": 0}, {"period": 1.5}):
        with pytest.raises(ValueError, match="Received: "):
            CyclicalAnnealing(**arguments)


@pytest.mark.eager
def test_free_bits_are_a_floor_under_each_latent(digits):
    floor = 0.4
    model = make(3e-3, latent_dim=6, free_bits=floor, beta=8.0)
    fit(model, digits, epochs=40)
    terms = model.evaluate(digits.images, batch_size=256, verbose=0, return_dict=True)
    mean, log_var = model.encode_distribution(digits.images)
    kl = (0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)).mean(axis=0)
    np.testing.assert_allclose(terms["kl_nats"], kl.sum(), rtol=1e-4)
    expected = terms["reconstruction_nats"] + 8.0 * np.maximum(kl, floor).sum()
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-5)
    # Beta 8 would have pressed all to nothing.
    pressed = make(3e-3, latent_dim=6, beta=8.0)
    fit(pressed, digits, epochs=40)
    without = pressed.evaluate(digits.images, verbose=0, return_dict=True)
    assert terms["kl_nats"] > 6 * floor * 0.65 > without["kl_nats"] + 0.3


def test_the_naive_penalty_is_in_the_loss_and_the_kl_beside_it(digits):
    model = make(beta=0.5, prior_penalty="naive")
    terms = model.evaluate(digits.images, batch_size=256, verbose=0, return_dict=True)
    mean, log_var = model.encode_distribution(digits.images)
    naive = (mean**2).sum(axis=1) + (log_var**2).sum(axis=1)
    np.testing.assert_allclose(terms["naive_penalty"], naive.mean(), rtol=1e-4)
    expected = terms["reconstruction_nats"] + 0.5 * naive.mean()
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-5)
    history = fit(model, digits, epochs=2)
    assert set(history) == {*terms}


@pytest.mark.eager
def test_active_units(digits):
    model = make(1e-2, beta=1.0)
    fit(model, digits, epochs=30)
    assert model.active_units(digits.images).tolist() == [True] * 3
    means = model.encode(digits.images)
    variance = means.var(axis=0, ddof=1)
    middle = float(np.sort(variance)[:2].mean())
    found = model.active_units(digits.images, threshold=middle)
    np.testing.assert_array_equal(found, variance > middle)
    pressed = make(1e-2, beta=100.0)
    fit(pressed, digits, epochs=30)
    assert not pressed.active_units(digits.images).any()
    for arguments in ({"threshold": -1}, {"x": digits.images[:1]}):
        with pytest.raises(ValueError, match="Received: "):
            model.active_units(**{"x": digits.images, **arguments})


@pytest.mark.eager
@pytest.mark.parametrize("builder", [dense_vae, dense_iwae])
def test_labels(digits, builder):
    model = make(5e-3, builder=builder, num_classes=10)
    fit(model, digits, epochs=40)
    x, labels = digits.images, digits.labels
    for verb in ("elbo", "log_likelihood"):
        fn = getattr(model, verb)
        own = fn(x, num_samples=5, labels=labels).mean()
        # What a digit is says more of it than what it is not.
        assert own > fn(x, num_samples=5, labels=(labels + 1) % 10).mean() + 1
        with pytest.raises(ValueError, match=r"expected labels in \[0, 10\)"):
            fn(x)
    assert model.generate(3, seed=0, labels=[1, 2, 3]).shape == (3, *SHAPE)
    assert model.generate(3, seed=0).shape == (3, *SHAPE)
    assert model.encode(x, labels).shape == (256, 3)
    first = model.reconstruct(x[:4], labels[:4])
    other = model.reconstruct(x[:4], (labels[:4] + 5) % 10)
    assert np.abs(first.astype(int) - other).max() > 20
    path = model.interpolate(x[:2], x[2:4], 3, labels=labels[:2])
    assert path.shape == (2, 3, *SHAPE)
    assert model.interpolate(x[0], x[1], 3, labels=4).shape == (3, *SHAPE)
    called = ops.convert_to_numpy(model([x[:4], labels[:4].astype("int32")]))
    np.testing.assert_allclose(called * 127.5 + 128, first, atol=1.01)
    for verb in ("encode", "reconstruct", "draw_codes"):
        with pytest.raises(ValueError, match="conditional.*labels=None"):
            getattr(model, verb)(x)
    with pytest.raises(ValueError, match="conditional.*labels=None"):
        model.fit(x, verbose=0)


@pytest.mark.eager
def test_the_labels_of_a_prediction_may_not_be_missing(digits):
    model = dense_vae(SHAPE, 2, hidden=(4,), num_classes=10)
    x, labels = digits.images[:4], digits.labels[:4]
    brought = model.predict([x, labels], verbose=0)
    assert brought.shape == (4, *SHAPE)
    with pytest.raises(ValueError, match=r"expected inputs \[x, labels\]. Received: "):
        model(x)
    for given in (x, [x, None]):
        with pytest.raises(ValueError, match=r"expected labels in \[0, 10\).*Received"):
            model.predict(given, verbose=0)


def test_codes_are_drawn_from_the_posterior(digits):
    model = make()
    x = np.repeat(digits.images[:2], 2000, axis=0)
    mean, log_var = model.encode_distribution(digits.images[:2])
    codes = model.draw_codes(x, seed=3).reshape(2, 2000, 3)
    std = np.exp(0.5 * log_var)
    assert np.abs(codes.mean(axis=1) - mean).max() < 4.5 * std.max() / 2000**0.5
    np.testing.assert_allclose(codes.std(axis=1), std, rtol=0.07)
    np.testing.assert_array_equal(codes.reshape(-1, 3), model.draw_codes(x, seed=3))
    assert not np.array_equal(codes.reshape(-1, 3), model.draw_codes(x, seed=4))
    with pytest.raises(ValueError, match="Received: seed=-1"):
        model.draw_codes(x, seed=-1)


def test_labels_for_an_unconditional_model(digits):
    model = make()
    for verb in ("encode", "elbo", "reconstruct"):
        with pytest.raises(ValueError, match="unconditional: expected labels=None"):
            getattr(model, verb)(digits.images, labels=digits.labels)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` is an integer >= 1"),
        ({"free_bits": -0.1}, "`free_bits` is a finite number >= 0"),
        ({"annealing": 100}, "`annealing` is an object of kerasgen.annealing"),
        ({"annealing": LinearAnnealing}, "`annealing` is an object of kerasgen.anneal"),
        ({"prior_penalty": "l2"}, "`prior_penalty` is one of"),
        ({"prior_penalty": "naive", "free_bits": 1.0}, "floor under the KL"),
        ({"latent_dim": 0}, "`latent_dim` is an integer >= 1"),
        ({"beta": -1.0}, "`beta` is a finite number >= 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        dense_vae(SHAPE, **{"hidden": (4,), **arguments})


def test_networks_and_classes_must_agree():
    plain = dense_vae(SHAPE, latent_dim=2, hidden=(4,))
    labelled = dense_vae(SHAPE, latent_dim=2, hidden=(4,), num_classes=3)
    with pytest.raises(ValueError, match="`encoder` has one input"):
        VAE(labelled.encoder, labelled.decoder)
    with pytest.raises(ValueError, match="`encoder` has a second one, int labels"):
        VAE(plain.encoder, plain.decoder, num_classes=3)


def test_iwae_of_one_sample_is_a_vae_at_one_draw(digits):
    """Its loss has the expectation of the negative ELBO, at one draw of log w."""
    vae = make()
    iwae = IWAE(vae.encoder, vae.decoder, num_importance_samples=1, seed=1)
    iwae.compile()
    terms = iwae.evaluate(digits.images, batch_size=64, verbose=0, return_dict=True)
    others = vae.evaluate(digits.images, batch_size=64, verbose=0, return_dict=True)
    for name in ("reconstruction_nats", "kl_nats"):
        np.testing.assert_allclose(terms[name], others[name], rtol=1e-5)
    # One draw of the KL in place of its closed form.
    assert abs(terms["loss"] - others["loss"]) < 0.5


def test_the_iwae_bound_against_numpy(digits):
    model = make(builder=dense_iwae, num_importance_samples=4)
    x = digits.images[:16]
    loss = model.evaluate(x, batch_size=16, verbose=0, return_dict=True)["loss"]
    noise = kerasgen.random.Noise(1, -1, np.arange(16, dtype="int32"))
    epsilon = ops.convert_to_numpy(noise.normal("posterior", (4, 3))).astype(float)
    mean, log_var = (m[:, None].astype(float) for m in model.encode_distribution(x))
    z = mean + np.exp(log_var / 2) * epsilon
    decoded = model.decoder(z.reshape(-1, 3).astype("float32"))
    logits = ops.convert_to_numpy(decoded).reshape(16, 4, 64).astype(float)
    target = x.reshape(16, 1, 64) / 255
    log_p = (target * logits - np.logaddexp(0, logits)).sum(-1)
    log_w = log_p + 0.5 * (epsilon**2 + log_var - z**2).sum(-1)
    expected = -(np.log(np.exp(log_w - log_w.max()).mean(1)) + log_w.max()).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_iwae_loss_falls_with_k(digits):
    losses = [
        make(builder=dense_iwae, num_importance_samples=k).evaluate(
            digits.images, verbose=0, return_dict=True
        )["loss"]
        for k in (1, 5, 50)
    ]
    assert losses[0] > losses[1] > losses[2]
    with pytest.raises(ValueError, match="`num_importance_samples` is an integer"):
        make(builder=dense_iwae, num_importance_samples=0)


def test_contract_of_the_iwae(digits, tmp_path):
    from tests import contracts

    contracts.check_model(
        lambda: make(
            builder=dense_iwae,
            num_importance_samples=3,
            likelihood=kerasgen.likelihoods.Gaussian("learned", 0.5),
            name="mine",
        ),
        digits.images[:40],
        tmp_path,
        ("num_classes",),
    )
    config = make(num_classes=4, prior_penalty="naive").get_config()
    copy = models.VAE.from_config(config)
    assert (copy.num_classes, copy.prior_penalty) == (4, "naive")
