"""A mixture of Gaussians over the codes of an autoencoder, as its sampler."""

import keras

from kerasgen.models.autoencoding_model import AutoencodingModel
from kerasgen.models.expectation_maximization import EMModel
from kerasgen.models.gather import gather_codes, source_of
from kerasgen.models.host_fitted import HostFittedModel
from kerasgen.models.inputs import MODEL_RANGE
from kerasgen.models.sampling_model import SamplingModel
from kerasgen.models.training_data import validation_pair


@keras.saving.register_keras_serializable(package="kerasgen")
class LatentGMM(HostFittedModel, SamplingModel):
    """Samples a model with an encoder by codes like those of the data.

    The codes of the data seldom fill N(0, I): a plain autoencoder's lie anywhere, and a
    VAE's leave holes. `fit` encodes samples, a VAE by draws from its posterior, and
    fits the mixture to the codes; the model itself stays as it is. `generate` draws a
    code from the mixture and decodes it, for a label where the model takes one.

    Args:
        model: Model with an encoder and a decoder of vectors: `Autoencoder`, `VAE`,
            `AdversarialAutoencoder` and their kin, trained.
        mixture: `GaussianMixture` over vectors of the model's `latent_dim`.
        seed: See `GenerativeModel`; of the draws from the posterior.
        name: Name of the model.

    Raises:
        ValueError: The parts do not fit together.

    Example:

    >>> import kerasgen
    >>> from kerasgen.models import GaussianMixture, LatentGMM, dense_autoencoder
    >>> x = kerasgen.datasets.load("digits", split="train[:100]").images
    >>> autoencoder = dense_autoencoder((8, 8, 1), latent_dim=2, hidden=(16,))
    >>> sampler = LatentGMM(autoencoder, GaussianMixture((2,), num_components=3))
    >>> history = sampler.fit(x, verbose=0)
    >>> sampler.generate(4, seed=0).shape
    (4, 8, 8, 1)

    Reference: Ghosh et al. 2020, "From Variational to Deterministic Autoencoders",
    section 4 (ex-post density estimation).
    """

    evaluation_terms = ("log_likelihood_nats",)
    why_not_batches = EMModel.why_not_batches

    def __init__(self, model, mixture, seed=None, name=None):
        if not isinstance(model, AutoencodingModel):
            raise ValueError(
                "`model` is one with an encoder to vectors, such as Autoencoder or "
                f"VAE. Received: {type(model).__name__}"
            )
        if not isinstance(mixture, EMModel) or mixture.data_shape != (
            model.latent_dim,
        ):
            shape = getattr(mixture, "data_shape", None)
            raise ValueError(
                "`mixture` is a GaussianMixture over vectors of the model's "
                f"latent_dim, ({model.latent_dim},). "
                f"Received: {type(mixture).__name__} over {shape}"
            )
        super().__init__(seed=seed, name=name)
        self.model = model
        self.mixture = mixture
        self.num_classes = model.num_classes
        self.finish_init()

    @property
    def networks(self):
        return {**self.model.networks, **self.mixture.networks}

    @property
    def data_shape(self):
        return self.model.data_shape

    def fit(
        self, x=None, y=None, *, validation_data=None, value_range=None, **arguments
    ):
        """Fits the mixture to the codes of samples.

        Args:
            x: As in `GenerativeModel.fit`; read once, a batch at a time.
            y: int labels (N,) beside an array, where the model is conditional.
            validation_data: x, or the tuple (x, y), to `evaluate` after an epoch.
            value_range: As in `GenerativeModel.fit`.
            **arguments: As in `GaussianMixture.fit`.

        Returns:
            `keras.callbacks.History` of the mixture.

        Raises:
            TypeError: As in `GaussianMixture.fit`.
            ValueError: An argument is out of its range, or the data does not fit the
                model, before any work.
        """
        self.mixture.check_fit_arguments(**arguments)
        source, held_out = source_of(self.model, x, y, value_range), None
        if validation_data is not None:
            pair = validation_pair(validation_data)
            held_out = source_of(self.model, *pair, value_range)
        codes = gather_codes(self._draw, source)
        if held_out is not None:
            arguments["validation_data"] = gather_codes(self._draw, held_out)
        return self.mixture.fit(codes, **arguments)

    def evaluate(
        self,
        x=None,
        y=None,
        *,
        batch_size=None,
        verbose="auto",
        return_dict=False,
        value_range=None,
    ):
        """Mean log-density of the codes of samples, in nats.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Not used.
            verbose: Not used.
            return_dict: Return a dict of the terms rather than a list.
            value_range: As in `fit`.

        Returns:
            The `evaluation_terms`.
        """
        self.check_batch_size(batch_size)
        codes = gather_codes(self._draw, source_of(self.model, x, y, value_range))
        return self.mixture.evaluate(codes, return_dict=return_dict)

    def call(self, inputs, training=False):
        """Reconstruction by the model, in the model domain."""
        return self.model(inputs)

    def sample_tensor(self, noise, temperature, labels, use_ema):
        z = self.mixture.sample_tensor(noise, temperature, None, use_ema)
        return self.model.decode_tensor(z, labels, use_ema)

    def _draw(self, samples, labels, first_row):
        return self.model.draw_codes(
            samples, self.seed, labels, MODEL_RANGE, first_row=first_row
        )

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "model": serialize(self.model),
            "mixture": serialize(self.mixture),
            "seed": self.given_seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("model", "mixture"):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects
            )
        return cls(**config)
