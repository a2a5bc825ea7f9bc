"""`GaussianMixture`: a mixture of Gaussians over vectors or pixels, fitted by EM."""

import math
import secrets

import keras
import numpy as np
from keras import ops

from kerasgen import random, seeds
from kerasgen.arguments import check_non_negative, check_positive_integer
from kerasgen.mixtures import Mixture, conditional_draws, get_kind
from kerasgen.models.expectation_maximization import EMModel
from kerasgen.models.inputs import DataSpec, to_uint8
from kerasgen.models.masks import check_mask
from kerasgen.models.player_training import EVALUATION_STEP
from kerasgen.models.precise_weights import PreciseWeights
from kerasgen.models.row_noise import map_rows, uniform_rows
from kerasgen.models.sampling_model import COMPLETION_STEP
from kerasgen.networks.shapes import check_data_shape
from kerasgen.pixel_distributions import bits_of

COMPONENT = "component"  # stream of the noise that draws it


@keras.saving.register_keras_serializable(package="kerasgen")
class GaussianMixture(EMModel):
    """A mixture of Gaussians with an exact density, conditionals and responsibilities.

    Images are modelled in grey levels, [0, 255], under uniform dequantisation: a pixel
    x stands for x + u, u uniform in [0, 1) and seeded, so that levels that never vary
    have a density too. Before `fit` all components are equal and round.

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
            of the vectors, or squared grey levels.
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
        seed=None,
        name=None,
    ):
        shape = check_data_shape(data_shape)
        check_positive_integer("num_components", num_components)
        kind = get_kind(covariance, num_factors, math.prod(shape))
        check_non_negative("reg_covar", reg_covar)
        super().__init__(seed=seed, name=name)
        self._data_shape = shape
        self.num_components = num_components
        self.covariance = covariance
        self.num_factors = num_factors
        self.reg_covar = reg_covar
        self._kind = kind
        mean, scale = (128.0, 64.0) if len(shape) == 3 else (0.0, 1.0)
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
    def num_values(self):
        """D, the values of a sample."""
        return math.prod(self.data_shape)

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
        return DataSpec(self.data_shape, None, value_range, keeps_float64=True)

    def log_likelihood(self, x, seed=0, value_range=None):
        """Log-density of each sample, exact.

        That of an image is the density of x + u over [0, 256)^D in grey levels, for
        one draw of u; its expectation is a lower bound of the log-probability of x.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            seed: Integer in [0, 2**32) of the dequantisation of images.
            value_range: As in `fit`.

        Returns:
            float64 (B,) in nats.
        """
        return self.mixture.log_likelihood(self._held_out_values(x, seed, value_range))

    def bits_per_dim(self, x, seed=0):
        """Code length under uniform dequantisation: an upper bound in expectation.

        `-log p(x + u) / (D ln 2)` for one draw of u, with p in grey levels; by Jensen's
        inequality its mean is at least that of -log2 P(x) / D, P(x) the integral of p
        over the pixels' cells.

        Args:
            x: uint8 images (B, H, W, C).
            seed: As in `log_likelihood`.

        Returns:
            float64 (B,) in bits.

        Raises:
            ValueError: The samples are not uint8 images.

        Reference: Theis et al. 2016, equation 5.
        """
        if len(self.data_shape) != 3 or np.asarray(x).dtype != np.uint8:
            raise ValueError(
                "Bits per dimension are those of uint8 images. Received: samples of "
                f"shape {self.data_shape}, dtype={np.asarray(x).dtype}"
            )
        return bits_of(-self.log_likelihood(x, seed), self.num_values)

    def responsibilities(self, x, seed=0, value_range=None):
        """Probability of each component given the sample.

        Args:
            x: As in `log_likelihood`.
            seed: As in `log_likelihood`.
            value_range: As in `fit`.

        Returns:
            float64 (B, num_components), rows sum to 1.
        """
        values = self._held_out_values(x, seed, value_range)
        return self.mixture.responsibilities(values)

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
            values = ops.cast(ops.clip(values, 0.0, 255.0), "uint8")
        return ops.reshape(values, (-1, *self.data_shape))

    def complete(self, images, mask, seed=None, *, num_draws=None, temperature=1.0):
        """Draws what is hidden, given all that is kept: exact conditionals.

        A component is drawn given the kept values, then the hidden values of its
        Gaussian. Kept pixels are dequantised anew for each draw.

        Args:
            images: Images or vectors (B, ...), as in `fit`; hidden values may be any.
            mask: bool, True where a value is kept: (B, ...), or the shape of one
                sample; the channels of images may be left out.
            seed: Integer in [0, 2**32), or None for fresh noise.
            num_draws: Completions of each sample; None for one, without an axis.
            temperature: Float > 0 that multiplies the standard deviation of the
                hidden values.

        Returns:
            uint8 (B, H, W, C) or float32 (B, D); (B, num_draws, ...) where that is
            given. Kept values are those of `images`.

        Raises:
            TypeError: The mask is not of bools, or the dtype is not accepted.
            ValueError: A shape, a kept value or an argument is out of its range.
        """
        images = np.asarray(images)
        spec = self.data_spec()
        if images.shape[1:] != self.data_shape:
            spec.check(images)
        mask = check_mask(mask, len(images), self.data_shape)
        is_image = len(self.data_shape) == 3
        # Any value may stand for a hidden one; black is in every range.
        black = -1 if is_image and images.dtype != np.uint8 else 0
        x = spec.check(np.where(mask, images, images.dtype.type(black)))
        draws = 1 if num_draws is None else num_draws
        check_positive_integer("num_draws", draws)
        self.check_temperature(temperature)
        seed = secrets.randbits(32) if seed is None else seeds.check_seed(seed)
        x, mask = (np.repeat(array, draws, axis=0) for array in (x, mask))
        uniform = uniform_rows(COMPONENT, (), len(x), seed, COMPLETION_STEP)
        draw = self.compiled_function("complete", self._draw_deviations)

        def draw_deviations(index):
            deviations = map_rows(draw, len(x), seed, index)
            return temperature * deviations.astype(np.float64)

        values = self.to_values(x, seed, COMPLETION_STEP)
        kept = mask.reshape(len(x), -1)
        found = conditional_draws(self.mixture, values, kept, uniform, draw_deviations)
        found = found.reshape(x.shape)
        if is_image:
            x = x if x.dtype == np.uint8 else to_uint8(x)
            found = np.clip(found, 0.0, 255.0)
        found = np.where(mask, x, found.astype(x.dtype))
        return found if num_draws is None else found.reshape(-1, draws, *x.shape[1:])

    # What the mixture sees, and the noise.

    def to_values(self, samples, seed, step):
        """What the mixture sees of checked samples: float64 (N, D).

        Vectors as they are; images in grey levels, dequantised by the noise of a seed
        and a step.
        """
        flat = samples.reshape(len(samples), -1).astype(np.float64)
        if len(self.data_shape) != 3:
            return flat
        if samples.dtype != np.uint8:
            flat = 127.5 * (flat + 1.0)
        flat += uniform_rows("dequantization", flat.shape[1:], len(flat), seed, step)
        return flat

    def _held_out_values(self, x, seed, value_range):
        samples = self.data_spec(value_range).check(x)
        return self.to_values(samples, seeds.check_seed(seed), EVALUATION_STEP)

    def _deviations(self, noise, index):
        return self._kind.deviations(self.stored.tensors(), index, noise)

    def _draw_deviations(self, rows, seed, index):
        noise = random.Noise(seed, COMPLETION_STEP, rows)
        return self._deviations(noise, index)

    def get_config(self):
        return {
            "data_shape": list(self.data_shape),
            "num_components": self.num_components,
            "covariance": self.covariance,
            "num_factors": self.num_factors,
            "reg_covar": self.reg_covar,
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
