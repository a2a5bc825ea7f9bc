"""Variational autoencoder with a Gaussian encoder and a choice of likelihoods."""

import keras
from keras import ops

from kerasgen import replicas
from kerasgen.annealing import Annealing
from kerasgen.arguments import check_non_negative
from kerasgen.models.variational_model import VariationalModel

PRIOR_PENALTIES = ("kl", "naive")


@keras.saving.register_keras_serializable(package="kerasgen")
class VAE(VariationalModel):
    """Encoder q(z | x), decoder p(x | z), prior N(0, I), trained on the ELBO.

    `loss = reconstruction_nats + beta * kl_nats`, means over samples of -log p(x | z)
    at one draw of z and of KL(q(z | x) || p(z)) in closed form. At beta = 1 the loss
    is the negative ELBO in nats. With labels encoder and decoder see the class, and
    all is conditional on it: a CVAE. Evaluation takes annealing at its end.

    Args:
        encoder: Keras model, samples in [-1, 1] -> (B, 2 * latent_dim): the mean of
            z, then its log-variance. Of a conditional model it takes samples and int
            labels (B,).
        decoder: Keras model, (B, latent_dim) -> parameters of the likelihood, shaped
            like the samples with `likelihood.num_parameters` times the channels. Of a
            conditional model it takes z and int labels (B,).
        likelihood: `kerasgen.likelihoods.Likelihood` or "bernoulli", "gaussian",
            "discretized_logistic".
        beta: Weight >= 0 of the KL term.
        num_classes: Number of classes of a conditional model.
        annealing: `kerasgen.annealing` object that multiplies `beta` as training goes
            on, or None.
        free_bits: Nats >= 0 a latent that cost nothing: each latent's KL, averaged
            over the batch, counts for no less than this, so that none is pressed below.
            Logged `kl_nats` are those of the posterior itself.
        prior_penalty: "kl", or "naive": |mean|^2 + |log_var|^2 in the loss in place of
            the KL, with the same minimum. It has no bound to it and is there to be
            compared; `elbo` stays the ELBO.
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
    Higgins et al. 2017 (beta); Sohn et al. 2015, "Learning Structured Output
    Representation using Deep Conditional Generative Models" (labels; the prior does not
    depend on them here); Kingma et al. 2016, "Improving Variational Inference with
    Inverse Autoregressive Flow", equation 15 (free bits, one latent a group).
    """

    config_objects = (*VariationalModel.config_objects, "annealing")

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        beta=1.0,
        num_classes=None,
        annealing=None,
        free_bits=0.0,
        prior_penalty="kl",
        seed=None,
        name=None,
    ):
        check_non_negative("beta", beta)
        check_non_negative("free_bits", free_bits)
        if annealing is not None and not isinstance(annealing, Annealing):
            raise ValueError(
                "`annealing` is an object of kerasgen.annealing, such as "
                f"LinearAnnealing(1000), or None. Received: {annealing!r}"
            )
        if prior_penalty not in PRIOR_PENALTIES:
            raise ValueError(
                f"`prior_penalty` is one of {PRIOR_PENALTIES}. "
                f"Received: prior_penalty={prior_penalty!r}"
            )
        if free_bits and prior_penalty == "naive":
            raise ValueError(
                "Free bits are a floor under the KL: expected prior_penalty='kl' "
                f"beside them. Received: free_bits={free_bits}, prior_penalty='naive'"
            )
        super().__init__(encoder, decoder, likelihood, num_classes, seed, name)
        self.beta = beta
        self.annealing = annealing
        self.free_bits = free_bits
        self.prior_penalty = prior_penalty
        self.finish_init()

    @property
    def training_terms(self):
        naive = ("naive_penalty",) if self.prior_penalty == "naive" else ()
        return ("loss", "reconstruction_nats", "kl_nats", *naive)

    def training_step(self, batch, noise):
        weight = self.beta
        if self.annealing is not None:
            weight = weight * self.annealing(self.training_steps.value)
        draw = self._draw(noise)
        self.update("vae", lambda: self._terms(batch, draw, weight, True), batch)

    def evaluation_step(self, batch, noise):
        return self._terms(batch, self._draw(noise), self.beta, False)

    def _draw(self, noise):
        return noise.normal("posterior", (self.latent_dim,))

    def _terms(self, batch, epsilon, weight, training):
        mean, log_var = self.posterior(batch.x, batch.labels, training)
        z = mean + ops.exp(0.5 * log_var) * epsilon
        parameters = self.decode_parameters(z, batch.labels, training)
        reconstruction = -ops.mean(self.likelihood.log_prob(batch.x, parameters))
        kl = replicas.mean(ops.mean(latent_kl(mean, log_var), axis=0))
        terms = {"reconstruction_nats": reconstruction, "kl_nats": ops.sum(kl)}
        if self.prior_penalty == "naive":
            terms["naive_penalty"] = ops.mean(naive_penalty(mean, log_var))
            penalty = terms["naive_penalty"]
        else:
            penalty = ops.sum(ops.maximum(kl, self.free_bits) if self.free_bits else kl)
        return {"loss": reconstruction + weight * penalty, **terms}

    def get_config(self):
        return {
            **super().get_config(),
            "beta": self.beta,
            "free_bits": self.free_bits,
            "prior_penalty": self.prior_penalty,
        }


def latent_kl(mean, log_var):
    """KL(N(mean, exp(log_var)) || N(0, 1)) of each latent, in nats.

    Args:
        mean: float (B, latent_dim).
        log_var: float (B, latent_dim).

    Returns:
        float (B, latent_dim).

    Reference: Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)


def naive_penalty(mean, log_var):
    """|mean|^2 + |log_var|^2 of each sample: float (B,).

    It also draws the posterior to N(0, I), but in no relation to a likelihood.

    Args:
        mean: float (B, latent_dim).
        log_var: float (B, latent_dim).
    """
    return ops.sum(ops.square(mean) + ops.square(log_var), axis=-1)
