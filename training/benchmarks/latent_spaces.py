"""The latent spaces of an autoencoder and a VAE of Fashion-MNIST, side by side.

    KERAS_BACKEND=torch python -m training.benchmarks.latent_spaces

The presets `autoencoder_fashion_mnist` and `vae_fashion_mnist`, convolutional, 16
latents both. Continuity and completeness are those of
`kerasgen.latent_space.latent_quality`: 2,000 latents each, distances to the 5th nearest
of the first 55,000 training images in the features of `features_fashion_mnist`, over
those of the test images; 1 is as near as test images are. Samples: FID of 10,000, of
latents from the prior (the Gaussian of the codes for the autoencoder) and from a
`LatentGMM` of 50 components. Sleeves: the mean code of the first 2,000 pullovers and
coats of the training set less that of the first 2,000 T-shirts, added to the codes of
the 1,000 test T-shirts; the share that the classifier then takes for a pullover or a
coat, by strength. Tables land in results/latent_spaces.md, pictures beside it.
"""

import keras
import numpy as np

from kerasgen import datasets, from_preset, latent_space, models, plot
from kerasgen.extractors import from_classifier_preset
from kerasgen.metrics import fid

from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "latent_spaces.json"
PRESETS = {
    "autoencoder": "autoencoder_fashion_mnist",
    "VAE": "vae_fashion_mnist",
}
T_SHIRT, PULLOVER, COAT = 0, 2, 4
STRENGTHS = (1.0, 1.5, 2.0)
NUM_SAMPLES = 10_000
NUM_COMPONENTS = 50
NUM_SHOWN = 10


def load():
    """Training and test data."""
    return (
        datasets.load("fashion_mnist", split) for split in ("train[:55000]", "test")
    )


def quality(method):
    """Continuity and completeness."""
    train, test = load()
    found = latent_space.latent_quality(
        from_preset(PRESETS[method]),
        train.images,
        test.images,
        from_classifier_preset("features_fashion_mnist"),
    )
    return {key: round(value, 3) for key, value in found._asdict().items()}


def samples(method):
    """FID of latents from the prior, and from a mixture."""
    train, test = load()
    model = from_preset(PRESETS[method])
    extractor = from_classifier_preset("features_fashion_mnist")
    real = extractor(test.images).features
    codes = model.draw_codes(train.images)
    if isinstance(model, models.VAE):
        drawn = model.generate(NUM_SAMPLES, seed=0)
    else:
        rng = np.random.default_rng(0)
        covariance = np.cov(codes.astype("float64"), rowvar=False)
        z = rng.multivariate_normal(codes.mean(axis=0), covariance, NUM_SAMPLES)
        drawn = model.decode_path(z.astype("float32"))
    mixture = models.GaussianMixture((model.latent_dim,), NUM_COMPONENTS, seed=0)
    sampler = models.LatentGMM(model, mixture, seed=0)
    sampler.fit(train.images, verbose=0)
    from_mixture = sampler.generate(NUM_SAMPLES, seed=0)
    plot.save_image_grid(
        RESULTS / f"latent_spaces_{method.lower()}_samples.png",
        np.concatenate([drawn[:40], from_mixture[:40]]),
        columns=20,
    )
    return {
        name: round(float(fid(real, extractor(images).features)), 2)
        for name, images in (("prior", drawn), ("mixture", from_mixture))
    }


def sleeves(method):
    """Share of T-shirts that have sleeves after an edit, for each strength."""
    train, test = load()
    model = from_preset(PRESETS[method])
    classifier = from_classifier_preset("features_fashion_mnist")
    has_sleeves = np.isin(train.labels, (PULLOVER, COAT))
    vector = latent_space.attribute_vector(
        model,
        train.images[has_sleeves][:2000],
        train.images[train.labels == T_SHIRT][:2000],
    )
    shirts = test.images[test.labels == T_SHIRT]
    brought = classifier(model.reconstruct(shirts)).logits.argmax(axis=1)
    shares = {"0": round(float(np.isin(brought, (PULLOVER, COAT)).mean()), 4)}
    rows = [shirts[:NUM_SHOWN], model.reconstruct(shirts[:NUM_SHOWN])]
    for strength in STRENGTHS:
        edited = latent_space.edit(model, shirts, vector, strength)
        labels = classifier(edited).logits.argmax(axis=1)
        shares[str(strength)] = round(
            float(np.isin(labels, (PULLOVER, COAT)).mean()), 4
        )
        rows.append(edited[:NUM_SHOWN])
    plot.save_image_grid(
        RESULTS / f"latent_spaces_{method.lower()}_sleeves.png",
        np.concatenate(rows),
        columns=NUM_SHOWN,
    )
    return shares


def traversal(model, images, image):
    """A row a latent; an autoencoder's have scales of their own."""
    codes = model.draw_codes(images)
    rows = [
        latent_space.traverse(model, image, [i], np.linspace(m - 3 * s, m + 3 * s, 9))
        for i, (m, s) in enumerate(zip(codes.mean(0), codes.std(0), strict=True))
    ]
    return np.concatenate(rows)


def draw_pictures():
    """Interpolations, traversals, and the manifold of a VAE of two latents."""
    train, test = load()
    for method, preset in PRESETS.items():
        model = from_preset(preset)
        ends = test.images[:5], test.images[5:10]
        paths = [model.interpolate(*ends, 10, mode) for mode in ("linear", "spherical")]
        plot.save_image_grid(
            RESULTS / f"latent_spaces_{method.lower()}_interpolation.png",
            np.concatenate(paths, axis=1),
        )
        plot.save_image_grid(
            RESULTS / f"latent_spaces_{method.lower()}_traversal.png",
            traversal(model, train.images, test.images[0]),
        )
    keras.utils.set_random_seed(0)
    plane = models.dense_vae(train.image_shape, latent_dim=2, seed=0)
    plane.compile(keras.optimizers.Adam(1e-3))
    plane.fit(train.images, batch_size=128, epochs=10, verbose=0)
    grid = latent_space.manifold_grid(plane, 16)
    plot.save_image_grid(
        RESULTS / "latent_spaces_manifold.png",
        grid,
        padding=0,
    )


def main():
    """Measures what is missing, draws the pictures and writes the tables."""
    measures = {"quality": quality, "samples": samples, "sleeves": sleeves}
    tasks = {
        f"{method}/{name}": (measure, method)
        for method in PRESETS
        for name, measure in measures.items()
    }
    done = complete_runs(PATH, tasks, lambda measure, method: measure(method))
    draw_pictures()
    PATH.with_suffix(".md").write_text(render(done))


def render(done):
    """The tables in Markdown.

    Args:
        done: Content of latent_spaces.json.
    """
    strengths = ["0", *map(str, STRENGTHS)]
    lines = [
        "# Latent spaces",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.latent_spaces`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| model | continuity | completeness | FID, prior | FID, mixture |",
        "| --- | --- | --- | --- | --- |",
    ]
    for method in PRESETS:
        found, drawn = done[f"{method}/quality"], done[f"{method}/samples"]
        cells = [
            found["continuity"],
            found["completeness"],
            drawn["prior"],
            drawn["mixture"],
        ]
        lines.append(f"| {method} | {' | '.join(map(str, cells))} |")
    lines += [
        "",
        f"| T-shirts with sleeves added | {' | '.join(strengths)} |",
        "| --- " * (len(strengths) + 1) + "|",
    ]
    for method in PRESETS:
        shares = [done[f"{method}/sleeves"][strength] for strength in strengths]
        lines.append(f"| {method} | {' | '.join(f'{s:.1%}' for s in shares)} |")
    for method in PRESETS:
        name = method.lower()
        for what, caption in (
            (
                "samples",
                "two rows from the prior, two from the mixture",
            ),
            (
                "interpolation",
                "between two test images, linear on the left, spherical on the right",
            ),
            (
                "traversal",
                "a row a latent, three standard deviations to both sides of the mean",
            ),
            (
                "sleeves",
                "test T-shirts, their reconstructions, and with sleeves added, "
                f"strengths {', '.join(map(str, STRENGTHS))}",
            ),
        ):
            picture = f"latent_spaces_{name}_{what}.png"
            lines += ["", f"{method}: {caption}:", "", f"![{what}]({picture})"]
    lines += [
        "",
        "Manifold of a dense VAE of two latents, 10 epochs:",
        "",
        "![manifold](latent_spaces_manifold.png)",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
