"""A GAN in which a loss or a gradient is NaN in chosen steps, for one sample."""

import keras
from keras import ops

from kerasgen.models import GAN

ROW = 5
PLAYERS = ("discriminator", "generator")
KINDS = ("loss", "gradient")


@keras.saving.register_keras_serializable(package="kerasgen_tests")
class SpoiledGAN(GAN):
    """Variables say where it is spoiled, so that one compiled step serves all tests."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.spoiled_from, self.spoiled_before, self.spoiled_part = (
            self.add_weight(
                shape=(), initializer="zeros", dtype="int32", trainable=False, name=name
            )
            for name in ("from", "before", "part")
        )

    def spoil(self, player, kind, steps):
        """Spoils steps, a range counted from 0."""
        self.spoiled_from.assign(steps.start)
        self.spoiled_before.assign(steps.stop)
        self.spoiled_part.assign(PLAYERS.index(player) + 2 * KINDS.index(kind))

    def update(self, player, loss_fn, batch):
        step = self.training_steps.value
        is_now = (step >= self.spoiled_from.value) & (step < self.spoiled_before.value)
        is_now = is_now & ops.any(ops.equal(batch.rows, ROW))
        part = PLAYERS.index(player)
        has_loss = is_now & ops.equal(self.spoiled_part.value, part)
        has_gradient = is_now & ops.equal(self.spoiled_part.value, part + 2)
        weights = self.players[player][0].trainable_variables[0]

        def terms():
            (name, loss), *others = loss_fn().items()
            loss = loss + ops.where(has_loss, float("nan"), 0.0)
            # The root of 0 is finite, and its slope is not.
            zero = ops.sum(ops.square(weights.value)) * 0.0
            loss = loss + ops.sqrt(ops.where(has_gradient, zero, 1.0))
            return {name: loss - ops.where(has_gradient, 0.0, 1.0), **dict(others)}

        super().update(player, terms, batch)
