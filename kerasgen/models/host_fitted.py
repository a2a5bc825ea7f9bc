"""Models that are fitted on the host, to all samples at once, without an optimizer."""

from kerasgen.arguments import check_positive_integer
from kerasgen.models.base import GenerativeModel


class HostFittedModel(GenerativeModel):
    """Base of models with a `fit` and an `evaluate` of their own.

    These take a `batch_size`, without effect, so that code for all models runs. A
    subclass says in `why_not_batches` why it is not trained batch by batch.
    """

    players = {}
    training_terms = ()
    optimizer = None
    why_not_batches = None

    def compile(
        self,
        optimizer=None,
        run_eagerly=False,
        jit_compile="auto",
        steps_per_execution=1,
        auto_scale_loss=True,
    ):
        """Does nothing, for there is no optimizer; lets code for all models run.

        Args:
            optimizer: Not used.
            run_eagerly: Not used.
            jit_compile: Not used.
            steps_per_execution: Not used.
            auto_scale_loss: Not used.
        """

    @staticmethod
    def check_batch_size(batch_size):
        """Raises ValueError unless it is an integer >= 1 or None, as of all models."""
        if batch_size is not None:
            check_positive_integer("batch_size", batch_size)

    def train_on_batch(self, x, y=None, return_dict=False):
        """Not of this model: it takes all samples at once.

        Raises:
            NotImplementedError: Always; it says what to do instead.
        """
        raise NotImplementedError(f"{self.why_not_batches}. Received: one batch")

    def test_on_batch(self, x, y=None, return_dict=False):
        """Evaluates one batch; see `evaluate`."""
        return self.evaluate(x, y, return_dict=return_dict)
