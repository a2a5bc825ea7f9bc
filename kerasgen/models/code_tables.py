"""Integer tables of how often codes follow one another."""

import keras
import numpy as np
from sklearn.cluster import KMeans

TOTAL = 2**16


@keras.saving.register_keras_serializable(package="kerasgen")
class CodeTables(keras.layers.Layer):
    """Frequencies of codes given the kinds of the code to the left and the one above.

    Codes are sorted into kinds by their vectors, as (left, above) pairs of codes would
    be too many to count; beyond the border there is a kind of its own. Tables hold
    integers, so that every machine reads the same probabilities from them.

    Args:
        num_codes: Codes, K.
        num_kinds: Kinds of codes.
    """

    def __init__(self, num_codes, num_kinds, name="tables"):
        super().__init__(name=name, trainable=False)
        self.num_codes = num_codes
        self.num_kinds = num_kinds
        num_contexts = (num_kinds + 1) ** 2

        def add(name, shape, initializer):
            return self.add_weight(
                shape=shape,
                initializer=initializer,
                dtype="int32",
                trainable=False,
                name=name,
            )

        self.kinds = add("kinds", (num_codes,), "zeros")
        self.frequencies = add("frequencies", (num_contexts, num_codes), "ones")
        self.built = True

    @property
    def is_counted(self):
        """Whether the frequencies are those of `count`, whose sums are all TOTAL."""
        sums = keras.ops.convert_to_numpy(self.frequencies).sum(axis=1)
        return bool((sums == TOTAL).all())

    def count(self, codes, codebook, seed):
        """Counts codes of images.

        A context's frequencies are its counts, and those of all contexts together for
        as much as `num_codes` more codes: seldom contexts rest on the latter.

        Args:
            codes: int (N, rows, columns).
            codebook: float (num_codes, code_dim), by which codes are sorted.
            seed: Integer in [0, 2**32) of the sorting.
        """
        clusters = KMeans(self.num_kinds, n_init=4, random_state=seed).fit(codebook)
        kinds = clusters.labels_.astype(np.int32)
        contexts = self.contexts(codes, kinds)
        pairs = contexts.ravel() * self.num_codes + codes.ravel()
        shape = tuple(self.frequencies.shape)
        counts = np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)
        counts = counts.astype(np.float64)
        overall = counts.sum(axis=0) + 1.0
        counts += self.num_codes * overall / overall.sum()
        self.kinds.assign(kinds)
        self.frequencies.assign(np.stack([_to_integers(row) for row in counts]))

    def contexts(self, codes, kinds=None):
        """The context of each code.

        Args:
            codes: int (N, rows, columns).
            kinds: int (num_codes,), the kind of each code; the stored ones by default.

        Returns:
            int64 (N, rows, columns) in [0, (num_kinds + 1)^2).
        """
        kinds = keras.ops.convert_to_numpy(self.kinds) if kinds is None else kinds
        border = self.num_kinds
        padded = np.pad(
            kinds[codes].astype(np.int64),
            ((0, 0), (1, 0), (1, 0)),
            constant_values=border,
        )
        left, above = padded[:, 1:, :-1], padded[:, :-1, 1:]
        return left * (border + 1) + above


def _to_integers(counts):
    """Positive integers in proportion to counts, with the sum TOTAL."""
    spare = TOTAL - len(counts)
    exact = counts / counts.sum() * spare
    floors = np.floor(exact).astype(np.int64)
    # The largest remainders take what rounding has left.
    order = np.argsort(floors - exact, kind="stable")
    floors[order[: spare - floors.sum()]] += 1
    return (floors + 1).astype(np.int32)
