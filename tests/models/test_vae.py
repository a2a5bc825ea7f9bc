"""`VAE`: its bound against exact values, every likelihood and every verb."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import stats

from kerasgen import models, random
from kerasgen.annealing import LinearAnnealing
from kerasgen.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian
from kerasgen.models import VAE
from kerasgen.models.vae import latent_kl
from tests import contracts

SHAPE = (8, 8, 1)
NOISE_VARIANCE = 0.3
LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "fixed": lambda: Gaussian("fixed", 0.1),
    "learned": lambda: Gaussian("learned", 0.5),
    "predicted": lambda: Gaussian("predicted"),
    "logistic": DiscretizedLogistic,
    "predicted_logistic": lambda: DiscretizedLogistic("predicted"),
}


def images(num_samples, seed=0):
    """Stripes of random phase: easy to learn."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(8) + rng.uniform(0, 6, (num_samples, 1)))[:, None, :, None]
    return np.tile(127 + 120 * wave, (1, 8, 1, 1)).astype("uint8")


def make_vae(likelihood="bernoulli", seed=1, learning_rate=0.01, **arguments):
    """A small VAE of a user's own Sequential networks."""
    keras.utils.set_random_seed(0)
    parameters = 1 if isinstance(likelihood, str) else likelihood.num_parameters
    encoder = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(6),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(64 * parameters),
            layers.Reshape((8, 8, parameters)),
        ]
    )
    vae = VAE(encoder, decoder, likelihood, seed=seed, **arguments)
    vae.compile(keras.optimizers.Adam(learning_rate))
    return vae


class LinearGaussian:
    """x = z W + b + noise, whose p(x) and ELBO are known in closed form.

    The rows of W are orthogonal, so that the exact posterior has independent
    coordinates, as the encoder's has.
    """

    def __init__(self, is_exact, num_samples=64):
        rng = np.random.default_rng(0)
        rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        self.kernel = np.array([[1.5], [0.7]]) * rotation[:2]
        self.bias = rng.standard_normal(4)
        precision = 1 + (self.kernel**2).sum(axis=1) / NOISE_VARIANCE
        weights = self.kernel.T / NOISE_VARIANCE / precision
        self.log_var = -np.log(precision)
        if not is_exact:
            weights = weights + 0.05 * rng.standard_normal(weights.shape)
            self.log_var = self.log_var + 0.6
        encoder = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
        offset = np.concatenate([-self.bias @ weights, self.log_var])
        encoder.set_weights([np.hstack([weights, np.zeros((4, 2))]), offset])
        decoder = keras.Sequential([keras.Input((2,)), layers.Dense(4)])
        decoder.set_weights([self.kernel, self.bias])
        self.vae = VAE(encoder, decoder, Gaussian("fixed", NOISE_VARIANCE), seed=3)
        self.vae.compile("sgd")
        latents = rng.standard_normal((num_samples, 2))
        noise = np.sqrt(NOISE_VARIANCE) * rng.standard_normal((num_samples, 4))
        self.x = (latents @ self.kernel + self.bias + noise).astype("float32")
        self.mean = (self.x - self.bias) @ weights

    def log_prob(self):
        """Exact log p(x)."""
        covariance = self.kernel.T @ self.kernel + NOISE_VARIANCE * np.eye(4)
        return stats.multivariate_normal(self.bias, covariance).logpdf(self.x)

    def conditional(self, z):
        """log p(x | z)."""
        spread = np.sqrt(NOISE_VARIANCE)
        return stats.norm.logpdf(self.x, z @ self.kernel + self.bias, spread).sum(1)

    def kl(self):
        """KL(q(z | x) || p(z))."""
        log_var = self.log_var
        return 0.5 * (self.mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)

    def elbo(self):
        """Exact ELBO: the expectation of log p(x | z) is quadratic in z."""
        spread = (np.exp(self.log_var)[:, None] * self.kernel**2).sum()
        return self.conditional(self.mean) - spread / (2 * NOISE_VARIANCE) - self.kl()


def test_contract(tmp_path):
    def make_model():
        return make_vae(
            Gaussian("learned", 0.5),
            beta=2.0,
            annealing=LinearAnnealing(3),
            free_bits=0.1,
            seed=7,
            name="mine",
        )

    contracts.check_model(
        make_model, images(40), tmp_path, ("num_classes", "prior_penalty")
    )


def test_the_exact_posterior_makes_the_bound_exact_at_one_sample():
    linear = LinearGaussian(is_exact=True)
    expected = linear.log_prob()
    for num_samples in (1, 12):
        actual = linear.vae.log_likelihood(linear.x, num_samples)
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, expected, atol=2e-4)
    np.testing.assert_allclose(linear.vae.elbo(linear.x), expected, atol=2e-4)


def test_log_likelihood_approaches_log_p_from_below():
    linear = LinearGaussian(is_exact=False)
    exact = linear.log_prob()
    gaps = [
        (exact - linear.vae.log_likelihood(linear.x, num_samples)).mean()
        for num_samples in (1, 8, 64, 500)
    ]
    # The gap closes, and does not open again but for sampling noise.
    assert gaps[0] > 0.1
    assert (np.diff(gaps) < 0.005).all()
    assert abs(gaps[-1]) < 0.01
    tight = linear.vae.log_likelihood(linear.x, 500)
    np.testing.assert_allclose(tight, exact, atol=0.25)


def test_elbo_against_its_closed_form():
    linear = LinearGaussian(is_exact=False)
    actual = linear.vae.elbo(linear.x, num_samples=500)
    np.testing.assert_allclose(actual.mean(), linear.elbo().mean(), atol=0.02)
    np.testing.assert_allclose(actual, linear.elbo(), atol=0.5)
    assert (linear.elbo() < linear.log_prob()).all()
    # One draw at a time, the importance-weighted bound is the ELBO.
    one = linear.vae.log_likelihood(linear.x, 1, seed=5)
    np.testing.assert_array_equal(one, linear.vae.elbo(linear.x, 1, seed=5))


@pytest.mark.eager
@pytest.mark.parametrize(
    ("num_samples", "num_draws", "seeds"),
    [(256, 500, (0,)), pytest.param(1000, 5000, (0, 1, 2), marks=pytest.mark.slow)],
)
def test_an_encoder_half_as_wide_again_is_its_divergence_short(
    num_samples, num_draws, seeds
):
    """Of the exact posterior's means and 1.5 times its standard deviations.

    log p(x) - ELBO is KL(q(z | x) || p(z | x)), d (s^2 - 1 - log s^2) / 2 for every x:
    0.439 nats for d=2; the bound of many draws is tight.
    """
    linear = LinearGaussian(is_exact=True, num_samples=num_samples)
    widths = linear.log_var + 2 * np.log(1.5)
    kernel, bias = linear.vae.encoder.get_weights()
    bias[2:] = widths
    linear.vae.encoder.set_weights([kernel, bias])
    expected = 2 * (1.5**2 - 1 - np.log(1.5**2)) / 2
    assert expected == pytest.approx(0.439, abs=5e-4)
    exact = linear.log_prob()
    posterior = linear.log_var
    kl = 0.5 * (np.exp(widths - posterior) - 1 - (widths - posterior)).sum()
    assert kl == pytest.approx(expected)
    for seed in seeds:
        one = linear.vae.log_likelihood(linear.x, 1, seed)
        # One draw of each sample: a standard deviation of 1.25 nats.
        noise = 4 * 1.25 / np.sqrt(num_samples)
        assert (exact - one).mean() == pytest.approx(kl, abs=noise)
        many = linear.vae.elbo(linear.x, 200, seed)
        assert (exact - many).mean() == pytest.approx(kl, abs=0.02)
        tight = linear.vae.log_likelihood(linear.x, num_draws, seed)
        assert abs((exact - tight).mean()) < 0.01


def test_loss_at_beta_one_is_the_negative_elbo():
    """With the draw of z that `evaluate` makes, and the KL term in closed form."""
    linear = LinearGaussian(is_exact=False)
    noise = random.Noise(linear.vae.seed, -1, np.arange(64, dtype="int32"))
    epsilon = ops.convert_to_numpy(noise.normal("posterior", (2,)))
    z = linear.mean + np.exp(linear.log_var / 2) * epsilon
    reconstruction = -linear.conditional(z).mean()
    terms = linear.vae.evaluate(linear.x, batch_size=24, verbose=0, return_dict=True)
    np.testing.assert_allclose(terms["reconstruction_nats"], reconstruction, rtol=1e-5)
    np.testing.assert_allclose(terms["kl_nats"], linear.kl().mean(), rtol=1e-5)
    np.testing.assert_allclose(
        terms["loss"], reconstruction + linear.kl().mean(), rtol=1e-5
    )


def test_seeds_of_the_bound():
    linear = LinearGaussian(is_exact=False)
    first, second = (linear.vae.elbo(linear.x, 3, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, linear.vae.elbo(linear.x, 3, seed=0))
    for arguments in ({"num_samples": 0}, {"num_samples": 1.5}, {"seed": -1}):
        with pytest.raises(ValueError, match="Received: "):
            linear.vae.log_likelihood(linear.x, **arguments)


def test_kl_against_monte_carlo():
    def kl(*moments):
        return ops.convert_to_numpy(latent_kl(*map(ops.convert_to_tensor, moments)))

    rng = np.random.default_rng(0)
    mean, log_var = rng.standard_normal((2, 5, 3)).astype("float32")
    z = mean + np.exp(log_var / 2) * rng.standard_normal((400_000, 5, 3))
    log_ratio = stats.norm.logpdf(z, mean, np.exp(log_var / 2)) - stats.norm.logpdf(z)
    actual = kl(mean, log_var)
    np.testing.assert_allclose(actual, log_ratio.mean(0), rtol=0.02, atol=2e-3)
    zeros = np.zeros((2, 3), "float32")
    np.testing.assert_array_equal(kl(zeros, zeros), 0)


@pytest.mark.eager
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_likelihood_trains(name):
    vae = make_vae(LIKELIHOODS[name]())
    weights = vae.likelihood.get_weights()
    history = vae.fit(images(32), batch_size=32, epochs=60, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.mean(history["loss"][-5:]) < np.mean(history["loss"][:5]) - 5
    assert vae.generate(2, seed=0).shape == (2, *SHAPE)
    assert vae.reconstruct(images(3)).shape == (3, *SHAPE)
    # A learned scale is one of the player's variables.
    for before, after in zip(weights, vae.likelihood.get_weights(), strict=True):
        assert before != after
    assert len(weights) == (name in ("learned", "logistic"))
    if vae.likelihood.is_discrete:
        bits = vae.bits_per_dim(images(4), num_samples=20)
        nats = vae.log_likelihood(images(4), num_samples=20)
        np.testing.assert_allclose(bits, -nats / (64 * np.log(2)))
        assert ((bits > 0) & (bits < 16)).all()
        with pytest.raises(ValueError, match="dtype=float32"):
            vae.bits_per_dim(images(4).astype("float32") / 127.5 - 1)
    else:
        with pytest.raises(ValueError, match="Received: .*, dtype=uint8"):
            vae.bits_per_dim(images(4))


def test_beta_weighs_the_kl_term():
    for beta in (0.0, 1.0, 4.0):
        history = make_vae(beta=beta).fit(images(16), epochs=2, verbose=0).history
        np.testing.assert_allclose(
            history["loss"],
            np.add(history["reconstruction_nats"], beta * np.array(history["kl_nats"])),
            rtol=1e-5,
        )


def test_encode_and_reconstruct():
    vae, x = make_vae(), images(5)
    vae.fit(images(32), epochs=5, verbose=0)
    model_domain = x.astype("float32") / 127.5 - 1
    moments = ops.convert_to_numpy(vae.encoder(model_domain, training=False))
    mean, log_var = vae.encode_distribution(x)
    np.testing.assert_allclose(mean, moments[:, :3], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_var, moments[:, 3:], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(vae.encode(x), mean)
    np.testing.assert_allclose(vae.encode(model_domain), mean, atol=1e-5)
    unit = x.astype("float32") / 255
    np.testing.assert_allclose(vae.encode(unit, value_range=(0, 1)), mean, atol=1e-4)
    with pytest.raises(ValueError, match=r"Received: float32 values in \[0"):
        vae.encode(np.maximum(unit, 0.01))
    logits = ops.convert_to_numpy(vae.decoder(mean, training=False))
    expected = np.trunc(np.clip(255 / (1 + np.exp(-logits)) + 0.5, 0, 255))
    actual = vae.reconstruct(x)
    assert actual.dtype == "uint8"
    assert np.abs(actual - expected).max() <= 1
    called = ops.convert_to_numpy(vae(model_domain))
    np.testing.assert_allclose(called, 2 / (1 + np.exp(-logits)) - 1, atol=1e-4)
    np.testing.assert_allclose(vae.predict(model_domain, verbose=0), called, atol=1e-5)


def test_interpolate_ends_at_the_reconstructions():
    vae, a, b = make_vae(), images(3), images(3, seed=1)
    for mode in ("linear", "spherical"):
        path = vae.interpolate(a, b, 4, mode)
        assert path.shape == (3, 4, *SHAPE)
        for position, end in ((0, a), (-1, b)):
            ours, theirs = path[:, position].astype(int), vae.reconstruct(end)
            assert np.abs(ours - theirs).max() <= 1
    single = vae.interpolate(a[0], b[0], 4, mode)
    assert np.abs(single.astype(int) - path[0]).max() <= 1
    for arguments in ((1, "linear"), (3, "cubic")):
        with pytest.raises(ValueError, match="Received: num_steps="):
            vae.interpolate(a, b, *arguments)
    with pytest.raises(ValueError, match="Received: "):
        vae.interpolate(a, b[:2], 4)


@pytest.mark.parametrize("beta", [-0.1, np.nan, np.inf])
def test_wrong_beta(beta):
    vae = make_vae()
    with pytest.raises(ValueError, match=f"`beta` .*Received: beta={beta}"):
        VAE(vae.encoder, vae.decoder, beta=beta)


def test_networks_must_fit_together():
    vae = models.dense_vae((4,), latent_dim=2, hidden=(3,))
    other = models.dense_vae((4,), latent_dim=3, hidden=(3,))
    with pytest.raises(ValueError, match=r"\(batch, 4\).*Received: \(None, 6\)"):
        VAE(other.encoder, vae.decoder)
    with pytest.raises(ValueError, match=r"\(batch, 8\).*Received: \(None, 4\)"):
        VAE(vae.encoder, vae.decoder, Gaussian("predicted"))
    with pytest.raises(ValueError, match="`encoder` is a built keras.Model"):
        VAE(keras.Sequential([layers.Dense(4)]), vae.decoder)
    with pytest.raises(ValueError, match="Received: likelihood='normal'"):
        VAE(vae.encoder, vae.decoder, "normal")


@pytest.mark.parametrize("likelihood", ["bernoulli", "discretized_logistic"])
def test_vectors_beyond_what_a_likelihood_knows(likelihood):
    """The cross-entropy of such values has no lower bound."""
    vae = models.dense_vae((3,), latent_dim=2, hidden=(4,), likelihood=likelihood)
    vae.compile("adam")
    x = np.random.default_rng(0).uniform(-1, 1, (8, 3)).astype("float32")
    before = vae.get_weights()
    with pytest.raises(ValueError, match=r"vectors in \[-1, 1\] for the model's like"):
        vae.fit(3 * x, verbose=0)
    for a, b in zip(before, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    vae.fit(x, verbose=0)
    gaussian = models.dense_vae((3,), 2, hidden=(4,), likelihood="gaussian")
    assert gaussian.encode(3 * x).shape == (8, 2)
