"""Models with a Gaussian posterior over latents and a likelihood of samples."""

import math

import numpy as np
from keras import ops

from kerasgen import backend, likelihoods, random, seeds
from kerasgen.arguments import check_non_negative, check_positive_integer
from kerasgen.models.autoencoding_model import AutoencodingModel
from kerasgen.models.encoder_checks import check_coders
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.likelihood_bounds import likelihood_bounds
from kerasgen.models.map_batches import (
    check_given_labels,
    map_batches,
    map_compiled,
)
from kerasgen.models.single_player import SinglePlayer

CODE_STEP = -6


class VariationalModel(SinglePlayer, AutoencodingModel, LatentModel):
    """Base of models with an encoder, a decoder and a likelihood; see `VAE`.

    A subclass ends its `__init__` with `finish_init`.
    """

    encoding_names = ("mean", "log_var")

    def __init__(self, encoder, decoder, likelihood, num_classes, seed, name):
        if num_classes is not None:
            num_classes = check_positive_integer("num_classes", num_classes)
        likelihood = likelihoods.get(likelihood)
        check_coders(encoder, decoder, likelihood, 2, num_classes)
        super().__init__(encoder, decoder, likelihood, seed=seed, name=name)
        self.num_classes = num_classes

    @property
    def players(self):
        return {"vae": [*self.networks.values()]}

    def encode_distribution(self, x, labels=None, value_range=None):
        """Mean and log-variance of the posterior.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            labels: int (B,), for a conditional model.
            value_range: As in `fit`.

        Returns:
            Pair of float32 arrays (B, latent_dim).
        """
        return map_compiled(self, "encode", self.encode_tensor, x, labels, value_range)

    def draw_codes(self, x, seed=0, labels=None, value_range=None, *, first_row=0):
        check_given_labels(self, labels, len(x))
        word = seeds.seed_word(seeds.check_seed(seed))
        draw = self.compiled_function("draw_codes", self._draw_codes)
        return map_batches(
            self,
            lambda part, rows, given: (draw(part, rows, word, given),),
            x,
            labels,
            value_range,
            first_row=first_row,
        )[0]

    def _draw_codes(self, x, rows, seed, labels):
        mean, log_var = self.encode_tensor(x, labels)
        noise = random.Noise(seed, CODE_STEP, rows)
        epsilon = noise.normal("posterior", (self.latent_dim,))
        return mean + ops.exp(0.5 * log_var) * epsilon

    def encode_tensor(self, x, labels=None):
        """As `encode_distribution`, tensors to tensors, for graphs."""
        return self.posterior(self.to_model_domain(x), labels)

    def posterior(self, x, labels=None, training=False):
        """Mean and log-variance of z, tensors to tensors, in the model domain."""
        inputs = x if labels is None else [x, labels]
        moments = backend.call_network(self.encoder, inputs, training)
        return tuple(ops.split(ops.cast(moments, "float32"), 2, axis=-1))

    def decode_parameters(self, z, labels=None, training=False):
        """What the decoder emits of latents: parameters of the likelihood."""
        inputs = z if labels is None else [z, labels]
        return backend.call_network(self.decoder, inputs, training)

    def decode(self, z, use_ema=True, labels=None):
        return self.likelihood.mean(self.decode_parameters(z, labels))

    def elbo(self, x, num_samples=1, seed=0, labels=None, value_range=None):
        """Evidence lower bound of each sample, at beta = 1.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            num_samples: Draws of z to average over.
            seed: Seed of the draws.
            labels: int (B,), for a conditional model: the bound of log p(x | label).
            value_range: As in `fit`.

        Returns:
            float64 (B,) in nats.
        """
        return likelihood_bounds(self, x, num_samples, seed, labels, value_range)[1]

    def log_likelihood(self, x, num_samples=500, seed=0, labels=None, value_range=None):
        """Importance-weighted lower bound of log p(x), tight as samples grow.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            num_samples: Draws of z (k in the paper); 1 gives a one-draw ELBO.
            seed: Seed of the draws.
            labels: As in `elbo`.
            value_range: As in `fit`.

        Returns:
            float64 (B,) in nats.

        Reference: Burda et al. 2016, "Importance Weighted Autoencoders", equation 8.
        """
        return likelihood_bounds(self, x, num_samples, seed, labels, value_range)[0]

    def bits_per_dim(self, x, num_samples=500, seed=0, labels=None):
        """Upper bound of the code length: -log_likelihood / (dimensions ln 2).

        Args:
            x: uint8 images (B, H, W, C).
            num_samples: As in `log_likelihood`.
            seed: As in `log_likelihood`.
            labels: As in `log_likelihood`.

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
        nats = self.log_likelihood(x, num_samples, seed, labels)
        return -nats / (dimensions * math.log(2.0))

    def active_units(self, x, labels=None, threshold=0.01, value_range=None):
        """Latents that say something about the sample.

        A unit is active where the variance over samples of its posterior mean,
        Cov_x(E_q(z | x)[z]), is above the threshold. Dimensions that the decoder
        ignores stay at the prior: their means are 0 for every sample.

        Args:
            x: uint8 or float samples (B, ...), at least two, as in `fit`.
            labels: int (B,), for a conditional model.
            threshold: Least variance of an active unit, >= 0; 0.01 in the paper.
            value_range: As in `fit`.

        Returns:
            bool (latent_dim,).

        Raises:
            ValueError: There are fewer than two samples.

        Reference: Burda et al. 2016, section 5.2.
        """
        check_non_negative("threshold", threshold)
        if len(x) < 2:
            raise ValueError(
                "A variance over samples needs at least two of them. "
                f"Received: {len(x)}"
            )
        means = self.encode(x, labels, value_range).astype(np.float64)
        return means.var(axis=0, ddof=1) > threshold

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
