"""`EMModel`: a mixture that EM fits under Keras's callbacks, without an optimizer."""

import contextlib

import keras
import numpy as np

from kerasgen import distribution
from kerasgen.arguments import check_non_negative, check_positive_integer
from kerasgen.interrupts import no_interrupt_lost, raise_lost_interrupt
from kerasgen.mixtures import EM, kmeans_start
from kerasgen.models.gather import gather_samples
from kerasgen.models.host_fitted import HostFittedModel
from kerasgen.models.likelihood_model import LikelihoodModel
from kerasgen.models.player_training import EVALUATION_STEP
from kerasgen.pixel_distributions import bits_of

FIT_STEP = 0


class EMModel(HostFittedModel, LikelihoodModel):
    """Base of mixtures that are fitted on the host.

    A subclass has `mixture`, a `kerasgen.mixtures.Mixture` that can be assigned;
    `num_components` and `reg_covar`; and `to_values(samples, seed, step)`, what the
    mixture sees of checked samples: float64 (N, num_values).
    """

    feed = None
    why_not_batches = (
        "EM takes all samples at once: expected a call of `fit`, which goes on "
        "from the present mixture with warm_start=True"
    )

    @property
    def evaluation_terms(self):
        is_image = len(self.data_shape) == 3
        return ("log_likelihood_nats", *(["bits_per_dim"] if is_image else []))

    @no_interrupt_lost()
    def fit(
        self,
        x=None,
        y=None,
        *,
        batch_size=None,
        epochs=100,
        verbose="auto",
        callbacks=None,
        validation_data=None,
        value_range=None,
        tolerance=1e-3,
        num_starts=1,
        warm_start=False,
    ):
        """Fits the mixture by EM from k-means clusters.

        An iteration of EM over all samples is an epoch; it logs `log_likelihood_nats`,
        the mean over samples, and of images `bits_per_dim`.

        Args:
            x: As in `GenerativeModel.fit`; a dataset is read whole, once.
            y: Not used.
            batch_size: Not used, for a step of EM takes all samples; an integer >= 1
                or None, so that code for all models runs.
            epochs: Most iterations of EM.
            verbose: "auto", 0, 1 or 2.
            callbacks: List of `keras.callbacks.Callback`.
            validation_data: x, or the tuple (x, y), to `evaluate` after an epoch.
            value_range: As in `GenerativeModel.fit`.
            tolerance: Number >= 0: EM ends, as scikit-learn's, with the iteration after
                one that changed the mean log-likelihood by less, in nats a sample.
            num_starts: Runs of EM side by side, each from a k-means of its own; the
                likeliest is kept.
            warm_start: Start from the present mixture, such as a preset's, rather
                than from k-means.

        Returns:
            `keras.callbacks.History`.

        Raises:
            TypeError: The data's dtype is not accepted.
            ValueError: An argument is out of its range, the data does not fit the
                model, or there are fewer samples than components; before any work.
            FloatingPointError: A component collapsed onto samples of no variance. The
                mixture keeps its last values.
        """
        self.check_fit_arguments(
            batch_size=batch_size,
            epochs=epochs,
            tolerance=tolerance,
            num_starts=num_starts,
            warm_start=warm_start,
        )
        samples = gather_samples(self, x, y, value_range)[0]
        if len(samples) < self.num_components:
            raise ValueError(
                f"Expected at least num_components={self.num_components} samples. "
                f"Received: {len(samples)}"
            )
        held_out = None
        if validation_data is not None:
            is_pair = isinstance(validation_data, tuple)
            held_out = validation_data[0] if is_pair else validation_data
            held_out = gather_samples(self, held_out, None, value_range)[0]
        self.stop_training = False
        callbacks = keras.callbacks.CallbackList(
            distribution.callbacks_of_this_process(callbacks),
            add_history=True,
            add_progbar=verbose != 0 and distribution.is_first_process(),
            verbose=1 if verbose == "auto" else verbose,
            epochs=epochs,
            steps=num_starts,
            model=self,
        )
        # Callbacks enter there what must be undone when `fit` raises, too.
        with contextlib.ExitStack() as self.after_fit:
            self.after_fit.callback(self._leave_fit)
            callbacks.on_train_begin()
            runs = []
            for epoch in range(epochs):
                callbacks.on_epoch_begin(epoch)
                # Within the first epoch, where callbacks count its time.
                runs = runs or self._start(samples, tolerance, num_starts, warm_start)
                logs = self._iterate(runs, callbacks)
                if held_out is not None:
                    terms = self._evaluate(held_out)
                    logs |= {f"val_{name}": value for name, value in terms.items()}
                callbacks.on_epoch_end(epoch, logs)
                if self.stop_training or all(run.has_converged for run in runs):
                    break
            callbacks.on_train_end(logs)
        return self.history

    def evaluate(
        self,
        x=None,
        y=None,
        *,
        batch_size=None,
        verbose="auto",
        return_dict=False,
        value_range=None,
    ):
        """Mean of `log_likelihood` and, of images, the same in bits a value.

        Args:
            x: As in `fit`.
            y: Not used.
            batch_size: As in `fit`.
            verbose: Not used.
            return_dict: Return a dict of the terms rather than a list.
            value_range: As in `fit`.

        Returns:
            The `evaluation_terms`.
        """
        self.check_batch_size(batch_size)
        terms = self._evaluate(gather_samples(self, x, y, value_range)[0])
        return terms if return_dict else list(terms.values())

    def log_likelihood_of(self, samples, labels, seed, use_ema):
        values = self.to_values(samples, seed, EVALUATION_STEP)
        return self.mixture.log_likelihood(values)

    def check_fit_arguments(
        self,
        *,
        batch_size=None,
        epochs=100,
        verbose="auto",
        callbacks=None,
        tolerance=1e-3,
        num_starts=1,
        warm_start=False,
    ):
        """Raises what `fit` raises for its arguments beside the data, which see."""
        self.check_batch_size(batch_size)
        check_positive_integer("epochs", epochs)
        check_non_negative("tolerance", tolerance)
        check_positive_integer("num_starts", num_starts)
        if warm_start and num_starts > 1:
            raise ValueError(
                "A warm start is one start: expected num_starts=1 beside it. "
                f"Received: num_starts={num_starts}"
            )

    # Internals.

    def _start(self, samples, tolerance, num_starts, warm_start):
        """The runs of EM, before their first step."""
        values = self.to_values(samples, self.seed, FIT_STEP)
        mixture, reg_covar = self.mixture, self.reg_covar
        starts = [mixture]
        if not warm_start:
            random_state = np.random.RandomState(self.seed)
            starts = [
                kmeans_start(values, mixture.components, reg_covar, random_state)
                for _ in range(num_starts)
            ]
        return [EM(values, start, reg_covar, tolerance) for start in starts]

    def _iterate(self, runs, callbacks):
        """One step of each run; takes the likeliest mixture and returns its logs."""
        for number, run in enumerate(runs):
            raise_lost_interrupt()
            callbacks.on_train_batch_begin(number)
            if not run.has_converged:
                run.step()
            callbacks.on_train_batch_end(number, self._terms(run.log_likelihood_nats))
        best = max(runs, key=lambda run: run.log_likelihood_nats)
        self.mixture = best.mixture
        self.training_steps.assign_add(1)
        return self._terms(best.log_likelihood_nats)

    def _evaluate(self, samples):
        return self._terms(float(self.log_likelihood_of(samples, None, 0, True).mean()))

    def _terms(self, nats):
        values = (nats, bits_of(-nats, self.num_values))
        return dict(zip(self.evaluation_terms, values, strict=False))
