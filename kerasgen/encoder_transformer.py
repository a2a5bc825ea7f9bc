"""An encoder as a step of a scikit-learn pipeline."""

import keras
import numpy as np
from sklearn.utils.validation import check_is_fitted

from kerasgen.datasets.rows import as_rows
from kerasgen.models.autoencoding_model import AutoencodingModel
from kerasgen.models.base import GenerativeModel
from kerasgen.models.sources import is_array


class EncoderTransformer(keras.wrappers.SKLearnTransformer):
    """Reduces samples to the codes of an autoencoder, under scikit-learn's verbs.

    Unlike Keras's own wrapper it needs no `y`, takes images as they are, and
    transforms to codes, not to what the model predicts.

    Args:
        model: Compiled model with an encoder to vectors, such as `VAE` or
            `Autoencoder`, without labels. Each `fit` trains a new copy of it, from the
            weights it has; or a function of `X` and `y` that returns one.
        warm_start: Whether the first `fit` trains the model given and later ones go on
            with it.
        model_kwargs: Dict of further arguments of that function.
        fit_kwargs: Dict of arguments of the model's `fit`, such as epochs. A
            `value_range` among them is that of `transform` too.

    Attributes:
        model_: The fitted model.
        history_: Its `keras.callbacks.History`.
        value_range_: The `value_range` of the last `fit`, or None.

    Example:

    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> import kerasgen
    >>> data = kerasgen.datasets.load("digits", split="train[:100]")
    >>> model = kerasgen.models.dense_autoencoder((8, 8, 1), 2, hidden=(8,))
    >>> model.compile("adam")
    >>> encoder = kerasgen.EncoderTransformer(model, fit_kwargs={"verbose": 0})
    >>> pipeline = make_pipeline(encoder, KNeighborsClassifier())
    >>> pipeline.fit(data.images, data.labels).predict(data.images[:3]).shape
    (3,)
    """

    def fit(self, X, y=None, **kwargs):
        """Trains the model.

        Args:
            X: uint8 or float samples (N, ...), as the model's `fit` takes them.
            y: Given to a function that makes the model; otherwise not used.
            **kwargs: Arguments of the model's `fit`, before those of `fit_kwargs`.

        Returns:
            self.

        Raises:
            TypeError: X is no array, or a sparse one, or what was given for a model
                is neither one nor a function.
            ValueError: The model has no encoder to vectors, is conditional, so that
                `transform` could not encode, or is not compiled.
        """
        X = _as_array(X)
        model = self._get_model(X, y)
        if not isinstance(model, AutoencodingModel) or not model.compiled:
            raise ValueError(
                "Expected a compiled model with an encoder to vectors, such as VAE. "
                f"Received: {type(model).__name__}, "
                f"compiled={getattr(model, 'compiled', False)}"
            )
        if model.num_classes is not None:
            raise ValueError(
                "A conditional model encodes samples with their labels, which "
                "`transform` does not get: expected an unconditional one. "
                f"Received: {type(model).__name__}, num_classes={model.num_classes}"
            )
        given = {**(self.fit_kwargs or {}), **kwargs}
        self.history_ = model.fit(X, **given)
        self.model_ = model
        self.value_range_ = given.get("value_range")
        return self

    def transform(self, X):
        """Codes of samples.

        Args:
            X: As in `fit`.

        Returns:
            float32 (N, latent_dim).
        """
        check_is_fitted(self, "model_")
        return self.model_.encode(_as_array(X), value_range=self.value_range_)

    def inverse_transform(self, X):
        """Samples of codes.

        Args:
            X: float (N, latent_dim).

        Returns:
            uint8 (N, H, W, C), or float32 for vectors.
        """
        check_is_fitted(self, "model_")
        return self.model_.decode_path(np.asarray(X, np.float32))

    def __sklearn_clone__(self):
        """What `sklearn.base.clone` returns: unfitted, with a model of its own.

        Keras's own leaves `fit_kwargs` out, and its clones share a model.
        """
        parameters = self.get_params(deep=False)
        if isinstance(self.model, GenerativeModel):
            parameters["model"] = self._copy_model()
        return type(self)(**parameters)

    def _get_model(self, X, y):
        if not isinstance(self.model, GenerativeModel):
            if not callable(self.model):
                raise TypeError(
                    "Expected a model, or a function of X and y that returns one. "
                    f"Received: model={self.model!r}"
                )
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        if self.warm_start:
            return getattr(self, "model_", self.model)
        return self._copy_model()

    def _copy_model(self):
        copy = type(self.model).from_config(self.model.get_config())
        # Such as those of a preset, or of a backbone that is not trained.
        copy.set_weights(self.model.get_weights())
        if self.model.compiled:
            copy.compile_from_config(self.model.get_compile_config())
        return copy


def _as_array(X):
    """Samples as a NumPy array; raises TypeError where they are no dense array."""
    if not is_array(X):
        raise TypeError(
            "Expected an array of samples, as scikit-learn's pipelines hand on. "
            f"Received: {type(X).__name__}"
        )
    return np.asarray(as_rows(X))
