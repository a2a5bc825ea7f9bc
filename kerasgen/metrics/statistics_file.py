"""Files of Fréchet statistics: `.npz` without pickle, checked before use."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kerasgen.files import write_atomically
from kerasgen.metrics.frechet import check_gaussian
from kerasgen.npz_files import DAMAGE, read_member

FORMAT = 1
_RESERVED = {"format", "ddof", "sha256"}
MAX_DIMENSION = 8192
MAX_ARRAY_BYTES = 8 * MAX_DIMENSION**2
_OURS = {"mu", "sigma", "num", "protocol"}
_TTUR = {"mu", "sigma"}


class StatisticsError(RuntimeError):
    """A file of statistics is damaged, hostile, or of another kind."""


@dataclass(frozen=True)
class FrechetStatistics:
    """What the Fréchet distance needs of a dataset.

    mu: float64 (D,). sigma: float64 (D, D) with ddof 1. num: samples behind them, 0
    where a file does not say. protocol: dict of how they were made; empty for a file
    of another library. verified: whether digest and protocol came with the file.
    """

    mu: np.ndarray
    sigma: np.ndarray
    num: int = 0
    protocol: dict = field(default_factory=dict)
    verified: bool = True


def save_statistics(path, mu, sigma, num, **protocol):
    """Writes a file of statistics, atomically.

    Args:
        path: File, ending in .npz.
        mu: Array (D,).
        sigma: Array (D, D), ddof 1.
        num: Samples behind them, at least 2.
        **protocol: JSON values: dataset and its digest, split, extractor and its
            digest, layer, resize, quantisation.

    Raises:
        ValueError: If the path, the arrays or the names of the protocol are not as
            above.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"path must end in .npz. Received: {path}")
    mu, sigma = check_gaussian("", mu, sigma)
    _check_semi_definite(sigma)
    if len(mu) > MAX_DIMENSION:
        raise ValueError(
            f"Expected at most {MAX_DIMENSION} features. Received: {len(mu)}"
        )
    if num < 2:
        raise ValueError(f"num must be at least 2. Received: num={num}")
    if _RESERVED & protocol.keys():
        raise ValueError(
            f"The protocol cannot set {sorted(_RESERVED)}. Received: {sorted(protocol)}"
        )
    about = {
        "format": FORMAT,
        "ddof": 1,
        **protocol,
        "sha256": _digest(mu, sigma, num),
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        mu=mu,
        sigma=sigma,
        num=np.asarray(num, "int64"),
        protocol=np.frombuffer(json.dumps(about).encode(), "uint8"),
    )
    write_atomically(path, buffer.getvalue())


def load_statistics(path):
    """Reads a file of statistics: ours, or one in TTUR's form with mu and sigma only.

    Nothing in the file is executed: pickles are refused, and so is any array whose
    header announces more than statistics can hold, before it is read.

    Args:
        path: An .npz file.

    Returns:
        `FrechetStatistics`; `verified` is False for TTUR's form, which cannot say
        what it was made from.

    Raises:
        StatisticsError: If the file is missing, damaged, hostile or of another kind.
    """
    path = Path(path)
    try:
        arrays = _read_arrays(path)
    except DAMAGE as error:
        raise StatisticsError(
            f"Expected an .npz file of statistics. Received: {path} ({error})"
        ) from error
    try:
        mu, sigma = check_gaussian("", arrays["mu"], arrays["sigma"])
    except (TypeError, ValueError) as error:
        raise StatisticsError(f"{path}: {error}") from error
    try:
        _check_semi_definite(sigma)
    except ValueError as error:
        raise StatisticsError(f"{path}: {error}") from error
    if set(arrays) == _TTUR:
        return FrechetStatistics(mu, sigma, verified=False)
    return _ours(path, mu, sigma, arrays)


def _check_semi_definite(sigma):
    smallest, largest = np.linalg.eigvalsh(sigma)[[0, -1]]
    if smallest < -1e-6 * max(largest, 0.0) or largest < 0.0:
        raise ValueError(
            "sigma must be positive semi-definite. Received: smallest eigenvalue "
            f"{smallest:.3g}, largest {largest:.3g}"
        )


def _ours(path, mu, sigma, arrays):
    try:
        num = int(arrays["num"])
        protocol = json.loads(arrays["protocol"].tobytes())
        file_format, digest = protocol.pop("format"), protocol.pop("sha256")
    except (*DAMAGE, TypeError, AttributeError) as error:
        raise StatisticsError(
            f"Expected a number of samples and a protocol. Received: {path} ({error})"
        ) from error
    if file_format != FORMAT:
        raise StatisticsError(
            f"Expected statistics of format {FORMAT}; update kerasgen. "
            f"Received: format {file_format} in {path}"
        )
    if digest != _digest(mu, sigma, num) or num < 2:
        raise StatisticsError(
            f"Expected arrays with sha256 {digest}; is the file changed? "
            f"Received: {_digest(mu, sigma, num)} and num={num} in {path}"
        )
    return FrechetStatistics(mu, sigma, num, protocol)


def _read_arrays(path):
    """Arrays of the file, each checked by its header before it is read."""
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        if names not in (_OURS, _TTUR) or len(names) != len(archive.namelist()):
            raise ValueError(
                f"expected the arrays {sorted(_OURS)} or {sorted(_TTUR)}, "
                f"found {sorted(names)[:10]}"
            )
        return {
            name: read_member(archive, name, "fiu", MAX_ARRAY_BYTES)
            for name in sorted(names)
        }


def _digest(mu, sigma, num):
    sha = hashlib.sha256()
    for array in (mu, sigma):
        sha.update(np.ascontiguousarray(array, "<f8").tobytes())
    sha.update(str(int(num)).encode())
    return sha.hexdigest()
