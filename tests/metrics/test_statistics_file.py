"""Statistics files: round trip, TTUR's form, and hostile files (X7)."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from kerasgen.metrics import (
    StatisticsError,
    fid,
    frechet_distance,
    load_statistics,
    save_statistics,
    statistics,
)

PROTOCOL = {"dataset": "digits:test", "extractor_digest": "ab" * 32, "resize": "clean"}

DESCRIBED = "{'descr': %s, 'fortran_order': False, 'shape': (2,)}"


@pytest.fixture
def gaussian():
    x = np.random.RandomState(0).randn(50, 4)
    return (*statistics(x), 50)


@pytest.fixture
def file(gaussian, tmp_path):
    path = tmp_path / "a.npz"
    save_statistics(path, *gaussian, **PROTOCOL)
    return path


def parts(path):
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_round_trip(file, gaussian):
    found = load_statistics(file)
    np.testing.assert_array_equal(found.mu, gaussian[0])
    np.testing.assert_array_equal(found.sigma, gaussian[1])
    assert found.num == 50 and found.verified
    assert found.protocol == {"ddof": 1, **PROTOCOL}


def test_it_holds_no_pickle_and_a_plain_protocol(file):
    arrays = parts(file)
    assert set(arrays) == {"mu", "sigma", "num", "protocol"}
    assert json.loads(arrays["protocol"].tobytes())["dataset"] == "digits:test"


def test_fid_from_files_equals_fid_from_features(file, tmp_path):
    y = np.random.RandomState(1).randn(70, 4) + 1.0
    other = tmp_path / "b.npz"
    save_statistics(other, *statistics(y), 70)
    a, b = load_statistics(file), load_statistics(other)
    value = frechet_distance(a.mu, a.sigma, b.mu, b.sigma)
    x = np.random.RandomState(0).randn(50, 4)
    assert value == pytest.approx(fid(x, y), rel=1e-9)


def test_ttur_files_are_read_as_unverified(tmp_path, gaussian):
    path = write(tmp_path / "fid_stats.npz", mu=gaussian[0], sigma=gaussian[1])
    found = load_statistics(path)
    np.testing.assert_array_equal(found.sigma, gaussian[1])
    assert not found.verified and found.num == 0 and found.protocol == {}


def test_float32_ttur_files_are_read(tmp_path, gaussian):
    mu, sigma, _ = gaussian
    path = write(tmp_path / "a.npz", mu=mu.astype("f4"), sigma=sigma.astype("f4"))
    assert load_statistics(path).sigma.dtype == np.float64


RAN = []


class Gadget:
    def __reduce__(self):
        return RAN.append, (True,)


def bad_arrays(name, gaussian):
    mu, sigma, _ = gaussian
    asymmetric, indefinite = sigma.copy(), sigma.copy()
    asymmetric[0, 1] += 1.0
    indefinite[0, 0] = -5.0
    return {
        "pickle": {"mu": mu, "sigma": np.array([Gadget()], dtype=object)},
        "nan": {"mu": mu * np.nan, "sigma": sigma},
        "asymmetric": {"mu": mu, "sigma": asymmetric},
        "not positive": {"mu": mu, "sigma": indefinite},
        "dimension": {"mu": mu[:3], "sigma": sigma},
        "strings": {"mu": np.array(["a"] * 4), "sigma": sigma},
        "extra array": {"mu": mu, "sigma": sigma, "more": mu},
        "missing array": {"mu": mu},
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "pickle",
        "nan",
        "asymmetric",
        "not positive",
        "dimension",
        "strings",
        "extra array",
        "missing array",
    ],
)
def test_hostile_arrays_are_refused(name, gaussian, tmp_path):
    path = write(tmp_path / "a.npz", **bad_arrays(name, gaussian))
    with pytest.raises(StatisticsError, match="a.npz"):
        load_statistics(path)
    assert not RAN


@pytest.mark.parametrize("name", ["format", "ddof", "sha256"])
def test_a_protocol_does_not_overrule_the_file(name, gaussian, tmp_path):
    with pytest.raises(ValueError, match=f"cannot set.*Received: .'{name}'"):
        save_statistics(tmp_path / "a.npz", *gaussian, **{name: 0})


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", pickle.dumps({})])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(StatisticsError, match="a.npz"):
        load_statistics(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(StatisticsError, match="nothing.npz"):
        load_statistics(tmp_path / "nothing.npz")


def test_a_cut_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(StatisticsError, match="a.npz"):
        load_statistics(file)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(method, file):
    arrays = parts(file)
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            archive.writestr(f"{name}.npy", member.getvalue())
    with pytest.raises(StatisticsError, match="compressed in another way"):
        load_statistics(file)


def test_what_cannot_be_loaded_is_not_written(tmp_path, gaussian):
    mu, sigma, num = gaussian
    with pytest.raises(ValueError, match="positive semi-definite"):
        save_statistics(tmp_path / "a.npz", mu, -sigma, num)
    assert not list(tmp_path.iterdir())


def test_a_header_that_announces_a_terabyte_is_refused(tmp_path, gaussian):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (360_000, 360_000)}
    )
    path = write(tmp_path / "a.npz", mu=gaussian[0])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sigma.npy", header.getvalue())
    with pytest.raises(StatisticsError, match="announces"):
        load_statistics(path)


@pytest.mark.parametrize(
    "header",
    ["{", "{[]: 1}", "{1: 0, 'a': 0}", *(DESCRIBED % d for d in ("()", "'(01,)f8'"))],
)
def test_a_header_of_another_kind_is_refused(header, tmp_path, gaussian):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    path = write(tmp_path / "a.npz", mu=gaussian[0])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sigma.npy", content + header.encode())
    with pytest.raises(StatisticsError, match="sigma.npy has no header"):
        load_statistics(path)


@pytest.mark.eager
def test_a_member_of_gigabytes_is_refused_unread(tmp_path, gaussian):
    path = write(tmp_path / "a.npz", mu=gaussian[0])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("sigma.npy", "w", force_zip64=True) as member:
            for _ in range(600):
                member.write(bytes(1_000_000))
    with pytest.raises(StatisticsError, match="600000000 bytes"):
        load_statistics(path)


@pytest.mark.parametrize("key", ["mu", "sigma", "num"])
def test_a_changed_array_is_found_by_its_digest(file, key):
    arrays = parts(file)
    arrays[key] = arrays[key] * 2
    write(file, **arrays)
    with pytest.raises(StatisticsError, match="sha256 .*Received: "):
        load_statistics(file)


def test_a_newer_format_is_refused(file):
    arrays = parts(file)
    protocol = json.loads(arrays["protocol"].tobytes())
    text = json.dumps({**protocol, "format": 2}).encode()
    write(file, **{**arrays, "protocol": np.frombuffer(text, "uint8")})
    with pytest.raises(StatisticsError, match="update kerasgen. Received: format 2"):
        load_statistics(file)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("a.npy", {}, "end in .npz"),
        ("a.npz", {"num": 1}, "num must be at least 2"),
        ("a.npz", {"mu": np.zeros(3)}, "sigma .D, D."),
        ("a.npz", {"mu": np.full(4, np.nan)}, "finite"),
    ],
)
def test_bad_statistics_are_not_written(name, changes, message, gaussian, tmp_path):
    mu, sigma, num = gaussian
    good = {"mu": mu, "sigma": sigma, "num": num}
    with pytest.raises(ValueError, match=message + ".*Received"):
        save_statistics(tmp_path / name, **{**good, **changes})
    assert not list(tmp_path.iterdir())
