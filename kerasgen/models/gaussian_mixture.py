"""`GaussianMixture`: a mixture of Gaussians over vectors or pixels, fitted by EM."""

import math

import keras
import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import (
    check_levels,
    check_non_negative,
    check_positive_integer,
)
from kerasgen.mixtures import Mixture, conditional_draws, get_kind
from kerasgen.models.expectation_maximization import EMModel
from kerasgen.models.inputs import DataSpec
from kerasgen.models.levels import LevelSpec, levels_to_grey, to_positions
from kerasgen.models.player_training import EVALUATION_STEP
from kerasgen.models.precise_weights import PreciseWeights
from kerasgen.models.row_noise import uniform_rows
from kerasgen.models.sampling_model import COMPLETION_STEP
from kerasgen.networks.shapes import check_data_shape

# Streams of the noise that draws them.
COMPONENT = "component"
DEQUANTIZATION = "dequantization"


@keras.saving.register_keras_serializable(package="kerasgen")
class GaussianMixture(EMModel):
    """A mixture of Gaussians with an exact density, conditionals and responsibilities.

    Images are modelled in levels, 0 to `num_levels - 1`, under uniform dequantisation:
    a value x stands for x + u, u uniform in [0, 1) and seeded, so that values that
    never vary have a density too. `log_likelihood` of an image is the density of x + u
    for one draw of u; its mean is a lower bound of the log-probability of x, the
    density's integral over the cells of its values. Before `fit` all components are
    equal and round.

    EM and all that rests on the density are computed on the host in float64, equal on
    every backend; the weights keep 48 of its 53 bits (`PreciseWeights`). Samples are
    drawn in float32.

    Args:
        data_shape: (height, width, channels) of images or (features,) of vectors.
        num_components: Number of Gaussians.
        covariance: "full": a covariance for each component. "tied": one for all.
            "diagonal": values independent given the component. "ppca": probabilistic
            PCA, few directions of large variance and equal noise in all others; for
            samples of many values.
        num_factors: Directions of each component, 1 to D - 1; for "ppca" only.
        reg_covar: Number >= 0 that each M step adds to the variances, in squared units
            of the vectors, or squared levels.
        num_levels: Evenly spaced grey levels of images, 2 to 256, as in `PixelCNN`. Of
            256 levels float images may lie in between, but for `bits_per_dim`. Not used
            for vectors.
        seed: See `GenerativeModel`; k-means starts from it.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen import datasets, models
    >>> x = datasets.load("gaussian_ring", split="test").images
    >>> model = models.GaussianMixture((2,), num_components=8, seed=0)
    >>> history = model.fit(x, verbose=0)
    >>> model.generate(3, seed=0).shape
    (3, 2)
    >>> model.log_likelihood(x[:4]).dtype
    dtype('float64')

    Reference: Dempster et al. 1977 (EM); Tipping and Bishop 1999, "Mixtures of
    Probabilistic Principal Component Analysers"; Theis et al. 2016, "A Note on the
    Evaluation of Generative Models", section 3.1 (dequantisation).
    """

    def __init__(
        self,
        data_shape,
        num_components,
        covariance="full",
        num_factors=None,
        reg_covar=1e-6,
        num_levels=256,
        seed=None,
        name=None,
    ):
        shape = check_data_shape(data_shape)
        check_positive_integer("num_components", num_components)
        kind = get_kind(covariance, num_factors, math.prod(shape))
        check_non_negative("reg_covar", reg_covar)
        check_levels(num_levels)
        super().__init__(seed=seed, name=name)
        self._data_shape = shape
        self.num_components = num_components
        self.covariance = covariance
        self.num_factors = num_factors
        self.reg_covar = reg_covar
        self.num_levels = num_levels
        self._kind = kind
        is_image = len(shape) == 3
        mean, scale = (num_levels / 2, num_levels / 4) if is_image else (0.0, 1.0)
        means = np.full((num_components, self.num_values), mean)
        components = kind.isotropic(means, scale, num_factors)
        weights = np.full(num_components, 1.0 / num_components)
        arrays = _arrays_of(Mixture(weights, components))
        self.stored = PreciseWeights(arrays, name="mixture")
        self.finish_init()

    @property
    def networks(self):
        return {"mixture": self.stored}

    @property
    def data_shape(self):
        return self._data_shape

    @property
    def mixture(self):
        """The present `kerasgen.mixtures.Mixture`: weights and components."""
        arrays = self.stored.read()
        del arrays["bounds"]
        return Mixture(arrays.pop("weights"), self._kind(**arrays))

    @mixture.setter
    def mixture(self, mixture):
        self.stored.write(_arrays_of(mixture))

    # The density.

    def data_spec(self, value_range=None):
        if len(self.data_shape) == 3 and self.num_levels < 256:
            return LevelSpec(self.num_levels, self.data_shape, None, value_range)
        return DataSpec(self.data_shape, None, value_range, keeps_float64=True)

    def call(self, inputs, training=False):
        """Log-density of samples, in nats, without noise: float32 (B,).

        That of an image is taken at the middle of its levels' cells. `predict` gives
        the same batch by batch; `log_likelihood` is the density in float64.

        Args:
            inputs: uint8 or float (B, ...).
            training: Not used.
        """
        middle = 0.5 if len(self.data_shape) == 3 else 0.0
        return self._log_density(self._values_tensor(inputs) + middle)

    def responsibilities(self, x, value_range=None, *, seed=0):
        """Probability of each component given the sample.

        Args:
            x: As in `log_likelihood`.
            value_range: As in `fit`.
            seed: As in `log_likelihood`.

        Returns:
            float64 (B, num_components), rows sum to 1.
        """
        samples = self.data_spec(value_range).check(x)
        values = self.to_values(samples, seeds.check_seed(seed), EVALUATION_STEP)
        return self.mixture.responsibilities(values)

    def log_likelihood_tensor(self, x, labels):
        values = self._values_tensor(x)
        if len(self.data_shape) == 3:
            rows = ops.arange(ops.shape(x)[0], dtype="int32")
            noise = random.Noise(0, EVALUATION_STEP, rows)
            values = values + noise.uniform(DEQUANTIZATION, (self.num_values,))
        return self._log_density(values)

    def _log_density(self, values):
        tensors = self.stored.tensors()
        log_p = self._kind.log_prob_tensor(tensors, values)
        return ops.logsumexp(ops.log(tensors["weights"]) + log_p, axis=-1)

    def _values_tensor(self, x):
        """What the mixture sees of samples, but for noise: float32 (B, D)."""
        is_image = len(self.data_shape) == 3
        values = ops.reshape(x, (-1, self.num_values))
        if is_image and keras.backend.standardize_dtype(x.dtype) == "uint8":
            values = ops.cast(values, "float32") * ((self.num_levels - 1) / 255)
        elif is_image:
            values = (values + 1.0) * ((self.num_levels - 1) / 2)
        whole = is_image and self.num_levels < 256
        return ops.round(values) if whole else ops.cast(values, "float32")

    # Samples and completions.

    def sample_tensor(self, noise, temperature, labels, use_ema):
        tensors = self.stored.tensors()
        uniform = noise.uniform(COMPONENT, ())
        above = uniform[:, None] >= tensors["bounds"]
        index = ops.sum(ops.cast(above, "int32"), axis=1)
        means = ops.take(tensors["means"], index, axis=0)
        values = means + temperature * self._deviations(noise, index)
        if len(self.data_shape) == 3:
            # Truncation takes the dequantisation back.
            levels = ops.cast(ops.clip(values, 0, self.num_levels - 1), "int32")
            values = levels_to_grey(levels, self.num_levels)
        return ops.reshape(values, (-1, *self.data_shape))

    def draw_hidden(self, completion):
        """A component given the kept values, then the hidden ones of its Gaussian.

        Kept pixels are dequantised anew for each draw.
        """
        shape = completion.x.shape
        place = completion.seed, completion.rows, completion.laps
        draw_noise = self.compiled_function("completion", self._completion_noise)
        draw = self.compiled_function("deviations", self._completion_deviations)
        uniform, dequantization = map(ops.convert_to_numpy, draw_noise(*place))

        def draw_deviations(index):
            deviations = ops.convert_to_numpy(draw(*place, index)).astype(np.float64)
            return completion.temperature * deviations

        found = conditional_draws(
            self.mixture,
            self._flat(completion.x) + dequantization,
            completion.mask.reshape(len(completion.x), -1),
            uniform,
            draw_deviations,
        ).reshape(shape)
        if len(shape) != 4:
            return found
        return np.clip(found, 0, self.num_levels - 1).astype(np.int64)

    # What the mixture sees, and the noise.

    def to_values(self, samples, seed, step):
        """What the mixture sees of checked samples: float64 (N, D).

        Vectors as they are; images in levels, dequantised by the noise of a seed and a
        step.
        """
        flat = self._flat(samples)
        if len(self.data_shape) == 3:
            flat += uniform_rows(DEQUANTIZATION, flat.shape[1:], len(flat), seed, step)
        return flat

    def _flat(self, samples):
        if len(self.data_shape) == 3:
            samples = to_positions(samples, self.num_levels)
        return samples.reshape(len(samples), -1).astype(np.float64)

    def _deviations(self, noise, index):
        return self._kind.deviations(self.stored.tensors(), index, noise)

    def _completion_noise(self, seed, rows, laps):
        noise = random.Noise(seed, COMPLETION_STEP, rows, laps)
        uniform = noise.uniform(COMPONENT, ())
        if len(self.data_shape) != 3:
            return uniform, ops.zeros(())
        return uniform, noise.uniform(DEQUANTIZATION, (self.num_values,))

    def _completion_deviations(self, seed, rows, laps, index):
        return self._deviations(random.Noise(seed, COMPLETION_STEP, rows, laps), index)

    def export_signatures(self):
        """As in the base; the likelihood is compared with that of the host."""
        signatures = super().export_signatures()

        def reference(**data):
            (x,) = data.values()
            return {"log_likelihood": self.log_likelihood(x).astype(np.float32)}

        served = signatures["log_likelihood"]._replace(reference=reference)
        return {**signatures, "log_likelihood": served}

    def get_config(self):
        return {
            "data_shape": list(self.data_shape),
            "num_components": self.num_components,
            "covariance": self.covariance,
            "num_factors": self.num_factors,
            "reg_covar": self.reg_covar,
            "num_levels": self.num_levels,
            "seed": self.given_seed,
            "name": self.name,
        }


def _arrays_of(mixture):
    """What the model keeps of a mixture: dict of name to float64 array."""
    # Rounded once, here: sums in float32 differ between backends.
    bounds = mixture.weights.cumsum()
    bounds[-1] = 1.0
    return {
        "weights": mixture.weights,
        "bounds": bounds,
        **mixture.components.arrays(),
    }
