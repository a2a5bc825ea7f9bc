"""Codes to bytes and back by a range coder, with frequencies given their neighbours."""

import numpy as np
from keras import ops

from kerasgen.models.code_tables import TOTAL


def encode_codes(tables, codes):
    """Codes grids of codes, one after another.

    Args:
        tables: `CodeTables`.
        codes: int (N, rows, columns) in [0, tables.num_codes).

    Returns:
        bytes, whole words of four.
    """
    encoder = load_coder().queue.RangeEncoder()
    models = _entropy_models(tables)
    contexts = tables.contexts(codes)
    for code, context in zip(codes.ravel(), contexts.ravel(), strict=True):
        encoder.encode(int(code), models[context])
    return encoder.get_compressed().astype("<u4").tobytes()


def decode_codes(tables, data, shape):
    """The codes of some bytes.

    Args:
        tables: As in `encode_codes`.
        data: What `encode_codes` has returned, on whatever machine.
        shape: (N, rows, columns) of the codes.

    Returns:
        int32 array of that shape.

    Raises:
        AssertionError: The coder met bytes that these tables cannot have given. Others
            that they have not given make other codes: what guards them is a checksum.
    """
    num, rows, columns = shape
    kinds = ops.convert_to_numpy(tables.kinds)
    border = tables.num_kinds
    words = np.frombuffer(data, "<u4").astype(np.uint32)
    decoder = load_coder().queue.RangeDecoder(words)
    models = _entropy_models(tables)
    codes = np.zeros((num, rows, columns), np.int32)
    for tile in codes:
        above = [border] * columns
        for row in range(rows):
            left = border
            for column in range(columns):
                context = left * (border + 1) + above[column]
                code = decoder.decode(models[context])
                tile[row, column] = code
                left = above[column] = int(kinds[code])
    return codes


def _entropy_models(tables):
    """The distribution of a code in each context."""
    categorical = load_coder().model.Categorical
    # Frequencies over 2^16 are exact in float32: the same on every machine.
    return [
        categorical((row / TOTAL).astype(np.float32), perfect=False)
        for row in ops.convert_to_numpy(tables.frequencies)
    ]


def load_coder():
    """The streams and models of constriction, imported when they are needed.

    Raises:
        ImportError: The package is not there.
    """
    try:
        from constriction import stream
    except ImportError as error:
        raise ImportError(
            "Compression needs the entropy coder constriction: expected "
            "`pip install kerasgen[compression]`. Received: no such package"
        ) from error
    return stream
