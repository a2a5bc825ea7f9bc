"""FID of a DCGAN trained in mixed_bfloat16 beside one trained in float32.

    KERAS_BACKEND=tensorflow python -m training.benchmarks.bfloat16_fid

The DCGAN of `step_time.py`, widths 128 and 64, batch 64, Adam(2e-4, 0.5), 5 epochs over
the 60,000 training images of Fashion-MNIST through `fit()`; the weights of the last
epoch, no moving average. In float32 the step is that of PyTorch's loop by hand, as
`step_time.py` checks. FID of 10,000 samples, drawn in float32, against the 10,000 test
images in the features of `features_fashion_mnist`. Three seeds of weights, noise and
order of the images. Finished runs are kept in results/bfloat16_fid.json; the table
lands in results/bfloat16_fid.md.
"""

import statistics

import keras

from kerasgen import datasets
from kerasgen.extractors import from_classifier_preset
from kerasgen.metrics import fid

from .kept_runs import RESULTS, complete_runs
from .step_time import BATCH_SIZE, BFLOAT16, make_model

PATH = RESULTS / "bfloat16_fid.json"
POLICIES = ("float32", BFLOAT16)
SEEDS = (0, 1, 2)
EPOCHS = 5
NUM_SAMPLES = 10_000


def run(policy, seed):
    """FID after training with a dtype policy."""
    keras.config.set_dtype_policy(policy)
    model = make_model("DCGAN", seed)
    train = datasets.load("fashion_mnist", "train", batch_size=BATCH_SIZE, seed=seed)
    model.fit(train, epochs=EPOCHS, verbose=0)
    keras.config.set_dtype_policy("float32")
    judged = make_model("DCGAN", seed)
    judged.set_weights(model.get_weights())
    extractor = from_classifier_preset("features_fashion_mnist")
    real = extractor(datasets.load("fashion_mnist", "test").images).features
    drawn = extractor(judged.generate(NUM_SAMPLES, seed=0)).features
    return {"fid": round(float(fid(real, drawn)), 3)}


def main():
    """Trains what is missing and writes the table."""
    tasks = {f"{p}/{seed}": (p, seed) for seed in SEEDS for p in POLICIES}
    PATH.with_suffix(".md").write_text(render(complete_runs(PATH, tasks, run)))


def render(done):
    """The table in Markdown.

    Args:
        done: Content of bfloat16_fid.json.
    """
    lines = [
        "# FID in bfloat16",
        "",
        "`KERAS_BACKEND=tensorflow python -m training.benchmarks.bfloat16_fid`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        f"| dtype policy | FID of seeds {', '.join(map(str, SEEDS))} | mean |",
        "| --- | --- | --- |",
    ]
    for policy in POLICIES:
        scores = [done[f"{policy}/{seed}"]["fid"] for seed in SEEDS]
        listed = ", ".join(f"{score:.2f}" for score in scores)
        lines.append(f"| {policy} | {listed} | {statistics.mean(scores):.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
