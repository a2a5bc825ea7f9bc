"""`GenerativeModel`: one imperative train step for every model and backend."""

import warnings

import keras
from keras import ops

from kerasgen import backend, seeds
from kerasgen.arguments import check_positive_integer
from kerasgen.interrupts import no_interrupt_lost
from kerasgen.models.inputs import DataSpec
from kerasgen.models.prediction import Inputs, map_call
from kerasgen.models.training_verbs import TrainingVerbs
from kerasgen.weights_file import PresetError, read_weights


class GenerativeModel(TrainingVerbs):
    """Base of every model: train step, evaluation, generation, saving.

    A subclass builds its networks in `__init__`, calls `finish_init`, and defines

    - `players`: dict of player name to list of networks it trains,
    - `compile`: calls `compile_players` with one optimizer for each of them,
    - `data_shape`: shape of one sample,
    - `training_terms` and `evaluation_terms`: names of what its steps log,
    - `training_step(batch, noise)`: calls `update` once for each optimizer step,
    - `evaluation_step(batch, noise)`: returns a dict of terms, updates nothing,
    - `get_config`, and `from_config` where it holds networks,
    - `generate` and `export_signatures`; models with latents inherit them from
      `LatentModel`.

    Args:
        seed: Integer in [0, 2**32): root of all noise and of the order of arrays.
            None draws one that `keras.utils.set_random_seed` controls; it is saved
            with the weights, and a resumed run takes it up.
        name: Name of the model.
    """

    num_classes = None
    batches_per_step = 1
    batches_per_evaluation = 1
    min_rows = 1  # samples of the smallest update that its terms are defined for
    arrange = None  # function from an `ArrayDataset` to one in another order

    def __init__(self, seed=None, name=None):
        super().__init__(name=name)
        self.given_seed = seed
        self.noise_seed = seeds.add_seed(self, seed)

    @property
    def seed(self):
        """The seed, given, drawn or loaded: integer in [0, 2**32)."""
        return seeds.seed_of_word(backend.peek(self, self.noise_seed))

    @property
    def networks(self):
        """Dict of name to every network with learned weights; presets hold these."""
        return {
            f"{player}_{index}": network
            for player, networks in self.players.items()
            for index, network in enumerate(networks)
        }

    # Data domain and model domain.

    def data_spec(self, value_range=None):
        """What the model takes for data: a `DataSpec`."""
        return DataSpec(self.data_shape, self.num_classes, value_range)

    def call_spec(self, value_range=None):
        """What `call` takes, and `predict` checks: a `DataSpec`; samples here."""
        return self.data_spec(value_range)

    def to_data_domain(self, x):
        """Model domain to data domain: uint8 images, or vectors as they are."""
        x = ops.cast(x, "float32")
        if len(self.data_shape) != 3:
            return x
        return ops.cast(ops.clip(x * 127.5 + 128.0, 0.0, 255.0), "uint8")

    def to_model_domain(self, x):
        """uint8 images to float32 in [-1, 1]; floats as they are."""
        if keras.backend.standardize_dtype(x.dtype) == "uint8":
            return ops.cast(x, "float32") / 127.5 - 1.0
        return x

    def compiled_function(self, name, fn, *static):
        """`fn(*tensors, *static)` compiled once for each value of `static`."""
        # A callback may call it in the middle of `fit`.
        backend.sync(self)
        key = (name, *static)
        if key not in self._compiled_functions:
            self._compiled_functions[key] = backend.compiled(
                lambda *tensors: fn(*tensors, *static), self
            )
        return self._compiled_functions[key]

    @no_interrupt_lost()
    def predict(
        self,
        x,
        batch_size=None,
        verbose="auto",
        steps=None,
        callbacks=None,
        value_range=None,
    ):
        """What `call` makes of each of its inputs, in the order of the data.

        It is compiled as `generate` is: `run_eagerly`, `steps_per_execution` and a
        `predict_step` of a subclass are without effect, and each device of several
        computes all of a batch.

        Args:
            x: What `call` takes, samples or latents, checked as `fit` checks data:
                arrays, the pair `[x, labels]` of a conditional model, or a source of
                batches as in `fit`. An `ArrayDataset` is read in the order of its
                samples, shuffled or not, without augmentation.
            batch_size: As in `evaluate`.
            verbose: As in `keras.Model.predict`.
            steps: Batches to read, fewer where there are no more; None for all.
            callbacks: As in `keras.Model.predict`.
            value_range: As in `fit`.

        Returns:
            NumPy array, or what `call` returns of them, a row for each sample.

        Raises:
            TypeError: As in `fit`.
            ValueError: As in `fit`.
        """
        if steps is not None:
            check_positive_integer("steps", steps)
        inputs = Inputs(self, x, batch_size, value_range)
        return map_call(self, inputs, steps, verbose, callbacks)

    # Weights, presets and export.

    def load_weights(self, filepath, **kwargs):
        """Loads a `.weights.h5` file, whole or not at all.

        Args:
            filepath: Path of the file.
            **kwargs: As in `keras.Model.load_weights`.

        Raises:
            PresetError: The file is empty, cut off or not HDF5.
            ValueError: The file belongs to another architecture.
        """
        read_weights(filepath)
        # Keras leaves a model part-loaded when a file does not fit.
        trial = type(self).from_config(self.get_config())
        with warnings.catch_warnings():
            # What does not fit is an error here, not a warning.
            warnings.filterwarnings("ignore", message="Skipping nested container")
            try:
                keras.Model.load_weights(trial, filepath, **kwargs)
            except OSError as error:
                raise PresetError(
                    f"Expected a whole HDF5 file. Received: {filepath} ({error})"
                ) from error
        self.set_weights(trial.get_weights())

    def save_to_preset(self, path, **card):
        """Writes config, weights and card to a folder; see `kerasgen.presets`.

        Of several processes the first one does, and the others do not wait for it.
        """
        from kerasgen.presets import save_to_preset

        return save_to_preset(self, path, **card)

    def export(self, path, overwrite=False):
        """Writes a SavedModel for TF Serving to the version folder `path`.

        Of several processes the first one does, and the others do not wait for it.

        Args:
            path: The version folder itself, such as "serving/dcgan/1".
            overwrite: Replace an existing folder.

        Returns:
            The path.
        """
        from kerasgen.export import export_saved_model

        return export_saved_model(self, path, overwrite=overwrite)

    @property
    def data_name(self):
        """What served samples are called: "images", or "samples" for vectors."""
        return "images" if len(self.data_shape) == 3 else "samples"

    def export_signatures(self):
        """What `export` writes: dict of name to `Signature`; subclasses add theirs."""
        return {}

    def check_generates(self):
        """Raises ValueError where what `generate` draws from is missing."""

    def generate(self, num_samples, seed=None, **arguments):
        """Draws samples in the data domain.

        Raises:
            ValueError: What it would draw from is missing: see `check_generates`.
            NotImplementedError: A subclass has left it out.
        """
        self.check_generates()
        raise NotImplementedError(
            "Expected a model that defines `generate`, as `LatentModel` does. "
            f"Received: {type(self).__name__}"
        )
