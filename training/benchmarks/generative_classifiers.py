"""Classification by likelihoods, beside classifiers of equal size.

    KERAS_BACKEND=torch python -m training.benchmarks.generative_classifiers

`GenerativeClassifier` of the presets `cvae_fashion_mnist` (bound of 50 draws a class)
and `gated_pixel_cnn_fashion_mnist` (exact), on the first 1,000 test images; and a
convolutional classifier for each, two strided convolutions and a dense layer, of the
width that comes nearest to its number of parameters, trained on the same 55,000 images,
10 epochs of Adam(1e-3), batch 128, judged on the same images. The table lands in
results/generative_classifiers.md.
"""

import keras
import numpy as np
from keras import layers

from kerasgen import GenerativeClassifier, datasets, from_preset
from kerasgen.presets import list_presets

from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "generative_classifiers.json"
NUM_IMAGES = 1000
PRESETS = {
    "cvae_fashion_mnist": {"num_samples": 50},
    "gated_pixel_cnn_fashion_mnist": {},
}


def generative(name):
    """Accuracy of Bayes' rule on a preset's likelihoods."""
    model = from_preset(name)
    test = datasets.load("fashion_mnist", "test")
    found = GenerativeClassifier(model, **PRESETS[name])
    predicted = found.predict(test.images[:NUM_IMAGES])
    return {
        "accuracy": round(float((predicted == test.labels[:NUM_IMAGES]).mean()), 4),
        "parameters": _count(model),
    }


def discriminative(name):
    """Accuracy of a classifier with about as many parameters as a preset."""
    wanted = _count(from_preset(name))
    keras.utils.set_random_seed(0)
    sizes = range(4, 257, 4)
    network = min(
        (_network(size) for size in sizes),
        key=lambda network: abs(network.count_params() - wanted),
    )
    train = datasets.load("fashion_mnist", "train[:55000]")
    test = datasets.load("fashion_mnist", "test")
    network.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(
        _scaled(train.images), train.labels, batch_size=128, epochs=10, verbose=0
    )
    logits = network.predict(_scaled(test.images[:NUM_IMAGES]), verbose=0)
    accuracy = (logits.argmax(axis=1) == test.labels[:NUM_IMAGES]).mean()
    return {
        "accuracy": round(float(accuracy), 4),
        "parameters": int(network.count_params()),
    }


def _network(width):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(width, 3, 2, "same", activation="relu"),
            layers.Conv2D(2 * width, 3, 2, "same", activation="relu"),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10),
        ]
    )


def _scaled(images):
    return images.astype("float32") / 127.5 - 1.0


def _count(model):
    networks = [net for nets in model.players.values() for net in nets]
    return int(sum(np.prod(v.shape) for n in networks for v in n.trainable_variables))


def main():
    """Measures what is missing and writes the table."""
    names = [name for name in PRESETS if name in list_presets()]
    tasks = {
        f"{kind}/{name}": (measure, name)
        for name in names
        for kind, measure in (
            ("generative", generative),
            ("discriminative", discriminative),
        )
    }
    done = complete_runs(PATH, tasks, lambda measure, name: measure(name))
    PATH.with_suffix(".md").write_text(render(done))


def render(done):
    """The table in Markdown.

    Args:
        done: Content of generative_classifiers.json.
    """
    lines = [
        "# Classification by likelihoods",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.generative_classifiers`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| model | accuracy | parameters | classifier of that size | parameters |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in PRESETS:
        if f"generative/{name}" in done:
            cells = [
                cell
                for kind in ("generative", "discriminative")
                for cell in (
                    f"{done[f'{kind}/{name}']['accuracy']:.1%}",
                    f"{done[f'{kind}/{name}']['parameters']:,}",
                )
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
