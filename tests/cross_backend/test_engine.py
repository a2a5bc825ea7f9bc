"""One seed, one set of weights and one `fit` on every backend give one result.

Every backend trains the models of `engine_cases.py` in a process of its own. Gradients
of each player agree to 1e-5 of the tensor's largest, weights after one SGD step to 5e-6
(a codebook's sums over the batch: of the largest), and what ten SGD steps changed to
1e-4 of its norm: BatchNorm statistics, spectral vectors and moving averages included.
Mutants show that the comparisons can fail.
"""

import concurrent.futures
import itertools
import os
import subprocess
import sys
from pathlib import Path

import filelock
import numpy as np
import pytest

pytestmark = [pytest.mark.once, pytest.mark.timeout(1200)]

WORKER = Path(__file__).with_name("engine_worker.py")
CASES = (
    "dense_vae",
    "conv_vae",
    "dcgan",
    "wgan_gp",
    "sngan",
    "dropout_gan",
    "options_gan",
    "mode_ensemble",
    "gated_pixel_cnn",
    "iwae",
    "denoising_autoencoder",
    "adversarial_autoencoder",
    "vq_vae",
)
# Name of the run: backend, jit_compile, whether mutants are trained too.
RUNS = {
    "torch": ("torch", "auto", True),
    "jax": ("jax", "auto", False),
    "tensorflow_graph": ("tensorflow", "false", False),
    "tensorflow_xla": ("tensorflow", "true", False),
}
# The slow runs have all cases; others have parts that are among these, one by one.
SLOW_CASES = {
    "sngan",
    "dropout_gan",
    "mode_ensemble",
    "iwae",
    "denoising_autoencoder",
}
QUICK_CASES = tuple(case for case in CASES if case not in SLOW_CASES)
# XLA compiles slowly for TensorFlow.
QUICK_XLA_CASES = ("dense_vae", "dcgan")
COUNTERS = ("faults/code", "faults/step", "faults/skipped", "faults/max_skipped")
# A critic's last bias cancels in the Wasserstein loss; a layer of one unit has u = 1.
UNCHANGED = {case: (*COUNTERS, "/seed") for case in CASES}
UNCHANGED["wgan_gp"] += ("logit/bias",)
UNCHANGED["sngan"] += ("logit_sn/u",)
UNCHANGED["options_gan"] += ("linear_sn/u",)
# Members' own counters, of which the ensemble makes no use; equal shares.
UNCHANGED["mode_ensemble"] += ("training_steps", "prior/shares")
TOLERANCES = {"gradient": 1e-5, "first": 5e-6, "last": 1e-4, "logs": 1e-5, "images": 1}
# Without XLA's optimisations sums are taken in another order.
QUICK_TOLERANCES = {**TOLERANCES, "gradient": 2e-5}
# Name of the mutant: the case it must differ from, and what must show it.
MUTANTS = {
    "batch_norm_momentum": ("dcgan", {"first", "last", "logs"}),
    "ema_decay": ("dcgan", {"last", "logs"}),
    "generator_loss_sign": ("dcgan", {"gradient", "first", "last", "logs", "images"}),
    "gan_seed": ("dcgan", {"gradient", "first", "last", "logs"}),
    "four_discriminator_steps": ("wgan_gp", {"gradient", "first", "last", "logs"}),
    "penalty_weight": ("wgan_gp", {"gradient", "first", "last", "logs"}),
    "augment_policy": ("options_gan", {"gradient", "first", "last", "logs"}),
    "historical_averaging": ("options_gan", {"last", "logs"}),
    "vae_seed": ("dense_vae", {"gradient", "first", "last", "logs"}),
    "vae_beta": ("dense_vae", {"gradient", "last", "logs"}),
    "commitment_weight": ("vq_vae", {"gradient", "last", "logs"}),
}


class Run(dict):
    """Arrays of one run, and the tolerances that hold for it."""


# As `python -m tests` compiles, and as users do: with all of XLA's optimisations.
@pytest.fixture(
    scope="module", params=["quick", pytest.param("optimized", marks=pytest.mark.slow)]
)
def runs(request, tmp_path_factory):
    is_quick = request.param == "quick"
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the workers share
    folder = folder / f"engine-{request.param}"
    folder.mkdir(exist_ok=True)
    with (
        filelock.FileLock(folder / ".lock"),
        concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool,
    ):
        return dict(pool.map(lambda name: (name, _run(name, folder, is_quick)), RUNS))


def _run(name, folder, is_quick):
    path = folder / f"{name}.npz"
    if not path.is_file():
        _train(name, path, is_quick)
    with np.load(path) as archive:
        run = Run((key, archive[key]) for key in archive)
    run.tolerances = QUICK_TOLERANCES if is_quick else TOLERANCES
    return run


def _train(name, path, is_quick):
    backend, jit, has_mutants = RUNS[name]
    names = CASES
    if is_quick:
        names = QUICK_XLA_CASES if name == "tensorflow_xla" else QUICK_CASES
    names += (*MUTANTS,) if has_mutants else ()
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    if not is_quick:
        environment.pop("XLA_FLAGS", None)
    result = subprocess.run(
        [sys.executable, WORKER, path, jit, *names],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1000,
    )
    assert result.returncode == 0, f"{name}: {result.stderr[-4000:]}"


def _part(run, case, kind):
    """The arrays of one kind, in order; names differ by Keras's counters."""
    prefix = f"{case}/{kind}/"
    return [(key, run[key].astype("float64")) for key in run if key.startswith(prefix)]


def _pairs(run, other, case, other_case, kind):
    parts = _part(run, case, kind), _part(other, other_case, kind)
    for (key, a), (_, b) in zip(*parts, strict=True):
        yield key, a, b


def _ratio(error, scale):
    return error / scale if scale else (np.inf if error else 0.0)


def _size(key, array):
    """What absolute errors are measured by: sums over a batch are as exact as large."""
    return max(1.0, np.abs(array).max()) if key.endswith(":quantizer/sums") else 1.0


def errors(run, other, case, other_case=None):
    """Dict of kind of comparison to dict of array's name to its error."""
    other_case = other_case or case
    result = {}
    for kind in ("gradient", "logs"):
        result[kind] = {
            key: _ratio(np.abs(a - b).max(), np.abs(a).max())
            for key, a, b in _pairs(run, other, case, other_case, kind)
        }
    for kind in ("first", "images"):
        result[kind] = {
            key: np.abs(a - b).max() / _size(key, a)
            for key, a, b in _pairs(run, other, case, other_case, kind)
        }
    starts = dict(_part(run, case, "start"))
    result["last"] = {
        key: _ratio(
            np.linalg.norm(a - b),
            np.linalg.norm(a - starts[key.replace("/last/", "/start/")]),
        )
        for key, a, b in _pairs(run, other, case, other_case, "last")
    }
    return result


def disagreements(run, other, case, other_case=None):
    """What is not within its tolerance, NaN too: dict of kind to dict of errors."""
    found = {
        kind: {
            k: error for k, error in values.items() if not error <= run.tolerances[kind]
        }
        for kind, values in errors(run, other, case, other_case).items()
    }
    return {kind: values for kind, values in found.items() if values}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("pair", list(itertools.combinations(RUNS, 2)), ids="-".join)
def test_backends_agree(runs, case, pair):
    run, other = runs[pair[0]], runs[pair[1]]
    if not all(_part(one, case, "start") for one in (run, other)):
        assert case in SLOW_CASES or "tensorflow_xla" in pair
        pytest.skip("a case of the slow runs")
    report = {
        kind: max(values.values(), default=None)
        for kind, values in errors(run, other, case).items()
    }
    print(f"{case}, {pair[0]} and {pair[1]}:", report)
    assert disagreements(run, other, case) == {}


@pytest.mark.parametrize("case", CASES)
def test_training_changed_every_variable(runs, case):
    starts, lasts = (_part(runs["torch"], case, kind) for kind in ("start", "last"))
    if not starts:
        assert case in SLOW_CASES
        pytest.skip("a case of the slow runs")
    equal = [
        key
        for (key, last), (_, start) in zip(lasts, starts, strict=True)
        if np.array_equal(start, last) and not key.endswith(UNCHANGED[case])
    ]
    assert equal == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_noticed(runs, mutant):
    case, expected = MUTANTS[mutant]
    found = disagreements(runs["jax"], runs["torch"], case, mutant)
    assert expected <= set(found)


def test_batch_norm_mutant_shows_only_in_statistics(runs):
    found = disagreements(runs["jax"], runs["torch"], "dcgan", "batch_norm_momentum")
    names = [*found["first"], *found["last"]]
    assert "gradient" not in found
    assert all("moving_" in name for name in names)
    assert any("moving_mean" in name for name in names)
    assert any("moving_variance" in name for name in names)


def test_ema_mutant_leaves_the_players_alone(runs):
    found = disagreements(runs["jax"], runs["torch"], "dcgan", "ema_decay")
    first_of_average = min(found["last"])
    players = [k for k in dict(_part(runs["jax"], "dcgan", "last")) if "logit" in k]
    # Variables are in the order counters, generator, discriminator, average.
    assert max(players) < first_of_average


def test_noise_agrees(runs):
    for name, other in itertools.combinations(RUNS, 2):
        a, b = runs[name], runs[other]
        np.testing.assert_array_equal(a["noise/uniform"], b["noise/uniform"])
        difference = np.abs(a["noise/normal"] - b["noise/normal"]).max()
        assert difference < 1e-6, (name, other)


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_optimizers_agree_on_given_gradients(runs, optimizer):
    for name, other in itertools.combinations(RUNS, 2):
        a, b = (runs[n][f"given/{optimizer}"] for n in (name, other))
        np.testing.assert_allclose(
            a, b, rtol=2e-6, atol=1e-6, err_msg=f"{name} {other}"
        )


def test_adam_follows_its_paper(runs):
    """Kingma and Ba 2015, algorithm 1, in float64."""
    rate, beta_1, beta_2, epsilon = 0.01, 0.5, 0.9, 1e-7
    for run in runs.values():
        weights = run["given/start"].astype("float64")
        mean = variance = np.zeros_like(weights)
        for step, gradient in enumerate(run["given/gradients"].astype("float64"), 1):
            mean = beta_1 * mean + (1 - beta_1) * gradient[:, None]
            variance = beta_2 * variance + (1 - beta_2) * gradient[:, None] ** 2
            # The paper's efficient order, with epsilon-hat (end of its section 2).
            corrected = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
            weights = weights - corrected * mean / (np.sqrt(variance) + epsilon)
        np.testing.assert_allclose(run["given/adam"], weights, rtol=1e-5, atol=1e-6)
