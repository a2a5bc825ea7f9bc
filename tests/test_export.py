"""SavedModels: right outputs without Keras, refusals, and nothing half-written."""

import contextlib
import glob
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import filelock
import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import export
from kerasgen.export_process import ExportError
from kerasgen.files import STAGING_PREFIX, publish, staging_folder
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


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "kerasgen_user_networks.py").write_text(USER_MODULE)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("kerasgen_user_networks")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def gan():
    model = kerasgen.models.dcgan(
        (8, 8, 1), latent_dim=LATENT_DIM, filters=4, ema_decay=0.9, seed=1
    )
    return randomize(model, 1)


@pytest.fixture(scope="module")
def vae():
    model = kerasgen.models.dense_vae((8, 8, 1), latent_dim=3, hidden=(16,), seed=2)
    return randomize(model, 2)


@pytest.fixture(scope="module")
def ring(user):
    return randomize(make_ring(user), 3)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    return {
        "z": rng.standard_normal((5, LATENT_DIM)).astype("float32"),
        "images": rng.integers(0, 256, (5, 8, 8, 1), dtype="uint8"),
    }


@pytest.fixture(scope="module")
def live(gan, vae, ring, data):
    """What the live models make of the same latents."""
    decoders = {
        "gan": lambda z: gan.to_data_domain(gan.decode(z, use_ema=True)),
        "gan, not averaged": lambda z: gan.to_data_domain(gan.decode(z, use_ema=False)),
        "ring": ring,
    }
    z = keras.ops.convert_to_tensor(data["z"])
    outputs = {name: decode(z) for name, decode in decoders.items()}
    outputs["vae"] = vae.decode_tensor(z[:, : vae.latent_dim])
    return {name: keras.ops.convert_to_numpy(x) for name, x in outputs.items()}


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


@pytest.fixture(scope="module")
def server(tmp_path_factory, gan, vae, ring, data):
    folder = tmp_path_factory.mktemp("serving")
    (folder / "gan").mkdir()
    orphan, live = (plant_orphan(folder / "gan", name) for name in ("dead", "live"))
    with filelock.FileLock(live / ".lock"), polling(folder / "gan") as seen:
        assert gan.export(folder / "gan" / "1") == folder / "gan" / "1"
    vae.export(str(folder / "vae" / "1"))
    old = folder / "ring" / "1"
    old.mkdir(parents=True)
    (old / "saved_model.pb").write_text("old")
    (old / "old").touch()
    ring.export(old, overwrite=True)

    server = Server(folder)
    server.seen, server.orphan, server.live = seen, orphan, live
    for size in (5, 1):
        z = data["z"][:size]
        server.ask("gan/1", "serve", f"gan serve {size}", z=z)
        server.ask("ring/1", "serve", f"ring serve {size}", z=z)
        server.ask("vae/1", "serve", f"vae serve {size}", z=z[:, :3])
        images = data["images"][:size]
        server.ask("vae/1", "encode", f"encode {size}", images=images)
        server.ask("vae/1", "reconstruct", f"reconstruct {size}", images=images)
    server.ask("gan/1", "serving_default", "default", z=data["z"])
    for name in ("gan", "vae", "ring"):
        for num, seed in NUM_AND_SEED:
            key = f"{name} {num} {seed}"
            request = {"num": np.int32(num), "seed": np.int64(seed)}
            server.ask(f"{name}/1", "generate", key, **request)
    for key, (path, signature, inputs) in bad_requests(data).items():
        server.ask(path, signature, key, **inputs)
        server.ask(path, signature, f"after {key}", **good_request(signature, data))
    server.run()
    return server


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


def assert_images_equal(served, live):
    assert served.dtype == live.dtype == np.uint8
    assert served.shape == live.shape
    assert np.abs(served.astype(int) - live.astype(int)).max() <= 1
    assert live.std() > 20, "these images could not tell models apart"


def assert_floats_equal(served, live):
    assert served.dtype == live.dtype == np.float32
    np.testing.assert_allclose(served, live, rtol=1e-4, atol=1e-4)


def test_signatures(server):
    assert server.names == {
        "gan/1": ["generate", "serve", "serving_default"],
        "ring/1": ["generate", "serve", "serving_default"],
        "vae/1": ["encode", "generate", "reconstruct", "serve", "serving_default"],
    }


@pytest.mark.parametrize("size", [5, 1])
def test_serve(server, live, size):
    for name in ("gan", "vae"):
        served = server.outputs[f"{name} serve {size}/images"]
        assert_images_equal(served, live[name][:size])
    assert_floats_equal(
        server.outputs[f"ring serve {size}/samples"], live["ring"][:size]
    )


def test_serve_uses_moving_average(server, live):
    raw = live["gan, not averaged"].astype(int)
    assert np.abs(server.outputs["gan serve 5/images"] - raw).max() > 20


def test_serving_default_is_serve(server):
    serve = server.outputs["gan serve 5/images"]
    np.testing.assert_array_equal(server.outputs["default/images"], serve)


@pytest.mark.parametrize(("num", "seed"), NUM_AND_SEED)
def test_generate(server, gan, vae, ring, num, seed):
    for name, model in {"gan": gan, "vae": vae}.items():
        served = server.outputs[f"{name} {num} {seed}/images"]
        assert_images_equal(served, model.generate(num, seed))
    served = server.outputs[f"ring {num} {seed}/samples"]
    assert_floats_equal(served, ring.generate(num, seed))


def test_encode_and_reconstruct(server, vae, data):
    mean, log_var = vae.encode_distribution(data["images"])
    images = vae.reconstruct(data["images"])
    for size in (5, 1):
        assert_floats_equal(server.outputs[f"encode {size}/mean"], mean[:size])
        assert_floats_equal(server.outputs[f"encode {size}/log_var"], log_var[:size])
        served = server.outputs[f"reconstruct {size}/images"]
        assert_images_equal(served, images[:size])


def test_bad_requests_are_refused_and_good_ones_still_answered(server, data):
    good = {
        "serve": server.outputs["gan serve 5/images"],
        "generate": server.outputs["gan 5 7/images"],
        "encode": server.outputs["encode 5/mean"],
    }
    for key, (_, signature, _) in bad_requests(data).items():
        kind, message = server.refusals.pop(key)
        in_graph = "empty", "nan", "none", "many", "-1", "big"
        if key.split(": ")[1] in in_graph:
            assert kind == "InvalidArgumentError", (key, kind, message)
        else:
            assert kind in ("InvalidArgumentError", "TypeError", "ValueError"), key
        output = "mean" if signature == "encode" else "images"
        served = server.outputs[f"after {key}/{output}"]
        np.testing.assert_array_equal(served, good[signature], err_msg=key)
    assert not server.refusals


def test_a_seed_gives_the_same_bytes_after_a_restart(server):
    again = Server(server.folder)
    num, seed = NUM_AND_SEED[0]
    request = {"num": np.int32(num), "seed": np.int64(seed)}
    for name in ("gan", "vae"):
        again.ask(f"{name}/1", "generate", f"{name} {num} {seed}", **request)
    again.run()
    assert len(again.outputs) == 2
    for key, samples in again.outputs.items():
        assert samples.tobytes() == server.outputs[key].tobytes()


def test_only_what_is_served_is_written(server, gan):
    written = sum(f.stat().st_size for f in server.folder.glob("gan/1/variables/*"))
    weights = 4 * gan.moving_average.network.count_params()
    assert weights <= written < weights + 4096


def test_version_appears_whole(server):
    assert server.seen
    assert all(server.seen)


def test_orphans_are_cleaned_and_live_exports_left(server):
    assert not server.orphan.exists()
    assert (server.live / "replaced").is_dir()


def test_version_lost_in_a_killed_swap_comes_back(server):
    assert (server.folder / "gan" / "7" / "saved_model.pb").read_text() == "seven"


def test_nothing_but_versions_is_left(server):
    assert os.listdir(server.folder / "vae") == ["1"]
    assert sorted(os.listdir(server.folder / "ring")) == ["1"]
    names = {"assets", "fingerprint.pb", "saved_model.pb", "variables"}
    assert set(os.listdir(server.folder / "ring" / "1")) == names


@pytest.fixture
def untraced(monkeypatch):
    """Fails a test that gets as far as running the model."""
    monkeypatch.setattr(export, "_references", lambda model: pytest.fail("traced"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_existing_path_is_refused(gan, tmp_path, untraced, overwrite):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "thesis.txt").write_text("mine")
    (tmp_path / "2").write_text("a file")
    (tmp_path / "3").symlink_to(tmp_path / "1")
    (tmp_path / "4").symlink_to(tmp_path / "dangling")
    for name in "1234":
        with pytest.raises(FileExistsError, match=f"Received: .*{name}, which"):
            gan.export(tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "1" / "thesis.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["1", "2", "3", "4"]


def test_existing_saved_model_is_refused(gan, tmp_path, untraced):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        gan.export(tmp_path / "1")
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "old"


def test_parent_that_is_a_file(gan, tmp_path, untraced):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "1", tmp_path / "file" / "a" / "1"):
        with pytest.raises(OSError, match="can be written"):
            gan.export(path)
    assert os.listdir(tmp_path) == ["file"]


def test_parent_that_cannot_be_written(gan, untraced):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            for path in (f"{folder}/1", f"{folder}/a/b/1"):
                with pytest.raises(PermissionError, match="can be written"):
                    gan.export(path)
        finally:
            if is_root:
                os.seteuid(0)
        assert os.listdir(folder) == []


def test_only_generative_models(tmp_path):
    with pytest.raises(TypeError, match="GenerativeModel"):
        export.export_saved_model(keras.Sequential(), tmp_path / "1")


def test_failed_swap_keeps_the_old_version(tmp_path):
    target = tmp_path / "1"
    target.mkdir()
    (target / "saved_model.pb").write_text("old")
    with pytest.raises(OSError, match="into place"):
        with staging_folder(tmp_path) as staging:
            publish(staging / "missing", target)
    assert (target / "saved_model.pb").read_text() == "old"
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.skipif(not ON_TENSORFLOW, reason="the same code on every backend")
def test_version_made_meanwhile_is_kept(gan, tmp_path, monkeypatch):
    def references(model):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_text("other")
        return {}

    monkeypatch.setattr(export, "_references", references)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        gan.export(tmp_path / "1")
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "other"
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.skipif(not ON_TENSORFLOW, reason="the same code runs in the child")
@pytest.mark.parametrize(("signature", "change"), [("serve", 3), ("generate", 3)])
def test_other_outputs_than_the_models_are_an_error(
    gan, tmp_path, monkeypatch, signature, change
):
    references = export._references(gan)
    images = references[signature][1]["images"]
    images[0, 0, 0, 0] = (int(images[0, 0, 0, 0]) + change) % 256
    monkeypatch.setattr(export, "_references", lambda model: references)
    with pytest.raises(ExportError, match=f"`{signature}`.*Received: a max difference"):
        gan.export(tmp_path / "a" / "b" / "1")
    assert os.listdir(tmp_path) == []


def test_precision_of_the_live_model_is_known(gan):
    assert export._is_exact(gan)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = kerasgen.models.dense_vae((4,), latent_dim=2, hidden=(4,))
    finally:
        keras.config.set_dtype_policy(policy)
    assert not export._is_exact(half)


@pytest.mark.skipif(ON_TENSORFLOW, reason="exports in process")
class TestTensorFlowProcess:
    def test_class_in_main_is_named(self, user, ring, tmp_path, untraced, monkeypatch):
        monkeypatch.setattr(user.Shift, "__module__", "__main__")
        with pytest.raises(ValueError, match="Received: user>Shift .*__main__"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_function_in_main_is_named(self, user, ring, tmp_path, monkeypatch):
        monkeypatch.setattr(user.swish, "__module__", "__main__")
        with pytest.raises(ValueError, match="Received: user>swish .*__main__"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_class_that_is_not_registered_is_named(self, user, tmp_path, untraced):
        class Unregistered(user.Shift):
            pass

        ring = make_ring(user)
        ring.generator = keras.Sequential([ring.generator, Unregistered()])
        with pytest.raises(ValueError, match="Received: Unregistered .*registered"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_class_that_the_process_misses_is_named(self, user, tmp_path):
        local = user.make_local_class()
        shift, user.Shift = user.Shift, local
        try:
            ring = make_ring(user)
        finally:
            user.Shift = shift
        with pytest.raises(ValueError, match="Received: user>Local .*not register it"):
            ring.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == []

    def test_failure_shows_stderr(self, gan, tmp_path, monkeypatch):
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\necho it broke >&2\nexit 9\n")
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        with pytest.raises(ExportError, match="exit code 9 and\nit broke"):
            gan.export(tmp_path / "a" / "1")
        assert os.listdir(tmp_path) == ["python"]


KILLED = """
import sys
import kerasgen
kerasgen.models.dense_vae((8, 8, 1), latent_dim=2, hidden=(4,)).export(sys.argv[1])
"""


def test_killed_export_leaves_no_version(tmp_path):
    parent = tmp_path / "model"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(parent / "1")])
    # A sign that the SavedModel is being written.
    sign = "saved_model/*" if ON_TENSORFLOW else "request.json"
    pattern = f"{parent}/{STAGING_PREFIX}*/{sign}"
    while not glob.glob(pattern):
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    names = os.listdir(parent)
    assert len(names) == 1
    assert names[0].startswith(STAGING_PREFIX)
    wait_for_end(str(parent / names[0]))
    with staging_folder(parent) as staging:
        assert os.listdir(parent) == [staging.name]
    assert os.listdir(parent) == []


def wait_for_end(argument):
    """Waits until no process has this argument: the child ends with its parent."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        running = 0
        for file in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError), open(file) as cmdline:
                running += argument in cmdline.read().split("\0")
        if not running:
            return
        time.sleep(0.1)
    pytest.fail("the TensorFlow process outlives the one that started it")
