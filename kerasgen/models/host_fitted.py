"""Models that are fitted on the host, to all samples at once, without an optimizer."""

from kerasgen.models.base import GenerativeModel


class HostFittedModel(GenerativeModel):
    """Base of models with a `fit` and an `evaluate` of their own.

    A subclass says in `why_not_batches` why it is not trained batch by batch.
    """

    players = {}
    training_terms = ()
    optimizer = None
    why_not_batches = None

    def compile(self):
        """Does nothing, for there is no optimizer; lets code for all models run."""

    def train_on_batch(self, x, y=None, return_dict=False):
        """Not of this model: it takes all samples at once.

        Raises:
            NotImplementedError: Always; it says what to do instead.
        """
        raise NotImplementedError(f"{self.why_not_batches}. Received: one batch")

    def test_on_batch(self, x, y=None, return_dict=False):
        """Evaluates one batch; see `evaluate`."""
        return self.evaluate(x, y, return_dict=return_dict)
