"""Other libraries, as oracles of the tests and as the other side of the benchmarks."""

import importlib
import sys
import types

import scipy.linalg


def torch_fidelity(module):
    """A module of torch-fidelity."""
    _stub_torchvision()
    return importlib.import_module(f"torch_fidelity.{module}")


def pytorch_fid_distance():
    """pytorch-fid's function of `(mu1, sigma1, mu2, sigma2)`."""
    _stub_torchvision()
    network = types.ModuleType("pytorch_fid.inception")
    network.InceptionV3 = type("InceptionV3", (), {"BLOCK_INDEX_BY_DIM": {2048: 3}})
    sys.modules.setdefault(network.__name__, network)
    module = importlib.import_module("pytorch_fid.fid_score")
    # It hands `disp` to scipy's function, which newer versions of scipy lack.
    module.linalg = types.SimpleNamespace(
        sqrtm=lambda matrix, disp: (scipy.linalg.sqrtm(matrix), None)
    )
    return module.calculate_frechet_distance


def _stub_torchvision():
    """torchvision has no build for PyTorch's CPU wheels, and nothing here uses it."""
    for path in ("", ".datasets", ".models", ".transforms", ".transforms.functional"):
        stub = types.ModuleType(f"torchvision{path}")
        stub.__getattr__ = lambda attribute: type(attribute, (), {})
        stub.__path__ = []
        if sys.modules.setdefault(stub.__name__, stub) is stub and path:
            parent, _, child = stub.__name__.rpartition(".")
            setattr(sys.modules[parent], child, stub)
