"""Values that other libraries agree on, and the libraries themselves as oracles."""

import numpy as np
import prdc
import pytest
import torch

from kerasgen.metrics import (
    density_coverage,
    fid,
    frechet_distance,
    inception_score,
    kid,
    precision_recall,
    statistics,
)
from tests.metrics import golden
from training.benchmarks.other_libraries import pytorch_fid_distance


@pytest.fixture(scope="module")
def arrays():
    return golden.arrays()


@pytest.fixture(scope="module")
def other_arrays():
    r = np.random.RandomState(7)
    x, y = r.randn(400, 12) @ r.randn(12, 12), r.randn(350, 12) * 1.5 + 0.2
    return x, y, r.randn(403, 10) * 3


def test_fid(arrays):
    assert fid(*arrays[:2]) == pytest.approx(golden.FID, rel=1e-10)


def test_kid(arrays):
    doubles = [a.astype("float64") for a in arrays[:2]]
    mean, _ = kid(*doubles, subset_size=200, num_subsets=100, seed=2020)
    assert mean == pytest.approx(golden.KID, rel=1e-9)
    mean, std = kid(*arrays[:2], subset_size=200, num_subsets=100, seed=2020)
    assert mean == pytest.approx(golden.KID, rel=1e-7)
    assert mean == pytest.approx(golden.KID_FLOAT32, rel=2e-6)
    assert std == pytest.approx(golden.KID_STD, rel=3e-6)


@pytest.mark.parametrize(
    ("arguments", "mean"),
    [
        ({}, golden.IS_SHUFFLED),
        ({"shuffle": False}, golden.IS_UNSHUFFLED),
        ({"shuffle": False, "splits": 1}, golden.IS_ONE_SPLIT),
    ],
)
def test_inception_score(arrays, arguments, mean):
    assert inception_score(arrays[2], **arguments)[0] == pytest.approx(mean, rel=1e-9)


def test_inception_score_std(arrays):
    assert inception_score(arrays[2])[1] == pytest.approx(
        golden.IS_SHUFFLED_STD, rel=1e-6
    )


def test_precision_recall_density_coverage(arrays):
    x, y, _ = arrays
    assert precision_recall(x, y, 3) == pytest.approx((0.3266667, 0.876), rel=1e-6)
    assert precision_recall(x, y, 5) == pytest.approx((0.4575, 0.931333), rel=1e-6)
    assert density_coverage(x, y, 5) == pytest.approx((0.305167, 0.646), rel=2e-6)
    assert density_coverage(x, y, 3) == pytest.approx((0.293333, 0.455333), rel=2e-6)


# Libraries as oracles, on arrays that the goldens were not made with.


def test_kid_equals_torch_fidelity_in_float64(other_arrays):
    x, y, _ = other_arrays
    oracle = golden.torch_fidelity("metric_kid").kid_features_to_metric(
        torch.from_numpy(x),
        torch.from_numpy(y),
        kid_subsets=7,
        kid_subset_size=150,
        rng_seed=11,
        verbose=False,
    )
    mean, std = kid(x, y, subset_size=150, num_subsets=7, seed=11)
    assert mean == pytest.approx(oracle["kernel_inception_distance_mean"], rel=1e-10)
    assert std == pytest.approx(oracle["kernel_inception_distance_std"], rel=1e-8)


@pytest.mark.parametrize("shuffle", [True, False])
def test_inception_score_equals_torch_fidelity(other_arrays, shuffle):
    logits = other_arrays[2]
    oracle = golden.torch_fidelity("metric_isc").isc_features_to_metric(
        torch.from_numpy(logits), splits=4, shuffle=shuffle, rng_seed=5
    )
    mean, std = inception_score(logits, splits=4, shuffle=shuffle, seed=5)
    assert mean == pytest.approx(oracle["inception_score_mean"], rel=1e-12)
    assert std == pytest.approx(oracle["inception_score_std"], rel=1e-9)


def test_fid_equals_torch_fidelity(other_arrays):
    x, y, _ = other_arrays
    module = golden.torch_fidelity("metric_fid")
    statistics = [
        module.fid_features_to_statistics(torch.from_numpy(a)) for a in (x, y)
    ]
    oracle = module.fid_statistics_to_metric(*statistics, verbose=False)
    assert fid(x, y) == pytest.approx(oracle["frechet_inception_distance"], rel=1e-10)


def test_frechet_distance_equals_pytorch_fid(other_arrays):
    arguments = [part for x in other_arrays[:2] for part in statistics(x)]
    expected = pytorch_fid_distance()(*arguments)
    assert frechet_distance(*arguments) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_equals_torch_fidelity(other_arrays, k):
    x, y, _ = other_arrays
    oracle = golden.torch_fidelity("metric_prc").prc_features_to_metric(
        torch.from_numpy(y),
        torch.from_numpy(x),
        prc_neighborhood=k,
        prc_batch_size=128,
        save_cpu_ram=True,
        verbose=False,
    )
    expected = oracle["precision"], oracle["recall"]
    assert precision_recall(x, y, k) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_density_coverage_equals_prdc(other_arrays, k):
    x, y, _ = other_arrays
    oracle = prdc.compute_prdc(x, y, nearest_k=k)
    expected = oracle["density"], oracle["coverage"]
    assert density_coverage(x, y, k) == pytest.approx(expected, rel=1e-12)
