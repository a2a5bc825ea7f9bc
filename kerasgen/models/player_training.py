"""`PlayerTraining`: players, their optimizers, and the step that updates them."""

import keras
from keras import ops

from kerasgen import backend, distribution, random, replicas
from kerasgen.arguments import check_positive_integer
from kerasgen.models.batch import Batch
from kerasgen.models.fault_record import DATA, FaultRecord, gradient_name
from kerasgen.models.player_optimizer import (
    PlayerOptimizer,
    resolve_optimizer,
    serialize_optimizer,
)

EVALUATION_STEP = -1


class PlayerTraining(backend.TrainStep, keras.Model):
    """The part of `GenerativeModel` that updates players, on every backend alike."""

    # What a subclass calls.

    def finish_init(self):
        """Creates counters and trackers; the last line of a subclass's `__init__`."""
        self.training_steps = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            name="training_steps",
        )
        gradients = [gradient_name(player) for player in self.players]
        self.faults = FaultRecord((DATA, *self.training_terms, *gradients))
        names = dict.fromkeys((*self.training_terms, *self.evaluation_terms))
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.checks_data = False
        self._num_devices = distribution.num_devices()
        self._compiled_functions = {}
        for networks in self.players.values():
            for network in networks:
                replicas.synchronize(network)
                backend.fuse(network)
        self.built = True

    def update(self, player, loss_fn, batch):
        """One optimizer step of `player`.

        Leaves every variable as it was where the data, a term or a gradient is not
        finite; `fit` then stops and names it, or skips the rest of the step.

        Args:
            player: A key of `players`.
            loss_fn: Function without arguments that returns a dict of scalar
                tensors; the first is minimized, all are logged.
            batch: The `Batch` that the loss is computed on.
        """
        optimizer = self.optimizer[player]

        def objective():
            with random.row_scope(batch.rows):
                terms = loss_fn()
            loss = optimizer.scale_loss(next(iter(terms.values())))
            # Among the terms, so that the replicas hear of it in the same message.
            return loss, terms if batch.fault is None else {**terms, DATA: batch.fault}

        def gate(terms, gradients):
            values = dict(terms)
            if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                # Loss scaling skips steps with infinite gradients by design.
                values[gradient_name(player)] = backend.total(gradients)
            return self.faults.record(values, self.training_steps.value)

        terms, accepted = backend.minimize(
            objective, optimizer, self._variables_of(player), self._state_of(), gate
        )
        terms = {name: value for name, value in terms.items() if name != DATA}
        self._record(terms, batch, accepted)

    # The train step that the backends' adapters call.

    def check_data(self, is_needed):
        """Lets train steps look for NaN in their data, or not.

        Args:
            is_needed: bool; where it changes, the step is compiled anew.
        """
        if self.checks_data != is_needed:
            self.checks_data = is_needed
            self.train_function = None

    def train_batch(self, data):
        batch = self._unpack(data)
        if self.checks_data:
            is_finite = ops.all(ops.isfinite(batch.x))
            batch = batch._replace(fault=ops.where(is_finite, 0.0, float("nan")))
        step = self.training_steps.value
        noise = random.Noise(self.noise_seed.value, step, batch.rows)
        with random.row_scope(batch.rows), replicas.step_scope(batch.rows):
            self.training_step(batch, noise)
        self.faults.end_step()
        for counter in self._step_counters():
            backend.accumulate(counter, 1)
        return self._means(self.training_terms)

    def test_batch(self, data):
        batch = self._unpack(data)
        noise = random.Noise(self.noise_seed.value, EVALUATION_STEP, batch.rows)
        with random.row_scope(batch.rows), replicas.step_scope(batch.rows):
            terms = backend.distribution.average(self.evaluation_step(batch, noise))
            self._record(terms, batch)
        return self._means(self.evaluation_terms)

    # One optimizer a player.

    def compile_players(
        self,
        optimizers,
        run_eagerly=False,
        jit_compile="auto",
        steps_per_execution=1,
        auto_scale_loss=True,
    ):
        """Compiles with one optimizer a player; `compile` of a subclass calls it.

        Args:
            optimizers: Dict of player name to optimizer, its name or its config.
            run_eagerly: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`; 1 on PyTorch.
            auto_scale_loss: Scale the loss of each player that computes in float16.

        Raises:
            ValueError: An optimizer's arguments are out of range, it is shared, or a
                player has nothing to train.
        """
        players = {
            player: resolve_optimizer(
                f"{player} optimizer",
                optimizer,
                auto_scale_loss and self._computes_in_float16(player),
            )
            for player, optimizer in optimizers.items()
        }
        check_positive_integer("steps_per_execution", steps_per_execution)
        player_optimizer = PlayerOptimizer(players)
        player_optimizer.build_players({p: self._variables_of(p) for p in players})
        for optimizer in player_optimizer.optimizers:
            backend.fuse_optimizer(optimizer)
        super().compile(
            optimizer=player_optimizer,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=False,
        )
        self._loss_tracker = None
        self.faults.clear()
        # Callbacks change learning rates; these are the values a run starts with.
        self.optimizer_configs = {
            player: serialize_optimizer(optimizer)
            for player, optimizer in players.items()
        }
        self._compile_arguments = {
            "run_eagerly": run_eagerly,
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            "auto_scale_loss": auto_scale_loss,
        }

    def get_compile_config(self):
        if not self.compiled:
            return {}
        optimizers = {
            player: serialize_optimizer(self.optimizer[player])
            for player in self.players
        }
        return {"optimizers": optimizers, **self._compile_arguments}

    def compile_from_config(self, config):
        config = dict(config)
        optimizers = {
            player: keras.saving.deserialize_keras_object(value)
            for player, value in config.pop("optimizers").items()
        }
        self.compile_players(optimizers, **config)

    def check_devices(self):
        """Raises ValueError unless it was built and compiled for the devices."""
        if self._num_devices != distribution.num_devices():
            raise ValueError(
                "Expected a model that was built after the call of `data_parallel`, "
                f"for {distribution.num_devices()} device(s). Received: one that was "
                f"built for {self._num_devices}"
            )
        backend.distribution.check_model(self)

    def check_trainable_variables(self):
        """Raises ValueError if layers were frozen or thawed since `compile`."""
        for player in self.players:
            compiled = self.optimizer[player]
            compiled = getattr(compiled, "inner_optimizer", compiled)
            built_for = [*map(id, compiled._trainable_variables)]
            own = self._variables_of(player)
            if built_for != [*map(id, own)]:
                raise ValueError(
                    "Expected the trainable variables of `compile`; compile the model "
                    f"again after freezing or thawing layers. Received: {len(own)} "
                    f"trainable variables of the {player}, where there were "
                    f"{len(built_for)}"
                )

    def forget_steps_after(self, step):
        """Sets the counters of steps back; outside of compiled steps.

        Args:
            step: The last step that counts, in the numbers of `training_steps`.
        """
        backend.sync(self)
        idle = int(backend.peek(self, self.training_steps)) - step
        if idle > 0:
            for counter in self._step_counters():
                counter.assign(int(ops.convert_to_numpy(counter.value)) - idle)

    # Internals.

    def _step_counters(self):
        return self.training_steps, self.optimizer.iterations

    def _unpack(self, data):
        # Not yet tensors where nothing is compiled; one batch may have None for labels.
        x, rows, *labels = (
            None if part is None else ops.convert_to_tensor(part) for part in data
        )
        return Batch(self.to_model_domain(x), labels[0] if labels else None, rows)

    def _record(self, terms, batch, accepted=None):
        weight = replicas.samples_of(batch.rows)
        is_known = accepted is None or backend.is_known_true(accepted)
        if not is_known:
            weight = weight * ops.cast(accepted, "float32")
        for name, value in terms.items():
            weighted = weight * ops.cast(value, "float32")
            if not is_known:
                # NaN of weight 0 is NaN still.
                weighted = ops.where(accepted, weighted, 0.0)
            # As its `update_state`, which asks what else these scalars could be.
            backend.accumulate(self.trackers[name].total, weighted)
            backend.accumulate(self.trackers[name].count, weight)

    def _means(self, terms):
        """Means of the epoch so far, 0 where no step of it was accepted."""
        means = {}
        for name in terms:
            tracker = self.trackers[name]
            count = ops.maximum(tracker.count.value, keras.config.epsilon())
            means[name] = tracker.total.value / count
        return means

    def _variables_of(self, player):
        return [v for net in self.players[player] for v in net.trainable_variables]

    def _state_of(self):
        networks = [net for networks in self.players.values() for net in networks]
        return [v for net in networks for v in net.non_trainable_variables]

    def _computes_in_float16(self, player):
        return any(
            layer.compute_dtype == "float16"
            for network in self.players[player]
            for layer in network._flatten_layers()
        )
