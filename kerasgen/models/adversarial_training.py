"""`AdversarialTraining`: one round of a generator and a discriminator."""

from keras import ops

from kerasgen import backend
from kerasgen.models.implicit_model import ImplicitModel


class AdversarialTraining(ImplicitModel):
    """The part of `GAN` that trains and judges: what its players' losses hold."""

    @property
    def min_rows(self):
        return max((technique.min_rows for technique in self.techniques), default=1)

    @property
    def training_terms(self):
        return (*self._term_names("discriminator"), *self._term_names("generator"))

    @property
    def evaluation_terms(self):
        return ("d_loss", "g_loss", "real_accuracy", "fake_accuracy")

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
        return backend.call_network(self.generator, _inputs(z, labels), True)

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


def _inputs(z, labels):
    return z if labels is None else [z, labels]
