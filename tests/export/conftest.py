"""Models of every kind, exported and served."""

import importlib
import sys

import filelock
import keras
import numpy as np
import pytest

import kerasgen
from tests.export.helpers import (
    LATENT_DIM,
    NUM_AND_SEED,
    USER_MODULE,
    Server,
    bad_requests,
    good_request,
    make_ring,
    plant_orphan,
    polling,
    randomize,
)


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
