"""Variational autoencoder with a Gaussian encoder and a choice of likelihoods."""

import math

import keras
import numpy as np
from keras import ops

from kerasgen import likelihoods
from kerasgen.models.encoding_model import EncodingModel
from kerasgen.models.likelihood_bounds import likelihood_bounds


@keras.saving.register_keras_serializable(package="kerasgen")
class VAE(EncodingModel):
    """Encoder q(z | x), decoder p(x | z), prior N(0, I), trained on the ELBO.

    `loss = reconstruction_nats + beta * kl_nats`, means over samples of -log p(x | z)
    at one draw of z and of KL(q(z | x) || p(z)) in closed form. At beta = 1 the loss
    is the negative ELBO in nats.

    Args:
        encoder: Keras model, samples in [-1, 1] -> (B, 2 * latent_dim): the mean of
            z, then its log-variance.
        decoder: Keras model, (B, latent_dim) -> parameters of the likelihood, shaped
            like the samples with `likelihood.num_parameters` times the channels.
        likelihood: `kerasgen.likelihoods.Likelihood` or "bernoulli", "gaussian",
            "discretized_logistic".
        beta: Weight >= 0 of the KL term.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the networks do not fit
            together.

    Example:

    >>> import kerasgen, numpy as np
    >>> vae = kerasgen.models.dense_vae((8, 8, 1), latent_dim=2, hidden=(16,))
    >>> vae.compile("adam")
    >>> vae.encode(np.zeros((3, 8, 8, 1), "uint8")).shape
    (3, 2)

    Reference: Kingma and Welling 2014, "Auto-Encoding Variational Bayes", equation 10;
    Higgins et al. 2017 (beta).
    """

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        beta=1.0,
        seed=None,
        name=None,
    ):
        if not math.isfinite(beta) or beta < 0:
            raise ValueError(f"`beta` is a finite number >= 0. Received: beta={beta}")
        resolved = likelihoods.get(likelihood)
        _check_networks(encoder, decoder, resolved)
        super().__init__(seed=seed, name=name)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = resolved
        self.beta = beta
        self.latent_dim = decoder.input_shape[-1]
        self.finish_init()

    @property
    def players(self):
        return {"vae": [self.encoder, self.decoder, self.likelihood]}

    @property
    def networks(self):
        return {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "likelihood": self.likelihood,
        }

    @property
    def data_shape(self):
        return tuple(self.encoder.input_shape[1:])

    @property
    def training_terms(self):
        return ("loss", "reconstruction_nats", "kl_nats")

    @property
    def evaluation_terms(self):
        return self.training_terms

    def compile(
        self,
        optimizer="adam",
        run_eagerly=False,
        jit_compile="auto",
        steps_per_execution=1,
        auto_scale_loss=True,
    ):
        """Sets the optimizer of encoder, decoder and likelihood.

        Args:
            optimizer: Keras optimizer or its name.
            run_eagerly: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`; 1 on PyTorch.
            auto_scale_loss: Scale the loss where a network computes in float16.
        """
        self.compile_players(
            {"vae": optimizer},
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=auto_scale_loss,
        )

    def training_step(self, batch, noise):
        epsilon = noise.normal("posterior", (self.latent_dim,))
        self.update("vae", lambda: self._terms(batch.x, epsilon, True), batch)

    def evaluation_step(self, batch, noise):
        epsilon = noise.normal("posterior", (self.latent_dim,))
        return self._terms(batch.x, epsilon, False)

    def _terms(self, x, epsilon, training):
        mean, log_var = self.posterior(x, training)
        z = mean + ops.exp(0.5 * log_var) * epsilon
        parameters = self.decoder(z, training=training)
        reconstruction = -ops.mean(self.likelihood.log_prob(x, parameters))
        kl = ops.mean(gaussian_kl(mean, log_var))
        return {
            "loss": reconstruction + self.beta * kl,
            "reconstruction_nats": reconstruction,
            "kl_nats": kl,
        }

    def call(self, x, training=False):
        """Reconstruction from the posterior mean, in the model domain."""
        mean, _ = self.posterior(self.to_model_domain(x), training)
        return self.likelihood.mean(self.decoder(mean, training=training))

    def decode(self, z, use_ema=True):
        return self.likelihood.mean(self.decoder(z, training=False))

    def elbo(self, x, num_samples=1, seed=0, value_range=None):
        """Evidence lower bound of each sample, at beta = 1.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            num_samples: Draws of z to average over.
            seed: Seed of the draws.
            value_range: As in `fit`.

        Returns:
            float64 (B,) in nats.
        """
        return likelihood_bounds(self, x, num_samples, seed, value_range)[1]

    def log_likelihood(self, x, num_samples=500, seed=0, value_range=None):
        """Importance-weighted lower bound of log p(x), tight as samples grow.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            num_samples: Draws of z (k in the paper); 1 gives a one-draw ELBO.
            seed: Seed of the draws.
            value_range: As in `fit`.

        Returns:
            float64 (B,) in nats.

        Reference: Burda et al. 2016, "Importance Weighted Autoencoders", equation 8.
        """
        return likelihood_bounds(self, x, num_samples, seed, value_range)[0]

    def bits_per_dim(self, x, num_samples=500, seed=0):
        """Upper bound of the code length: -log_likelihood / (dimensions ln 2).

        Args:
            x: uint8 images (B, H, W, C).
            num_samples: As in `log_likelihood`.
            seed: As in `log_likelihood`.

        Returns:
            float64 (B,) in bits.

        Raises:
            ValueError: The likelihood is not one over discrete levels.
        """
        if not self.likelihood.is_discrete or np.asarray(x).dtype != np.uint8:
            raise ValueError(
                "Bits per dimension need uint8 images and a likelihood over their "
                "levels, such as kerasgen.likelihoods.DiscretizedLogistic. Received: "
                f"{type(self.likelihood).__name__}, dtype={np.asarray(x).dtype}"
            )
        dimensions = math.prod(self.data_shape)
        nats = self.log_likelihood(x, num_samples, seed)
        return -nats / (dimensions * math.log(2.0))

    def posterior(self, x, training=False):
        """Mean and log-variance of z, tensors to tensors, in the model domain."""
        moments = ops.cast(self.encoder(x, training=training), "float32")
        return ops.split(moments, 2, axis=-1)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "likelihood": serialize(self.likelihood),
            "beta": self.beta,
            "seed": self.given_seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("encoder", "decoder", "likelihood"):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects
            )
        return cls(**config)


def gaussian_kl(mean, log_var):
    """KL(N(mean, exp(log_var)) || N(0, I)) of each sample, in nats.

    Args:
        mean: float (B, latent_dim).
        log_var: float (B, latent_dim).

    Returns:
        float (B,).

    Reference: Kingma and Welling 2014, appendix B.
    """
    terms = ops.square(mean) + ops.exp(log_var) - 1.0 - log_var
    return 0.5 * ops.sum(terms, axis=-1)


def _check_networks(encoder, decoder, likelihood):
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        if not isinstance(network, keras.Model) or not network.built:
            raise ValueError(
                f"`{name}` is a built keras.Model (Functional, or Sequential with an "
                f"Input). Received: {network!r}"
            )
    latent_dim = decoder.input_shape[-1]
    if tuple(encoder.output_shape[1:]) != (2 * latent_dim,):
        raise ValueError(
            "`encoder` emits the mean and log-variance of z: expected output shape "
            f"(batch, {2 * latent_dim}) for the decoder's latent_dim={latent_dim}. "
            f"Received: {encoder.output_shape}"
        )
    *shape, channels = encoder.input_shape[1:]
    expected = (*shape, channels * likelihood.num_parameters)
    if tuple(decoder.output_shape[1:]) != expected:
        raise ValueError(
            f"`decoder` emits {likelihood.num_parameters} parameter(s) a channel for "
            f"{type(likelihood).__name__}: expected output shape (batch, "
            f"{', '.join(map(str, expected))}). Received: {decoder.output_shape}"
        )
