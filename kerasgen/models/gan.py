"""Generative adversarial networks: one class; papers are networks x loss x penalty."""

import keras

from kerasgen import losses
from kerasgen.arguments import check_positive_integer
from kerasgen.models.adversarial_training import AdversarialTraining
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
from kerasgen.models.moving_average import MovingAverage


@keras.saving.register_keras_serializable(package="kerasgen")
class GAN(AdversarialTraining):
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
