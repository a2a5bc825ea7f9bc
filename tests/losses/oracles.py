"""Every named pair of losses in NumPy and float64: values and gradients."""

import keras
import numpy as np
from keras import ops

from kerasgen import backend


def softplus(x):
    return np.logaddexp(0.0, x)


def hinge(x):
    return np.maximum(0.0, 1.0 + x)


def limit(v):
    """The straight line that exp goes on in above 20."""
    return np.where(v > 20.0, 20.0 + np.log1p(np.maximum(v - 20.0, 0.0)), v)


def both_limits(v):
    return -limit(-limit(v))


class Separable:
    """Means of one term for each real and each fake logit."""

    def __init__(self, real_term, fake_term, generator_term):
        self.terms = real_term, fake_term
        self.generator_term = generator_term

    def discriminator(self, real, fake):
        return self.terms[0](real).mean() + self.terms[1](fake).mean()

    def generator(self, real, fake):
        return self.generator_term(fake).mean()

    def discriminator_gradients(self, real, fake):
        return slope(self.terms[0], real), slope(self.terms[1], fake)

    def generator_gradients(self, real, fake):
        return np.zeros_like(real), slope(self.generator_term, fake)


class Relativistic:
    """Terms of logits less the other kind's mean."""

    def __init__(self, real_term, fake_term):
        self.terms = real_term, fake_term

    def discriminator(self, real, fake):
        above = self.terms[0](real - fake.mean()).mean()
        return above + self.terms[1](fake - real.mean()).mean()

    def generator(self, real, fake):
        return self.discriminator(fake, real)

    def discriminator_gradients(self, real, fake):
        by_real = slope(self.terms[0], real - fake.mean())
        by_fake = slope(self.terms[1], fake - real.mean())
        return by_real - by_fake.mean(), by_fake - by_real.mean()

    def generator_gradients(self, real, fake):
        return self.discriminator_gradients(fake, real)[::-1]


def slope(term, x):
    h = 1e-6 * np.maximum(1.0, np.abs(x))
    return (term(x + h) - term(x - h)) / (2.0 * h)


def least_squares(a, b, c):
    return Separable(*[lambda x, t=t: 0.5 * (x - t) ** 2 for t in (b, a, c)])


def smoothing(real, fake):
    def cross_entropy(label):
        return lambda x: label * softplus(-x) + (1 - label) * softplus(x)

    return Separable(cross_entropy(real), cross_entropy(fake), lambda x: softplus(-x))


def f_gan(activation, conjugate):
    return Separable(
        lambda v: -activation(v), lambda v: conjugate(v), lambda v: -conjugate(v)
    )


ORACLES = {
    "minimax": Separable(lambda x: softplus(-x), softplus, lambda x: -softplus(x)),
    "non_saturating": Separable(
        lambda x: softplus(-x), softplus, lambda x: softplus(-x)
    ),
    "one_sided_label_smoothing": smoothing(0.9, 0.0),
    "two_sided_label_smoothing": smoothing(0.9, 0.1),
    "hinge": Separable(lambda x: hinge(-x), hinge, lambda x: -x),
    "wasserstein": Separable(lambda x: -x, lambda x: x, lambda x: -x),
    "least_squares": least_squares(0.0, 1.0, 1.0),
    "least_squares_pearson": least_squares(-1.0, 1.0, 0.0),
    "relativistic_average": Relativistic(lambda x: softplus(-x), softplus),
    "relativistic_average_hinge": Relativistic(lambda x: hinge(-x), hinge),
    "relativistic_average_least_squares": Relativistic(
        lambda x: 0.5 * (x - 1.0) ** 2, lambda x: 0.5 * (x + 1.0) ** 2
    ),
    "ebgan": Separable(lambda x: x, lambda x: hinge(-x), lambda x: x),
    # Table 2 and 6 of the paper: g(v), and f*(g(v)).
    "f_gan_kl": f_gan(limit, lambda v: np.exp(limit(v) - 1.0)),
    "f_gan_reverse_kl": f_gan(lambda v: -np.exp(limit(-v)), lambda v: -1.0 - limit(-v)),
    "f_gan_pearson_chi2": f_gan(lambda v: v, lambda v: v**2 / 4.0 + v),
    "f_gan_squared_hellinger": f_gan(
        lambda v: 1.0 - np.exp(-both_limits(v)),
        lambda v: np.exp(both_limits(v)) - 1.0,
    ),
    "f_gan_jensen_shannon": f_gan(
        lambda v: np.log(2.0) - softplus(-v), lambda v: softplus(v) - np.log(2.0)
    ),
    "f_gan_gan": f_gan(lambda v: -softplus(-v), softplus),
    "f_gan_total_variation": f_gan(
        lambda v: np.tanh(v) / 2.0, lambda v: np.tanh(v) / 2.0
    ),
}


def logits(shape, seed):
    return (4 * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def evaluate(fn, real, fake):
    """The loss and its gradients by the real and the fake logits."""
    variables = [keras.Variable(x) for x in (real, fake)]
    (loss, _), gradients = backend.value_and_grad(
        lambda: (fn(variables[0].value, variables[1].value), ()), variables
    )
    assert tuple(loss.shape) == ()
    return float(ops.convert_to_numpy(loss)), *map(ops.convert_to_numpy, gradients)
