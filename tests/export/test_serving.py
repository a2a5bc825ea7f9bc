"""What is served equals the live model, and bad requests are refused."""

import os

import numpy as np
import pytest

from tests.export.helpers import (
    NUM_AND_SEED,
    Server,
    assert_images_equal,
    bad_requests,
)


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
        kind, message = server.refusals[key]
        in_graph = "empty", "nan", "none", "many", "-1", "big"
        if key.split(": ")[1] in in_graph:
            assert kind == "InvalidArgumentError", (key, kind, message)
        else:
            assert kind in ("InvalidArgumentError", "TypeError", "ValueError"), key
        output = "mean" if signature == "encode" else "images"
        served = server.outputs[f"after {key}/{output}"]
        np.testing.assert_array_equal(served, good[signature], err_msg=key)
    assert {*server.refusals} == {*bad_requests(data)}


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
