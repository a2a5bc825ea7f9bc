"""What a decoder's output means: p(x | z) over images in [-1, 1] or vectors.

A likelihood is a layer, since some have a learned scale. `num_parameters` is how many
channels the decoder must emit for each channel of the data.
"""

import math

import keras
from keras import ops

from kerasgen.arguments import check_non_negative, check_positive

LOG_2PI = math.log(2.0 * math.pi)
LOG_SCALE_RANGE = (-7.0, 7.0)


class Likelihood(keras.layers.Layer):
    """Base: `log_prob(x, parameters)` in nats and `mean(parameters)`.

    Attributes:
        num_parameters: Channels of the decoder's output a channel of the data.
        is_discrete: Whether it is a probability over the 256 levels of uint8 images,
            so that bits per dimension mean something.
        is_bounded: Whether it is one of values in [-1, 1] only.
    """

    num_parameters = 1
    is_discrete = False
    is_bounded = False

    def __init__(self, name=None):
        super().__init__(name=name)
        # Unbuilt layers make `fit` take a batch off the data to build them.
        self.built = True

    def log_prob(self, x, parameters):
        """Log-likelihood of each sample.

        Args:
            x: float32 (B, ..., C) in the model domain.
            parameters: float (B, ..., C * num_parameters), the decoder's output.

        Returns:
            float32 (B,) in nats.
        """
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def mean(self, parameters):
        """Expected sample in the model domain: float32 (B, ..., C)."""
        return ops.cast(parameters, "float32")

    def get_config(self):
        return {"name": self.name}


@keras.saving.register_keras_serializable(package="kerasgen")
class Bernoulli(Likelihood):
    """Independent pixels in {0, 1}; the decoder emits logits.

    A grey level is taken as the probability of a one, (x + 1) / 2: the cross-entropy
    in common use, which is a normalised likelihood only for binary images. Hence no
    bits per dimension. Vectors, too, lie in [-1, 1].

    Reference: Kingma and Welling 2014, "Auto-Encoding Variational Bayes", appendix C.
    """

    is_bounded = True

    def log_prob(self, x, parameters):
        logits = ops.cast(parameters, "float32")
        target = (ops.cast(x, "float32") + 1.0) / 2.0
        return sum_features(target * logits - ops.softplus(logits))

    def mean(self, parameters):
        return 2.0 * ops.sigmoid(ops.cast(parameters, "float32")) - 1.0


@keras.saving.register_keras_serializable(package="kerasgen")
class Gaussian(Likelihood):
    """Independent Gaussian values around the decoder's output: a density.

    Args:
        variance: "fixed": `initial_variance` throughout. "learned": one variance
            for all pixels, trained with the model. "predicted": the decoder emits
            a mean and a log-variance for each value.
        initial_variance: Variance > 0, in squared units of the model domain.

    Reference: Kingma and Welling 2014, appendix C; Rybkin et al. 2021, "Simple and
    Effective VAE Training with Calibrated Decoders" (learned variance).
    """

    def __init__(self, variance="fixed", initial_variance=1.0, name=None):
        super().__init__(name=name)
        if variance not in ("fixed", "learned", "predicted"):
            raise ValueError(
                "`variance` is 'fixed', 'learned' or 'predicted'. "
                f"Received: variance={variance!r}"
            )
        check_positive("initial_variance", initial_variance)
        self.variance = variance
        self.initial_variance = initial_variance
        self.num_parameters = 2 if variance == "predicted" else 1
        self.log_variance = None
        if variance == "learned":
            self.log_variance = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(math.log(initial_variance)),
                name="log_variance",
                dtype="float32",
                autocast=False,
            )

    def log_prob(self, x, parameters):
        mean, log_variance = self._split(ops.cast(parameters, "float32"))
        squared = ops.square(ops.cast(x, "float32") - mean) * ops.exp(-log_variance)
        return sum_features(-0.5 * (squared + log_variance + LOG_2PI))

    def mean(self, parameters):
        return self._split(ops.cast(parameters, "float32"))[0]

    def _split(self, parameters):
        if self.variance == "predicted":
            mean, log_variance = ops.split(parameters, 2, axis=-1)
            return mean, ops.clip(log_variance, *LOG_SCALE_RANGE)
        if self.variance == "learned":
            return parameters, self.log_variance.value
        return parameters, math.log(self.initial_variance)

    def get_config(self):
        return {
            "variance": self.variance,
            "initial_variance": self.initial_variance,
            "name": self.name,
        }


@keras.saving.register_keras_serializable(package="kerasgen")
class ObservedGaussian(Likelihood):
    """Half the squared error of what was observed: values other than 0.

    For vectors in which 0 stands for nothing known, such as ratings. `log_prob` is
    that of unit variance up to its constant, so that vectors of few observed values
    do not score for the others.

    Args:
        unobserved_weight: Weight >= 0 of the zeros in the error. Where the mere
            presence of a value is the signal, zeros must count a little.

    Raises:
        ValueError: The weight is out of range.

    Reference: Sedhain et al. 2015, "AutoRec: Autoencoders Meet Collaborative
    Filtering", equation 2; Hu et al. 2008, "Collaborative Filtering for Implicit
    Feedback Datasets", section 4 (weights of the zeros).
    """

    def __init__(self, unobserved_weight=0.0, name=None):
        super().__init__(name=name)
        check_non_negative("unobserved_weight", unobserved_weight)
        self.unobserved_weight = unobserved_weight

    def log_prob(self, x, parameters):
        x = ops.cast(x, "float32")
        weights = ops.where(ops.equal(x, 0.0), self.unobserved_weight, 1.0)
        error = ops.square(x - ops.cast(parameters, "float32"))
        return sum_features(-0.5 * weights * error)

    def get_config(self):
        return {"unobserved_weight": self.unobserved_weight, "name": self.name}


@keras.saving.register_keras_serializable(package="kerasgen")
class DiscretizedLogistic(Likelihood):
    """Probability of each of 256 levels under a logistic density, exact for uint8.

    The level at x has the mass of [x - 1/255, x + 1/255]; the lowest and the highest
    level take the tails, so that the levels sum to one.

    Args:
        scale: "learned": one scale for all pixels. "predicted": the decoder emits a
            mean and a log-scale for each value.

    Reference: Kingma et al. 2016, "Improving Variational Inference with Inverse
    Autoregressive Flow", appendix; Salimans et al. 2017, "PixelCNN++", equation 2.
    """

    is_discrete = True
    is_bounded = True

    def __init__(self, scale="learned", name=None):
        super().__init__(name=name)
        if scale not in ("learned", "predicted"):
            raise ValueError(
                f"`scale` is 'learned' or 'predicted'. Received: scale={scale!r}"
            )
        self.scale = scale
        self.num_parameters = 2 if scale == "predicted" else 1
        self.log_scale = None
        if scale == "learned":
            self.log_scale = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(-2.0),
                name="log_scale",
                dtype="float32",
                autocast=False,
            )

    def log_prob(self, x, parameters):
        mean, log_scale = self._split(ops.cast(parameters, "float32"))
        levels = (ops.cast(x, "float32") + 1.0) * 127.5
        log_mass = logistic_log_mass(levels, mean, log_scale, 256)
        return sum_features(log_mass)

    def mean(self, parameters):
        return ops.clip(self._split(ops.cast(parameters, "float32"))[0], -1.0, 1.0)

    def _split(self, parameters):
        if self.scale == "predicted":
            mean, log_scale = ops.split(parameters, 2, axis=-1)
            return mean, ops.clip(log_scale, *LOG_SCALE_RANGE)
        return parameters, self.log_scale.value

    def get_config(self):
        return {"scale": self.scale, "name": self.name}


def logistic_log_mass(levels, mean, log_scale, num_levels):
    """Log-probability of grey levels under a logistic density.

    Levels lie evenly in [-1, 1]. Each has the mass between the points half way to its
    neighbours; the lowest and the highest take the tails, so that they sum to one. It
    is finite wherever the mean is under 1e30, in its gradients too.

    Args:
        levels: float32 (...,) in [0, num_levels - 1].
        mean: float32, broadcasts with `levels`, in the model domain.
        log_scale: float32, as `mean`; within `LOG_SCALE_RANGE`.
        num_levels: Integer >= 2.

    Returns:
        float32 of the broadcast shape, in nats.

    Reference: Salimans et al. 2017, "PixelCNN++", equation 2.
    """
    # In units of a level, whose halves are exact: no mass is lost between neighbours.
    center = (mean + 1.0) * ((num_levels - 1) / 2.0)
    inverse = ops.exp(-log_scale) * (2.0 / (num_levels - 1))
    lower = (levels - 0.5 - center) * inverse
    upper = (levels + 0.5 - center) * inverse
    # log(sigmoid(upper) - sigmoid(lower)) without cancellation.
    inside = ops.log(-ops.expm1(-inverse)) - ops.softplus(-upper)
    inside = inside - ops.softplus(lower)
    log_mass = ops.where(levels < 0.5, -ops.softplus(-upper), inside)
    return ops.where(levels > num_levels - 1.5, -ops.softplus(lower), log_mass)


def sum_features(x):
    """Sum over all axes but the first."""
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))


def get(likelihood):
    """Resolves the name of a likelihood.

    Args:
        likelihood: `Likelihood`, or "bernoulli", "gaussian" or
            "discretized_logistic" for one with default arguments.

    Returns:
        `Likelihood`.

    Raises:
        ValueError: There is no such likelihood.
    """
    if isinstance(likelihood, Likelihood):
        return likelihood
    named = {
        "bernoulli": Bernoulli,
        "gaussian": Gaussian,
        "discretized_logistic": DiscretizedLogistic,
    }
    if not isinstance(likelihood, str) or likelihood not in named:
        raise ValueError(
            f"`likelihood` is a kerasgen.likelihoods.Likelihood or one of "
            f"{sorted(named)}. Received: likelihood={likelihood!r}"
        )
    return named[likelihood]()
