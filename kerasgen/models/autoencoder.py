"""Autoencoders: plain, sparse and denoising."""

import keras
from keras import ops

from kerasgen import backend, likelihoods, random, seeds
from kerasgen.corruptions import Corruption
from kerasgen.models.autoencoding_model import AutoencodingModel
from kerasgen.models.encoder_checks import check_coders
from kerasgen.models.map_batches import map_batches
from kerasgen.models.player_training import EVALUATION_STEP
from kerasgen.models.single_player import SinglePlayer
from kerasgen.sparsity import Sparsity


@keras.saving.register_keras_serializable(package="kerasgen")
class Autoencoder(SinglePlayer, AutoencodingModel):
    """Encoder z = f(x) and decoder, trained to bring samples back.

    `loss = reconstruction_nats + sparsity`, the first the mean over samples of
    -log p(x | z): with the fixed-variance Gaussian half the squared error and a
    constant, with the Bernoulli the cross-entropy. It logs `mse` beside them, the mean
    squared error of a value in the model domain, where images lie in [-1, 1].

    It has no distribution over z, and nothing to generate from: `LatentGMM` fits one.

    Args:
        encoder: Keras model, samples in [-1, 1] -> (B, latent_dim). Fewer latents than
            values make it undercomplete.
        decoder: Keras model, (B, latent_dim) -> parameters of the likelihood, shaped
            like the samples with `likelihood.num_parameters` times the channels.
        likelihood: `kerasgen.likelihoods.Likelihood` or "gaussian", "bernoulli",
            "discretized_logistic".
        sparsity: `kerasgen.sparsity` object, or None.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the networks do not fit
            together.

    Example:

    >>> import kerasgen, numpy as np
    >>> model = kerasgen.models.dense_autoencoder((8, 8, 1), latent_dim=2, hidden=(16,))
    >>> model.compile("adam")
    >>> model.reconstruct(np.zeros((3, 8, 8, 1), "uint8")).shape
    (3, 8, 8, 1)

    Reference: Hinton and Salakhutdinov 2006, "Reducing the Dimensionality of Data with
    Neural Networks"; trained here at once, without layerwise pretraining.
    """

    config_objects = (*AutoencodingModel.config_objects, "sparsity")

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="gaussian",
        sparsity=None,
        seed=None,
        name=None,
    ):
        resolved = likelihoods.get(likelihood)
        check_coders(encoder, decoder, resolved)
        if sparsity is not None:
            if not isinstance(sparsity, Sparsity):
                raise ValueError(
                    "`sparsity` is an object of kerasgen.sparsity, such as "
                    f"L1Sparsity(0.1), or None. Received: {sparsity!r}"
                )
            sparsity.check_encoder(encoder)
        super().__init__(encoder, decoder, resolved, seed=seed, name=name)
        self.sparsity = sparsity
        self.finish_init()

    @property
    def players(self):
        return {"autoencoder": [*self.networks.values()]}

    @property
    def training_terms(self):
        sparsity = () if self.sparsity is None else ("sparsity",)
        return ("loss", "reconstruction_nats", "mse", *sparsity)

    def training_step(self, batch, noise):
        seen = self._seen(batch.x, noise)
        self.update("autoencoder", lambda: self._terms(batch.x, seen, True), batch)

    def evaluation_step(self, batch, noise):
        return self._terms(batch.x, self._seen(batch.x, noise), False)

    def _seen(self, x, noise):
        """What the encoder sees of samples."""
        return x

    def _terms(self, x, seen, training):
        z = backend.call_network(self.encoder, seen, training)
        z = ops.cast(z, "float32")
        parameters = backend.call_network(self.decoder, z, training)
        terms = self.reconstruction_terms(x, parameters)
        loss = terms["reconstruction_nats"]
        if self.sparsity is not None:
            terms["sparsity"] = self.sparsity(z)
            loss = loss + terms["sparsity"]
        return {"loss": loss, **terms}

    def check_generates(self):
        """Raises ValueError always: it has no distribution over its codes."""
        raise ValueError(
            "An autoencoder has no distribution over its codes to generate from: "
            "expected a sampler fitted to them, kerasgen.models.LatentGMM"
            f". Received: generate of {type(self).__name__}"
        )


@keras.saving.register_keras_serializable(package="kerasgen")
class DenoisingAutoencoder(Autoencoder):
    """An autoencoder that sees corrupted samples and brings back the clean ones.

    It is trained and evaluated on `corruption(x)` against x, a new draw for each step;
    `reconstruct`, and `denoise`, which is the same, take what they are given for the
    corrupted one.

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        corruption: `kerasgen.corruptions.Corruption`.
        likelihood: As in `Autoencoder`.
        sparsity: As in `Autoencoder`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the parts do not fit together.

    Example:

    >>> import kerasgen
    >>> from kerasgen.corruptions import SaltAndPepper
    >>> x = kerasgen.datasets.load("digits", split="train[:64]").images
    >>> model = kerasgen.models.dense_autoencoder(
    ...     (8, 8, 1), latent_dim=8, hidden=(32,), corruption=SaltAndPepper(0.2)
    ... )
    >>> model.compile("adam")
    >>> history = model.fit(x, verbose=0)
    >>> model.denoise(model.corrupt(x)).shape
    (64, 8, 8, 1)

    Reference: Vincent et al. 2008, "Extracting and Composing Robust Features with
    Denoising Autoencoders".
    """

    config_objects = (*Autoencoder.config_objects, "corruption")

    def __init__(
        self,
        encoder,
        decoder,
        corruption,
        likelihood="gaussian",
        sparsity=None,
        seed=None,
        name=None,
    ):
        if not isinstance(corruption, Corruption):
            raise ValueError(
                "`corruption` is a kerasgen.corruptions object, such as "
                f"GaussianNoise(0.5). Received: {corruption!r}"
            )
        super().__init__(encoder, decoder, likelihood, sparsity, seed, name)
        corruption.check_data_shape(self.data_shape)
        self.corruption = corruption

    def _seen(self, x, noise):
        x = self.corruption(x, noise)
        # Vectors, too, stay what the model takes.
        return ops.clip(x, -1.0, 1.0) if self.likelihood.is_bounded else x

    def corrupt(self, x, seed=0, value_range=None):
        """Samples as the encoder sees them in training.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            seed: Integer in [0, 2**32) of the noise.
            value_range: As in `fit`.

        Returns:
            uint8 images shaped like `x`, or float32 vectors.
        """
        word = seeds.seed_word(seeds.check_seed(seed))
        corrupt = self.compiled_function("corrupt", self._corrupt)
        return map_batches(
            self,
            lambda part, rows, labels: (corrupt(part, rows, word),),
            x,
            value_range=value_range,
        )[0]

    def denoise(self, x, value_range=None):
        """Samples without the noise; `reconstruct` under its plain name.

        Args:
            x: uint8 or float noisy samples (B, ...), as in `fit`.
            value_range: As in `fit`.

        Returns:
            uint8 images shaped like `x`, or float32 vectors.
        """
        return self.reconstruct(x, value_range=value_range)

    def _corrupt(self, x, rows, seed):
        noise = random.Noise(seed, EVALUATION_STEP, rows)
        return self.to_data_domain(self._seen(self.to_model_domain(x), noise))
