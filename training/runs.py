"""What a recipe builds: a model with its data, and how it is trained and judged."""

from dataclasses import dataclass, field

import numpy as np

from kerasgen import plot
from kerasgen.callbacks import BestWeights, Checkpoint, SampleGrid

from .epoch_save import EpochSave


@dataclass
class GenerativeRun:
    """Training of a `GenerativeModel`, best epoch kept, resumable where it says so.

    model: compiled model. data: training data for `fit`. score: name of the logged
    value, lower is better, that selects the best epoch; None keeps the last. measure:
    function of the trained model that returns the card's metrics. likelihoods: the same
    of those that only other weights change; they come first. references: function
    without arguments that returns the same of a baseline and of real images. card:
    further fields of the card. judge_classes: function of the trained model that
    returns a row for each class and metrics that sum them up, for conditional models.
    callbacks: those that log the score. fit_arguments: further arguments of `fit`, such
    as validation_data. resumes: whether a run that was cut off goes on at its last
    epoch; one of EM starts anew.
    """

    model: object
    data: object
    score: str | None
    measure: object
    references: object
    card: dict
    likelihoods: object = None
    judge_classes: object = None
    callbacks: list = field(default_factory=list)
    fit_arguments: dict = field(default_factory=dict)
    resumes: bool = True

    @property
    def shares_batches(self):
        """Whether several devices can train the model; EM has no batches."""
        return self.resumes

    @property
    def captions(self):
        """What `save_pictures` writes: dict of file name to caption."""
        return {"samples.png": samples_caption(self.model.sampled_classes is not None)}

    def watchers(self, folder):
        """Callbacks that draw what the model does after each epoch."""
        return [SampleGrid(folder)]

    def fit(self, folder, epochs, callbacks, verbose):
        """Trains in a run folder; returns further fields of the card."""
        best = [] if self.score is None else [BestWeights(folder, self.score)]
        self.train(
            epochs=epochs,
            verbose=verbose,
            # metrics.csv comes after the score, the checkpoint after metrics.csv.
            callbacks=[
                *self.callbacks,
                *best,
                *callbacks,
                *self.watchers(folder),
                *([Checkpoint(folder)] if self.resumes else []),
            ],
            **self.fit_arguments,
        )
        if not best:
            return {"best_epoch": epochs, "selected_by": "last epoch"}
        return {"best_epoch": best[0].best["epoch"], "selected_by": self.score}

    def train(self, **arguments):
        """Calls the model's `fit` with these arguments."""
        self.model.fit(self.data, **arguments)

    def judge(self):
        """What the card says of the trained model: metrics and their references."""
        metrics, classes = self.measure(self.model), {}
        if self.likelihoods is not None:
            metrics = {**self.likelihoods(self.model), **metrics}
        if self.judge_classes is not None:
            classes["classes"], more = self.judge_classes(self.model)
            metrics = {**metrics, **more}
        return {"metrics": metrics, "references": self.references(), **classes}

    def save_pictures(self, folder):
        """Writes samples.png."""
        save_samples(self.model, folder)


def samples_caption(is_conditional):
    """What samples.png shows."""
    rows = ", the classes in order" if is_conditional else ""
    return f"100 samples, seed 0, not selected{rows}"


def save_samples(model, folder):
    """Writes samples.png: 100 of seed 0; of a conditional model, classes in order."""
    labels = None
    if model.sampled_classes is not None:
        labels = np.arange(100) * model.sampled_classes // 100
    images = model.generate(100, seed=0, labels=labels)
    plot.save_image_grid(folder / "samples.png", images)


@dataclass
class ClassifierRun:
    """Training of a plain Keras classifier whose features judge samples.

    Fields as in `GenerativeRun`; data is an `ArrayDataset`. Resumable at each epoch;
    the last epoch is kept.
    """

    model: object
    data: object
    measure: object
    card: dict
    fit_arguments: dict = field(default_factory=dict)

    def fit(self, folder, epochs, callbacks, verbose):
        """Trains in a run folder; returns further fields of the card."""
        save = EpochSave(folder / "state.npz", self.model)
        done = save.restore()
        self.data.set_epoch(done)
        self.model.fit(
            self.data,
            initial_epoch=done,
            epochs=epochs,
            verbose=verbose,
            shuffle=False,
            callbacks=[*callbacks, save],
            **self.fit_arguments,
        )
        return {"best_epoch": epochs, "selected_by": "last epoch"}

    def judge(self):
        """What the card says of the trained classifier."""
        return {"metrics": self.measure(self.model)}

    captions = {}
    shares_batches = False  # `keras.Model.fit`

    def save_pictures(self, folder):
        """A classifier has no samples."""
