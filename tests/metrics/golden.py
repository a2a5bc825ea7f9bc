"""Features and logits with values that other libraries agree on.

The values are torch-fidelity 0.4.0's and prdc 0.2's on these arrays. torch-fidelity
takes KID in float32: its golden, 0.1107574654, is 1.5e-6 off the float64 value.
"""

import numpy as np

from training.benchmarks.other_libraries import torch_fidelity

__all__ = ["arrays", "torch_fidelity"]

FID = 1.306471927563
KID = 0.1107572976
KID_FLOAT32, KID_STD = 0.1107574654, 0.0196355
IS_SHUFFLED, IS_SHUFFLED_STD = 6.168107889, 0.186919
IS_UNSHUFFLED, IS_ONE_SPLIT = 6.179468299, 6.614102512


def arrays():
    """float32 features X (1500, 64) and Y (1200, 64), logits (1500, 1008)."""
    r = np.random.RandomState(0)
    x = np.abs(r.randn(1500, 64))
    y = np.abs(r.randn(1200, 64) * 1.1 + 0.05)
    logits = r.randn(1500, 1008) * 2
    return tuple(a.astype("float32") for a in (x, y, logits))
