"""FGSM: the direction by hand, and a discriminator's accuracies under it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.adversarial_examples import (
    discriminator_robustness,
    fast_gradient_sign,
)
from kerasgen.models import GAN
from tests.models.tiny_gan import images, make_gan


def linear_gan(kernel, bias=0.0):
    """A GAN on vectors whose discriminator is `kernel . x + bias`."""
    size = len(kernel)
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(size)])
    discriminator = keras.Sequential([keras.Input((size,)), layers.Dense(1)])
    discriminator.layers[0].set_weights([np.array(kernel)[:, None], np.array([bias])])
    return GAN(generator, discriminator, 2)


def test_moves_against_a_quadratic():
    x = np.array([[0.5, -0.2, 0.0], [-0.95, 0.9, 0.3]], "float32")
    moved = fast_gradient_sign(lambda x: ops.sum(x * x, axis=1), x, 0.1)
    expected = [[0.6, -0.3, 0.0], [-1.0, 1.0, 0.4]]
    np.testing.assert_allclose(ops.convert_to_numpy(moved), expected, atol=1e-6)


def test_linear_discriminator_loses_epsilon_times_the_l1_norm():
    """Scores fall by eps |w|_1, so a sample turns where its score is below that."""
    gan = linear_gan([1.0, -2.0])
    real = np.array([[0.1, 0.0], [0.2, 0.0], [0.4, 0.0], [-1.0, 0.0]], "float32")
    fake = -real[:3]
    found = discriminator_robustness(gan, real, fake, [0.0, 0.05, 0.1, 1.0])
    # Scores of the reals 0.1, 0.2, 0.4, -1; they fall by 0, 0.15, 0.3 and 3.
    assert [r.epsilon for r in found] == [0.0, 0.05, 0.1, 1.0]
    assert [r.real_accuracy for r in found] == [0.75, 0.5, 0.25, 0.0]
    np.testing.assert_allclose([r.fake_accuracy for r in found], [1, 2 / 3, 1 / 3, 0])


@pytest.mark.eager
def test_attack_on_images_changes_no_weight_and_stays_in_range():
    gan = make_gan()
    before = [ops.convert_to_numpy(v).copy() for v in gan.variables]
    found = discriminator_robustness(
        gan, images(7), gan.generate(7, seed=0), [0.0, 0.1], batch_size=3
    )
    assert found[1].real_accuracy <= found[0].real_accuracy
    assert found[1].fake_accuracy <= found[0].fake_accuracy
    for old, new in zip(before, gan.variables, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(new))


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf")])
def test_bad_epsilon_is_refused(epsilon):
    with pytest.raises(ValueError, match="`epsilon`"):
        fast_gradient_sign(lambda x: x, np.zeros((1, 1), "float32"), epsilon)


@pytest.mark.parametrize("epsilons", [0.1, [], None, [0.1, -0.1]])
def test_bad_lists_of_epsilons_are_refused_before_any_attack(epsilons):
    gan = linear_gan([1.0])
    samples = np.zeros((2, 1), "float32")
    with pytest.raises(ValueError, match="`epsilons?`.*Received"):
        discriminator_robustness(gan, samples, samples, epsilons)


def test_samples_that_cannot_be_moved_are_refused():
    with pytest.raises(ValueError, match="float samples.*int32"):
        fast_gradient_sign(lambda x: x, np.zeros((1, 1), "int32"), 0.1)
    with pytest.raises(ValueError, match="low < high"):
        fast_gradient_sign(lambda x: x, np.zeros((1, 1), "float32"), 0.1, 1.0, -1.0)


def test_only_a_gan_is_attacked():
    with pytest.raises(ValueError, match="Expected a kerasgen.models.GAN"):
        discriminator_robustness(make_gan().generator, images(2), images(2), [0.0])


def test_a_loss_whose_real_scores_are_low_is_attacked_the_other_way():
    """EBGAN: the energies of reals rise, and those of fakes fall."""
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    discriminator.layers[0].set_weights([0.5 * np.eye(2), np.zeros(2)])
    gan = GAN(generator, discriminator, 2, loss="ebgan")
    # Energies are |x|^2 / 8; a real has less than half the margin, |x| < 2.
    real, fake = np.full((3, 2), 1.2, "float32"), np.full((3, 2), 1.6, "float32")
    free, attacked = discriminator_robustness(gan, real, fake, [0.0, 0.4])
    assert (free.real_accuracy, free.fake_accuracy) == (1.0, 1.0)
    assert (attacked.real_accuracy, attacked.fake_accuracy) == (0.0, 0.0)
