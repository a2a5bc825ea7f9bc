"""Models of grids of codes, which a prior that is trained apart draws."""

from kerasgen.datasets.levels import grey_values
from kerasgen.models.autoregressive import AutoregressiveModel
from kerasgen.models.sampling_model import SamplingModel
from kerasgen.pixel_distributions import unit_to_levels


class CodeSamplingModel(SamplingModel):
    """Base of models that decode codes, with a prior over them that is handed in.

    A subclass has `num_codes`, `code_shape`, (rows, columns) of a sample's codes,
    `encode` to them, and defines `decode_codes_tensor(codes)`, int32
    (B, rows, columns) to samples in the data domain, tensors to tensors. It puts the
    prior among its `networks`.

    Args:
        seed: See `GenerativeModel`.
        name: Name of the model.

    Attributes:
        prior: The prior, or None.
    """

    def __init__(self, seed=None, name=None):
        super().__init__(seed=seed, name=name)
        self.prior = None

    @property
    def sampled_classes(self):
        return None if self.prior is None else self.prior.num_classes

    def code_images(self, x, value_range=None):
        """Codes as images, what a prior is trained on.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            value_range: As in `fit`.

        Returns:
            uint8 (B, rows, columns, 1) on `num_codes` evenly spaced levels.

        Raises:
            ValueError: `num_codes` is 1, or above 256, the levels of uint8 images.
        """
        self._check_has_levels()
        codes = self.encode(x, value_range=value_range)[..., None]
        return grey_values(self.num_codes)[codes]

    def set_prior(self, prior):
        """Hands in the model that draws codes; `generate`, presets and exports use it.

        Args:
            prior: `AutoregressiveModel` of images (rows, columns, 1) of `num_codes`
                levels, trained on `code_images`.

        Raises:
            ValueError: It is of other images, or `num_codes` is 1 or above 256.
        """
        self._check_has_levels()
        expected = (*self.code_shape, 1)
        if (
            not isinstance(prior, AutoregressiveModel)
            or prior.data_shape != expected
            or prior.distribution.num_levels != self.num_codes
        ):
            found = type(prior).__name__
            if isinstance(prior, AutoregressiveModel):
                levels = prior.distribution.num_levels
                found = f"{found} of {prior.data_shape} with {levels} levels"
            raise ValueError(
                "`prior` is an autoregressive model, such as GatedPixelCNN, of images "
                f"{expected} with num_levels={self.num_codes}. Received: {found}"
            )
        if self.prior is not None and self.prior is not prior:
            # Keras goes on holding what an attribute no longer names.
            self._tracker.unlock()
            self._tracker.untrack(self.prior)
        self.prior = prior
        # What was compiled does not know the prior.
        self._compiled_functions.clear()

    def check_generates(self):
        """Raises ValueError where no prior was handed in."""
        if self.prior is None:
            raise ValueError(
                f"A {type(self).__name__} draws codes from a prior: expected one to be "
                "handed in, such as a GatedPixelCNN trained on `code_images(x)`, by "
                "`set_prior(prior)`. Received: a model without one"
            )

    def sample_tensor(self, noise, temperature, labels, use_ema):
        images = self.prior.sample_tensor(noise, temperature, labels, use_ema)
        levels = unit_to_levels(self.to_model_domain(images), self.num_codes)
        return self.decode_codes_tensor(levels[..., 0])

    def _check_has_levels(self):
        if not 2 <= self.num_codes <= 256:
            raise ValueError(
                "A prior draws codes as levels of uint8 images: expected num_codes in "
                f"[2, 256]. Received: a {type(self).__name__} of "
                f"num_codes={self.num_codes}"
            )
