"""What a run on several devices must do as one on one device does.

Usage: KERAS_BACKEND=jax python distributed_worker.py OUT DEVICES FOLDER ACTION...,
where DEVICES is 0 for all there are, and actions are names of `engine_cases.CASES` or
of functions here. Each process writes OUT-0.npz, OUT-1.npz, ...; tests call the actions
on one device in their own process.
"""

import faulthandler
import signal
import sys
import threading
from pathlib import Path

import engine_cases as cases
import engine_material as material
import engine_worker
import keras
import numpy as np
from keras import ops
from scored_training import files_written_to, score

import kerasgen
from kerasgen import backend, distribution
from kerasgen.callbacks import BestWeights, Checkpoint, SampleGrid

EPOCHS = 2


class MeanGradient(material.GivenGradients):
    """The mean of x is its gradient."""

    def training_step(self, batch, noise):
        loss = lambda: {"loss": ops.mean(self.linear(batch.x))}  # noqa: E731
        self.update("linear", loss, batch)


class SpoiledGradient(material.GivenGradients):
    """Its gradient is NaN in the second step, for row 5 alone; its loss is finite."""

    def training_step(self, batch, noise):
        is_spoiled = ops.equal(batch.rows, 5) & ops.equal(self.training_steps.value, 1)
        keep = 1.0 - ops.cast(is_spoiled, "float32")[:, None]

        def terms():
            return {"loss": ops.mean(ops.sqrt(ops.abs(self.linear(batch.x)) * keep))}

        self.update("linear", terms, batch)


class Interrupt(keras.callbacks.Callback):
    """Ends `fit` as a kill would, after a number of steps."""

    def on_train_batch_end(self, batch, logs=None):
        if int(backend.peek(self.model, self.model.training_steps)) == 4:
            raise KeyboardInterrupt


def state_of(model):
    variables = [*model.variables, *model.optimizer.variables]
    return {f"{i:03d}": ops.convert_to_numpy(v) for i, v in enumerate(variables)}


def _put(results, name, values):
    results |= {f"{name}/{key}": np.asarray(value) for key, value in values.items()}


def _compiled(name):
    model = cases.CASES[name]()
    material.set_weights(model)
    rate = cases.LEARNING_RATES[name]
    momenta = {p: keras.optimizers.SGD(rate, momentum=0.9) for p in model.players}
    model.compile_players(momenta)
    return model


def rest(results, folder):
    """An epoch of three steps, of which the last is small; evaluation likewise."""
    for name, num in (("dense_vae", 21), ("comparing_gan", 38)):
        model = _compiled(name)
        history = model.fit(
            material.images(num), batch_size=8, shuffle=False, verbose=0, epochs=EPOCHS
        )
        _put(results, f"rest/{name}/logs", history.history)
        terms = model.evaluate(
            material.images(21), batch_size=8, verbose=0, return_dict=True
        )
        _put(results, f"rest/{name}/val_logs", terms)
        _put(results, f"rest/{name}/state", state_of(model))


def executions(results, folder):
    """Three steps an execution, of which the second has two, and small ones last."""
    model = _compiled("dense_vae")
    momenta = {p: keras.optimizers.SGD(0.01, momentum=0.9) for p in model.players}
    model.compile_players(momenta, steps_per_execution=3)
    x = material.images(37)
    options = {"batch_size": 8, "verbose": 0}
    history = model.fit(x, shuffle=False, epochs=EPOCHS, **options)
    _put(results, "executions/logs", history.history)
    terms = model.evaluate(x, return_dict=True, **options)
    _put(results, "executions/val_logs", terms)
    _put(results, "executions/state", state_of(model))


def drop_rest(results, folder):
    """The last step is left out, where two devices would not have equal parts."""
    distribution.data_parallel(None, drop_rest=True)
    model = _compiled("dense_vae")
    model.fit(material.images(21), batch_size=8, shuffle=False, verbose=0)
    distribution.data_parallel(None, drop_rest=False)
    _put(results, "drop_rest", state_of(model))


def without_rest(results, folder):
    """What `drop_rest` should give."""
    model = _compiled("dense_vae")
    model.fit(material.images(21)[:20], batch_size=8, shuffle=False, verbose=0)
    _put(results, "drop_rest", state_of(model))


def refuse(results, folder):
    """Batches that two devices cannot share, before anything is compiled."""
    model = _compiled("dense_vae")
    batches = iter([material.images(7)])
    attempts = {
        "fit": lambda: model.fit(material.images(14), batch_size=7, verbose=0),
        "stream": lambda: model.fit(batches, verbose=0),
        "evaluate": lambda: model.evaluate(material.images(14), batch_size=7),
        "train_on_batch": lambda: model.train_on_batch(material.images(7)),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except ValueError as error:
            results[f"refuse/{name}"] = np.asarray(str(error))
    try:
        distribution.data_parallel(distribution.num_devices() + 1)
    except ValueError as error:
        results["refuse/more devices"] = np.asarray(str(error))
    functions = model.train_function, model.test_function
    results["refuse/compiled"] = np.asarray(functions != (None, None))


def interrupts(results, folder):
    """Ctrl-C at random instants, and what is trained after each."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A step that waits for ever heeds nothing.
    faulthandler.dump_traceback_later(300, exit=True)
    model = _compiled("dense_vae")
    model.fit(material.images(24), batch_size=8, verbose=0)
    for seconds in np.random.default_rng(0).uniform(0.05, 0.15, 40):
        is_over = threading.Event()
        thread = threading.Thread(target=_interrupt, args=(float(seconds), is_over))
        thread.start()
        try:
            model.fit(material.images(24), batch_size=8, verbose=0, epochs=10_000)
        except KeyboardInterrupt:
            results["interrupts"] = results.get("interrupts", 0) + np.asarray(1)
        is_over.set()
        thread.join()
    model.fit(material.images(24), batch_size=8, verbose=0)
    faulthandler.cancel_dump_traceback_later()


def _interrupt(seconds, is_over):
    """Again after a while: Keras drops one that comes as it makes numbers of logs."""
    while not is_over.wait(seconds):
        signal.raise_signal(signal.SIGINT)
        seconds = 10.0


def options(results, folder):
    """Optimizers that accumulate gradients and overwrite weights, and XLA."""
    chosen = {
        "gradient_accumulation_steps": {"gradient_accumulation_steps": 2},
        "ema_overwrite_frequency": {"use_ema": True, "ema_overwrite_frequency": 2},
        "jit_compile": {},
    }
    for name, arguments in chosen.items():
        model = cases.CASES["dense_vae"]()
        material.set_weights(model)
        # PyTorch's compiler takes too long.
        jit_compile = name == "jit_compile" and keras.backend.backend() != "torch"
        optimizer = keras.optimizers.SGD(0.01, **arguments)
        model.compile(optimizer, jit_compile=jit_compile)
        try:
            model.fit(material.images(32), batch_size=8, shuffle=False, verbose=0)
        except ValueError as error:
            results[f"refuse_options/{name}"] = np.asarray(str(error))
            continue
        _put(results, f"options/{name}", state_of(model))


def predict(results, folder):
    """Rows that two devices cannot share, and then those of the first process alone."""
    model = _compiled("dense_vae")
    x = material.images(9)
    results["predict/rows"] = model.predict(x, batch_size=4, verbose=0)
    if distribution.is_first_process():
        results["predict/alone"] = model.predict(x[:5], verbose=0)


def bad_stream(results, folder):
    """A batch that is not finite in the midst of a stream, which all processes read."""
    model = _compiled("dense_vae")
    good = np.full((8, *model.data_shape), -0.5, "float32")
    try:
        model.fit(iter([good] * 3 + [good * np.nan]), verbose=0)
    except ValueError as error:
        results["bad_stream"] = np.asarray(f"{type(error).__name__}: {error}")


def _spoiled():
    model = SpoiledGradient(6, seed=0)
    model.linear.set_weights([np.linspace(1, 2, 6)[:, None].astype("float32")])
    model.compile_players({"linear": keras.optimizers.SGD(0.1)})
    rng = np.random.default_rng(1)
    return model, rng.uniform(1.0, 2.0, (24, 6)).astype("float32")


def spoil(results, folder):
    """NaN in the gradient of one replica stops all, and masks the update on all."""
    model, x = _spoiled()
    try:
        model.fit(x, batch_size=8, shuffle=False, verbose=0)
    except FloatingPointError as error:
        results["spoil/error"] = np.asarray(str(error))
    results["spoil/weights"] = model.linear.get_weights()[0]


def skip(results, folder):
    """The step with NaN in the gradient of one replica is skipped by all; then data."""
    model, x = _spoiled()
    x[21, 3] = np.nan
    history = model.fit(x, batch_size=8, shuffle=False, verbose=0, max_skipped_steps=2)
    assert history.history["skipped_steps"] == [2]
    _put(results, "skip/logs", history.history)
    _put(results, "skip/state", state_of(model))


def scale(results, folder):
    """Two steps overflow, and what is clipped is the whole batch's gradient."""
    model = MeanGradient(6, seed=0)
    model.linear.set_weights([np.linspace(1, 2, 6)[:, None].astype("float32")])
    inner = keras.optimizers.SGD(0.1, clipnorm=1.0)
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**126)
    model.compile_players({"linear": scaled})
    x = np.random.default_rng(2).uniform(8.0, 16.0, (40, 6)).astype("float32")
    # Halves of a batch that alone would be clipped by other factors.
    x[np.arange(40) % 8 < 4] *= np.linspace(1.0, 0.8, 6, dtype="float32")
    model.fit(x, batch_size=8, shuffle=False, verbose=0)
    _put(results, "scale", state_of(model))


def one_batch(results, folder):
    """`train_on_batch` and `test_on_batch`."""
    model = _compiled("dense_vae")
    x = material.images(8)
    _put(results, "one_batch/logs", model.train_on_batch(x, return_dict=True))
    _put(results, "one_batch/val_logs", model.test_on_batch(x, return_dict=True))
    _put(results, "one_batch/state", state_of(model))


def _fit_saved(folder, *callbacks):
    model = _compiled("dense_vae")
    model.fit(
        material.images(32),
        batch_size=8,
        epochs=EPOCHS,
        shuffle=True,
        verbose=0,
        callbacks=[*callbacks, Checkpoint(folder, every=1)],
    )
    return model


def interrupt(results, folder):
    """Leaves `folder/interrupted`, of one step short of the first epoch's end."""
    try:
        _fit_saved(folder / "interrupted", Interrupt())
    except KeyboardInterrupt:
        return


def resume(results, folder):
    """Goes on from `folder/start`."""
    _put(results, "resume", state_of(_fit_saved(folder / "start")))


def unequal(results, folder):
    """A model that each process has built for itself, before `data_parallel`."""
    mesh = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    keras.utils.set_random_seed(backend.distribution.process_index())
    model = kerasgen.models.dense_vae((4,), latent_dim=1, hidden=(2,), seed=0)
    keras.distribution.set_distribution(mesh)
    model.compile("sgd")
    try:
        model.fit(np.ones((8, 4), "float32"), batch_size=8, verbose=0)
    except ValueError as error:
        results["unequal"] = np.asarray(str(error))


def load(results, folder):
    """Reads the newest checkpoint of `folder/start`."""
    model = _compiled("dense_vae")
    kerasgen.checkpoint.CheckpointFolder(folder / "start" / "checkpoints").load(model)
    _put(results, "load", state_of(model))


def apart(results, folder):
    """A folder that each process has for itself: the first one's holds a checkpoint."""
    name = "interrupted" if distribution.is_first_process() else "nowhere"
    checkpoints = kerasgen.checkpoint.CheckpointFolder(folder / name / "checkpoints")
    try:
        checkpoints.load(_compiled("dense_vae"))
    except kerasgen.checkpoint.CheckpointError as error:
        results["apart"] = np.asarray(str(error))


def write(results, folder):
    """All that writes files in `fit`, and what of it this process wrote."""
    folder = folder / "written"
    distribution.on_first_process(lambda: folder.mkdir())
    written = files_written_to(folder)
    model = _compiled("dense_vae")
    model.fit(
        material.images(16),
        batch_size=8,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[
            BestWeights(folder, "loss"),
            keras.callbacks.CSVLogger(folder / "log.csv"),
            SampleGrid(folder),
            Checkpoint(folder),
        ],
    )
    model.save_to_preset(folder / "preset")
    results["write/number"] = np.asarray(len(written))


def export(results, folder):
    """A script that exports what it has trained, on every process."""
    model = _compiled("dense_vae")
    model.fit(material.images(16), batch_size=8, verbose=0)
    written = files_written_to(folder)
    model.export(folder / "serving" / "1")
    results["export/number"] = np.asarray(len(written))


ACTIONS = {
    action.__name__: action
    for action in (
        *(rest, drop_rest, without_rest, refuse, spoil, skip, scale, one_batch),
        *(interrupt, resume, unequal, load, write, score, predict, bad_stream),
        *(export, apart, executions, options, interrupts),
    )
}


def act(names, folder):
    """Results of cases and actions: dict of name to array."""
    results = {}
    for name in names:
        if name in ACTIONS:
            ACTIONS[name](results, folder)
        else:
            rate = cases.LEARNING_RATES[name]
            engine_worker.train(name, cases.CASES[name](), rate, "auto", results)
    return results


def main(out, num_devices, folder, *names):
    distribution.data_parallel(int(num_devices) or None)
    if keras.backend.backend() == "torch":
        # Gradients take several messages, however small the models.
        backend.distribution.BUCKET_BYTES = 2000
    results = act(names, Path(folder))
    results["devices"] = np.asarray(distribution.num_devices())
    process = backend.distribution.process_index()
    np.savez(f"{out}-{process}.npz", **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
