"""The Inception port: graph, weights, and what it refuses."""

import functools
import hashlib
import http.server
import pickle
import threading

import h5py
import keras
import numpy as np
import pytest
import torch

from kerasgen import extractors
from kerasgen.networks.fid_inception import fid_inception_network
from kerasgen.weights_file import PresetError
from tests.metrics import golden

LAYERS = ("64", "192", "768", "2048")


@pytest.fixture(scope="module")
def state():
    """Random weights of the published file's names, shapes and order of axes."""
    r = np.random.RandomState(0)
    state = {}
    for layer in fid_inception_network().layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            width = layer.gamma.shape[0]
            values = {
                "weight": r.uniform(0.8, 1.2, width),
                "bias": r.normal(0, 0.1, width),
                "running_mean": r.normal(0, 0.1, width),
                "running_var": r.uniform(0.8, 1.2, width),
                "num_batches_tracked": np.array(0),
            }
        elif isinstance(layer, keras.layers.Conv2D):
            height, width, fan, filters = layer.kernel.shape
            std = np.sqrt(2.0 / (height * width * fan))
            values = {"weight": r.normal(0, std, (filters, fan, height, width))}
        elif layer.name == "fc":
            values = {"weight": r.normal(0, 0.05, (1008, 2048)), "bias": r.randn(1008)}
        else:
            continue
        for key, value in values.items():
            dtype = "int64" if key == "num_batches_tracked" else "float32"
            state[f"{layer.name.replace('__', '.')}.{key}"] = torch.from_numpy(
                value.astype(dtype)
            )
    return state


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def images():
    return np.random.RandomState(1).randint(0, 256, (2, 32, 48, 3)).astype("uint8")


@pytest.fixture(scope="module")
def oracle(file, images):
    names = [*LAYERS, "logits_unbiased"]
    module = golden.torch_fidelity("feature_extractor_inceptionv3")
    network = module.FeatureExtractorInceptionV3(
        "inception", names, feature_extractor_weights_path=str(file)
    )
    with torch.no_grad():
        outputs = network(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    return dict(zip(names, (x.numpy() for x in outputs), strict=True))


# The last layer's network holds the others': these once.
@pytest.mark.eager
@pytest.mark.parametrize(
    "layer", [*(pytest.param(n, marks=pytest.mark.once) for n in LAYERS[:-1]), "2048"]
)
def test_outputs_equal_torch_fidelity(file, images, oracle, layer):
    features, logits = extractors.fid_inception(file, features=layer)(images)
    expected = oracle[layer]
    assert features.shape == (2, int(layer))
    assert np.abs(features - expected).max() <= 1e-5 * np.abs(expected).max()
    expected = oracle["logits_unbiased"]
    assert logits.shape == (2, 1008)
    assert np.abs(logits - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.once
def test_converted_weights_need_no_pytorch_file(file, images, tmp_path):
    target = tmp_path / "inception.weights.h5"
    digest = extractors.convert_inception_weights(file, target)
    converted = extractors.fid_inception(target, sha256=digest)
    original = extractors.fid_inception(file)
    assert converted.digest == original.digest
    for a, b in zip(converted(images), original(images), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.once
def test_a_wrong_digest_is_refused(file):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(PresetError, match=f"Received: sha256 {digest}"):
        extractors.fid_inception(file, sha256="0" * 64)


def test_a_url_needs_a_digest():
    with pytest.raises(ValueError, match="sha256 of a URL"):
        extractors.fid_inception("https://example.org/a.pth")


@pytest.fixture
def server(file, monkeypatch, tmp_path):
    """Address of a server on this machine that holds the file of weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    handler = functools.partial(QuietHandler, directory=file.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{file.name}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.mark.once
def test_weights_are_downloaded_once_and_checked(server, file, tmp_path):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(PresetError, match="Expected http.*Received: SHA256"):
        extractors.fid_inception(server, "0" * 64)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    downloaded = extractors.fid_inception(server, digest.upper())
    assert downloaded.digest == extractors.fid_inception(file).digest
    ((cached, changed),) = (
        (path, path.stat().st_mtime_ns)
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    extractors.fid_inception(server, digest)
    assert cached.stat().st_mtime_ns == changed
    with pytest.raises(PresetError, match="Expected http.*Received: "):
        extractors.fid_inception(server.replace(".pth", ".nothing"), digest)


@pytest.mark.once
def test_missing_and_other_weights_are_refused(state, tmp_path):
    path = tmp_path / "a.pth"
    changes = {
        "one missing": {
            k: v for k, v in state.items() if k != "Mixed_7c.branch1x1.bn.bias"
        },
        "wrong shape": {**state, "fc.weight": torch.zeros(1000, 2048)},
        "nan": {**state, "fc.weight": torch.full((1008, 2048), torch.nan)},
        "a list": [1.0],
    }
    for content in changes.values():
        torch.save(content, path)
        with pytest.raises(PresetError, match="Expected"):
            extractors.fid_inception(path)
    with pytest.raises(PresetError, match="Expected a file of weights"):
        extractors.fid_inception(tmp_path / "nothing.pth")


class Gadget:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.once
def test_other_files_are_refused_in_one_way(tmp_path):
    path = tmp_path / "a.pth"
    place = torch.zeros(2, 1, dtype=int)
    sparse = torch.sparse_coo_tensor(place, [1.0], (9000, 9000), check_invariants=True)
    torch.save({"fc.weight": sparse}, tmp_path / "sparse.pth")
    contents = [b"hello world, not a pickle", b"PK", b"\x80\x02}", b""]
    contents.append((tmp_path / "sparse.pth").read_bytes())
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(PresetError, match="Received: ") as raised:
            extractors.fid_inception(path)
        assert "weights_only" not in str(raised.value)


@pytest.mark.once
def test_converted_weights_that_are_not_finite_are_refused(file, tmp_path):
    target = tmp_path / "inception.weights.h5"
    digest = extractors.convert_inception_weights(file, target)
    assert extractors.fid_inception(target, digest.upper())
    with h5py.File(target, "r+") as weights:
        weights["inception/0000"][...] = np.nan
    with pytest.raises(PresetError, match="finite values.*Received"):
        extractors.fid_inception(target)


@pytest.mark.once
def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path, trace = tmp_path / "a.pth", tmp_path / "trace"
    torch.save({"fc.weight": Gadget(str(trace))}, path)
    with pytest.raises(PresetError, match="PyTorch file of tensors"):
        extractors.fid_inception(path)
    path.write_bytes(pickle.dumps(Gadget(str(trace)), protocol=2))
    with pytest.raises(PresetError, match="PyTorch file of tensors"):
        extractors.fid_inception(path)
    assert not trace.exists()


@pytest.mark.once
def test_unknown_features_and_targets(file, tmp_path):
    with pytest.raises(ValueError, match="features is one of"):
        extractors.fid_inception(file, features="1024")
    with pytest.raises(ValueError, match="ends in .h5"):
        extractors.convert_inception_weights(file, tmp_path / "a.pth")
