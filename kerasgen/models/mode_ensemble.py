"""One GAN for each class or cluster of the data: no member can lose another's mode."""

import keras
import numpy as np
from keras import ops

from kerasgen.datasets.stratified import StratifiedDataset
from kerasgen.models.gan import GAN
from kerasgen.models.gan_checks import check_nothing_shared, warn_of_free_critic
from kerasgen.models.implicit_model import ImplicitModel
from kerasgen.pixel_distributions import inverse_cdf


@keras.saving.register_keras_serializable(package="kerasgen")
class ModePrior(keras.layers.Layer):
    """Shares of the modes in the data, from which `ModeEnsembleGAN` draws.

    Args:
        num_modes: Number of modes.
    """

    def __init__(self, num_modes, name="mode_prior"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.num_modes = num_modes
        self.shares = self.add_weight(
            shape=(num_modes,),
            initializer=keras.initializers.Constant(1.0 / num_modes),
            trainable=False,
            name="shares",
        )
        self.built = True

    def draw(self, uniform):
        """Modes of uniform numbers in [0, 1), float32 (B,): int32 (B,)."""
        return inverse_cdf(uniform, ops.convert_to_tensor(self.shares)[None])


@keras.saving.register_keras_serializable(package="kerasgen")
class ModeEnsembleGAN(ImplicitModel):
    """A mixture of GANs, each trained on one mode of the data.

    `fit` takes the number of each sample's mode as its label: a class, or a cluster
    (`kerasgen.datasets.cluster` finds some). A training step gives every member
    `batch_size` samples of its mode for each update and is a round of each; an epoch
    has as many samples as the data, an equal number of each mode. `generate` draws
    modes with their shares in the data, or makes those that `labels` ask for. It logs
    the members' terms with their number behind; `evaluate` logs the mean of the
    members' terms, each on samples of its mode.

    It is the plain remedy against mode collapse, at the price of as many networks as
    modes, none of which learns from another's samples; a member may still collapse
    within its mode.

    Args:
        gans: List of two or more `GAN`s, unconditional, with equal latent and sample
            shapes and discriminator steps. They are trained in place.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: The members do not fit together.

    Example:

    >>> import kerasgen
    >>> from kerasgen.models import ModeEnsembleGAN, dcgan
    >>> members = [dcgan((8, 8, 1), latent_dim=4, filters=4) for _ in range(2)]
    >>> ensemble = ModeEnsembleGAN(members)
    >>> ensemble.compile()
    >>> ensemble.generate(3, seed=0, labels=[0, 1, 1]).shape
    (3, 8, 8, 1)
    """

    def __init__(self, gans, seed=None, name=None):
        _check_members(gans)
        super().__init__(seed=seed, name=name)
        self.gans = list(gans)
        self.num_classes = len(gans)
        self.latent_dim = gans[0].latent_dim
        self.prior = ModePrior(len(gans))
        self.finish_init()

    @property
    def players(self):
        return self._named("players")

    @property
    def networks(self):
        return {**self._named("networks"), "mode_prior": self.prior}

    @property
    def data_shape(self):
        return self.gans[0].data_shape

    @property
    def batches_per_step(self):
        return len(self.gans) * self.gans[0].discriminator_steps

    @property
    def batches_per_evaluation(self):
        return len(self.gans)

    @property
    def min_rows(self):
        return max(gan.min_rows for gan in self.gans)

    @property
    def training_terms(self):
        return tuple(
            f"{name}_{index}"
            for index, gan in enumerate(self.gans)
            for name in gan.training_terms
        )

    @property
    def evaluation_terms(self):
        return self.gans[0].evaluation_terms

    def compile(
        self,
        generator_optimizer="adam",
        discriminator_optimizer="adam",
        **arguments,
    ):
        """Sets one optimizer a player, a copy of its own for each member.

        Args:
            generator_optimizer: Keras optimizer or its name.
            discriminator_optimizer: Keras optimizer or its name.
            **arguments: Others of `GAN.compile`.

        Warns of members with a Wasserstein loss whose critic nothing keeps Lipschitz.
        """
        for gan in self.gans:
            warn_of_free_critic(gan)
        given = {
            "discriminator": keras.optimizers.get(discriminator_optimizer),
            "generator": keras.optimizers.get(generator_optimizer),
        }
        copies = {
            f"{player}_{index}": type(optimizer).from_config(optimizer.get_config())
            for index in range(len(self.gans))
            for player, optimizer in given.items()
        }
        self.compile_players(copies, **arguments)

    def arrange(self, dataset):
        """The arrays of `fit` and `evaluate`, their modes in turn.

        Args:
            dataset: `ArrayDataset` with labels.

        Returns:
            `StratifiedDataset`.
        """
        if dataset.labels is None:
            raise ValueError(
                "Expected the mode of each sample, in [0, "
                f"{self.num_classes}), beside the data. Received: labels=None"
            )
        return StratifiedDataset(
            dataset.images,
            dataset.labels,
            self.num_classes,
            batch_size=dataset.batch_size,
            shuffle=dataset.shuffle,
            seed=dataset.seed,
            augment=dataset.augment,
        )

    def fit(self, x=None, y=None, callbacks=None, **arguments):
        """Trains every member; arguments are those of `GenerativeModel.fit`.

        Args:
            x: Array of samples, or an `ArrayDataset`: modes are put in order, for
                which the data must be there whole.
            y: int (N,), the mode of each sample, beside an array.
            callbacks: As in `GenerativeModel.fit`.
            **arguments: As in `GenerativeModel.fit`.
        """
        callbacks = [_TakeShares(), *(callbacks or [])]
        return super().fit(x, y, callbacks=callbacks, **arguments)

    def training_step(self, batch, noise):
        num = len(self.gans)
        for index, gan in enumerate(self.gans):
            part = batch.part(index, num)._replace(labels=None)
            gan.play_round(part, noise.of_rows(part.rows), self, f"_{index}")

    def evaluation_step(self, batch, noise):
        num = len(self.gans)
        members = []
        for index, gan in enumerate(self.gans):
            part = batch.part(index, num)._replace(labels=None)
            members.append(gan.evaluation_step(part, noise.of_rows(part.rows)))
        return {
            name: sum(terms[name] for terms in members) / num
            for name in self.evaluation_terms
        }

    def decode(self, z, use_ema, labels=None):
        samples = ops.stack([gan.decode(z, use_ema) for gan in self.gans], axis=1)
        index = ops.reshape(labels, (-1,) + (1,) * (len(samples.shape) - 1))
        return ops.squeeze(ops.take_along_axis(samples, index, axis=1), axis=1)

    def draw_labels(self, noise):
        """Modes of samples that none was asked for: int32 (B,), by their shares."""
        return self.prior.draw(noise.uniform("labels", ()))

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "gans": [serialize(gan) for gan in self.gans],
            "seed": self.given_seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["gans"] = [
            keras.saving.deserialize_keras_object(gan, custom_objects)
            for gan in config["gans"]
        ]
        return cls(**config)

    # Internals.

    def _named(self, attribute):
        return {
            f"{name}_{index}": value
            for index, gan in enumerate(self.gans)
            for name, value in getattr(gan, attribute).items()
        }


class _TakeShares(keras.callbacks.Callback):
    """Sets the prior once the data is checked and training begins."""

    def on_train_begin(self, logs=None):
        prior = self.model.prior
        labels = self.model.feed.source.dataset.labels
        counts = np.bincount(labels, minlength=prior.num_modes)
        prior.shares.assign((counts / counts.sum()).astype("float32"))


def _check_members(gans):
    if (
        not isinstance(gans, list | tuple)
        or len(gans) < 2
        or not all(isinstance(gan, GAN) for gan in gans)
    ):
        raise ValueError(
            f"`gans` is a list of two or more kerasgen.models.GAN. Received: {gans!r}"
        )
    if len({id(gan) for gan in gans}) < len(gans):
        raise ValueError("Expected different members. Received: the same GAN twice")
    check_nothing_shared(
        [
            (f"gans[{index}]", network)
            for index, gan in enumerate(gans)
            for network in gan.networks.values()
        ]
    )
    if any(gan.num_classes is not None for gan in gans):
        raise ValueError(
            "Expected unconditional members: the mode is what they are told apart by. "
            f"Received: num_classes={[gan.num_classes for gan in gans]}"
        )
    for what in ("latent_dim", "data_shape", "discriminator_steps"):
        values = [getattr(gan, what) for gan in gans]
        if len({*values}) > 1:
            raise ValueError(f"Expected members of equal {what}. Received: {values}")
