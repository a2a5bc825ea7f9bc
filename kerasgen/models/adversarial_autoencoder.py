"""Adversarial autoencoder: a discriminator draws the codes to the prior."""

import keras
from keras import ops

from kerasgen import backend, likelihoods, losses
from kerasgen.models.autoencoding_model import AutoencodingModel
from kerasgen.models.encoder_checks import check_coder, check_coders
from kerasgen.models.gan_checks import COMPARING
from kerasgen.models.latent_model import LatentModel

# Layers by which a score depends on the other codes of the batch.
MIXING = (keras.layers.BatchNormalization, *COMPARING)


@keras.saving.register_keras_serializable(package="kerasgen")
class AdversarialAutoencoder(AutoencodingModel, LatentModel):
    """Encoder, decoder, and a discriminator of codes from draws of N(0, I).

    A training step is three updates on one batch: encoder and decoder on
    `reconstruction_nats`; the discriminator on `d_loss`, draws of the prior for real
    and codes for fake; the encoder on `g_loss`, as a generator. Each has an optimizer
    of its own. Codes are functions of the samples, without noise (the paper's
    deterministic posterior).

    Args:
        encoder: Keras model, samples in [-1, 1] -> (B, latent_dim).
        decoder: Keras model, (B, latent_dim) -> parameters of the likelihood.
        discriminator: Keras model, (B, latent_dim) -> logits (B, 1), or what `loss`
            asks for.
        likelihood: As in `VAE`.
        loss: `kerasgen.losses.AdversarialLoss`, or the name of one there.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the networks do not fit
            together.

    Example:

    >>> import kerasgen
    >>> model = kerasgen.models.adversarial_autoencoder((8, 8, 1), latent_dim=2)
    >>> model.compile()
    >>> model.generate(3, seed=0).shape
    (3, 8, 8, 1)

    Reference: Makhzani et al. 2016, "Adversarial Autoencoders", section 2.
    """

    config_objects = (*AutoencodingModel.config_objects, "discriminator", "loss")

    def __init__(
        self,
        encoder,
        decoder,
        discriminator,
        likelihood="bernoulli",
        loss="non_saturating",
        seed=None,
        name=None,
    ):
        resolved = likelihoods.get(likelihood)
        check_coders(encoder, decoder, resolved)
        check_coder("discriminator", discriminator, None)
        latent_dim = decoder.inputs[0].shape[-1]
        if tuple(discriminator.inputs[0].shape[1:]) != (latent_dim,):
            raise ValueError(
                f"`discriminator` judges codes: expected inputs (batch, {latent_dim}). "
                f"Received: {tuple(discriminator.inputs[0].shape)}"
            )
        adversarial_loss = losses.get(loss)
        adversarial_loss.check_discriminator(discriminator)
        super().__init__(encoder, decoder, resolved, seed=seed, name=name)
        self.discriminator = discriminator
        self.loss = loss
        self.adversarial_loss = adversarial_loss
        self.finish_init()

    @property
    def players(self):
        return {
            "autoencoder": [self.encoder, self.decoder, self.likelihood],
            "discriminator": [self.discriminator],
            "encoder": [self.encoder],
        }

    @property
    def networks(self):
        return {**super().networks, "discriminator": self.discriminator}

    @property
    def training_terms(self):
        return ("reconstruction_nats", "mse", "d_loss", "g_loss")

    @property
    def evaluation_terms(self):
        return (*self.training_terms, "real_accuracy", "fake_accuracy")

    def compile(
        self,
        autoencoder_optimizer="adam",
        discriminator_optimizer="adam",
        encoder_optimizer="adam",
        run_eagerly=False,
        jit_compile="auto",
        steps_per_execution=1,
        auto_scale_loss=True,
    ):
        """Sets one optimizer an update.

        Args:
            autoencoder_optimizer: Keras optimizer or its name, of encoder and decoder.
            discriminator_optimizer: Keras optimizer or its name.
            encoder_optimizer: Keras optimizer or its name, of the encoder against the
                discriminator.
            run_eagerly: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`; 1 on PyTorch.
            auto_scale_loss: Scale the loss of each player that computes in float16.
        """
        self.compile_players(
            {
                "autoencoder": autoencoder_optimizer,
                "discriminator": discriminator_optimizer,
                "encoder": encoder_optimizer,
            },
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=auto_scale_loss,
        )

    def training_step(self, batch, noise):
        real = self.sample_latents(noise)
        compared = real if self._encoder_needs_real() else None
        self.update(
            "autoencoder", lambda: self._reconstruction_terms(batch.x, True), batch
        )
        fake = self._encode(batch.x, True)
        self.update(
            "discriminator",
            lambda: {
                "d_loss": self.adversarial_loss.discriminator(
                    *self._judge(real, fake, True)
                )
            },
            batch,
        )
        self.update(
            "encoder",
            lambda: {
                "g_loss": self.adversarial_loss.generator(
                    *self._judge(compared, self._encode(batch.x, True), True)
                )
            },
            batch,
        )

    def evaluation_step(self, batch, noise):
        real = self.sample_latents(noise)
        logits = self._judge(real, self._encode(batch.x, False), False)
        real_accuracy, fake_accuracy = self.adversarial_loss.accuracies(*logits)
        return {
            **self._reconstruction_terms(batch.x, False),
            "d_loss": self.adversarial_loss.discriminator(*logits),
            "g_loss": self.adversarial_loss.generator(*logits),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
        }

    def _reconstruction_terms(self, x, training):
        z = self._encode(x, training)
        parameters = backend.call_network(self.decoder, z, training)
        return self.reconstruction_terms(x, parameters)

    def _encode(self, x, training):
        z = backend.call_network(self.encoder, x, training)
        return ops.cast(z, "float32")

    def _encoder_needs_real(self):
        """Whether its loss, or the scores of codes, depend on draws of the prior."""
        return self.adversarial_loss.needs_real_logits or any(
            isinstance(layer, MIXING) for layer in self.discriminator._flatten_layers()
        )

    def _judge(self, real, fake, training):
        """Scores of draws of the prior, None for those of None, and of codes."""
        if real is None:
            return None, self._score(fake, training)
        # Together, so that statistics of a batch do not tell them apart.
        scores = self._score(ops.concatenate([real, fake], axis=0), training)
        return ops.split(scores, 2, axis=0)

    def _score(self, codes, training):
        output = backend.call_network(self.discriminator, codes, training)
        return self.adversarial_loss.score(codes, ops.cast(output, "float32"))
