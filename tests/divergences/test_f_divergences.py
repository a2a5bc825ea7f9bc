"""The table of f-GAN, proven in numbers: f, its conjugate and its activation."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend, divergences

NAMES = sorted(divergences.f_divergences.NAMED)
FUNCTIONS = {
    "kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "pearson_chi2": lambda u: (u - 1) ** 2,
    "squared_hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "jensen_shannon": lambda u: -(u + 1) * np.log((1 + u) / 2) + u * np.log(u),
    "gan": lambda u: u * np.log(u) - (u + 1) * np.log(u + 1),
    "total_variation": lambda u: np.abs(u - 1) / 2,
}
AT_ZERO = {
    "kl": 0.0,
    "reverse_kl": np.inf,
    "pearson_chi2": 1.0,
    "squared_hellinger": 1.0,
    "jensen_shannon": np.log(2.0),
    "gan": 0.0,
    "total_variation": 0.5,
}


def tensor_function(fn, x):
    return ops.convert_to_numpy(fn(np.asarray(x, "float32"))).astype("float64")


@pytest.mark.parametrize("name", NAMES)
def test_f(name):
    u = np.geomspace(1e-6, 1e6, 101)
    divergence = divergences.get(name)
    expected = FUNCTIONS[name](u)
    np.testing.assert_allclose(divergence.f(u), expected, rtol=1e-9, atol=1e-12)
    at_zero = divergence.f([0.0, 1e-300])
    np.testing.assert_allclose(at_zero[0], AT_ZERO[name], rtol=1e-15, atol=1e-300)
    assert divergence.f(1.0) == pytest.approx(-np.log(4) if name == "gan" else 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_f_is_convex_and_has_its_slopes(name):
    divergence = divergences.get(name)
    u = np.linspace(0.01, 5.0, 500)
    assert (np.diff(divergence.f(u), 2) > -1e-12).all()
    if name != "total_variation":  # its f has a corner at 1
        slope = (divergence.f(1 + 1e-6) - divergence.f(1 - 1e-6)) / 2e-6
        assert divergence.slope_at_one == pytest.approx(slope, abs=1e-8)
    far = divergence.f(1e12) / 1e12
    if np.isinf(divergence.slope_at_infinity):
        assert far > 25
    else:
        assert divergence.slope_at_infinity == pytest.approx(far, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_ratios_out_of_range(name):
    """exp(-800) is 0 and exp(800) infinite; neither makes a NaN."""
    divergence = divergences.get(name)
    low, high = divergence.f_of_log_ratio([-800.0, 800.0])
    at_zero = 800.0 if name == "reverse_kl" else AT_ZERO[name]
    np.testing.assert_allclose(low, at_zero, rtol=1e-15, atol=1e-300)
    expected = {"reverse_kl": -800.0, "gan": -801.0}.get(name, np.inf)
    np.testing.assert_allclose(high, expected, rtol=1e-15)


# Inside the domains of the conjugates.
ARGUMENTS = {
    "kl": np.linspace(-5.0, 3.0, 41),
    "reverse_kl": -np.geomspace(1e-2, 50.0, 41),
    "pearson_chi2": np.linspace(-5.0, 5.0, 41),
    "squared_hellinger": np.concatenate([np.linspace(-20.0, 0.9, 40), [0.99]]),
    "jensen_shannon": np.linspace(-8.0, np.log(2.0) - 1e-2, 41),
    "gan": np.linspace(-8.0, -1e-2, 41),
    "total_variation": np.linspace(-0.5, 0.5, 41),
}


@pytest.mark.parametrize("name", NAMES)
def test_conjugates_are_suprema(name):
    """Of `t u - f(u)`, found on a grid; the two polynomial f are those of all u."""
    divergence, t = divergences.get(name), ARGUMENTS[name]
    u = np.geomspace(1e-9, 1e9, 400_001)
    f = divergence.f(u)
    if name in ("pearson_chi2", "total_variation"):
        u = np.linspace(-20.0, 20.0, 400_001)
        f = FUNCTIONS[name](u)
    supremum = np.array([np.max(value * u - f) for value in t])
    actual = tensor_function(divergence.conjugate, t)
    np.testing.assert_allclose(actual, supremum, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_conjugates_are_infinite_outside_their_domain(name):
    divergence = divergences.get(name)
    low, high = divergence.domain
    outside = [t for t in (low - 1.0, high + 1.0) if np.isfinite(t)]
    assert all(tensor_function(divergence.conjugate, t) == np.inf for t in outside)
    expected = {"total_variation": 2, "kl": 0, "pearson_chi2": 0}
    assert len(outside) == expected.get(name, 1)


@pytest.mark.parametrize("name", NAMES)
def test_conjugate_of_activation(name):
    divergence = divergences.get(name)
    v = np.linspace(-6.0, 6.0, 121)
    actual = tensor_function(divergence.conjugate_of_activation, v)
    composed = tensor_function(
        lambda v: divergence.conjugate(divergence.activation(v)), v
    )
    np.testing.assert_allclose(actual, composed, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_activations_grow_and_stay_in_the_domain(name):
    divergence = divergences.get(name)
    low, high = divergence.domain
    v = np.concatenate([-np.geomspace(1e4, 1e-2, 60), np.geomspace(1e-2, 1e4, 60)])
    t = tensor_function(divergence.activation, v)
    assert np.isfinite(t).all()
    assert (np.diff(t) >= 0).all()
    assert (np.diff(t[(v > -4) & (v < 4)]) > 0).all()
    assert t.min() >= low and t.max() <= np.float32(high)
    cost = tensor_function(divergence.conjugate_of_activation, v)
    assert np.isfinite(cost).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_critic_bounds_from_below(name):
    """`g(v) u - f*(g(v)) <= f(u)`, beyond the limits of the exponentials too."""
    divergence = divergences.get(name)
    v = np.concatenate([np.linspace(-12, 12, 241), [-1e4, -50, -21, 21, 50, 1e4]])
    t = tensor_function(divergence.activation, v)
    cost = tensor_function(divergence.conjugate_of_activation, v)
    for u in np.geomspace(1e-3, 1e3, 31):
        bound = t * u - cost
        scale = 1.0 + np.abs(t * u) + np.abs(cost)
        assert ((bound - divergence.f(u)) / scale < 1e-6).all()
        # Tight at the best v, where the grid comes near it.
        if 0.05 < u < 6.0:
            assert bound.max() > divergence.f(u) - 5e-3 * max(1.0, u)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_at_the_edge_of_the_domain_are_finite_in_the_loss(name):
    """Where a conjugate is infinite, its composition with the activation is not."""
    divergence = divergences.get(name)
    variable = keras.Variable(np.array([-1e4, -30.0, 0.0, 30.0, 1e4], "float32"))

    def fn():
        v = variable.value
        both = divergence.activation(v) + divergence.conjugate_of_activation(v)
        return ops.sum(both), ()

    _, (gradient,) = backend.value_and_grad(fn, [variable])
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize("name", NAMES)
def test_serialization(name):
    divergence = divergences.get(name)
    config = keras.saving.serialize_keras_object(divergence)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(divergence)


def test_get_keeps_a_user_s_divergence():
    mine = divergences.PearsonChi2()
    assert divergences.get(mine) is mine


@pytest.mark.parametrize("name", ["js", "KL", None, divergences.PearsonChi2])
def test_unknown_name(name):
    with pytest.raises(ValueError, match=r"\['gan', .* Received: divergence="):
        divergences.get(name)
