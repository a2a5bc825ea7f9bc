"""Every named pair of losses against NumPy in float64."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import divergences, losses
from tests.losses.oracles import ORACLES, evaluate, logits, slope

# Their sums are exact in float32, so that relativistic means are.
EXTREMES = np.array([[-1e4], [1e4], [-88.0], [88.0], [0.0], [2**-10]], "float32")
SHAPES = [(6,), (6, 1), (2, 3, 3, 1)]


def cases():
    for shape in SHAPES:
        yield logits(shape, 1), logits(shape, 2)
    yield EXTREMES, EXTREMES[::-1].copy()


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("name", ORACLES)
def test_loss_and_gradients(name, player):
    loss, oracle = losses.get(name), ORACLES[name]
    for real, fake in cases():
        wide = real.astype("float64"), fake.astype("float64")
        value, *gradients = evaluate(getattr(loss, player), real, fake)
        # Logits of 1e4 cancel in a mean.
        tolerance = 1e-6 * max(np.abs(real).max(), np.abs(fake).max())
        expected = getattr(oracle, player)(*wide)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=tolerance)
        expected = getattr(oracle, f"{player}_gradients")(*wide)
        # Where a gradient holds the mean of others, it holds their rounding errors.
        rounding = 0.0
        if loss.needs_real_logits:
            rounding = float(np.finfo("float32").eps) * np.abs(expected).max()
        for gradient, column in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(
                gradient * real.size, column, rtol=1e-5, atol=2e-6 + rounding
            )


@pytest.mark.parametrize("name", ORACLES)
def test_a_generator_needs_the_real_logits_only_if_it_says_so(name):
    loss = losses.get(name)
    real, fake = logits((6, 1), 1), logits((6, 1), 2)
    _, by_real, _ = evaluate(loss.generator, real, fake)
    assert by_real.any() == loss.needs_real_logits
    if not loss.needs_real_logits:
        loss.generator(None, fake)
    assert loss.needs_real_logits == name.startswith("relativistic_average")


def test_every_pair_of_the_module_has_an_oracle():
    pairs = {
        name
        for name, value in vars(losses).items()
        if isinstance(value, losses.AdversarialLoss)
    }
    assert pairs == set(ORACLES)
    assert pairs < set(losses.__all__)


def test_only_the_non_saturating_generator_learns_from_sure_losses():
    """Where the discriminator is sure of a fake, minimax's gradient vanishes."""
    fake = np.full((3, 1), -1e4, "float32")
    for name, expected in (("non_saturating", -1.0), ("minimax", 0.0)):
        _, _, gradient = evaluate(losses.get(name).generator, fake, fake)
        np.testing.assert_allclose(gradient * 3, np.full((3, 1), expected), atol=1e-6)


def test_values_at_zero_logits():
    zeros = np.zeros((4, 1), "float32")
    expected = {
        "minimax": (2 * np.log(2), -np.log(2)),
        "non_saturating": (2 * np.log(2), np.log(2)),
        "hinge": (2.0, 0.0),
        "wasserstein": (0.0, 0.0),
        "least_squares": (0.5, 0.5),
        "relativistic_average": (2 * np.log(2), 2 * np.log(2)),
        "relativistic_average_least_squares": (1.0, 1.0),
        "ebgan": (1.0, 0.0),
        "f_gan_gan": (2 * np.log(2), -np.log(2)),
        "f_gan_jensen_shannon": (0.0, 0.0),
        "f_gan_total_variation": (0.0, 0.0),
    }
    for name, values in expected.items():
        loss = losses.get(name)
        actual = [
            float(fn(zeros, zeros)) for fn in (loss.discriminator, loss.generator)
        ]
        np.testing.assert_allclose(actual, values, rtol=1e-6, atol=1e-7)


def test_the_f_gan_of_the_gan_is_the_minimax_gan():
    real, fake = logits((6, 1), 1), logits((6, 1), 2)
    for player in ("discriminator", "generator"):
        one, other = (
            float(getattr(losses.get(name), player)(real, fake))
            for name in ("f_gan_gan", "minimax")
        )
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(divergences.f_divergences.NAMED))
def test_non_saturating_f_gan(name):
    """Section 3.2: the generator makes its fakes' T large."""
    loss = losses.FGAN(name, non_saturating=True)
    oracle = ORACLES[f"f_gan_{name}"]
    for real, fake in cases():
        wide = fake.astype("float64")
        value, _, gradient = evaluate(loss.generator, real, fake)
        expected = oracle.terms[0](wide).mean()
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-2)
        np.testing.assert_allclose(
            gradient * fake.size, slope(oracle.terms[0], wide), rtol=1e-5, atol=2e-6
        )


def test_the_alternative_f_gan_learns_from_sure_losses():
    """Where the critic of the KL is sure of a fake, the paper's objective is flat."""
    fake = np.full((3, 1), -30.0, "float32")
    for non_saturating, expected in ((False, 0.0), (True, -1.0)):
        loss = losses.FGAN("kl", non_saturating)
        _, _, gradient = evaluate(loss.generator, fake, fake)
        np.testing.assert_allclose(gradient * 3, np.full((3, 1), expected), atol=1e-6)


CHANGED = [
    losses.AdversarialLoss(
        losses.log_loss_discriminator, losses.hinge.generator, needs_real_logits=True
    ),
    losses.LabelSmoothing(real=0.8, fake=0.15),
    losses.LeastSquares(a=-2.0, b=3.0, c=1.5),
    losses.RelativisticAverage(losses.hinge_discriminator),
    losses.EnergyBased(margin=2.5),
    losses.FGAN("reverse_kl", non_saturating=True),
    losses.FGAN(divergences.SquaredHellinger()),
]


@pytest.mark.parametrize("loss", [*map(losses.get, ORACLES), *CHANGED])
def test_serialization(loss):
    config = keras.saving.serialize_keras_object(loss)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(loss)
    assert copy.get_config() == loss.get_config()
    assert copy.needs_real_logits == loss.needs_real_logits
    assert copy.threshold == loss.threshold
    real, fake = logits((6, 1), 1), logits((6, 1), 2)
    for player in ("discriminator", "generator"):
        pair = [float(getattr(each, player)(real, fake)) for each in (loss, copy)]
        assert pair[0] == pair[1]


def test_get_keeps_a_user_s_pair():
    mine = losses.AdversarialLoss(
        losses.wasserstein.discriminator, losses.minimax.generator
    )
    assert losses.get(mine) is mine


@pytest.mark.parametrize("loss", ["hing", "AdversarialLoss", "get", None, 1, ops.mean])
def test_unknown_name(loss):
    with pytest.raises(ValueError, match=r"\['ebgan', .*'hinge', .* Received: loss="):
        losses.get(loss)


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.LabelSmoothing(real=0.0),
        lambda: losses.LabelSmoothing(real=1.1),
        lambda: losses.LabelSmoothing(real=0.5, fake=0.5),
        lambda: losses.LabelSmoothing(fake=-0.1),
        lambda: losses.LabelSmoothing(real=np.nan),
        lambda: losses.LeastSquares(a=1.0, b=1.0),
        lambda: losses.LeastSquares(a=0.0, b=1.0, c=0.0),
        lambda: losses.LeastSquares(c=np.inf),
        lambda: losses.EnergyBased(margin=0.0),
        lambda: losses.EnergyBased(margin=np.nan),
        lambda: losses.FGAN("js"),
        lambda: losses.FGAN(None),
        lambda: losses.FGAN("kl", non_saturating="no"),
        lambda: losses.AdversarialLoss("x", losses.minimax_generator),
        lambda: losses.AdversarialLoss(losses.hinge_discriminator, None),
        lambda: losses.AdversarialLoss(ops.mean, ops.mean, needs_real_logits="no"),
    ],
)
def test_parameters_out_of_range(make):
    with pytest.raises(ValueError, match="Received: "):
        make()


@pytest.mark.parametrize(
    "loss, real, fake, expected",
    [
        (losses.hinge, [1.0, -1.0], [0.0, -3.0], (0.5, 0.5)),
        (losses.least_squares, [0.6, 0.4], [0.4, 0.6], (0.5, 0.5)),
        (losses.LabelSmoothing(0.5, 0.25), [0.0, -1.0], [-1.0, -0.4], (0.5, 0.5)),
        (losses.f_gan_kl, [0.9, 1.1, 1.2], [0.9, 0.5, 1.1], (2 / 3, 2 / 3)),
        (losses.f_gan_reverse_kl, [0.1, -0.1], [-0.2, -0.1], (0.5, 1.0)),
        (losses.relativistic_average, [7.0, 4.0], [6.0, 5.0], (0.5, 0.5)),
        (losses.EnergyBased(4.0), [1.0, 1.9, 2.1], [1.0, 3.0, 5.0], (2 / 3, 2 / 3)),
    ],
)
def test_accuracies(loss, real, fake, expected):
    real, fake = np.array(real, "float32"), np.array(fake, "float32")
    actual = [float(value) for value in loss.accuracies(real, fake)]
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(divergences.f_divergences.NAMED))
def test_accuracy_of_an_f_gan_is_decided_where_p_equals_q(name):
    """f'(1) is the activation of 1 for the KL and of 0 for all others."""
    critical = 1.0 if name == "kl" else 0.0
    below, above = np.array([critical - 0.01]), np.array([critical + 0.01])
    loss = losses.FGAN(name)
    assert [float(a) for a in loss.accuracies(above, below)] == [1.0, 1.0]
    assert [float(a) for a in loss.accuracies(below, above)] == [0.0, 0.0]


@pytest.mark.parametrize("name", ["wasserstein", "relativistic_average"])
def test_accuracies_do_not_depend_on_a_constant(name):
    """Nor does the loss, so that no score alone is that of a real sample."""
    loss, rng = losses.get(name), np.random.default_rng(0)
    real, fake = rng.normal(0.5, 1.0, (50, 1)), rng.normal(-0.5, 1.0, (50, 1))
    expected = (real > fake.mean()).mean(), (fake < real.mean()).mean()
    for constant in (0.0, -100.0, 100.0):
        scores = [ops.convert_to_tensor(x + constant, "float32") for x in (real, fake)]
        found = [float(ops.convert_to_numpy(a)) for a in loss.accuracies(*scores)]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_relativistic_losses_are_decided_at_zero():
    pair = losses.RelativisticAverage(losses.hinge)
    real, fake = logits((6, 1), 1), logits((6, 1), 2)
    own = losses.relativistic_average_hinge
    assert float(pair.discriminator(real, fake)) == float(own.discriminator(real, fake))
    for wrong in (
        losses.least_squares,
        losses.ebgan,
        losses.relativistic_average,
        losses.LeastSquares,
        losses.wasserstein,
        losses.wasserstein_discriminator,
        "hinge",
        None,
    ):
        with pytest.raises(ValueError, match="Received: "):
            losses.RelativisticAverage(wrong)


def test_a_relativistic_loss_that_could_not_be_loaded_is_not_saved():
    def mine(real, fake):
        return ops.mean(fake - real)

    for function in (mine, lambda real, fake: ops.mean(fake - real)):
        loss = losses.RelativisticAverage(function)
        with pytest.raises(NotImplementedError, match="register.*Received: .*function"):
            keras.saving.serialize_keras_object(loss)
    with keras.saving.custom_object_scope({"mine": mine}):
        config = keras.saving.serialize_keras_object(losses.RelativisticAverage(mine))
        copy = keras.saving.deserialize_keras_object(config)
    assert copy.discriminator_loss is mine


@pytest.mark.parametrize("labels", [("0.9", 0.0), (0.9, None), (np.nan, 0.0)])
def test_labels_of_smoothing_are_numbers(labels):
    with pytest.raises(ValueError, match="Received: real="):
        losses.LabelSmoothing(*labels)
