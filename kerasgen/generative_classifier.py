"""Classification by a generative model: likelihoods and Bayes' rule."""

import inspect

import numpy as np
from scipy.special import log_softmax

from kerasgen.models.base import GenerativeModel


class GenerativeClassifier:
    """Takes a sample for the class whose model finds it likeliest.

    `p(c | x)` is proportional to `p(x | c) p(c)`, with p(x | c) from a conditional
    model: exact for `GatedPixelCNN`, a bound for a conditional `VAE`, whose slack
    differs between classes.

    Args:
        model: Conditional model with `log_likelihood(x, labels=...)`, trained.
        class_prior: float (num_classes,) > 0, shares of the classes; uniform by
            default.
        **arguments: Further arguments of `log_likelihood`, such as `num_samples`.

    Raises:
        ValueError: The model is not conditional, has no likelihood or one that does not
            take the arguments, or the shares are not of its classes.

    Example:

    >>> import kerasgen, numpy as np
    >>> vae = kerasgen.models.dense_vae((8, 8, 1), 2, hidden=(4,), num_classes=3)
    >>> classifier = kerasgen.GenerativeClassifier(vae, num_samples=2)
    >>> classifier.predict_proba(np.zeros((5, 8, 8, 1), "uint8")).shape
    (5, 3)

    Reference: Ng and Jordan 2002, "On Discriminative vs. Generative Classifiers".
    """

    def __init__(self, model, class_prior=None, **arguments):
        is_model = isinstance(model, GenerativeModel)
        if not is_model or model.num_classes is None:
            classes = getattr(model, "num_classes", None)
            raise ValueError(
                "Expected a model with num_classes, trained on labels. "
                f"Received: {type(model).__name__} with num_classes={classes}"
            )
        if not hasattr(model, "log_likelihood"):
            raise ValueError(
                "Expected a model with a likelihood, such as GatedPixelCNN or a "
                f"conditional VAE. Received: {type(model).__name__}, which has none"
            )
        try:
            inspect.signature(model.log_likelihood).bind(None, labels=None, **arguments)
        except TypeError as error:
            raise ValueError(
                f"Expected arguments of {type(model).__name__}.log_likelihood, labels "
                f"aside. Received: {arguments}, {error}"
            ) from error
        shape = (model.num_classes,)
        prior = np.full(shape, 1.0) if class_prior is None else np.asarray(class_prior)
        is_numbers = prior.shape == shape and prior.dtype.kind in "iuf"
        if not is_numbers or not (np.isfinite(prior) & (prior > 0)).all():
            raise ValueError(
                f"`class_prior` is {model.num_classes} finite numbers > 0. "
                f"Received: class_prior={class_prior!r}"
            )
        self.model = model
        self.class_prior = prior / prior.sum()
        self.arguments = arguments

    def log_joint(self, x):
        """The log of p(x | c) p(c) for each class.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.

        Returns:
            float64 (B, num_classes), in nats.
        """
        columns = [
            self.model.log_likelihood(
                x, labels=np.full(len(x), label), **self.arguments
            )
            for label in range(self.model.num_classes)
        ]
        return np.stack(columns, axis=1) + np.log(self.class_prior)

    def predict_proba(self, x):
        """Probabilities of the classes.

        Args:
            x: As in `log_joint`.

        Returns:
            float64 (B, num_classes), rows sum to 1.
        """
        return np.exp(log_softmax(self.log_joint(x), axis=1))

    def predict(self, x):
        """The likeliest class of each sample.

        Args:
            x: As in `log_joint`.

        Returns:
            int64 (B,).
        """
        return self.log_joint(x).argmax(axis=1)
