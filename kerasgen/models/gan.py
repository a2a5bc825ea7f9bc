"""Generative adversarial networks: one class; papers are networks x loss x penalty."""

import keras
from keras import ops

from kerasgen import losses
from kerasgen.arguments import check_positive_integer
from kerasgen.models.critic import Critic
from kerasgen.models.gan_checks import (
    check_augment,
    check_fraction,
    check_networks,
    check_penalties,
    check_positive,
    check_techniques,
    check_weight_clipping,
    warn_of_free_critic,
)
from kerasgen.models.historical_average import HistoricalAverage
from kerasgen.models.implicit_model import ImplicitModel
from kerasgen.models.moving_average import MovingAverage


@keras.saving.register_keras_serializable(package="kerasgen")
class GAN(ImplicitModel):
    """A generator and a discriminator that train against each other.

    One training step makes `discriminator_steps` updates of the discriminator, each
    on `batch_size` fresh real samples and fresh noise, then one of the generator. It
    logs `d_loss`, `g_loss` and one term for each penalty and technique; `evaluate`
    logs `d_loss`, `g_loss` (the adversarial ones), `real_accuracy` (share of held-out
    reals that the discriminator takes for real) and `fake_accuracy` (share of fakes
    that it does not). Fakes of a conditional model have the labels of the real batch.

    Args:
        generator: Keras model, (B, latent_dim) -> samples in [-1, 1] (B, H, W, C) or
            vectors (B, D). Of a conditional model it takes z and int labels (B,).
        discriminator: Keras model, samples -> logits (B, 1), or (B, H', W', 1) for
            patches. Of a conditional model it takes samples and int labels (B,), or
            has a second output of class logits (B, num_classes).
        latent_dim: Size of z, standard normal.
        loss: `kerasgen.losses.AdversarialLoss`, or the name of one there.
        penalties: List of penalties on the discriminator (`kerasgen.penalties`).
        techniques: List of what else the players' losses hold
            (`kerasgen.techniques`).
        augment: `kerasgen.augmentation.DiffAugment` of what the discriminator sees.
        historical_averaging: Weight of the squared distance of each player's weights
            from the mean of their past, in both losses; None for none.
        weight_clipping: Largest magnitude of the discriminator's weights, after each
            of its updates; None for any.
        num_classes: Number of classes of a conditional model.
        discriminator_steps: Discriminator updates to one of the generator, k.
        ema_decay: Decay of a moving average of the generator's weights, in (0, 1);
            `generate` and `export` use it. None for no average.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the parts do not fit together.

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
        techniques=(),
        augment=None,
        historical_averaging=None,
        weight_clipping=None,
        num_classes=None,
        discriminator_steps=1,
        ema_decay=None,
        seed=None,
        name=None,
    ):
        check_positive_integer("latent_dim", latent_dim)
        check_positive_integer("discriminator_steps", discriminator_steps)
        if num_classes is not None:
            check_positive_integer("num_classes", num_classes)
        check_networks(generator, discriminator, latent_dim, num_classes)
        penalties = check_penalties(penalties, discriminator)
        techniques = check_techniques(techniques, discriminator)
        check_fraction("ema_decay", ema_decay)
        check_positive("historical_averaging", historical_averaging)
        check_weight_clipping(weight_clipping, discriminator)
        check_augment(augment, tuple(generator.outputs[0].shape[1:]))
        adversarial_loss = losses.get(loss)
        adversarial_loss.check_discriminator(discriminator)
        layers = [name for technique in techniques for name in technique.layers]
        critic = Critic(discriminator, adversarial_loss, layers)
        super().__init__(seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = int(latent_dim)
        self.loss = loss
        self.adversarial_loss = adversarial_loss
        self.penalties = penalties
        self.techniques = techniques
        self.augment = augment
        self.historical_averaging = historical_averaging
        self.weight_clipping = weight_clipping
        self.num_classes = None if num_classes is None else int(num_classes)
        self.critic = critic
        self.histories = {}
        if historical_averaging is not None:
            self.histories = {
                player: HistoricalAverage(networks[0], historical_averaging)
                for player, networks in self.players.items()
            }
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
        return tuple(self.discriminator.inputs[0].shape[1:])

    @property
    def batches_per_step(self):
        return self.discriminator_steps

    @property
    def min_rows(self):
        return max((technique.min_rows for technique in self.techniques), default=1)

    @property
    def training_terms(self):
        return (*self._term_names("discriminator"), *self._term_names("generator"))

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

        Warns of a Wasserstein loss whose critic nothing keeps Lipschitz.
        """
        warn_of_free_critic(self)
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
        self.play_round(batch, noise, self)

    def play_round(self, batch, noise, host, suffix=""):
        """Updates the discriminator k times, then the generator once.

        Args:
            batch: `Batch` of k times as many samples as an update takes.
            noise: `kerasgen.random.Noise` of its rows.
            host: Model that owns the optimizers: this one, or one that holds it.
            suffix: What the host adds to the names of players and terms.
        """

        def update(player, terms, part):
            host.update(
                player + suffix,
                lambda: {name + suffix: value for name, value in terms().items()},
                part,
            )
            self._after_update(player, host.faults.is_clear())

        # One draw for all updates: z[:, 0] for the discriminator's, z[:, 1] for the
        # generator's.
        z = noise.normal("latent", (2, self.latent_dim))
        k = self.discriminator_steps
        for index in range(k):
            real = batch.part(index, k)
            fake = self._generate_batch(z[index::k, 0], real.labels)
            part_noise = noise.of_rows(real.rows)

            def discriminator_terms(real=real, fake=fake, noise=part_noise, i=index):
                return self.discriminator_terms(real, fake, noise, i)

            update("discriminator", discriminator_terms, real)
        first = batch.part(0, k)
        first_noise = noise.of_rows(first.rows)
        update(
            "generator",
            lambda: self.generator_terms(first, z[::k, 1], first_noise),
            first,
        )
        if self.moving_average is not None:
            self.moving_average.update(
                host.training_steps.value, host.faults.is_clear()
            )

    def discriminator_terms(self, batch, fake, noise, substep):
        """The discriminator's loss terms, the total first."""
        labels = batch.labels
        real_judgement = self._judge(batch.x, labels, noise, "augment_real", substep)
        fake_judgement = self._judge(fake, labels, noise, "augment_fake", substep)
        values = [
            self.adversarial_loss.discriminator(
                real_judgement.logits, fake_judgement.logits
            )
        ]
        critic = self.critic.given(labels)
        for penalty in self.penalties:
            values.append(penalty(critic, batch.x, fake, noise, substep))
        for technique in self.techniques:
            values += technique.discriminator_terms(
                real_judgement, fake_judgement, labels
            )
        return self._with_total("discriminator", values)

    def generator_terms(self, batch, z, noise):
        """The generator's loss terms, the total first."""
        fake = self._generate_batch(z, batch.labels)
        fake_judgement = self._judge(fake, batch.labels, noise, "augment_generated")
        real_judgement = None
        if self._generator_needs_real():
            real_judgement = self._judge(
                batch.x, batch.labels, noise, "augment_compared"
            )
        values = [0.0]
        if not any(technique.replaces_loss for technique in self.techniques):
            values[0] = self.adversarial_loss.generator(
                None if real_judgement is None else real_judgement.logits,
                fake_judgement.logits,
            )
        for technique in self.techniques:
            values += technique.generator_terms(
                real_judgement, fake_judgement, batch.labels
            )
        return self._with_total("generator", values)

    def evaluation_step(self, batch, noise):
        z = noise.normal("latent", (self.latent_dim,))
        fake = self.decode(z, use_ema=True, labels=batch.labels)
        real_logits, fake_logits = (
            self.judge(x, batch.labels, training=False).logits for x in (batch.x, fake)
        )
        loss = self.adversarial_loss
        real_accuracy, fake_accuracy = loss.accuracies(real_logits, fake_logits)
        return {
            "d_loss": loss.discriminator(real_logits, fake_logits),
            "g_loss": loss.generator(real_logits, fake_logits),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
        }

    def judge(self, x, labels=None, training=True):
        """What the discriminator makes of samples; see `Critic`."""
        return self.critic(x, labels, training)

    def decode(self, z, use_ema, labels=None):
        network = self.generator
        if use_ema and self.moving_average is not None:
            network = self.moving_average.network
        return network(_inputs(z, labels), training=False)

    # Internals.

    def _term_names(self, player):
        """Names of a player's logged terms, the total first."""
        is_critic = player == "discriminator"
        names = ["d_loss", *(p.name for p in self.penalties)] if is_critic else []
        names = names or ["g_loss"]
        for technique in self.techniques:
            names += (
                technique.discriminator_names
                if is_critic
                else technique.generator_names
            )
        if self.historical_averaging is not None:
            names.append("d_historical" if is_critic else "g_historical")
        return names

    def _with_total(self, player, values):
        """Dict of the player's terms, its total in place of the first."""
        if player in self.histories:
            values = [*values, self.histories[player].penalty()]
        names = self._term_names(player)
        return dict(zip(names, [sum(values), *values[1:]], strict=True))

    def _judge(self, x, labels, noise, stream, substep=0):
        if self.augment is not None:
            x = self.augment(x, noise, stream, substep)
        return self.judge(x, labels)

    def _generate_batch(self, z, labels):
        return self.generator(_inputs(z, labels), training=True)

    def _generator_needs_real(self):
        return self.adversarial_loss.needs_real_logits or any(
            technique.needs_real for technique in self.techniques
        )

    def _after_update(self, player, accepted):
        # Clipped first: the mean is of the weights that the player plays with.
        if player == "discriminator" and self.weight_clipping is not None:
            limit = self.weight_clipping
            for variable in self.discriminator.trainable_variables:
                variable.assign(ops.clip(variable.value, -limit, limit))
        if player in self.histories:
            self.histories[player].update(accepted)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "latent_dim": self.latent_dim,
            "loss": self.loss if isinstance(self.loss, str) else serialize(self.loss),
            "penalties": [serialize(penalty) for penalty in self.penalties],
            "techniques": [serialize(technique) for technique in self.techniques],
            "augment": None if self.augment is None else serialize(self.augment),
            "historical_averaging": self.historical_averaging,
            "weight_clipping": self.weight_clipping,
            "num_classes": self.num_classes,
            "discriminator_steps": self.discriminator_steps,
            "ema_decay": self.ema_decay,
            "seed": self.given_seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        objects = ("generator", "discriminator", "loss", "penalties")
        for key in (*objects, "techniques", "augment"):
            # Presets of the first version have neither techniques nor augmentation.
            if not isinstance(config.get(key), str | None):
                config[key] = keras.saving.deserialize_keras_object(
                    config[key], custom_objects
                )
        return cls(**config)


def check_is_gan(model):
    """Raises ValueError unless `model` is a `GAN`."""
    if not isinstance(model, GAN):
        raise ValueError(
            "Expected a kerasgen.models.GAN, such as one of an ensemble's `gans`. "
            f"Received: {type(model).__name__}"
        )


def _inputs(z, labels):
    return z if labels is None else [z, labels]
