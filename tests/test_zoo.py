"""What the zoo ships is what its cards say: scores, pictures, commands, pages.

Scores are measured again by each card's own protocol where that takes seconds, and on
fewer images, within a few standard errors, where it does not. Expected values are read
from the cards.
"""

import functools
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgen
from kerasgen.datasets import fashion_mnist
from kerasgen.extractors import from_classifier_preset
from kerasgen.locations import zoo_folder
from kerasgen.metrics import Evaluator, accuracy
from kerasgen.presets import list_presets, preset_card
from training.autoencoders import NUM_SHOWN, noisy
from training.extractor import extractor_card
from training.publish import pictures_of, render_readme
from training.recipe import load_recipe, resolve_parameters
from training.scoring import NUM_SPREAD, SPREAD_SEEDS

ROOT = Path(__file__).parents[1]
CARDS = {name: preset_card(name) for name in list_presets()}
GENERATIVE = [n for n, card in CARDS.items() if "samples.png" in pictures_of(card)]
BROUGHT_BACK = "reconstructions.png"
AUTOENCODERS = [n for n, card in CARDS.items() if BROUGHT_BACK in pictures_of(card)]
VAES = [n for n in GENERATIVE if "test_elbo_nats" in CARDS[n]["metrics"]]
DENOISERS = [n for n, c in CARDS.items() if "denoised_test_psnr_db" in c["metrics"]]
EXTRACTORS = [n for n, c in CARDS.items() if c["family"] == "feature extractor"]
LIKELIHOOD = re.compile(r"test_(elbo|log_likelihood|bits_per)_.*")
BOUND = re.compile(r"test_log_likelihood_nats_(\d+)_samples")

# Images of 28x28 pixels that a VAE is judged on here, in seconds rather than minutes.
NUM_ELBO, NUM_BOUND = 500, 10
SMALL_IMAGE = 8 * 8
UNSEEN_SEED = SPREAD_SEEDS.stop


@functools.cache
def load_test(dataset):
    """The test images; skips where they would have to be downloaded."""
    if dataset == "fashion_mnist":
        folders = fashion_mnist.search_folders()
        if not any(list(folder.glob("t10k-images-idx3-ubyte*")) for folder in folders):
            pytest.skip("no idx files of Fashion-MNIST on this machine")
    elif dataset != "digits":
        pytest.skip(f"{dataset} comes through the network")
    return kerasgen.datasets.load(dataset, "test")


@functools.cache
def load_model(name):
    return kerasgen.from_preset(name)


@pytest.mark.eager
@pytest.mark.parametrize("name", EXTRACTORS)
def test_an_extractor_reaches_the_accuracy_of_its_card(name):
    card = CARDS[name]
    test = load_test(card["dataset"])
    measured = accuracy(load_model(name), test.images, test.labels)
    entry = card["metrics"]["test_accuracy"]
    # Rounded to 4 digits; one image may be a tie that falls to another class.
    assert measured == pytest.approx(entry["value"], abs=1 / test.num_samples + 5e-5)
    assert f"share of the {test.num_samples} test images" in entry["protocol"]


@pytest.mark.eager
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[] if n.endswith("_digits") else pytest.mark.slow)
        for n in GENERATIVE
    ],
)
def test_the_fid_of_a_card_is_measured_again(name):
    """On fewer samples, with a seed that the card has not seen, within its spread."""
    card = CARDS[name]
    test = load_test(card["dataset"]).images
    extractor = from_classifier_preset(card["extractor"]["name"])
    assert extractor_card(extractor) == card["extractor"]
    num = min(NUM_SPREAD, card["parameters"]["num_test_samples"])
    evaluator = Evaluator(extractor, ["fid"])
    evaluator.set_reference(test, "test")
    report = evaluator.evaluate(load_model(name).generate(num, seed=UNSEEN_SEED))
    ((metric, score),) = report.scores.items()
    entry = card["metrics"][f"{metric}_over_seeds"]
    assert abs(score.value - entry["value"]) <= 5 * entry["std"]
    assert 0 < entry["std"] < 0.2 * entry["value"]
    assert f"against {len(test)} test images" in entry["protocol"]


@pytest.mark.parametrize("name", GENERATIVE)
def test_a_model_lies_between_a_trivial_one_and_real_images(name):
    card = CARDS[name]
    value = fid_of(card["metrics"])["value"]
    references = card["references"]
    assert fid_of(references["training_images"]) < value
    assert value < fid_of(references["gaussian_of_pixels"])


def fid_of(values):
    """The FID among metrics; its name holds the number of samples."""
    (metric,) = (name for name in values if re.fullmatch(r"fid\d+k?_test", name))
    return values[metric]


@pytest.mark.eager
@pytest.mark.parametrize("name", VAES)
def test_the_likelihood_of_a_card_is_measured_again(name):
    card = CARDS[name]
    test, vae = load_test(card["dataset"]), load_model(name)
    x, labels = test.images, test.labels
    is_small = x[0].size <= SMALL_IMAGE
    if not is_small:
        x, labels = x[:NUM_ELBO], labels[:NUM_ELBO]
    labels = None if vae.num_classes is None else labels
    elbo = vae.elbo(x, labels=labels)
    spread = 0.001 + (0.0 if is_small else standard_errors(elbo))
    expected = card["metrics"]["test_elbo_nats"]["value"]
    assert elbo.mean() == pytest.approx(expected, abs=spread)

    (metric,) = filter(BOUND.fullmatch, card["metrics"])
    num_importance = int(BOUND.fullmatch(metric)[1])
    num_images = min(card["parameters"]["num_bound_images"], len(elbo))
    subset = slice(num_images if is_small else NUM_BOUND)
    given = None if labels is None else labels[subset]
    bound = vae.log_likelihood(x[subset], num_importance, labels=given)
    # Images differ by hundreds of nats; what the bound gains on each, by a few.
    gain = bound - elbo[subset]
    spread = 0.001 + (0.0 if is_small else standard_errors(gain))
    expected = card["metrics"][metric]["value"] - elbo[:num_images].mean()
    assert gain.mean() == pytest.approx(expected, abs=spread)
    assert gain.mean() > 0


@pytest.mark.once
@pytest.mark.parametrize("name", sorted(CARDS))
def test_each_likelihood_has_that_of_training_images_beside_it(name):
    metrics = CARDS[name]["metrics"]
    found = [m for m in metrics if LIKELIHOOD.fullmatch(m) and "uniform" not in m]
    assert bool(found) == CARDS[name]["family"].startswith("explicit") or (
        found == ["test_bits_per_code"]
    )
    for metric in found:
        test, train = metrics[metric], metrics[metric.replace("test_", "train_", 1)]
        # Nats of the bound are below 0, bits a length.
        is_better = train["value"] > test["value"]
        assert is_better == ("_nats" in metric)
        assert "training images" in train["protocol"]
        gap = f"{metric} {test['value']} (training {train['value']})"
        assert gap in (ROOT / "README.md").read_text()


def standard_errors(values, number=4):
    return number * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize("name", GENERATIVE)
def test_the_same_seed_draws_the_shipped_picture_on_every_backend(name, tmp_path):
    """To 1 grey level, whichever backend the weights come from.

    Of 78,400 values drawn one after another, some lie so near to the edge of a level
    that rounding decides, and the rest of their image follows.
    """
    drawn = tmp_path / "samples.png"
    model = load_model(name)
    num_classes = model.sampled_classes
    # Of a conditional model, the classes in order.
    labels = None if num_classes is None else np.arange(100) * num_classes // 100
    images = model.generate(100, seed=0, labels=labels)
    kerasgen.plot.save_image_grid(drawn, images)
    shipped, own = (
        np.asarray(Image.open(path)).astype("int64")
        for path in (zoo_folder() / name / "samples.png", drawn)
    )
    assert own.shape == shipped.shape
    differs = np.abs(own - shipped) > 1
    side = len(differs) // 10
    tiles = differs[-10 * side :, -10 * side :].reshape(10, side, 10, side, -1)
    num_parted = tiles.any(axis=(1, 3, 4)).sum()
    assert num_parted <= (8 if name == "gated_pixel_cnn_fashion_mnist" else 0)
    assert len({image.tobytes() for image in images}) == 100


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_an_autoencoder_brings_back_the_shipped_picture_on_every_backend(name):
    """To 1 grey level, but where rounding has chosen another code."""
    model, x = load_model(name), load_test(CARDS[name]["dataset"]).images[:NUM_SHOWN]
    if hasattr(model, "corrupt"):
        x = noisy(model, x)
    images = kerasgen.plot.pair_rows(x, model.reconstruct(x))
    own = kerasgen.plot.image_grid(images, 16, scale=2)[..., 0].astype("int64")
    shipped = np.asarray(Image.open(zoo_folder() / name / BROUGHT_BACK)).astype("int64")
    assert own.shape == shipped.shape
    assert (np.abs(own - shipped) > 1).mean() < 1e-3


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize("score", ["psnr_db", "ssim"])
def test_a_denoiser_beats_a_median_filter(name, score):
    noisy_images, filtered, denoised = (
        CARDS[name]["metrics"][f"{kind}_test_{score}"]["value"]
        for kind in ("noisy", "median_filtered", "denoised")
    )
    assert denoised > max(noisy_images, filtered)


@pytest.mark.eager
def test_a_conditional_gan_draws_the_class_that_was_asked_for():
    """By a classifier that is right on more than 92 % of real test images."""
    card = preset_card("features_fashion_mnist")
    assert card["metrics"]["test_accuracy"]["value"] >= 0.92
    metrics = preset_card("cgan_fashion_mnist")["metrics"]
    assert metrics["class_agreement"]["value"] >= 0.9
    assert metrics["class_agreement"]["protocol"].startswith("10000 samples")
    model = kerasgen.from_preset("cgan_fashion_mnist")
    labels = np.tile(np.arange(10), 200)
    _, logits = from_classifier_preset("features_fashion_mnist")(
        model.generate(len(labels), seed=5, labels=labels)
    )
    # Five standard errors of a share of 0.9 of 2,000 samples.
    assert np.mean(logits.argmax(axis=1) == labels) > 0.9 - 5 * 0.0067


@pytest.mark.eager
@pytest.mark.parametrize("name", GENERATIVE)
def test_a_shipped_preset_samples_and_tunes(name):
    model = kerasgen.from_preset(name)
    num = 4 * max(2, model.batches_per_step)
    images = model.generate(num, seed=0)
    assert images.dtype == np.uint8 and images.shape == (num, *model.data_shape)
    assert images.std() > 20
    if hasattr(model, "mixture"):
        samples = model.generate(4 * model.num_components, seed=1)
        model.fit(samples, epochs=1, warm_start=True, verbose=0)
        return
    model.compile(*(keras.optimizers.SGD(0.0) for _ in model.players))
    labels = None if model.num_classes is None else np.arange(num) % model.num_classes
    model.fit(images, labels, batch_size=4, verbose=0)


@pytest.mark.parametrize("name", CARDS)
def test_a_card_has_its_protocol_and_a_command_that_repeats_it(name):
    card = CARDS[name]
    assert {"dataset", "split", "selected_by", "hardware", "versions"} <= card.keys()
    for metric in card["metrics"].values():
        assert metric.keys() - {"std"} == {"value", "protocol"}
    words = shlex.split(card["recipe"])
    assert words[:5] == ["kerasgen", "train", name, "--backend", card["backend"]]
    overrides = words[6::2]
    assert words[5::2] == ["--set"] * len(overrides)
    parameters = resolve_parameters(load_recipe(name), overrides)
    assert parameters == card["parameters"]
    if commit := card.get("commit"):
        assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?", commit)


@pytest.mark.parametrize("name", CARDS)
def test_a_page_of_the_zoo_is_made_from_its_card(name):
    page = (zoo_folder() / name / "README.md").read_text()
    assert page == render_readme(CARDS[name]), (
        "run python -m training.publish --readmes"
    )


def test_the_zoo_holds_what_the_readme_promises():
    assert {
        "dcgan_digits",
        "dcgan_fashion_mnist",
        "features_digits",
        "features_fashion_mnist",
        "vae_digits",
        "vae_fashion_mnist",
    } <= set(list_presets())
