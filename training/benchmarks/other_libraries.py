"""Other libraries, as oracles of the tests and as the other side of the benchmarks."""

import importlib
import sys
import types


def torch_fidelity(module):
    """A module of torch-fidelity, with stubs for torchvision.

    torchvision has no build for PyTorch's CPU wheels, and nothing here uses it.
    """
    for path in ("", ".datasets", ".models", ".transforms", ".transforms.functional"):
        stub = types.ModuleType(f"torchvision{path}")
        stub.__getattr__ = lambda attribute: type(attribute, (), {})
        stub.__path__ = []
        if sys.modules.setdefault(stub.__name__, stub) is stub and path:
            parent, _, child = stub.__name__.rpartition(".")
            setattr(sys.modules[parent], child, stub)
    return importlib.import_module(f"torch_fidelity.{module}")
