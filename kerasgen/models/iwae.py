"""Importance weighted autoencoder: a VAE trained on the k-sample bound."""

import math

import keras
from keras import ops

from kerasgen.arguments import check_positive_integer
from kerasgen.models.vae import latent_kl
from kerasgen.models.variational_model import VariationalModel


@keras.saving.register_keras_serializable(package="kerasgen")
class IWAE(VariationalModel):
    """Encoder, decoder and prior of a `VAE`, trained on a tighter bound of log p(x).

    `loss = -log mean_k w_k`, with w = p(x | z) p(z) / q(z | x) at k draws of z, the
    mean over samples, in nats; at k = 1 that is the negative ELBO at one draw. It logs
    the two terms of the negative ELBO beside it: their sum is above the loss.

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        likelihood: As in `VAE`.
        num_importance_samples: Draws of z, k, an integer >= 1; the decoder computes k
            times as much.
        num_classes: As in `VAE`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the networks do not fit
            together.

    Example:

    >>> import kerasgen
    >>> x = kerasgen.datasets.load("digits", split="train[:64]").images
    >>> model = kerasgen.models.dense_iwae(
    ...     (8, 8, 1), latent_dim=2, hidden=(16,), num_importance_samples=3
    ... )
    >>> model.compile("adam")
    >>> history = model.fit(x, verbose=0)
    >>> model.log_likelihood(x[:4], num_samples=20).shape
    (4,)

    Reference: Burda et al. 2016, "Importance Weighted Autoencoders", equations 8 and
    14.
    """

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        num_importance_samples=5,
        num_classes=None,
        seed=None,
        name=None,
    ):
        check_positive_integer("num_importance_samples", num_importance_samples)
        super().__init__(encoder, decoder, likelihood, num_classes, seed, name)
        self.num_importance_samples = int(num_importance_samples)
        self.finish_init()

    @property
    def training_terms(self):
        return ("loss", "reconstruction_nats", "kl_nats")

    def training_step(self, batch, noise):
        draws = self._draw(noise)
        self.update("vae", lambda: self._terms(batch, draws, True), batch)

    def evaluation_step(self, batch, noise):
        return self._terms(batch, self._draw(noise), False)

    def _draw(self, noise):
        shape = (self.num_importance_samples, self.latent_dim)
        return noise.normal("posterior", shape)

    def _terms(self, batch, epsilon, training):
        k = self.num_importance_samples
        mean, log_var = self.posterior(batch.x, batch.labels, training)
        z = mean[:, None] + ops.exp(0.5 * log_var)[:, None] * epsilon
        # Rows of one sample lie side by side.
        labels = None if batch.labels is None else ops.repeat(batch.labels, k, axis=0)
        flat = ops.reshape(z, (-1, self.latent_dim))
        parameters = self.decode_parameters(flat, labels, training)
        x = ops.repeat(batch.x, k, axis=0)
        log_p = ops.reshape(self.likelihood.log_prob(x, parameters), (-1, k))
        # log p(z) - log q(z | x); the normalising constants cancel.
        log_ratio = 0.5 * (ops.square(epsilon) + log_var[:, None] - ops.square(z))
        log_w = log_p + ops.sum(log_ratio, axis=-1)
        bound = ops.logsumexp(log_w, axis=1) - math.log(k)
        return {
            "loss": -ops.mean(bound),
            "reconstruction_nats": -ops.mean(log_p),
            "kl_nats": ops.mean(ops.sum(latent_kl(mean, log_var), axis=-1)),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "num_importance_samples": self.num_importance_samples,
        }
