"""A server without Keras, a user's network, and what asks for it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import keras
import numpy as np

import kerasgen
from kerasgen.files import STAGING_PREFIX
from kerasgen.layers import SpectralNormalization

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
LATENT_DIM = 8
NUM_AND_SEED = ((1, 0), (5, 7), (5, 2**31 + 5), (1, 2**32 - 1))


USER_MODULE = """
import keras


@keras.saving.register_keras_serializable(package="user")
def swish(x):
    return x * keras.ops.sigmoid(x)


@keras.saving.register_keras_serializable(package="user")
class Shift(keras.layers.Layer):
    def __init__(self, by=0.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, x):
        return x + self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def make_local_class():
    @keras.saving.register_keras_serializable(package="user")
    class Local(Shift):
        pass

    return Local
"""

# Runs where neither keras nor kerasgen can be imported.
SERVER = """
import sys
sys.modules["keras"] = sys.modules["kerasgen"] = None
import json, pathlib
import numpy as np
import tensorflow as tf

folder = pathlib.Path(sys.argv[1])
served, outputs, refusals, names = {}, {}, {}, {}

def call(path, signature, inputs):
    if path not in served:
        served[path] = tf.saved_model.load(str(folder / path))
        names[path] = sorted(served[path].signatures)
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    return served[path].signatures[signature](**inputs)

for request in json.loads((folder / "requests.json").read_text()):
    with np.load(folder / request["inputs"]) as inputs:
        inputs = dict(inputs)
    try:
        result = call(request["path"], request["signature"], inputs)
    except Exception as error:
        refusals[request["key"]] = [type(error).__name__, str(error)]
    else:
        for name, value in result.items():
            outputs[request["key"] + "/" + name] = value.numpy()
np.savez(folder / "outputs.npz", **outputs)
answer = {"refusals": refusals, "names": names}
(folder / "answer.json").write_text(json.dumps(answer))
assert not [m for m in sys.modules if m.startswith("keras.")]
"""


class Server:
    """Requests that are answered together by one process without Keras."""

    def __init__(self, folder):
        self.folder = folder
        self.requests = []

    def ask(self, path, signature, key, **inputs):
        file = f"inputs_{len(self.requests)}.npz"
        np.savez(self.folder / file, **inputs)
        self.requests.append(
            {"path": path, "signature": signature, "key": key, "inputs": file}
        )

    def run(self):
        (self.folder / "requests.json").write_text(json.dumps(self.requests))
        result = subprocess.run(
            [sys.executable, "-c", SERVER, str(self.folder)],
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        with np.load(self.folder / "outputs.npz") as archive:
            self.outputs = dict(archive)
        answer = json.loads((self.folder / "answer.json").read_text())
        self.refusals, self.names = answer["refusals"], answer["names"]


def randomize(model, seed):
    """Weights far from their start, so that images differ and averages matter."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "float" in variable.dtype:
            value = rng.normal(0.0, 0.4, variable.shape)
            if "variance" in variable.path:
                value = 0.5 + np.abs(value)
            variable.assign(value)
    return model


def make_ring(user):
    """A GAN of vectors with a user's layer, and spectral normalization."""
    generator = keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            keras.layers.Dense(6, activation=user.swish),
            user.Shift(by=0.5),
            keras.layers.Dense(2),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input((2,)), SpectralNormalization(keras.layers.Dense(1))]
    )
    return kerasgen.models.GAN(generator, discriminator, LATENT_DIM, seed=3)


def plant_orphan(parent, name):
    orphan = parent / f"{STAGING_PREFIX}{name}"
    (orphan / "replaced" / "7").mkdir(parents=True)
    (orphan / "replaced" / "7" / "saved_model.pb").write_text("seven")
    (orphan / ".lock").touch()
    return orphan


@contextlib.contextmanager
def polling(parent):
    """Looks for versions that are not whole, as a server would."""
    seen, stop = [], threading.Event()

    def poll():
        while not stop.is_set():
            for name in os.listdir(parent):
                variables = parent / name / "variables" / "variables.index"
                whole = (parent / name / "saved_model.pb").exists()
                if name.isdigit() and name != "7":
                    seen.append(whole and variables.exists())
            time.sleep(0.001)

    thread = threading.Thread(target=poll)
    thread.start()
    yield seen
    time.sleep(0.05)
    stop.set()
    thread.join()


def assert_images_equal(served, live):
    assert served.dtype == live.dtype == np.uint8
    assert served.shape == live.shape
    assert np.abs(served.astype(int) - live.astype(int)).max() <= 1
    assert live.std() > 20, "these images could not tell models apart"


def good_request(signature, data):
    if signature == "generate":
        return {"num": np.int32(5), "seed": np.int64(7)}
    if signature == "encode":
        return {"images": data["images"]}
    return {"z": data["z"]}


def bad_requests(data):
    z, images = data["z"], data["images"]
    bad_z = {
        "rank": z[0],
        "width": z[:, :-1],
        "integers": z.astype("int32"),
        "empty": z[:0],
        "nan": np.where(z == z.max(), np.nan, z).astype("float32"),
    }
    bad_numbers = {"none": (0, 0), "many": (1025, 0), "-1": (1, -1), "big": (1, 2**32)}
    return {
        **{f"bad z: {key}": ("gan/1", "serve", {"z": z}) for key, z in bad_z.items()},
        **{
            f"bad number: {key}": (
                "gan/1",
                "generate",
                {"num": np.int32(num), "seed": np.int64(seed)},
            )
            for key, (num, seed) in bad_numbers.items()
        },
        "bad images: empty": ("vae/1", "encode", {"images": images[:0]}),
        "bad images: float": ("vae/1", "encode", {"images": images / np.float32(255)}),
        "bad images: size": ("vae/1", "encode", {"images": images[:, :-1]}),
    }
