"""Generative adversarial networks: one class; papers are networks x loss x penalty."""

import math

import keras
import numpy as np
from keras import ops

from kerasgen import losses
from kerasgen.arguments import check_positive_integer
from kerasgen.models.latent_model import LatentModel
from kerasgen.models.latents import interpolate_latents
from kerasgen.models.moving_average import MovingAverage


@keras.saving.register_keras_serializable(package="kerasgen")
class GAN(LatentModel):
    """A generator and a discriminator that train against each other.

    One training step makes `discriminator_steps` updates of the discriminator, each
    on `batch_size` fresh real samples and fresh noise, then one of the generator. It
    logs `d_loss`, `g_loss` and one term for each penalty; `evaluate` logs `d_loss`,
    `g_loss`, `real_accuracy` (share of held-out reals with a positive logit) and
    `fake_accuracy` (share of fakes with a negative one).

    Args:
        generator: Keras model, (B, latent_dim) -> samples in [-1, 1] (B, H, W, C) or
            vectors (B, D).
        discriminator: Keras model, samples -> logits (B, 1), or (B, H', W', 1) for
            patches.
        latent_dim: Size of z, standard normal.
        loss: `kerasgen.losses.AdversarialLoss`, or the name of one there.
        penalties: List of penalties on the discriminator (`kerasgen.penalties`).
        discriminator_steps: Discriminator updates to one of the generator, k.
        ema_decay: Decay of a moving average of the generator's weights, in (0, 1);
            `generate` and `export` use it. None for no average.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the networks do not fit
            together.

    Example:

    >>> import keras, kerasgen
    >>> gan = kerasgen.models.dcgan(image_shape=(8, 8, 1), latent_dim=4)
    >>> gan.compile(generator_optimizer="adam", discriminator_optimizer="adam")
    >>> gan.generate(3, seed=0).shape
    (3, 8, 8, 1)

    Reference: Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1.
    """

    def __init__(
        self,
        generator,
        discriminator,
        latent_dim,
        loss="non_saturating",
        penalties=(),
        discriminator_steps=1,
        ema_decay=None,
        seed=None,
        name=None,
    ):
        check_positive_integer("latent_dim", latent_dim)
        check_positive_integer("discriminator_steps", discriminator_steps)
        _check_networks(generator, discriminator, latent_dim)
        penalties = _check_penalties(penalties)
        if ema_decay is not None and not (
            math.isfinite(ema_decay) and 0 < ema_decay < 1
        ):
            raise ValueError(
                f"`ema_decay` is None or in (0, 1). Received: ema_decay={ema_decay}"
            )
        adversarial_loss = losses.get(loss)
        super().__init__(seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = int(latent_dim)
        self.loss = loss
        self.adversarial_loss = adversarial_loss
        self.penalties = penalties
        self.discriminator_steps = int(discriminator_steps)
        self.ema_decay = ema_decay
        self.moving_average = (
            None if ema_decay is None else MovingAverage(generator, ema_decay)
        )
        self.finish_init()

    @property
    def players(self):
        return {
            "discriminator": [self.discriminator],
            "generator": [self.generator],
        }

    @property
    def networks(self):
        average = self.moving_average
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            **({} if average is None else {"moving_average": average.network}),
        }

    @property
    def data_shape(self):
        return tuple(self.discriminator.input_shape[1:])

    @property
    def batches_per_step(self):
        return self.discriminator_steps

    @property
    def training_terms(self):
        return ("d_loss", *(penalty.name for penalty in self.penalties), "g_loss")

    @property
    def evaluation_terms(self):
        return ("d_loss", "g_loss", "real_accuracy", "fake_accuracy")

    def compile(
        self,
        generator_optimizer="adam",
        discriminator_optimizer="adam",
        run_eagerly=False,
        jit_compile="auto",
        steps_per_execution=1,
        auto_scale_loss=True,
    ):
        """Sets one optimizer a player.

        Args:
            generator_optimizer: Keras optimizer or its name.
            discriminator_optimizer: Keras optimizer or its name.
            run_eagerly: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`; 1 on PyTorch.
            auto_scale_loss: Scale the loss of each player that computes in float16.
        """
        self.compile_players(
            {
                "discriminator": discriminator_optimizer,
                "generator": generator_optimizer,
            },
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=auto_scale_loss,
        )

    def training_step(self, batch, noise):
        # One draw for all updates: z[:, 0] for the discriminator's, z[:, 1] for the
        # generator's.
        z = noise.normal("latent", (2, self.latent_dim))
        k = self.discriminator_steps
        for index in range(k):
            real = batch.part(index, k)
            fake = self.generator(z[index::k, 0], training=True)
            part_noise = noise.of_rows(real.rows)

            def discriminator_terms(real=real, fake=fake, noise=part_noise, i=index):
                return self.discriminator_terms(real, fake, noise, i)

            self.update("discriminator", discriminator_terms, real)
        first = batch.part(0, k)
        self.update("generator", lambda: self.generator_terms(first, z[::k, 1]), first)
        if self.moving_average is not None:
            self.moving_average.update(
                self.training_steps.value, self.faults.is_clear()
            )

    def discriminator_terms(self, batch, fake, noise, substep):
        """The discriminator's loss terms, the total first."""
        real_logits, fake_logits = self._logits(batch.x), self._logits(fake)
        total = self.adversarial_loss.discriminator(real_logits, fake_logits)
        terms = {}
        for penalty in self.penalties:
            value = penalty(self._logits, batch.x, fake, noise, substep)
            terms[penalty.name] = value
            total = total + value
        return {"d_loss": total, **terms}

    def generator_terms(self, batch, z):
        """The generator's loss terms, the total first."""
        fake = self.generator(z, training=True)
        fake_logits = self._logits(fake)
        return {"g_loss": self.adversarial_loss.generator(None, fake_logits)}

    def evaluation_step(self, batch, noise):
        z = noise.normal("latent", (self.latent_dim,))
        fake = self.decode(z, use_ema=True)
        real_logits = self._logits(batch.x, training=False)
        fake_logits = self._logits(fake, training=False)
        loss = self.adversarial_loss
        return {
            "d_loss": loss.discriminator(real_logits, fake_logits),
            "g_loss": loss.generator(real_logits, fake_logits),
            "real_accuracy": ops.mean(ops.cast(real_logits > 0, "float32")),
            "fake_accuracy": ops.mean(ops.cast(fake_logits < 0, "float32")),
        }

    def call(self, z, training=False):
        """Samples in the model domain, from the moving average where there is one."""
        return self.decode(z, use_ema=True)

    def decode(self, z, use_ema):
        network = self.generator
        if use_ema and self.moving_average is not None:
            network = self.moving_average.network
        return network(z, training=False)

    def interpolate(self, a, b, num_steps, mode="spherical", use_ema=True):
        """Samples on the way between two latents, both ends included.

        Args:
            a: float (B, latent_dim) or (latent_dim,).
            b: Like `a`.
            num_steps: Samples a pair, at least 2.
            mode: "linear" or "spherical".
            use_ema: Use the moving average of the weights where there is one.

        Returns:
            uint8 (B, num_steps, H, W, C), or float32 for vectors; without B where
            `a` has none.
        """
        path = interpolate_latents(a, b, num_steps, mode, self.latent_dim)
        samples = self.decode_path(path, use_ema)
        return samples[0] if np.ndim(a) == 1 else samples

    def _logits(self, x, training=True):
        return ops.cast(self.discriminator(x, training=training), "float32")

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "latent_dim": self.latent_dim,
            "loss": self.loss if isinstance(self.loss, str) else serialize(self.loss),
            "penalties": [serialize(penalty) for penalty in self.penalties],
            "discriminator_steps": self.discriminator_steps,
            "ema_decay": self.ema_decay,
            "seed": self.given_seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("generator", "discriminator", "loss", "penalties"):
            if not isinstance(config[key], str):
                config[key] = keras.saving.deserialize_keras_object(
                    config[key], custom_objects
                )
        return cls(**config)


def _check_networks(generator, discriminator, latent_dim):
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model) or not network.built:
            raise ValueError(
                f"`{name}` is a built keras.Model (Functional, or Sequential with an "
                f"Input). Received: {network!r}"
            )
    if generator is discriminator or len(discriminator.outputs) != 1:
        raise ValueError(
            "Expected two networks, and one output of logits of the discriminator. "
            f"Received: {generator.name} and {discriminator.name} with "
            f"{len(discriminator.outputs)} output(s)"
        )
    if tuple(generator.input_shape[1:]) != (latent_dim,):
        raise ValueError(
            f"`generator` takes latents of shape (batch, {latent_dim}). "
            f"Received: input_shape={generator.input_shape}"
        )
    if generator.output_shape[1:] != discriminator.input_shape[1:]:
        raise ValueError(
            "The generator makes what the discriminator takes: expected equal shapes. "
            f"Received: {generator.output_shape} and {discriminator.input_shape}"
        )


def _check_penalties(penalties):
    if not isinstance(penalties, list | tuple):
        raise ValueError(
            f"`penalties` is a list of penalties. Received: penalties={penalties!r}"
        )
    for penalty in penalties:
        if not callable(penalty) or not isinstance(getattr(penalty, "name", None), str):
            raise ValueError(
                "A penalty is an object with a `name`, such as those of "
                f"kerasgen.penalties. Received: {penalty!r}"
            )
    names = [penalty.name for penalty in penalties]
    if len({*names}) < len(names):
        raise ValueError(
            "Expected penalties of different names, under which they are logged and "
            f"draw their noise. Received: {names}"
        )
    return tuple(penalties)
